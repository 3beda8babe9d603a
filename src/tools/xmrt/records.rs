//! In: calls about what is on record. Out: events and runs, compact. Never: a change to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Parts;
use crate::hub::{ErrorClass, ToolError};
use crate::journal::{EventQuery, EventRecord, RunHistory, RunId, StepRecord, StoreError, Verdict};
use crate::reactor::LookupError;
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindEventsArgs {
    /// A type as in a rule's `on`, or a shorter form: github.issues.opened, github.issues, render.
    kind: Option<String>,
    /// Exactly what it is about: acme/api#42, acme/api, srv-….
    subject: Option<String>,
    /// Received at most so long ago, as in 20m.
    within: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Give the payloads too.
    #[serde(default)]
    payload: bool,
}

/// Events, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventList {
    events: Vec<EventShown>,
    /// How many there are here.
    count: u32,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventShown {
    /// The provider's delivery id.
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    /// When it happened.
    time: String,
    received_at: String,
    /// How many runs of our own led to it: 0 for an event from outside.
    depth: u32,
    /// The run of ours whose effect it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    caused_by: Option<String>,
    /// What the provider sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

/// One run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetRunArgs {
    /// 32 hexadecimal digits, as an event's verdict, the dashboard and `xmrt runs` show it.
    id: String,
}

/// A run with its steps.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunShown {
    id: String,
    rule: String,
    /// delayed, queued, running, waiting, unknown, succeeded, dead, declined, cancelled, superseded or shadowed.
    state: String,
    /// What it waits for, while it is waiting: retry, look, pending_call, approval or worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The event it belongs to.
    event_id: String,
    source: String,
    generation: u32,
    created_at: String,
    updated_at: String,
    steps: Vec<StepShown>,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepShown {
    step: String,
    /// asked (waits for an approval), intent (begun, result not known yet), pending (done and not over), failed, done,
    /// skipped, planned, listed (its items are steps of their own) or tolerated (failed, and the run went on).
    state: String,
    attempts: u32,
    /// The resolved call.
    call: Value,
    /// What the tool gave.
    result: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Who may approve of the call, until when, its hash, and what was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

pub(super) async fn find_events(ctx: Ctx<Parts>, args: FindEventsArgs) -> Result<EventList, ToolError> {
    let limit = args.limit.unwrap_or(20) as usize;
    let before = args.cursor.as_deref().map(str::parse::<u64>).transpose();
    let query = EventQuery {
        kind: args.kind,
        subject: args.subject,
        since: args
            .within
            .as_deref()
            .map(|within| span::ago("within", within, ctx.clock.now()))
            .transpose()?,
        before: before.map_err(|_| invalid("cursor", "is none that this tool gave"))?,
        limit,
    };
    let records = ctx.parts.store.events(&query).await.map_err(of_store)?;
    let cursor = records
        .last()
        .filter(|_| records.len() >= limit)
        .map(|last| last.seq.to_string());
    let events: Vec<EventShown> = records
        .into_iter()
        .map(|record| shown(record, args.payload))
        .collect();
    Ok(EventList {
        count: u32::try_from(events.len()).unwrap_or(u32::MAX),
        events,
        cursor,
    })
}

pub(super) async fn get_run(ctx: Ctx<Parts>, args: GetRunArgs) -> Result<RunShown, ToolError> {
    Ok(run_shown(history(&ctx, &RunId(args.id)).await?))
}

/// A run with all its steps.
pub(super) async fn history(ctx: &Ctx<Parts>, run: &RunId) -> Result<RunHistory, ToolError> {
    let found = ctx.parts.store.run(run).await.map_err(of_store)?;
    found.ok_or_else(|| {
        ToolError::new(ErrorClass::NotFound, format!("there is no run {run}"))
            .with_remedy("`xmrt runs` lists them; an event's verdicts name theirs")
    })
}

/// One event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetEventArgs {
    /// The provider's delivery id, also that of a dropped duplicate.
    id: String,
    /// Give the payload too.
    #[serde(default)]
    payload: bool,
}

