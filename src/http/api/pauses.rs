//! In: what is to stand still or to go on. Out: what stands still now. Never: a call that is under way.

use axum::Json;
use axum::extract::{Path, Request, State};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::WHO;
use crate::reactor::PauseError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `all`, a rule, `rule:<id>`, `agent:<id>` or `group:<name>`.
    what: String,
}

/// `GET /pauses`
pub(super) async fn list(State(app): Shared) -> Result<Json<Value>, Problem> {
    shown(&app).await
}

/// `POST /pauses`
pub(super) async fn pause(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = super::json(request).await?;
    app.reactor.pause(&wanted.what, WHO).await?;
    shown(&app).await
}

/// `DELETE /pauses/{what}`
pub(super) async fn resume(State(app): Shared, Path(what): Path<String>) -> Result<Json<Value>, Problem> {
    let (what, ended) = app.reactor.resume(&what, WHO).await?;
    if !ended {
        return Err(Problem::not_found(format!(
            "{what} is not paused; GET /api/v1/pauses lists what is"
        )));
    }
    shown(&app).await
}

async fn shown(app: &App) -> Result<Json<Value>, Problem> {
    let pauses = app.reactor.pauses().await?;
    Ok(Json(json!({ "pauses": pauses })))
}

impl From<PauseError> for Problem {
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Unknown(detail) => Self::not_found(detail),
            PauseError::Store(error) => error.into(),
        }
    }
}
