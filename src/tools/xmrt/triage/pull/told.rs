//! In: a report without its conclusion. Out: a comment a maintainer can post as it is. Never: a mention that pings, a stranger's
//! Markdown.

use super::{Checks, NAMED_MAX, Report, SPLIT_LINES, Stage};
use crate::tools::counted::counted;
use crate::tools::quote;
use crate::tools::xmrt::triage::text::list;

/// How the login of a program ends.
const BOT: &str = "[bot]";
/// How much of a path or a name is quoted, in bytes.
const QUOTE_BYTES_MAX: usize = 120;

pub(super) fn conclusion(report: &Report, author: Option<&str>, added: u64) -> String {
    if report.stage == Stage::Closed {
        return "It is closed: there is nothing left to look at.".to_owned();
    }
    let mut parts = Vec::new();
    // A program needs no thanks.
    if !author.is_some_and(|author| author.ends_with(BOT)) {
        let thanks = match report.first_contribution {
            true => "Thanks, and welcome: this would be your first contribution here.",
            false => "Thanks for the pull request.",
        };
        parts.push(thanks.to_owned());
    }
    let said = parts.len();
    if !report.missing.is_empty() {
        let when = match report.stage {
            Stage::Draft => "Before it is ready, please add:",
            _ => "Before somebody looks at it, please add:",
        };
        parts.push(lines(when, &report.missing));
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
    // What is only taken away is quickly looked at.
    if added >= SPLIT_LINES {
        let more = if report.more_files { "more than " } else { "" };
        parts.push(format!(
            "It adds {more}{} by hand. Smaller ones are looked at sooner; can it be split?",
            counted(added, "line")
        ));
    }
    if !report.owners.is_empty() {
        let owners: Vec<String> = report.owners.iter().map(|owner| quote(owner)).collect();
        parts.push(format!("What it changes is looked after by {}.", list(&owners)));
    }
    if parts.len() == said {
        let is_green = report.checks.as_ref().is_some_and(|checks| {
            checks.passed > 0 && checks.pending == 0 && checks.failed.is_empty() && !checks.more
        });
        let said = match is_green {
            true => "It has what a reviewer needs.",
            false => "Its description and its files leave nothing to ask for.",
        };
        parts.push(said.to_owned());
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