/// An event, and what was decided about it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventWhole {
    event: EventShown,
    /// Rule by rule: every decision that is on record; a rule that merely did not match leaves none.
    decisions: Vec<DecisionShown>,
    /// How many deliveries were recognized as this one.
    duplicates_total: u64,
}

/// What was decided for a rule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DecisionShown {
    rule: String,
    /// fired, suppressed, error, …
    decision: String,
    /// 0, unless the event was replayed or the run made again.
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The run, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// The run's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

pub(super) async fn get_event(ctx: Ctx<Parts>, args: GetEventArgs) -> Result<EventWhole, ToolError> {
    let store = &ctx.parts.store;
    let found = store.event_by_id(&args.id).await.map_err(of_store)?;
    let record = found.ok_or_else(|| {
        ToolError::new(ErrorClass::NotFound, format!("there is no event {:?}", args.id))
            .with_remedy("xmrt.find_events lists those on record")
    })?;
    let verdicts = store.verdicts(&record.key).await.map_err(of_store)?;
    Ok(EventWhole {
        duplicates_total: record.duplicates_total,
        event: shown(record, args.payload),
        decisions: decisions_shown(verdicts),
    })
}

pub(super) fn decisions_shown(verdicts: Vec<Verdict>) -> Vec<DecisionShown> {
    verdicts
        .into_iter()
        .map(|verdict| DecisionShown {
            decision: word(&verdict.decision),
            rule: verdict.rule,
            generation: verdict.generation,
            reason: verdict.reason,
            run: verdict.run.map(|run| run.0),
            state: verdict.state.as_ref().map(word),
        })
        .collect()
}

pub(super) fn run_shown(RunHistory { run, steps }: RunHistory) -> RunShown {
    RunShown {
        waits_for: run.waits_for.map(|what| what.to_string()),
        id: run.id.0,
        rule: run.rule,
        state: word(&run.state),
        reason: run.reason,
        event_id: run.event.id,
        source: run.event.source,
        generation: run.generation,
        created_at: run.created_at.to_string(),
        updated_at: run.updated_at.to_string(),
        steps: steps.into_iter().map(step_shown).collect(),
    }
}

pub(super) fn shown(record: EventRecord, payload: bool) -> EventShown {
    EventShown {
        payload: payload.then(|| serde_json::from_slice(&record.body).unwrap_or(Value::Null)),
        id: record.key.id,
        source: record.key.source,
        kind: record.kind,
        subject: record.subject,
        time: record.time.to_string(),
        received_at: record.received_at.to_string(),
        depth: record.depth,
        caused_by: record.caused_by.map(|run| run.0),
    }
}

fn step_shown(step: StepRecord) -> StepShown {
    StepShown {
        step: step.step,
        state: word(&step.state),
        attempts: step.attempts,
        call: step.call,
        result: step.result,
        error: step.error,
        approval: step
            .approval
            .and_then(|approval| serde_json::to_value(approval).ok()),
        finished_at: step.finished_at.map(|at| at.to_string()),
    }
}

/// A state's name, as it is written everywhere.
pub(super) fn word(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

pub(super) fn of_lookup(error: LookupError) -> ToolError {
    match error {
        LookupError::Store(error) => of_store(error),
        LookupError::NoEvent(_) | LookupError::NoRule(..) => {
            ToolError::new(ErrorClass::NotFound, error.to_string())
        }
        LookupError::Unreadable(_) => ToolError::new(ErrorClass::Conflict, error.to_string()),
    }
}

pub(super) fn of_store(error: StoreError) -> ToolError {
    let class = match &error {
        StoreError::NotFound { .. } => ErrorClass::NotFound,
        StoreError::Unavailable(_) => ErrorClass::Unavailable,
        StoreError::Unfit { .. } => ErrorClass::Invalid,
        StoreError::Fenced { .. }
        | StoreError::WrongState { .. }
        | StoreError::MakeWay { .. }
        | StoreError::Refused(_) => ErrorClass::Conflict,
    };
    ToolError::new(class, error.to_string())
}
