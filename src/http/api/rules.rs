//! In: questions about the rules in force, and the wish to read them anew. Out: what they are, and why one did or did
//! not fire. Never: a rule file.

use axum::Json;
use axum::extract::{Path, Request, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::routes::Shared;
use super::super::{Problem, webhooks};
use super::Params;
use crate::reactor::{ReloadError, TriggerError, Wish};
use crate::rules::render_diagnostics;

/// Names a wish, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `GET /rules`
pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let (book, rules) = app.reactor.rules_shown();
    Json(json!({ "book": book, "rules": rules }))
}

/// `GET /rules/{id}`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let shown = app.reactor.rule_shown(&id).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no rule {id:?} in force; GET /api/v1/rules lists them"
        ))
    })?;
    Ok(Json(json!(shown)))
}

/// `POST /rules/reload`: whole or not at all.
pub(super) async fn reload(State(app): Shared) -> Result<Json<Value>, Problem> {
    let diagnostics = app.reactor.reload().await.map_err(broken)?;
    let book = app.reactor.book();
    Ok(Json(
        json!({ "book": book.hash(), "rules": book.rules().len(), "diagnostics": diagnostics }),
    ))
}

fn broken(error: ReloadError) -> Problem {
    let title = "The rules in force stay as they were";
    let detail = error.to_string();
    match error {
        ReloadError::Store(error) => error.into(),
        ReloadError::Unreadable(_) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unreadable-rules",
            title,
            detail,
        ),
        ReloadError::Broken(files, diagnostics) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "broken-rules", title, detail)
                .with("diagnostics", json!(diagnostics))
                .with("text", render_diagnostics(&files, &diagnostics, false).into())
        }
    }
}

/// `POST /rules/{id}/trigger`: starts a rule that listens to `manual`. The body is its event, one JSON object, or nothing; with
/// an `Idempotency-Key` it is started once however often this is sent.
pub(super) async fn trigger(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (parts, body) = request.into_parts();
    let key = match parts.headers.get(IDEMPOTENCY_KEY) {
        None => uuid::Uuid::new_v4().to_string(),
        Some(key) => key
            .to_str()
            .map_err(|_| Problem::bad_request("`Idempotency-Key` is made of visible ASCII characters"))?
            .to_owned(),
    };
    let payload = super::bytes(&parts, body).await?;
    let wish = Wish {
        rule: id,
        payload: if payload.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            payload
        },
        who: super::WHO.into(),
        key,
    };
    let admission = app.reactor.trigger(&wish).await.map_err(refused)?;
    let told = webhooks::told(&admission.key.id, &admission);
    Ok((StatusCode::ACCEPTED, Json(told)))
}

fn refused(error: TriggerError) -> Problem {
    let detail = error.to_string();
    match error {
        TriggerError::Store(error) => error.into(),
        TriggerError::NoRule(..) => Problem::not_found(detail),
        TriggerError::Malformed(_) => Problem::bad_request(detail),
        TriggerError::NotManual(_) | TriggerError::Off(..) | TriggerError::Reused(_) => Problem::new(
            StatusCode::CONFLICT,
            "not-started",
            "The rule was not started",
            detail,
        ),
    }
}

/// Which event to explain a rule with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    event: String,
}

/// `GET /rules/{id}/explain?event=`: condition by condition, with the version of the rule that the event met.
pub(super) async fn explain(
    State(app): Shared,
    Path(id): Path<String>,
    Params(about): Params<About>,
) -> Result<Json<Value>, Problem> {
    let explained = app.reactor.explain(&about.event, Some(&id)).await?;
    Ok(Json(json!(explained)))
}
