//! In: open issues and pull requests. Out: how old they are, and which wait longest. Never: which to do first.

use jiff::Timestamp;

use super::Seen;
use super::judge::{Finding, Weight, days};
use crate::integrations::github::Issue;
use crate::tools::counted::counted;
use crate::tools::quote::quote;

/// A pull request that is open for longer than this, in days, waits too long.
const PULL_WAITS_DAYS: i64 = 30;
/// An issue that is open for longer than this, in days, is old; that is no harm by itself.
const ISSUE_OLD_DAYS: i64 = 90;
/// How many of those that wait longest are named.
const NAMED_MAX: usize = 3;
/// How much of a title is quoted, in bytes.
const TITLE_BYTES_MAX: usize = 80;

pub(super) fn judge(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some((open, more)) = &seen.open else { return };
    let (pulls, issues): (Vec<&Issue>, Vec<&Issue>) = open.iter().partition(|issue| issue.is_pull_request);
    let or_more = if *more { " or more" } else { "" };
    let waiting = older(seen, &pulls, PULL_WAITS_DAYS);
    let named = named(seen, &waiting);
    let (weight, what) = match (pulls.len(), waiting.len()) {
        (0, _) => (Weight::Info, "Work: no open pull requests.".to_owned()),
        (all, 0) => (
            Weight::Info,
            format!(
                "Work: {}{or_more}, none older than {PULL_WAITS_DAYS} days.",
                counted(all, "open pull request")
            ),
        ),
        (1, _) => (
            Weight::Warning,
            format!("Work: 1 open pull request{or_more}, older than {PULL_WAITS_DAYS} days: {named}."),
        ),
        (all, old) => (
            Weight::Warning,
            format!(
                "Work: {old} of {}{or_more} {} older than {PULL_WAITS_DAYS} days: {named}.",
                counted(all, "open pull request"),
                if old == 1 { "is" } else { "are" }
            ),
        ),
    };
    findings.push(Finding::new(weight, "work", what));
    let old = older(seen, &issues, ISSUE_OLD_DAYS);
    let what = match (issues.len(), old.first()) {
        (0, _) => "Work: no open issues.".to_owned(),
        (all, None) => format!(
            "Work: {}{or_more}, none older than {ISSUE_OLD_DAYS} days.",
            counted(all, "open issue")
        ),
        (1, Some(oldest)) => format!(
            "Work: 1 open issue{or_more}, older than {ISSUE_OLD_DAYS} days: {}.",
            self::named(seen, std::slice::from_ref(oldest))
        ),
        (all, Some(oldest)) => format!(
            "Work: {}{or_more}, {} of them older than {ISSUE_OLD_DAYS} days, the oldest {}.",
            counted(all, "open issue"),
            old.len(),
            self::named(seen, std::slice::from_ref(oldest))
        ),
    };
    findings.push(Finding::new(Weight::Info, "work", what));
}

fn begun(issue: &Issue) -> Option<Timestamp> {
    issue.created_at.as_deref()?.parse().ok()
}

/// Those that are open for longer than that, the oldest first.
fn older<'a>(seen: &Seen, all: &[&'a Issue], limit_days: i64) -> Vec<&'a Issue> {
    let is_old = |issue: &&Issue| begun(issue).is_some_and(|at| days(seen, at) > limit_days);
    let mut old: Vec<&Issue> = all.iter().copied().filter(is_old).collect();
    old.sort_by_key(|issue| begun(issue));
    old
}

/// `#12 (`title`, 84 days)`, a few of them.
fn named(seen: &Seen, issues: &[&Issue]) -> String {
    let one = |issue: &&Issue| {
        let age = begun(issue).map_or(0, |at| days(seen, at));
        let title = quote(&issue.title, TITLE_BYTES_MAX);
        format!("#{} ({title}, {})", issue.number, counted(age, "day"))
    };
    let named: Vec<String> = issues.iter().take(NAMED_MAX).map(one).collect();
    let more = issues.len().saturating_sub(NAMED_MAX);
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
