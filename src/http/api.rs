//! In: a person's or a script's request, with the bearer token. Out: JSON about events, runs, rules and agents. Never: an
//! answer to anybody without the token, not even that a path does not exist.

mod accounts;
mod agents;
mod audit;
mod approvals;
mod events;
mod runs;
mod rules;
mod coverage;
mod export;
mod journal;
mod tools;
mod pauses;

pub(super) use approvals::question;
pub(super) use rules::{EVENTS_MAX, SINCE};
pub(super) use runs::cursor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
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
const WHO: &str = "api";

/// Where the API lives.
pub(super) const ROOT: &str = "/api/v1";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::show))
        .route("/events/{id}/explain", get(events::explain))
        .route("/events/{id}/replay", post(events::replay))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::show))
        .route("/runs/{id}/retry", post(runs::retry))
        .route("/approvals", get(approvals::list))
        .route("/runs/{id}/approve", post(approvals::approve))
        .route("/runs/{id}/reject", post(approvals::reject))
        .route("/runs/{id}/cancel", post(runs::cancel))
        .route("/runs/{id}/resolve", post(runs::resolve))
        .route("/agents", get(agents::list))
        .route("/agents/{id}", get(agents::show))
        .route(
            "/agents/{id}/account",
            get(accounts::show).delete(accounts::sign_out),
        )
        .route("/agents/{id}/account/check", post(accounts::check))
        .route("/agents/{id}/login", post(accounts::login))
        .route("/agents/{id}/login/{flow}", post(accounts::login_state))
        .route("/vault/rekey", post(accounts::rekey))
        .route("/agents/{id}/tokens", post(agents::issue))
        .route("/agents/{id}/tokens/{token}", delete(agents::revoke))
        .route("/audit", get(audit::list))
        .route("/coverage", get(coverage::show))
        .route("/coverage/recover", post(coverage::recover))
        .route("/export", get(export::export))
        .route("/journal", get(journal::show))
        .route("/tools", get(tools::list))
        .route("/tools/{tool}/approve", post(tools::approve))
        .route("/pauses", get(pauses::list).post(pauses::pause))
        .route("/pauses/{what}", delete(pauses::resume))
        .route("/rules", get(rules::list))
        .route("/rules/reload", post(rules::reload))
        .route("/rules/check", post(rules::check))
        .route("/rules/backtest", post(rules::backtest))
        .route("/rules/{id}", get(rules::show))
        .route("/rules/{id}/explain", get(rules::explain))
        .route("/rules/{id}/trigger", post(rules::trigger))
}

/// Lies around all routes and goes by the path: a layer around the API's own routes would let out which paths below
/// them exist.
pub(super) async fn authorized(State(app): Shared, request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix(ROOT);
    if !below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
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
    let mut parser = serde_json::Deserializer::from_slice(&held.bytes);
    T::deserialize(&mut parser).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}

/// A word of a closed set, as it is written in JSON.
pub(super) fn word<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> Result<T, Problem> {
    let parser = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    T::deserialize(parser).map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
}
