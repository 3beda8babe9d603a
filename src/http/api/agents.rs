//! In: questions about agents, and wishes for their tokens. Out: who there is and what each may do; a token, once. Never: a
//! token that was made before.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use jiff::SignedDuration;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use crate::agents::{self, TOKEN_DAYS_MAX};

/// How long a token lives unless asked, in days.
const TOKEN_DAYS: i64 = 90;

/// What `POST /agents/{id}/tokens` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wish {
    /// How many days the token lives.
    #[schemars(range(min = 1, max = TOKEN_DAYS_MAX))]
    #[serde(deserialize_with = "super::whole")]
    days: Option<i64>,
}

/// `GET /agents`
pub(super) async fn list(State(app): Shared) -> Result<Json<Value>, Problem> {
    let directory = app.reactor.directory();
    let tokens = agents::list(app.reactor.store().as_ref(), None, app.reactor.clock().now()).await?;
    let present = app.reactor.board().agents().await?;
    let shown: Vec<Value> = directory
        .agents()
        .map(|agent| {
            let own = tokens.iter().filter(|token| token.agent == agent.id);
            let last_used_at = own.clone().filter_map(|token| token.last_used_at).max();
            json!({ "id": agent.id, "role": agent.role, "tokens": own.count(), "last_used_at": last_used_at })
        })
        .collect();
    // Also who has no line in `xmrt.toml`: the bearer of the admin token may work on tasks, too.
    Ok(Json(json!({ "agents": shown, "present": present })))
}

/// `GET /agents/{id}`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let directory = app.reactor.directory();
    let agent = directory.agent(&id).ok_or_else(|| unknown(&app, &id))?;
    let tokens = agents::list(app.reactor.store().as_ref(), Some(&id), app.reactor.clock().now()).await?;
    Ok(Json(
        json!({ "id": agent.id, "role": directory.role(&agent.role), "tokens": tokens }),
    ))
}

/// `POST /agents/{id}/tokens`: the only answer that ever holds the token.
pub(super) async fn issue(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Wish { days } = super::json(request).await?;
    let days = days.unwrap_or(TOKEN_DAYS);
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(Problem::bad_request(format!(
            "`days` is {days}; a token lives for 1 to {TOKEN_DAYS_MAX}"
        )));
    }
    if app.reactor.directory().agent(&id).is_none() {
        return Err(unknown(&app, &id));
    }
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    let (token, record) = agents::issue(store, &id, SignedDuration::from_hours(24 * days), now).await?;
    tracing::info!(target: "audit", agent = id, token.id = record.id, "a token was made for an agent");
    app.reactor.said(super::WHO, "agent.token", &id).await;
    let mut shown = json!(record);
    shown["token"] = token.expose_secret().into();
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `DELETE /agents/{id}/tokens/{token}`: also for an agent that is not in `xmrt.toml` any more.
pub(super) async fn revoke(
    State(app): Shared,
    Path((id, token)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    if !agents::revoke(store, &id, &token, now).await? {
        return Err(Problem::not_found(format!(
            "agent {id:?} has no token {token:?}; GET /api/v1/agents/{id} lists them"
        )));
    }
    tracing::info!(target: "audit", agent = id, token.id = token, "a token of an agent was taken back");
    app.reactor.said(super::WHO, "agent.revoke", &id).await;
    Ok(Json(json!({ "revoked": token })))
}

fn unknown(app: &App, id: &str) -> Problem {
    let directory = app.reactor.directory();
    let known: Vec<&str> = directory.agents().map(|agent| agent.id.as_str()).collect();
    let known = match known.is_empty() {
        true => "xmrt.toml had no `[[agent]]`".to_owned(),
        false => format!("there were {}", known.join(", ")),
    };
    Problem::not_found(format!(
        "there is no agent {id:?}: {known} when this was started; after a change of xmrt.toml start the server again"
    ))
}
