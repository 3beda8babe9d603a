//! `/coverage`: for which times the journal is known to be whole, and closing its gaps at a person's word.

use axum::Json;
use axum::extract::{Request, State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Problem, Shared};
use crate::journal::{self, Coverage};
use crate::reactor::{Ask, RecoverError};

/// `GET /coverage`: source by source.
pub(super) async fn show(State(app): Shared) -> Result<Json<Value>, Problem> {
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    let sources = journal::all_coverage(store, now).await?;
    let pass = journal::coverage_pass(store, now).await?;
    let epoch = store.epoch().await?;
    Ok(Json(json!({
        "journal_since": epoch.created_at,
        "compared_at": pass.as_ref().map(|pass| pass.at),
        "next_at": pass.as_ref().map(|pass| pass.next_at),
        "unwatched": pass.map(|pass| pass.unwatched).unwrap_or_default(),
        "sources": sources.iter().map(outline).collect::<Vec<_>>(),
    })))
}

fn outline(coverage: &Coverage) -> Value {
    let mut shown = json!(coverage.state);
    shown["source"] = coverage.source.clone().into();
    shown["checked_at"] = json!(coverage.checked_at);
    shown["verified_until"] = json!(coverage.until());
    shown["found"] = json!(coverage.total());
    shown["ranges"] = coverage
        .ranges
        .iter()
        .map(|range| {
            let mut shown = json!(range);
            shown["whole"] = range.found.is_whole().into();
            shown
        })
        .collect();
    shown["backlog"] = coverage
        .backlog
        .iter()
        .map(|left| json!({ "from": left.from, "until": left.until }))
        .collect();
    shown["unreachable"] = json!(coverage.unreachable);
    shown
}

/// The greatest age that can be asked for, in milliseconds: ten years.
const AGE_MS_MAX: i64 = 3_653 * 86_400_000;

/// What a person asks for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Compare again from here on.
    #[serde(default)]
    #[schemars(schema_with = "super::moment_or_null")]
    since: Option<Timestamp>,
    /// How old an event may be for a rule that says nothing itself, in milliseconds.
    #[schemars(range(min = 0, max = AGE_MS_MAX))]
    #[serde(default, deserialize_with = "super::whole")]
    max_age_ms: Option<i64>,
}

/// `POST /coverage/recover`: compares now; with `since` also what is older than the journal is admitted.
pub(super) async fn recover(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = super::json(request).await?;
    if wanted
        .max_age_ms
        .is_some_and(|age| !(0..=AGE_MS_MAX).contains(&age))
    {
        return Err(Problem::bad_request(format!(
            "`max_age_ms` is a number of milliseconds, 0 to {AGE_MS_MAX}"
        )));
    }
    let recovery = app
        .doors
        .recovery
        .as_ref()
        .ok_or_else(|| Problem::unavailable("this instance has nothing to compare with"))?;
    let ask = Ask {
        since: wanted.since,
        max_age_ms: wanted.max_age_ms,
    };
    let recovered = recovery.recover(ask).await.map_err(|error| match error {
        RecoverError::Busy => Problem::unavailable(error.to_string()),
        RecoverError::Store(error) => error.into(),
    })?;
    tracing::info!(
        since = wanted.since.map(tracing::field::display),
        recovered = recovered.found.recovered,
        "gaps were looked for at a person's word"
    );
    Ok(Json(json!(recovered)))
}
