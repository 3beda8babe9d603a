//! In: an answer of GitHub's that is not a success. Out: what kind of failure, in its words, and the remedy. Never: I/O.

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::integrations::{Access, ApiError, Failure};

/// How long to wait when GitHub says "too fast" and not how long, as its documentation asks.
const SECONDARY_LIMIT_WAIT: SignedDuration = SignedDuration::from_secs(60);
/// The most of GitHub's message that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Value>,
}

/// What a refusal means: of GitHub's REST documentation, "Troubleshooting" and "Rate limits".
///
/// `now` is the time of the answer; a `retry-after` counts from it.
pub fn refused(
    access: Access,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> ApiError {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let message = worded(status, &body);
    let failure = match status.as_u16() {
        403 | 429 if is_limit(status, headers, &body.message) => Failure::RateLimited {
            retry_at: Some(retry_at(headers, now)),
        },
        401 | 403 | 451 => Failure::Forbidden,
        404 | 410 => Failure::NotFound,
        405 | 409 | 412 | 423 => Failure::Conflict,
        408 | 500.. => ApiError::lost(access, "").failure,
        // A write that GitHub wants sent elsewhere was not carried out.
        300..=399 => Failure::Conflict,
        _ => Failure::Invalid,
    };
    let remedy = remedy(status, &failure, headers);
    ApiError {
        failure,
        status: Some(status.as_u16()),
        message,
        remedy,
    }
}

fn worded(status: StatusCode, body: &Body) -> String {
    let mut message: String = body.message.chars().take(MESSAGE_CHARS_MAX).collect();
    if message.is_empty() {
        message = status.canonical_reason().unwrap_or("no reason given").to_owned();
    }
    let fields: Vec<String> = body.errors.iter().filter_map(field).collect();
    if !fields.is_empty() {
        message = format!("{message}: {}", fields.join("; "));
    }
    format!("GitHub answered {}: {message}", status.as_u16())
}

/// One of `errors`, as `title missing_field` or in its own words.
fn field(error: &Value) -> Option<String> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let words = text("message").or(error.as_str());
    match (text("field"), text("code"), words) {
        (Some(field), _, Some(words)) => Some(format!("{field} {words}")),
        (Some(field), Some(code), None) => Some(format!("{field} {code}")),
        (Some(field), None, None) => Some(format!("{field} is wrong")),
        (None, code, words) => words.or(code).map(str::to_owned),
    }
}

fn is_limit(status: StatusCode, headers: &HeaderMap, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    status == StatusCode::TOO_MANY_REQUESTS
        || headers.contains_key("retry-after")
        || number(headers, "x-ratelimit-remaining") == Some(0)
        || message.contains("rate limit")
        || message.contains("abuse detection")
}

fn retry_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let later = |wait| now.saturating_add(wait).unwrap_or(now);
    if let Some(seconds) = number(headers, "retry-after") {
        return later(SignedDuration::from_secs(seconds));
    }
    let exhausted = number(headers, "x-ratelimit-remaining") == Some(0);
    number(headers, "x-ratelimit-reset")
        .filter(|_| exhausted)
        .and_then(|reset| Timestamp::from_second(reset).ok())
        .unwrap_or_else(|| later(SECONDARY_LIMIT_WAIT))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn remedy(status: StatusCode, failure: &Failure, headers: &HeaderMap) -> Option<String> {
    let needed = ["x-accepted-github-permissions", "x-accepted-oauth-scopes"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .filter(|needed| !needed.is_empty());
    let remedy = match (status.as_u16(), failure) {
        (_, Failure::RateLimited { .. }) => return None,
        (401, _) => "the token is wrong, expired or revoked: check GITHUB_TOKEN".to_owned(),
        (403, _) => match needed {
            Some(needed) => format!("the token needs: {needed}"),
            None => "the token lacks the permission: check what GITHUB_TOKEN may do".to_owned(),
        },
        (404, _) => "it is not there, or the token may not see it".to_owned(),
        (300..=399, _) => "the repository was renamed or moved: use its new name".to_owned(),
        _ => return None,
    };
    Some(remedy)
}
