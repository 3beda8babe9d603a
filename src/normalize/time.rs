//! In: a payload. Out: when the thing happened, if the payload says so. Never: the time of something older that the
//! payload merely mentions; a rule's `max_age` would refuse the event for it.

use jiff::Timestamp;
use serde_json::Value;

/// Where GitHub says when: (event, actions, path). The first row that fits and holds a time wins; no row, no time.
///
/// Left out on purpose: commit times in pushes (a commit may be pushed days later), a release's `created_at` (the
/// commit's), `updated_at` of deleted, locked and pinned things (GitHub need not touch it). `*` is any action or none.
const WHEN: &[(&str, &[&str], &[&str])] = &[
    ("issues", &["opened"], &["issue", "created_at"]),
    ("issues", &["closed"], &["issue", "closed_at"]),
    ("issues", TOUCHED, &["issue", "updated_at"]),
    ("pull_request", &["opened"], &["pull_request", "created_at"]),
    ("pull_request", &["closed"], &["pull_request", "closed_at"]),
    ("pull_request", TOUCHED, &["pull_request", "updated_at"]),
    ("pull_request_review", &["submitted"], &["review", "submitted_at"]),
    ("issue_comment", &["created"], &["comment", "created_at"]),
    ("issue_comment", &["edited"], &["comment", "updated_at"]),
    (
        "pull_request_review_comment",
        &["created"],
        &["comment", "created_at"],
    ),
    (
        "pull_request_review_comment",
        &["edited"],
        &["comment", "updated_at"],
    ),
    ("commit_comment", &["created"], &["comment", "created_at"]),
    ("discussion", &["created"], &["discussion", "created_at"]),
    ("discussion", &["answered"], &["discussion", "answer_chosen_at"]),
    ("discussion", TOUCHED, &["discussion", "updated_at"]),
    ("discussion_comment", &["created"], &["comment", "created_at"]),
    ("discussion_comment", &["edited"], &["comment", "updated_at"]),
    ("push", &["*"], &["repository", "pushed_at"]),
    ("workflow_run", &["*"], &["workflow_run", "updated_at"]),
    ("workflow_job", &["queued"], &["workflow_job", "created_at"]),
    ("workflow_job", &["in_progress"], &["workflow_job", "started_at"]),
    ("workflow_job", &["completed"], &["workflow_job", "completed_at"]),
    ("check_run", &["completed"], &["check_run", "completed_at"]),
    ("check_run", &["created"], &["check_run", "started_at"]),
    (
        "check_suite",
        &["completed", "requested"],
        &["check_suite", "updated_at"],
    ),
    ("deployment", &["*"], &["deployment", "created_at"]),
    ("deployment_status", &["*"], &["deployment_status", "created_at"]),
    ("status", &["*"], &["updated_at"]),
    (
        "release",
        &["published", "released", "prereleased"],
        &["release", "published_at"],
    ),
    ("star", &["created"], &["starred_at"]),
    ("fork", &["*"], &["forkee", "created_at"]),
    ("dependabot_alert", &["created"], &["alert", "created_at"]),
    ("code_scanning_alert", &["created"], &["alert", "created_at"]),
    ("secret_scanning_alert", &["created"], &["alert", "created_at"]),
    ("secret_scanning_alert", &["resolved"], &["alert", "resolved_at"]),
    ("repository", &["created"], &["repository", "created_at"]),
];

/// Actions that change the thing itself, and so its `updated_at`.
const TOUCHED: &[&str] = &[
    "edited",
    "labeled",
    "unlabeled",
    "assigned",
    "unassigned",
    "milestoned",
    "demilestoned",
    "reopened",
    "synchronize",
    "ready_for_review",
    "converted_to_draft",
    "review_requested",
    "review_request_removed",
    "typed",
    "untyped",
    "category_changed",
];

/// When a GitHub event happened, if its payload says so.
pub(super) fn of_github(kind: &str, action: &str, payload: &Value) -> Option<Timestamp> {
    WHEN.iter()
        .filter(|(event, actions, _)| *event == kind && (actions.contains(&action) || actions == &["*"]))
        .find_map(|(_, _, path)| at(payload, path))
}

/// The time at a path: RFC 3339 with up to nanoseconds, or whole Unix seconds. Truncated to milliseconds, the
/// resolution of the journal, so that an event read back equals the one that came in.
pub(super) fn at(payload: &Value, path: &[&str]) -> Option<Timestamp> {
    let value = path.iter().try_fold(payload, |value, key| value.get(key))?;
    let time: Timestamp = match value {
        Value::String(text) => text.parse().ok()?,
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok()?,
        _ => return None,
    };
    Timestamp::from_millisecond(time.as_millisecond()).ok()
}

/// Where the table looks.
pub(super) fn paths() -> impl Iterator<Item = &'static [&'static str]> {
    WHEN.iter().map(|(_, _, path)| *path)
}
