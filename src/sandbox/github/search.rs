//! In: `GET /search/issues?q=`. Out: issues and pull requests that fit.
//! Never: the whole query language; the qualifiers below and plain words in title or body.

use jiff::Timestamp;
use serde_json::json;

use super::shape::Shape;
use super::{Issue, Repo, invalid, page};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// GitHub gives no more than this many results, whatever the pages.
const RESULTS_MAX: usize = 1_000;

pub(super) fn issues(world: &mut World, call: &Call) -> Outcome {
    let query = call.query("q").ok_or_else(|| invalid("Search", "q", "missing"))?;
    let terms = terms(query);
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let all = world
        .github
        .repos()
        .flat_map(|repo| repo.issues.values().map(move |issue| (repo, issue)));
    let mut found: Vec<(&Repo, &Issue)> = all
        .filter(|(repo, issue)| terms.iter().all(|term| fits(repo, issue, term)))
        .collect();
    found.sort_by_key(|(_, issue)| std::cmp::Reverse((issue.created_at, issue.number)));
    let shown = found.into_iter().take(RESULTS_MAX).map(|(repo, issue)| {
        let mut shown = shape.issue(repo, issue);
        shown["score"] = json!(1.0);
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("closed_by");
        }
        shown
    });
    let mut answer: Answer = page(call, shown.collect(), Some("items"))?;
    if let Some(body) = &mut answer.body {
        body["search_type"] = "lexical".into();
    }
    Ok(answer)
}

/// Splits at blanks; a part in quotes stays whole, without its quotes.
pub(super) fn terms(query: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut quoted = false;
    for letter in query.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => terms.push(String::new()),
            _ => {
                if let Some(term) = terms.last_mut() {
                    term.push(letter);
                }
            }
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

fn fits(repo: &Repo, issue: &Issue, term: &str) -> bool {
    if let Some(term) = term.strip_prefix('-').filter(|term| !term.is_empty()) {
        return !fits(repo, issue, term);
    }
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    match term.split_once(':') {
        Some(("repo", name)) => same(&repo.full_name, name),
        Some(("org" | "user", owner)) => same(repo.owner(), owner),
        Some(("is" | "state", state @ ("open" | "closed"))) => issue.state == state,
        Some(("is" | "type", "issue")) => !issue.is_pull,
        Some(("is" | "type", "pr" | "pull-request")) => issue.is_pull,
        Some(("label", label)) => issue.labels.iter().any(|known| same(known, label)),
        Some(("author", login)) => same(&issue.user, login),
        Some(("assignee", login)) => issue.assignees.iter().any(|known| same(known, login)),
        Some(("no", "assignee")) => issue.assignees.is_empty(),
        Some(("no", "label")) => issue.labels.is_empty(),
        Some(("created", range)) => within(issue.created_at, range),
        Some(("updated", range)) => within(issue.updated_at, range),
        Some(("in" | "sort" | "archived", _)) => true,
        _ => {
            let word = term.to_lowercase();
            let body = issue.body.as_deref().unwrap_or("");
            issue.title.to_lowercase().contains(&word) || body.to_lowercase().contains(&word)
        }
    }
}

/// Whether a moment is in a range such as `<2026-01-01` or `>=2026-01-01T12:00:00Z`. Other ranges are not told apart.
fn within(at: Timestamp, range: &str) -> bool {
    let (holds, rest): (fn(&Timestamp, &Timestamp) -> bool, &str) =
        if let Some(rest) = range.strip_prefix("<=") {
            (Timestamp::le, rest)
        } else if let Some(rest) = range.strip_prefix(">=") {
            (Timestamp::ge, rest)
        } else if let Some(rest) = range.strip_prefix('<') {
            (Timestamp::lt, rest)
        } else if let Some(rest) = range.strip_prefix('>') {
            (Timestamp::gt, rest)
        } else {
            return true;
        };
    let bound = rest.parse().or_else(|_| format!("{rest}T00:00:00Z").parse());
    bound.is_ok_and(|bound| holds(&at, &bound))
}
