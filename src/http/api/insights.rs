//! `/insights`: what was measured last, and a wish to measure again. Never: a measure of its own.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::{Params, WHO};
use crate::agents::Who;
use crate::hub::{CallMeta, ErrorClass, ToolError};
use crate::insights::{self, Insight, Kind};

/// How long a measure may take: many repositories are many requests.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many weeks the charts show.
const WEEKS: u32 = 12;

/// Which measures.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    /// Only of everything, of services, or of repositories.
    kind: Option<Kind>,
    /// Only of this one: owner/name, srv-….
    of: Option<String>,
}

/// What to measure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    kind: Kind,
    /// Which one: owner/name, srv-…; nothing for everything.
    #[serde(default)]
    of: String,
}

/// `GET /insights`
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let mut found = kept(&app).await?;
    found.retain(|one| {
        filter.kind.is_none_or(|kind| kind == one.kind)
            && filter
                .of
                .as_ref()
                .is_none_or(|of| of.eq_ignore_ascii_case(&one.of))
    });
    Ok(Json(json!({ "insights": found })))
}

/// `POST /insights`
pub(super) async fn measure(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = super::json(request).await?;
    let found = measured(&app, wanted.kind, &wanted.of, WHO).await?;
    Ok(Json(json!(found)))
}

/// What was measured last of everything.
pub(in super::super) async fn kept(app: &App) -> Result<Vec<Insight>, Problem> {
    let now = app.reactor.clock().now();
    Ok(insights::all(app.reactor.store().as_ref(), now).await?)
}

/// Measures something now, in somebody's name.
pub(in super::super) async fn measured(
    app: &App,
    kind: Kind,
    of: &str,
    who: &str,
) -> Result<Insight, Problem> {
    let (tool, arguments) = match kind {
        Kind::Ecosystem if !of.is_empty() => {
            return Err(no_such("`of` is for a service or a repository"));
        }
        Kind::Ecosystem => ("xmrt.ecosystem_health", json!({})),
        Kind::Service => ("xmrt.dora_metrics", json!({ "service_id": of, "weeks": WEEKS })),
        Kind::Repository => ("xmrt.activity_insights", json!({ "repo": of, "weeks": WEEKS })),
    };
    let meta = CallMeta {
        who: Who::Operator(who.to_owned()),
        ..CallMeta::default()
    };
    let hub = app.reactor.hub();
    // What came of it the tool has kept.
    hub.call(tool, arguments, meta, PATIENCE).await.map_err(problem)?;
    let now = app.reactor.clock().now();
    let of_it = insights::one(app.reactor.store().as_ref(), kind, of, now).await?;
    of_it.ok_or_else(|| Problem::unavailable("it was measured, and is not in the journal"))
}

/// It is well said, and names nothing that there can be.
fn no_such(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unprocessable",
        "There can be no such thing to measure",
        detail,
    )
}

fn problem(error: ToolError) -> Problem {
    let detail = error.to_string();
    match error.class {
        ErrorClass::NotFound => Problem::not_found(detail),
        ErrorClass::Invalid => no_such(&detail),
        ErrorClass::Forbidden | ErrorClass::Conflict => Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "That cannot be measured as things are",
            detail,
        ),
        _ => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "It cannot be measured at the moment",
            detail,
        ),
    }
}
