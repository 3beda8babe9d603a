//! In: questions about runs, and a person's word on one. Out: what is on record after it. Never: a call of a tool.

use axum::Json;
use axum::extract::{Path, Request, State};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::{Params, WHO, page, word};
use crate::journal::{
    GroupPlace, PAGE_MAX, Resolution, RunHistory, RunId, RunQuery, RunRecord, RunState, StepRecord, WaitsFor,
};

/// Which runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    rule: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "states")]
    state: Option<String>,
    /// What waiting runs wait for: `retry`, `look`, `pending_call`, `approval`, `group`, `pause`, `worker`.
    #[serde(default)]
    #[schemars(schema_with = "waits")]
    waits_for: Option<String>,
    /// The provider's delivery id.
    event: Option<String>,
    /// Of those that ended without success only those that were made again since, or only those that were not. A page is shorter
    /// by those that are left out.
    made_again: Option<bool>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = r"^[0-9]{1,18}\.[0-9a-f]{32}$"))]
    cursor: Option<String>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<usize>,
}

fn states(_: &mut SchemaGenerator) -> Schema {
    let states: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
    json_schema!({ "type": "string", "enum": states })
}

fn waits(_: &mut SchemaGenerator) -> Schema {
    let waits: Vec<&str> = WaitsFor::ALL.iter().map(|waits| waits.as_str()).collect();
    json_schema!({ "type": "string", "enum": waits, "description": "What waiting runs wait for" })
}

/// `GET /runs`: newest first.
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let limit = page(filter.limit)?;
    let before = filter.cursor.as_deref().map(cursor).transpose()?;
    let store = app.reactor.store();
    let event = match &filter.event {
        None => None,
        Some(id) => match store.event_by_id(id).await? {
            Some(event) => Some(event.key),
            None => return Ok(Json(json!({ "runs": [], "next_cursor": null }))),
        },
    };
    let query = RunQuery {
        rule: filter.rule,
        state: filter
            .state
            .as_deref()
            .map(|state| word("state", state))
            .transpose()?,
        waits_for: filter
            .waits_for
            .as_deref()
            .map(|what| word("waits_for", what))
            .transpose()?,
        event,
        before,
        limit,
    };
    let runs = store.runs(&query).await?;
    let next = runs
        .last()
        .filter(|_| runs.len() == limit)
        .map(|run| format!("{}.{}", run.seq, run.id));
    let mut shown = Vec::new();
    for run in &runs {
        let fits = match filter.made_again {
            None => true,
            Some(made) => app.reactor.made_again(run).await?.is_some() == made,
        };
        shown.extend(fits.then(|| outline(run)));
    }
    Ok(Json(json!({ "runs": shown, "next_cursor": next })))
}

/// `GET /runs/{id}`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&app, &RunId(id)).await
}

/// `POST /runs/{id}/retry`: runs it again, reusing the results it has. Shows the new run.
pub(super) async fn retry(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let again = app.reactor.retry(&RunId(id), WHO).await?;
    shown(&app, &again).await
}

/// `POST /runs/{id}/cancel`
pub(super) async fn cancel(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let run = RunId(id);
    app.reactor.cancel(&run, WHO).await?;
    shown(&app, &run).await
}

/// A person's word on a step whose effect is unknown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "resolution", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Word {
    Done {
        #[serde(default)]
        result: Value,
    },
    // With braces, so that fields that do not belong here are refused.
    Repeat {},
    GiveUp {},
}

/// `POST /runs/{id}/resolve` with `{"resolution": "done", "result": …}`, `repeat` or `give_up`.
pub(super) async fn resolve(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let resolution = match super::json(request).await? {
        Word::Done { result } => Resolution::Done { result },
        Word::Repeat {} => Resolution::Repeat,
        Word::GiveUp {} => Resolution::GiveUp,
    };
    let run = RunId(id);
    app.reactor.resolve(&run, WHO, resolution).await?;
    shown(&app, &run).await
}

pub(super) async fn shown(app: &App, id: &RunId) -> Result<Json<Value>, Problem> {
    let RunHistory { run, steps } = app.reactor.store().run(id).await?.ok_or_else(|| {
        Problem::not_found(format!(
            "there is no run {:?} on record; `xmrt runs` lists those there are",
            id.0
        ))
    })?;
    let mut shown = outline(&run);
    shown["made_again"] = json!(app.reactor.made_again(&run).await?);
    shown["said"] = json!(app.reactor.said_of(&run).await?);
    shown["steps"] = steps.iter().map(step).collect();
    Ok(Json(shown))
}

fn outline(run: &RunRecord) -> Value {
    json!({
        "id": run.id,
        "rule": run.rule,
        "version": run.version,
        "state": run.state,
        "waits_for": run.waits_for,
        "reason": run.reason,
        "group": run.group.as_ref().map(group),
        "event": run.event.id,
        "source": run.event.source,
        "generation": run.generation,
        "fence": run.fence,
        "shadow": run.shadow,
        "depth": run.depth,
        "worker": run.worker,
        "due_at": run.due_at,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
    })
}

fn group(place: &GroupPlace) -> Value {
    json!({
        "name": place.group.key,
        "stand": place.stand,
        "behind": place.behind,
        "makes_way_for": place.makes_way,
    })
}

fn step(step: &StepRecord) -> Value {
    json!({
        "step": step.step,
        "index": step.index,
        "key": step.key,
        "state": step.state,
        "writes": step.writes,
        "call": step.call,
        "result": step.result,
        "error": step.error,
        "attempts": step.attempts,
        "looks": step.looks,
        "cursor": step.cursor,
        "approval": step.approval,
        "intent_at": step.intent_at,
        "finished_at": step.finished_at,
    })
}

pub(in super::super) fn cursor(text: &str) -> Result<(u64, RunId), Problem> {
    text.split_once('.')
        .filter(|(_, run)| run.len() == 32 && run.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|(seq, run)| Some((seq.parse().ok()?, RunId(run.into()))))
        .ok_or_else(|| Problem::bad_request("`cursor` is not one of an earlier page"))
}
