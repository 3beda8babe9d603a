//! In: questions about the rules in force, and the wish to read them anew. Out: what they are, and why one did or did
//! not fire. Never: a rule file.

use axum::Json;
use axum::extract::{Path, Request, State};
use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::routes::Shared;
use super::super::{Problem, webhooks};
use super::Params;
use crate::clock::after;
use crate::hub::nearest;
use crate::reactor::{ReloadError, TriggerError, Wish};
use crate::rules::{NOT_SIMULATED, SourceFile, duration_ms, render_diagnostics};

/// How far a backtest looks back.
pub(in super::super) const SINCE: &str = "14d";

/// On how many events rules are tried.
pub(in super::super) const EVENTS_MAX: usize = 20_000;

/// `GET /rules`
pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let (book, rules) = app.reactor.rules_shown();
    Json(json!({ "book": book, "rules": rules }))
}

/// `GET /rules/{id}`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let shown = app.reactor.rule_shown(&id).ok_or_else(|| {
        let book = app.reactor.book();
        let near = nearest(&id, book.rules().iter().map(|rule| rule.id.as_str()));
        let hint = near.map_or("GET /api/v1/rules lists them".to_owned(), |near| {
            format!("did you mean {near:?}?")
        });
        Problem::not_found(format!("there is no rule {id:?} in force; {hint}"))
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

/// Rule files, as somebody would change them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    files: Vec<ChangedFile>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedFile {
    /// Its name says which rule it is: `triage.toml`.
    path: String,
    text: String,
}

/// The same, and how far to look back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    files: Vec<ChangedFile>,
    /// A duration such as `12h` or `14d`.
    #[schemars(regex(pattern = r"^([0-9]{1,3}(s|m|h|d)){1,4}$"))]
    since: Option<String>,
}

fn sources(files: Vec<ChangedFile>) -> Vec<SourceFile> {
    let source = |file: ChangedFile| SourceFile {
        path: file.path,
        text: file.text,
        unreadable: None,
    };
    files.into_iter().map(source).collect()
}

/// `POST /rules/check` with `{"files": [{"path", "text"}]}`: what is wrong with the rules in force once these are in their place.
pub(super) async fn check(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let changed: Changed = super::json(request).await?;
    let checked = app.reactor.check(sources(changed.files)).await;
    let errors = checked
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .count();
    Ok(Json(json!({
        "errors": errors,
        "warnings": checked.diagnostics.len() - errors,
        "diagnostics": checked.diagnostics,
        "text": render_diagnostics(&checked.files, &checked.diagnostics, false),
    })))
}

/// `POST /rules/backtest`, with `"since": "14d"` if it is to be another time than that: on which events on record these rules would
/// have acted otherwise. Of more than 20,000 the newest are taken.
pub(super) async fn backtest(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let past: Past = super::json(request).await?;
    let since = past.since.as_deref().unwrap_or(SINCE);
    let length = duration_ms(since).map_err(|why| Problem::bad_request(format!("`since`: {why}")))?;
    let checked = app.reactor.check(sources(past.files)).await;
    let Some(candidate) = checked.book else {
        return Err(broken(ReloadError::Broken(checked.files, checked.diagnostics)));
    };
    let since = after(app.reactor.clock().now(), -length);
    let backtest = app.reactor.backtest(candidate, since, EVENTS_MAX).await?;
    Ok(Json(json!({
        "events": { "count": backtest.events, "first": backtest.first, "last": backtest.last,
            "unreadable": backtest.unreadable, "more": backtest.more },
        "rules": backtest.comparison.rules,
        "gained": backtest.comparison.gained(),
        "lost": backtest.comparison.lost(),
        "not_simulated": NOT_SIMULATED,
        "diagnostics": checked.diagnostics,
    })))
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
    let key = super::idempotency_key(&parts.headers)?.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
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
#[derive(Debug, Deserialize, JsonSchema)]
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
