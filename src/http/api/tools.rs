//! The tools rules can call; those of external servers with how they stand, and their approval.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::Shared;
use crate::hub::{ErrorClass, ToolError};

/// Who approves through the API, as long as there is one token.
const ADMIN: &str = "admin";

/// How long a server that is just being started is waited for: who asks right after our own start wants to see its tools.
const STARTING_MAX: Duration = Duration::from_secs(2);

/// `GET /tools`
pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let hub = app.reactor.hub();
    hub.tried(STARTING_MAX).await;
    Json(json!({ "tools": hub.tools(), "servers": hub.status() }))
}

/// What an approval may say.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Approve {
    /// Of the contract that was looked at.
    hash: Option<String>,
}

/// `POST /tools/{tool}/approve`
pub(super) async fn approve(
    State(app): Shared,
    Path(tool): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let Approve { hash } = super::json(request).await?;
    let hub = app.reactor.hub();
    hub.approve(&tool, hash.as_deref(), ADMIN)
        .await
        .map_err(problem)?;
    tracing::info!(target: "audit", agent = ADMIN, tool, "contract approved");
    app.reactor.said(ADMIN, "tool.approve", &tool).await;
    let status = hub.status();
    let approved = status
        .iter()
        .flat_map(|server| &server.tools)
        .find(|known| known.name == tool);
    Ok(Json(json!(approved)))
}

fn problem(error: ToolError) -> Problem {
    let detail = error.to_string();
    match error.class {
        ErrorClass::NotFound => Problem::not_found(detail),
        ErrorClass::Conflict => Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "That cannot be done as things are",
            detail,
        ),
        _ => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "It cannot be kept at the moment",
            detail,
        ),
    }
}
