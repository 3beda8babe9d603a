//! In: a wish with a name. Out: what was answered to it before, if it was; else it is carried out, once. Never: a second
//! time, when it is not known whether the first one was.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Problem;
use super::super::problem::InDoubt;
use super::super::routes::{App, Shared};
use crate::journal::{KV_VALUE_BYTES_MAX, KvKey};

/// The longest key, in characters.
pub(super) const KEY_CHARS_MAX: usize = 255;
/// How long a key stands for what was answered, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Where they are kept.
const SPACE: &str = "idempotency";
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What an answer may take beside its body where it is kept.
const FRAME_BYTES: usize = 1_024;

/// What is known of a key.
#[derive(Deserialize, Serialize)]
struct Known {
    /// Of the request: another one under the same key is a mistake.
    request: String,
    /// Nothing while it is being carried out, or when that was cut off.
    answer: Option<Answer>,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    status: u16,
    /// Nothing where the answer is not kept: it holds a secret, or is too long.
    body: Option<String>,
}

/// Lies around the API's routes. Requests without a key, and those that change nothing, pass.
pub(super) async fn once(State(app): Shared, request: Request, next: Next) -> Response {
    let named = request.method() == Method::POST && request.headers().contains_key(super::IDEMPOTENCY_KEY);
    // Starting a rule keeps its key with the event, for as long as that is known.
    if !named || request.uri().path().ends_with("/trigger") {
        return next.run(request).await;
    }
    match carried_out(&app, request, next).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn carried_out(app: &Arc<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = super::idempotency_key(&parts.headers)?.unwrap_or_default();
    let bytes = super::bytes(&parts, body).await?;
    let path = parts.uri.path().to_owned();
    let name = hex::encode(Sha256::digest(format!("{path}\n{key}")));
    let kept = KvKey::new(SPACE, &name)?;
    let known = Known {
        request: hex::encode(Sha256::digest(&bytes)),
        answer: None,
    };
    let (store, now) = (app.reactor.store(), app.reactor.clock().now());
    let begun = encoded(&known)?;
    if let Some(earlier) = store.kv_put_if_absent(&kept, begun, Some(KEPT_MS), now).await? {
        return earlier_answer(&earlier, &known.request, &path);
    }
    let answer = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let (head, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|_| {
            Problem::unavailable("the answer broke off; it is not known whether it was carried out")
        })?
        .to_bytes();
    let now = app.reactor.clock().now();
    if head.status.is_success() {
        let shown = !is_secret(&path) && body.len() + FRAME_BYTES < KV_VALUE_BYTES_MAX / 2;
        let text = shown.then(|| String::from_utf8_lossy(&body).into_owned());
        let done = Known {
            answer: Some(Answer {
                status: head.status.as_u16(),
                body: text,
            }),
            ..known
        };
        // It was carried out, whatever becomes of this note: without it the key stays in use.
        if let Err(error) = store.kv_put(&kept, encoded(&done)?, Some(KEPT_MS), now).await {
            tracing::warn!("an answer could not be kept under its idempotency key: {error}");
        }
    } else if head.extensions.get::<InDoubt>().is_none() {
        // A refusal changed nothing, so the wish may be sent again, mended.
        store.kv_delete(&kept, now).await?;
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Tokens are shown once, and kept nowhere.
fn is_secret(path: &str) -> bool {
    path.ends_with("/tokens")
}

fn encoded(known: &Known) -> Result<Bytes, Problem> {
    serde_json::to_vec(known)
        .map(Bytes::from)
        .map_err(|error| Problem::bad_request(error.to_string()))
}

fn earlier_answer(earlier: &Bytes, request: &str, path: &str) -> Result<Response, Problem> {
    let known: Known = serde_json::from_slice(earlier).map_err(|error| {
        Problem::unavailable(format!("what is kept under the key cannot be read: {error}"))
    })?;
    if known.request != request {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "key-reused",
            "The key stands for another request",
            "this `Idempotency-Key` was sent before with another body; use a new one for a new wish",
        ));
    }
    let conflict = |detail: String| {
        Problem::new(
            StatusCode::CONFLICT,
            "key-in-use",
            "It was asked for before",
            detail,
        )
    };
    let Some(answer) = known.answer else {
        return Err(conflict(format!(
            "a request with this key is being carried out, or was cut off; `GET {}` says what there is",
            path.rsplit_once('/').map_or(path, |(above, _)| above)
        )));
    };
    let Some(body) = answer.body else {
        return Err(conflict(
            "it was carried out; its answer was shown once and is not kept".into(),
        ));
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    Ok((status, headers, body).into_response())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use serde_json::json;
    use tower::ServiceExt;

    use super::super::super::routes::Doors;
    use super::*;
    use crate::clock::Clock;
    use crate::hub::Hub;
    use crate::journal::{MemoryStore, StoreError};
    use crate::reactor::{Parts, Reactor};
    use crate::rules;

    async fn app() -> Arc<App> {
        let reactor = Reactor::new(Parts {
            store: Arc::new(MemoryStore::new(Clock::system().now())),
            hub: Hub::builder().start().await.unwrap(),
            clock: Clock::system(),
            book: rules::load(&[], &json!({}), None).book.unwrap(),
            source: Box::new(|| Ok(Vec::new())),
            settle_ms: None,
        });
        App::new(reactor, Doors::new(&[], &[], "token".into()).unwrap())
    }

    /// What a wish is answered when it is sent twice, and how often it was tried.
    async fn twice(refusal: fn() -> Problem) -> (StatusCode, StatusCode, usize) {
        let (app, tried) = (app().await, Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&tried);
        let deed = post(move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            refusal()
        });
        let router: Router = Router::new()
            .route("/runs/1/retry", deed)
            .layer(from_fn_with_state(Arc::clone(&app), once))
            .with_state(app);
        let ask = || async {
            let request = Request::post("/runs/1/retry").header("idempotency-key", "k");
            let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            answer.unwrap().status()
        };
        (ask().await, ask().await, tried.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_wish_is_not_tried_again_where_nobody_knows_what_became_of_it() {
        let lost = || StoreError::Unavailable("no answer came".into()).into();
        let (unavailable, conflict) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT);
        assert_eq!(twice(lost).await, (unavailable, conflict, 1));
        let busy = || Problem::unavailable("somebody else is at it");
        assert_eq!(twice(busy).await, (unavailable, unavailable, 2));
    }
}
