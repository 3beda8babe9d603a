//! `/budgets`: what is left of the providers' limits, identity by identity.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Problem, Shared};

/// `GET /budgets`
pub(super) async fn list(State(app): Shared) -> Result<Json<Value>, Problem> {
    let budgets = app
        .doors
        .budgets
        .as_ref()
        .ok_or_else(|| Problem::unavailable("this instance talks to no provider"))?;
    Ok(Json(json!({ "budgets": budgets.shown().await? })))
}
