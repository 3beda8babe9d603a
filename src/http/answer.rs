//! In: every request, every answer. Out: a request id on both, and headers that keep browsers from guessing. Never:
//! anything about a single route.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{Problem, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from the sender.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Gives the request an id, or keeps the sane one it came with, and shows it on the answer.
pub(super) async fn identified(mut request: Request, next: Next) -> Response {
    let id = match request.headers().get(REQUEST_ID).filter(|id| is_sane(id)) {
        Some(id) => id.clone(),
        // A UUID is always a header value; the fallback keeps that from being a panic.
        None => HeaderValue::try_from(uuid::Uuid::new_v4().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("none")),
    };
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn is_sane(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.iter().all(plain)
}

/// The id [`identified`] gave.
pub(super) fn request_id(headers: &HeaderMap) -> &str {
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
}

/// Headers every answer has unless its route set its own; and a problem where axum itself refused with plain text (a path
/// that is no UTF-8, for one).
pub(super) async fn secured(mut response: Response) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    if response.status() == StatusCode::BAD_REQUEST
        && response.headers().get(header::CONTENT_TYPE) == Some(&plain)
    {
        response = Problem::bad_request("the request's path cannot be read").into_response();
    }
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in defaults {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

pub(super) async fn no_such_route(uri: Uri, headers: HeaderMap) -> Response {
    pages::nothing_at(&uri, &headers)
        .unwrap_or_else(|| Problem::not_found(format!("there is nothing at {}", uri.path())).into_response())
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Response {
    wrong_method(&method, uri.path()).into_response()
}

/// axum adds `Allow` where it knows the methods; a route that takes any method must add it itself.
pub(super) fn wrong_method(method: &Method, path: &str) -> Problem {
    let detail = format!("{path} does not take {method}");
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The method is not allowed here",
        detail,
    )
}
