//! In: status, headers and bytes of an answer. Out: JSON, or an [`ApiError`] a caller can act on. Never: the network.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::clock;
use crate::integrations::{Access, ApiError, Failure};

/// A `Ratelimit-Reset` below this is a number of seconds left, above it a time: Render's text says the one, its sample
/// shows the other.
const SECONDS_LEFT_MAX: i64 = 1_000_000;
/// How much of an error message is kept, in characters.
const MESSAGE_MAX: usize = 500;

/// What an answer means.
pub(super) fn of(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    access: Access,
    now: Timestamp,
) -> Result<Value, ApiError> {
    if !status.is_success() {
        return Err(refusal(status, headers, body, access, now));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    // A write was accepted, whatever the answer looks like: what is not JSON is no reason to repeat it.
    serde_json::from_slice(body)
        .map_err(|error| ApiError::lost(access, format!("Render's answer is not JSON: {error}")))
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], access: Access, now: Timestamp) -> ApiError {
    let said = message_of(body);
    let text = if said.is_empty() {
        format!("Render answered {status}")
    } else {
        format!("Render answered {}: {said}", status.as_u16())
    };
    let (failure, remedy) = match status.as_u16() {
        401 => (
            Failure::Forbidden,
            Some("RENDER_API_KEY is not valid (any more): make a new key in the account settings"),
        ),
        402 => (
            Failure::Forbidden,
            Some("Render wants payment: see the workspace's billing page"),
        ),
        403 => (
            Failure::Forbidden,
            Some("the account of RENDER_API_KEY may not do this in that workspace"),
        ),
        404 => (
            Failure::NotFound,
            Some("check the id, and that the key's account can see the workspace"),
        ),
        409 | 410 | 405 | 412 | 423 => (Failure::Conflict, None),
        429 => (
            Failure::RateLimited {
                retry_at: retry_at(headers, now),
            },
            None,
        ),
        500..=599 if access == Access::Write => (Failure::UnknownEffect, None),
        500..=599 => (Failure::Unavailable, None),
        300..=399 => (
            Failure::Invalid,
            Some("RENDER_API_URL redirects; use the address it redirects to"),
        ),
        _ => (Failure::Invalid, None),
    };
    ApiError {
        failure,
        status: Some(status.as_u16()),
        message: text,
        remedy: remedy.map(str::to_owned),
    }
}

/// When to try again: `Ratelimit-Reset`, or `Retry-After` where a proxy says it.
fn retry_at(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let value = number("ratelimit-reset").or_else(|| number(RETRY_AFTER.as_str()))?;
    if value > SECONDS_LEFT_MAX {
        return Timestamp::from_second(value).ok();
    }
    Some(clock::after(now, value.max(0).saturating_mul(1_000)))
}

/// Render's own words: `{"message": …}`, or the beginning of whatever it sent.
fn message_of(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| value.get("message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    said.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MESSAGE_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn answered(status: u16, headers: &[(&'static str, &str)], body: &str, access: Access) -> Failure {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        of(status, &headers, body.as_bytes(), access, NOW)
            .unwrap_err()
            .failure
    }

    #[test]
    fn a_rate_limits_reset_is_read_as_a_time_and_as_seconds_left() {
        let limited = |value| answered(429, &[("ratelimit-reset", value)], "{}", Access::Write);
        let retry_at = |seconds| Failure::RateLimited {
            retry_at: Some(Timestamp::from_second(seconds).unwrap()),
        };
        assert_eq!(limited("45"), retry_at(1_800_000_045));
        assert_eq!(limited("1800000060"), retry_at(1_800_000_060));
        assert_eq!(limited("soon"), Failure::RateLimited { retry_at: None });
    }

    #[test]
    fn each_refusal_has_its_class() {
        for (status, read, write) in [
            (400, Failure::Invalid, Failure::Invalid),
            (401, Failure::Forbidden, Failure::Forbidden),
            (402, Failure::Forbidden, Failure::Forbidden),
            (403, Failure::Forbidden, Failure::Forbidden),
            (404, Failure::NotFound, Failure::NotFound),
            (406, Failure::Invalid, Failure::Invalid),
            (409, Failure::Conflict, Failure::Conflict),
            (410, Failure::Conflict, Failure::Conflict),
            (500, Failure::Unavailable, Failure::UnknownEffect),
            (503, Failure::Unavailable, Failure::UnknownEffect),
        ] {
            assert_eq!(answered(status, &[], "", Access::Read), read, "read {status}");
            assert_eq!(answered(status, &[], "", Access::Write), write, "write {status}");
        }
    }

    #[test]
    fn a_success_that_is_not_json_leaves_a_write_in_doubt() {
        assert_eq!(answered(200, &[], "<html>", Access::Read), Failure::Unavailable);
        assert_eq!(
            answered(200, &[], "<html>", Access::Write),
            Failure::UnknownEffect
        );
    }

    #[test]
    fn the_message_is_renders_own() {
        let error = of(
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            br#"{"id":"x","message":"bad\n thing"}"#,
            Access::Read,
            NOW,
        );
        assert_eq!(error.unwrap_err().message, "Render answered 400: bad thing");
    }
}
