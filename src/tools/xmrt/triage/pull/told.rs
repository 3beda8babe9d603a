//! In: a report without its conclusion. Out: a comment a maintainer can post as it is. Never: a mention that pings, a stranger's
//! Markdown.

use super::{Checks, NAMED_MAX, Report, Size};
use crate::tools::counted::counted;
use crate::tools::quote;
use crate::tools::xmrt::triage::text::list;

/// How much of a path or a name is quoted, in bytes.
const QUOTE_BYTES_MAX: usize = 120;

pub(super) fn conclusion(report: &Report) -> String {
    let mut parts = vec![
        match report.first_contribution {
            true => "Thanks, and welcome: this is your first pull request here.",
            false => "Thanks for the pull request.",
        }
        .to_owned(),
    ];
    if !report.missing.is_empty() {
        parts.push(lines("Before somebody looks at it, please add:", &report.missing));
    }
    if let Some(failed) = report.checks.as_ref().and_then(failed) {
        parts.push(failed);
    }
    if !report.risks.is_empty() {
        let risks: Vec<String> = report
            .risks
            .iter()
            .map(|risk| {
                let paths: Vec<String> = risk.paths.iter().map(|path| quote(path)).collect();
                format!("{}: {}, as {}", risk.kind, list(&paths), risk.why)
            })
            .collect();
        parts.push(lines("To look at first:", &risks));
    }
    if report.size == Size::Xl {
        parts.push(format!(
            "It changes {} by hand. Smaller ones are looked at sooner; can it be split?",
            counted(report.lines, "line")
        ));
    }
    if !report.owners.is_empty() {
        let owners: Vec<String> = report.owners.iter().map(|owner| quote(owner)).collect();
        parts.push(format!("What it changes is looked after by {}.", list(&owners)));
    }
    if parts.len() == 1 {
        parts.push("It has what a reviewer needs.".to_owned());
    }
    parts.join("\n\n")
}

fn failed(checks: &Checks) -> Option<String> {
    if checks.failed.is_empty() {
        return None;
    }
    let names: Vec<String> = checks
        .failed
        .iter()
        .take(NAMED_MAX)
        .map(|name| quote(name))
        .collect();
    let more = checks.failed.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Some(format!("What failed so far: {}{rest}.", names.join(", ")))
}

fn lines(heading: &str, items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\n- {item}")).collect();
    format!("{heading}\n{}", items.concat())
}

fn quote(text: &str) -> String {
    quote::quote(text, QUOTE_BYTES_MAX)
}
