//! In: a GitHub event. Out: what tells it apart from others of its type about the same thing. Never: a guess.

use serde_json::Value;

use super::text;

/// Events that a call of ours can name exactly: (event, actions, what it is called, where it stands).
const TOLD_APART: &[(&str, &[&str], &str, &[&str])] = &[
    ("issues", &["labeled", "unlabeled"], "label", &["label", "name"]),
    (
        "pull_request",
        &["labeled", "unlabeled"],
        "label",
        &["label", "name"],
    ),
    (
        "issues",
        &["assigned", "unassigned"],
        "assignee",
        &["assignee", "login"],
    ),
    (
        "pull_request",
        &["assigned", "unassigned"],
        "assignee",
        &["assignee", "login"],
    ),
    (
        "pull_request",
        &["review_requested"],
        "reviewer",
        &["requested_reviewer", "login"],
    ),
    (
        "pull_request",
        &["review_requested"],
        "team",
        &["requested_team", "slug"],
    ),
    ("label", &["created"], "label", &["label", "name"]),
    (
        "workflow_run",
        &["requested", "in_progress", "completed"],
        "run",
        &["workflow_run", "id"],
    ),
    ("push", &[""], "sha", &["after"]),
    ("create", &[""], "ref", &["ref"]),
    (
        "check_run",
        &["created", "completed"],
        "check",
        &["check_run", "id"],
    ),
    ("deployment", &["created"], "deployment", &["deployment", "id"]),
    (
        "release",
        &["created", "published", "released", "prereleased"],
        "tag",
        &["release", "tag_name"],
    ),
    ("issue_comment", &["created"], "comment", &["comment", "id"]),
    ("discussion_comment", &["created"], "comment", &["comment", "id"]),
    ("pull_request_review", &["submitted"], "review", &["review", "id"]),
];

/// The same of what is told in a repository without the number of the issue: a call that changes a comment knows only that.
const IN_REPOSITORY: &[(&str, &[&str], &str, &[&str])] =
    &[("issue_comment", &["edited"], "comment", &["comment", "id"])];

/// `<subject>~<name>=<value>`, of which there may be none.
pub(super) fn of_github(kind: &str, action: &str, subject: &str, payload: &Value) -> Vec<String> {
    let repository = text(payload, &["repository", "full_name"]).unwrap_or(subject);
    let found = |(event, actions, name, path): &(&str, &[&str], &str, &[&str]), about: &str| {
        (*event == kind && actions.contains(&action))
            .then(|| value(payload, path))
            .flatten()
            .map(|value| format!("{about}~{name}={value}"))
    };
    let numbered = TOLD_APART.iter().filter_map(|entry| found(entry, subject));
    numbered
        .chain(IN_REPOSITORY.iter().filter_map(|entry| found(entry, repository)))
        .collect()
}

fn value(payload: &Value, path: &[&str]) -> Option<String> {
    match path.iter().try_fold(payload, |value, key| value.get(key))? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where the tables look.
pub(super) fn paths() -> impl Iterator<Item = &'static [&'static str]> {
    TOLD_APART
        .iter()
        .chain(IN_REPOSITORY)
        .map(|(_, _, _, path)| *path)
}
