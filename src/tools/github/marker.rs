//! In: a body and an idempotency key. Out: the body with a mark by which it is found again, and what a list says of it.
//! Never: a search.

use jiff::{SignedDuration, Timestamp};

use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::Listed;
use crate::tools::toolbox::Look;

/// The longest body GitHub takes, in characters.
const GITHUB_CHARS_MAX: u32 = 65_536;
/// Room kept for the mark.
const MARK_CHARS_MAX: u32 = 64;
/// The longest body a tool takes, in characters.
pub(super) const BODY_CHARS_MAX: u32 = GITHUB_CHARS_MAX - MARK_CHARS_MAX;
/// How far the provider's clock may be behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The body, and the mark in an HTML comment on its last line, where readers do not see it. Without a key, the body.
pub(in crate::tools) fn marked(body: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{}\n\n{}", body.trim_end(), mark(key)),
        None => body.to_owned(),
    }
}

/// Whether the body's last line is the key's mark. Anywhere else it could have been quoted.
pub(in crate::tools) fn carries(body: Option<&str>, key: &str) -> bool {
    body.and_then(|body| body.trim_end().lines().last())
        .is_some_and(|line| line.trim() == mark(key))
}

/// Whether the key's mark is a line of the body: of a text that only its author can have written, and others went on with.
pub(super) fn holds(body: Option<&str>, key: &str) -> bool {
    let mark = mark(key);
    body.is_some_and(|body| body.lines().any(|line| line.trim() == mark))
}

/// A commit's message with the key in a trailer, as Git has them at the end of messages. Without a key, the message.
pub(in crate::tools) fn with_trailer(message: &str, key: Option<&str>) -> String {
    match (message.trim_end(), key) {
        (message, None) => message.to_owned(),
        ("", Some(key)) => trailer(key),
        (message, Some(key)) => format!("{message}\n\n{}", trailer(key)),
    }
}

/// Whether a commit's message ends in the key's trailer.
pub(super) fn has_trailer(message: &str, key: &str) -> bool {
    let last = message.trim_end().lines().last();
    last.is_some_and(|line| line.trim() == trailer(key))
}

/// From when on a listing may hold what was written after `since`.
pub(super) fn since(since: Timestamp) -> Timestamp {
    since.saturating_sub(CLOCK_SKEW).unwrap_or(since)
}

/// Why nothing can be looked for.
pub(super) const NO_KEY: &str = "the call had no idempotency key, so there is no mark to look for";

/// What a list says of ours: it is there, it is not, or the list goes on and proves nothing.
pub(super) fn among<T: Into<O>, O>(listed: Listed<T>, ours: impl FnMut(&T) -> bool) -> Look<O> {
    let seen = listed.items.len();
    match listed.items.into_iter().find(ours) {
        Some(found) => Look::Found(found.into()),
        None if listed.more => Look::Ambiguous(too_many(seen)),
        None => Look::Absent,
    }
}

/// Why a long list proves nothing.
pub(super) fn too_many(seen: usize) -> String {
    format!("it is not among the first {seen}, and there are more")
}

/// A place that is not there cannot hold the effect either, but its absence proves nothing: it may have been deleted,
/// or the token lost its access. So a search never turns "not found" into "absent".
pub(super) fn unseen<E: Into<ToolError>>(error: E) -> ToolError {
    let error = error.into();
    match error.class {
        ErrorClass::NotFound => ToolError {
            class: ErrorClass::NotFound,
            message: format!("the effect cannot be looked for: {}", error.message),
            remedy: error.remedy,
        },
        _ => error,
    }
}

fn trailer(key: &str) -> String {
    format!("Xmrt-Step: {key}")
}

fn mark(key: &str) -> String {
    format!("<!-- xmrt:{key} -->")
}
