//! In: a report without its conclusion. Out: a comment a maintainer can post as it is. Never: a mention that pings, a
//! stranger's Markdown, or a marker that could be taken for one of ours.

use super::Report;
use super::text::list;
use crate::tools::quote;

/// How much of a stranger's title is quoted, in bytes.
const QUOTE_BYTES_MAX: usize = 120;

/// Writes the comment.
pub(super) fn write(report: &Report, is_bug: bool) -> String {
    let mut parts = vec![
        if is_bug {
            "Thanks for the report."
        } else {
            "Thanks for opening this."
        }
        .to_owned(),
    ];
    if let Some(first) = report.duplicates.first() {
        let also: Vec<String> = report
            .duplicates
            .iter()
            .skip(1)
            .map(|twin| format!("#{}", twin.number))
            .collect();
        let also = match also.is_empty() {
            true => String::new(),
            false => format!(" See also {}.", list(&also)),
        };
        parts.push(format!(
            "This looks like the same as #{} ({}).{also} If it is, please add there what is new in yours; if it is not, \
             say here what is different.",
            first.number,
            quote(&first.title)
        ));
    }
    if !report.missing.is_empty() {
        let mut ask = String::from("To look into it, we need:\n");
        for what in &report.missing {
            ask.push_str("\n- ");
            ask.push_str(what);
        }
        parts.push(ask);
    }
    if !report.owners.is_empty() {
        let owners: Vec<String> = report.owners.iter().map(|owner| quote(owner)).collect();
        let paths: Vec<String> = report.paths.iter().take(3).map(|path| quote(path)).collect();
        parts.push(format!(
            "The places it mentions ({}) are looked after by {}.",
            list(&paths),
            list(&owners)
        ));
    }
    if parts.len() == 1 {
        parts.push(
            "It has what is needed to look into it, and nothing like it is among the recent issues.".into(),
        );
    }
    parts.join("\n\n")
}

fn quote(text: &str) -> String {
    quote::quote(text, QUOTE_BYTES_MAX)
}
