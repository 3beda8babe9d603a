//! In: whether we live, whether we can accept, what was counted. Out: the answers for platforms and people. Never:
//! unready for anything but durability; GitHub does not come again.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use super::Problem;
use super::routes::Shared;

/// `GET /`, where no browser asks
pub(super) async fn index() -> &'static str {
    "xmrt, the automation layer between GitHub, Render and AI agents\n\n\
     GET  /                  in a browser: the dashboard\n\
     POST /webhooks/github   GitHub's deliveries\n\
     POST /webhooks/render   Render's deliveries\n\
     GET  /healthz           the process lives\n\
     GET  /readyz            deliveries can be accepted durably\n\
     GET  /metrics           Prometheus\n\
     GET  /api/v1/events     what came in   (with the bearer token)\n\
     GET  /api/v1/runs       what was done\n\
     GET  /api/v1/rules      what is to be done\n\
     GET  /api/v1/openapi.json   all of the API\n\
     GET  /api/v1/export     all of it, as JSON Lines\n"
}

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> Response {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

/// `GET /readyz`: 200 while a delivery can be made durable; parts that do not work otherwise are in the body.
pub(super) async fn ready(State(app): Shared) -> Response {
    let health = app.reactor.health().await;
    if !health.accepting {
        return Problem::unavailable("nothing can be made durable at the moment")
            .with("degraded", json!(health.degraded))
            .into_response();
    }
    let status = if health.degraded.is_empty() {
        "ready"
    } else {
        "degraded"
    };
    Json(json!({ "status": status, "degraded": health.degraded })).into_response()
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): Shared) -> Response {
    match app.counters.text(&app.reactor).await {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        None => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-metrics",
            "There are no metrics",
            "another recorder was installed in this process",
        )
        .into_response(),
    }
}
