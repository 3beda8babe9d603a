//! In: the question how large the journal is. Out: what takes how much of it. Never: a guess that is not called one.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::Shared;

/// `GET /journal`: its identity, its counts, its size and what takes how much of it. Reads much; not for every second.
pub(super) async fn show(State(app): Shared) -> Result<Json<Value>, Problem> {
    let store = app.reactor.store();
    Ok(Json(json!({
        "epoch": store.epoch().await?,
        "size": store.size().await?,
        "retention": app.reactor.policy(),
        "counts": store.stats().await?,
        "shares": store.shares().await?,
    })))
}
