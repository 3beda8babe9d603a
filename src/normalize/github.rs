//! In: a GitHub event name and payload. Out: subject, actor, time, markers. Never: a refusal; `sender` and everything
//! else is optional everywhere.

use serde_json::Value;

use super::{Reading, detail, marker, text, time};

/// Objects with a number of their own within a repository, most specific first. An event that carries one is about
/// `owner/repo#number`, so that everything said about one issue, pull request or discussion has one subject.
const NUMBERED: [&str; 3] = ["issue", "pull_request", "discussion"];

/// Events that link two issues: (event, beginning of the action, the object in whose repository it is told).
const LINKED: [(&str, &str, &str); 4] = [
    ("sub_issues", "sub_issue_", "parent_issue"),
    ("sub_issues", "parent_issue_", "sub_issue"),
    ("issue_dependencies", "blocked_by_", "blocked_issue"),
    ("issue_dependencies", "blocking_", "blocking_issue"),
];

/// Bodies that the actor wrote in this event: (event, action, object). An edit or a deletion shows what somebody
/// wrote earlier, so a marker there proves nothing.
const WRITTEN: [(&str, &str, &str); 8] = [
    ("issues", "opened", "issue"),
    ("issue_comment", "created", "comment"),
    ("pull_request", "opened", "pull_request"),
    ("pull_request_review", "submitted", "review"),
    ("pull_request_review_comment", "created", "comment"),
    ("discussion", "created", "discussion"),
    ("discussion_comment", "created", "comment"),
    ("commit_comment", "created", "comment"),
];

/// Events that GitHub sends along with a new issue, one for each label and assignee it was born with. Their issue's
/// body says whose step that was, as long as its author is who acts: without it a rule that opens labeled issues
/// because an issue was labeled would never be recognized.
const BORN_WITH: [&str; 4] = ["labeled", "assigned", "milestoned", "typed"];

/// Every name on a path that is read here; those of the tables of `detail` and `time` apart.
pub(super) const NAMES: &[&str] = &[
    "action",
    "account",
    "blocked_issue",
    "blocking_issue",
    "body",
    "comment",
    "discussion",
    "full_name",
    "installation",
    "issue",
    "login",
    "number",
    "organization",
    "parent_issue",
    "pull_request",
    "repository",
    "review",
    "sender",
    "sub_issue",
    "user",
];

pub(super) fn read(kind: &str, payload: &Value) -> Reading {
    let action = text(payload, &["action"]);
    let done = action.unwrap_or_default();
    let written = WRITTEN
        .iter()
        .filter(|(event, action, _)| (*event, *action) == (kind, done))
        .find_map(|(_, _, object)| text(payload, &[object, "body"]))
        .or_else(|| born(kind, done, payload));
    let subject = subject(kind, done, payload);
    Reading {
        action: action.map(Into::into),
        details: detail::of_github(kind, done, &subject, payload),
        subject,
        actor: text(payload, &["sender", "login"]).map(Into::into),
        time: time::of_github(kind, done, payload),
        markers: written.map(marker::keys).unwrap_or_default(),
    }
}

/// The body of the issue that an event may have come along with, when the actor wrote it.
fn born<'a>(kind: &str, action: &str, payload: &'a Value) -> Option<&'a str> {
    let author = text(payload, &["issue", "user", "login"])?;
    let along = kind == "issues" && BORN_WITH.contains(&action);
    (along && text(payload, &["sender", "login"]) == Some(author))
        .then(|| text(payload, &["issue", "body"]))
        .flatten()
}

/// What an event is about; also the default key of a rule's limits.
///
/// | event | subject |
/// |---|---|
/// | about an issue, a pull request or a discussion: the thing itself, its comments, reviews, threads | `owner/repo#number` |
/// | links between issues | the issue in whose repository it is told |
/// | anything else in a repository (push, workflow runs, checks, releases, alerts, …) | `owner/repo` |
/// | an organization's | the organization's login |
/// | an installation's | the login it is installed for |
/// | anything else | `github` |
fn subject(kind: &str, action: &str, payload: &Value) -> String {
    let Some(repository) = text(payload, &["repository", "full_name"]) else {
        return text(payload, &["organization", "login"])
            .or_else(|| text(payload, &["installation", "account", "login"]))
            .unwrap_or("github")
            .into();
    };
    let linked = LINKED
        .iter()
        .filter(|(event, beginning, _)| *event == kind && action.starts_with(beginning))
        .map(|(_, _, object)| *object);
    match linked
        .chain(NUMBERED)
        .find_map(|object| payload.get(object)?.get("number")?.as_u64())
    {
        Some(number) => format!("{repository}#{number}"),
        None => repository.into(),
    }
}
