//! In: what could not be read. Out: that, in words, with the remedy; a sentence for a report. Never: an end to it all, but where a limit
//! is up.

use super::quote::quote;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::ApiError;

/// How much of why something could not be read is quoted, in bytes.
const WHY_BYTES_MAX: usize = 200;

/// What was read, or why it was not. A limit that is up ends it all: the rest would not be read either.
pub(super) fn part<T>(read: Result<T, ApiError>) -> Result<Result<T, String>, ToolError> {
    match read.map_err(ToolError::from) {
        Err(error) if matches!(error.class, ErrorClass::RateLimited { .. }) => Err(error),
        read => Ok(read.map_err(why)),
    }
}

/// Why another tool did not answer, with the remedy. Another one may be free while one is at its limit.
pub(super) fn why(error: ToolError) -> String {
    let remedy = error
        .remedy
        .map(|remedy| format!(" ({remedy})"))
        .unwrap_or_default();
    format!("{}{remedy}", error.message.trim_end_matches('.'))
}

/// A sentence about what could not be read, if there is any.
pub(super) fn not_judged(unread: &[String]) -> Option<String> {
    // What a provider answered is not our word.
    let unread: Vec<String> = unread.iter().map(|what| quote(what, WHY_BYTES_MAX)).collect();
    (!unread.is_empty()).then(|| format!("Not judged, because it could not be read: {}.", unread.join("; ")))
}
