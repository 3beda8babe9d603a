//! In: a person's or a script's request, with the bearer token. Out: JSON about events, runs, rules and agents. Never: an
//! answer to anybody without the token, not even that a path does not exist.

mod accounts;
mod contract;
mod idempotency;
mod operations;
mod agents;
mod audit;
mod approvals;
mod events;
mod runs;
mod rules;
mod budgets;
mod coverage;
mod export;
mod insights;
mod journal;
mod tools;
mod pauses;
mod tasks;

pub(super) use approvals::question;
pub(super) use insights::{kept, measured};
pub(super) use rules::{EVENTS_MAX, SINCE};
pub(super) use runs::cursor;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use schemars::{Schema, SchemaGenerator, json_schema};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Problem;
use super::body::Intake;
use super::routes::{App, Shared};
use crate::journal::PAGE_MAX;

/// The largest body a call of the API may have, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How many items a list shows unless asked.
const PAGE_DEFAULT: usize = 50;

/// Who did it, in the journal: the API has one token, so it cannot tell persons apart.
pub(super) const WHO: &str = "api";

/// Names a wish, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What describes the API wants no token.
const DESCRIPTION: &str = "/openapi.json";

/// Where the API lives.
pub(super) const ROOT: &str = "/api/v1";

pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    contract::routes(operations::all()).layer(from_fn_with_state(Arc::clone(app), idempotency::once))
}

/// The API in OpenAPI 3.1.
pub fn description() -> Value {
    contract::description(&operations::all())
}

/// `GET /openapi.json`
async fn openapi() -> Json<Value> {
    Json(description())
}

/// The name of a wish, so that it can be sent again.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let fits = |key: &&str| {
        (1..=idempotency::KEY_CHARS_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(fits);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::bad_request(format!(
            "`Idempotency-Key` is 1 to {} visible ASCII characters",
            idempotency::KEY_CHARS_MAX
        ))
    })
}

/// Lies around all routes and goes by the path: a layer around the API's own routes would let out which paths below
/// them exist.
pub(super) async fn authorized(State(app): Shared, request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix(ROOT);
    let is_below = |below: &str| below != DESCRIPTION && (below.is_empty() || below.starts_with('/'));
    if !below.is_some_and(is_below) {
        return next.run(request).await;
    }
    if bears(request.headers(), app.doors.admin_token.expose_secret()) {
        return next.run(request).await;
    }
    let detail = "send `Authorization: Bearer <XMRT_ADMIN_TOKEN>`";
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "The API wants its token",
        detail,
    );
    app.counters.refusal("api", &problem);
    problem
        .with_header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"xmrt\""),
        )
        .into_response()
}

/// Hashes are compared, so that neither the token's bytes nor its length show in the time it takes.
pub(super) fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let (scheme, given) = given.split_at(given.len().min("Bearer ".len()));
    let fits = Sha256::digest(given).ct_eq(&Sha256::digest(token));
    scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty() && bool::from(fits)
}

/// Query parameters; an unknown or malformed one is a problem that names it.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query
            .map(|Query(params)| Self(params))
            .map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// How a time is written.
fn moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

fn moment_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}

/// The time that a list begins at.
fn since(text: &str) -> Result<Timestamp, Problem> {
    let hint = "write an RFC 3339 time such as 2026-03-04T05:06:07Z";
    text.parse()
        .map_err(|_| Problem::bad_request(format!("`since` is not a time; {hint}")))
}

/// A page's size, from 1 to [`PAGE_MAX`].
fn page(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        limit => Err(Problem::bad_request(format!(
            "`limit` is {limit}; it can be 1 to {PAGE_MAX}"
        ))),
    }
}

/// The bytes of a call's body.
async fn bytes(parts: &Parts, body: axum::body::Body) -> Result<Bytes, Problem> {
    let held = Intake::of(&parts.extensions)
        .take(&parts.headers, body, BODY_BYTES_MAX)
        .await?;
    Ok(held.bytes)
}

/// A JSON body of a call.
async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let held = Intake::of(&parts.extensions)
        .take(&parts.headers, body, BODY_BYTES_MAX)
        .await?;
    // A list would do for an object, field by field.
    if !held.bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_request("the body: one JSON object is wanted"));
    }
    let mut parser = serde_json::Deserializer::from_slice(&held.bytes);
    T::deserialize(&mut parser)
        .and_then(|read| parser.end().map(|()| read))
        .map_err(|error| Problem::bad_request(format!("the body: {error}")))
}

/// A whole number, also one that is written `90.0`: to JSON it is the same.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let written = number.to_string();
    let bare = written.strip_suffix(".0").unwrap_or(&written);
    let whole = bare.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "{written} is not a whole number of 64 bits, without an exponent"
        ))
    })?;
    Ok(Some(whole))
}

/// A word of a closed set, as it is written in JSON.
pub(super) fn word<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> Result<T, Problem> {
    let parser = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    T::deserialize(parser).map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
}
