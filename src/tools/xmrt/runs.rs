//! In: questions about runs, and a word on one, or on an event. Out: what is on record after it. Never: what the role of the
//! agent who says it forbids.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Parts;
use super::records::{
    DecisionShown, RunShown, decisions_shown, history, of_lookup, of_store, run_shown, word,
};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::journal::{Resolution, RunId, RunQuery, RunRecord, RunState};
use crate::reactor::{LookupError, ReachError};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// The most runs of one event that are looked through for what came of a replay.
const RUNS_OF_EVENT_MAX: usize = 500;

/// Which runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRunsArgs {
    /// Of this rule.
    rule: Option<String>,
    /// In this state: delayed, queued, running, waiting, unknown, succeeded, dead, declined, cancelled, superseded, shadowed.
    state: Option<String>,
    /// Waiting for this: retry, look, pending_call, approval, group, pause or worker.
    waits_for: Option<String>,
    /// Of this event, by its delivery id.
    event: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Runs, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunList {
    runs: Vec<RunOutline>,
    /// How many there are here.
    count: u32,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A run without its steps.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunOutline {
    id: String,
    rule: String,
    state: String,
    /// What it waits for, while it is waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The event it belongs to.
    event_id: String,
    /// 0, unless it was replayed or run again.
    generation: u32,
    created_at: String,
    updated_at: String,
}

impl RunOutline {
    fn of(run: RunRecord) -> Self {
        Self {
            id: run.id.0,
            rule: run.rule,
            state: word(&run.state),
            waits_for: run.waits_for.map(|what| what.to_string()),
            reason: run.reason,
            event_id: run.event.id,
            generation: run.generation,
            created_at: run.created_at.to_string(),
            updated_at: run.updated_at.to_string(),
        }
    }
}

/// One of the words an argument may be.
fn one_of<T: DeserializeOwned>(argument: &str, said: Option<String>) -> Result<Option<T>, ToolError> {
    said.map(|said| {
        serde_json::from_value(Value::String(said.clone())).map_err(|_| {
            invalid(argument, format!("knows no \"{said}\""))
                .with_remedy("the argument's description names them all")
        })
    })
    .transpose()
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListRunsArgs) -> Result<RunList, ToolError> {
    let store = &ctx.parts.store;
    let limit = args.limit.unwrap_or(20) as usize;
    let cursor = |text: &String| {
        let (seq, id) = text.split_once('.')?;
        Some((seq.parse().ok()?, RunId(id.to_owned())))
    };
    let before = match &args.cursor {
        None => None,
        Some(text) => Some(cursor(text).ok_or_else(|| invalid("cursor", "is none that this tool gave"))?),
    };
    let event = match &args.event {
        None => None,
        Some(id) => {
            let found = store.event_by_id(id).await.map_err(of_store)?;
            let none = || ToolError::new(ErrorClass::NotFound, format!("there is no event {id:?}"));
            Some(found.ok_or_else(none)?.key)
        }
    };
    let query = RunQuery {
        rule: args.rule,
        state: one_of("state", args.state)?,
        waits_for: one_of("waits_for", args.waits_for)?,
        event,
        before,
        limit,
    };
    let found = store.runs(&query).await.map_err(of_store)?;
    let cursor = found
        .last()
        .filter(|_| found.len() >= limit)
        .map(|run| format!("{}.{}", run.seq, run.id));
    let runs: Vec<RunOutline> = found.into_iter().map(RunOutline::of).collect();
    Ok(RunList {
        count: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        runs,
        cursor,
    })
}

/// Which run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveArgs {
    /// The run: 32 hexadecimal digits.
    id: String,
}

/// A word on a run whose call's effect is unknown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveArgs {
    /// The run: 32 hexadecimal digits.
    id: String,
    /// What became of the call.
    resolution: Settled,
    /// With done: the call's result, as the steps after it see it; null without one.
    #[serde(default)]
    result: Option<Value>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It had its effect.
    Done,
    /// It had none: it is made again.
    Repeat,
    /// The run ends dead.
    GiveUp,
}

/// Which event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayArgs {
    /// The provider's delivery id.
    id: String,
}

/// What came of a replay.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Replayed {
    /// The event.
    id: String,
    /// What the rules decided this time; none when no rule fires.
    decisions: Vec<DecisionShown>,
}

fn beyond(error: ReachError) -> ToolError {
    let message = error.to_string();
    match error {
        ReachError::Beyond { .. } => ToolError::new(ErrorClass::Forbidden, message)
            .with_remedy("a person can do it: `xmrt runs`, `xmrt events` or the dashboard"),
        ReachError::Unreadable(_) => ToolError::new(ErrorClass::Conflict, message),
        ReachError::Lookup(error) => of_lookup(error),
        ReachError::Store(error) => of_store(error),
    }
}

/// A call of our own API that says the same, for a dry run.
fn would(path: String, body: Option<Value>) -> Effect<RunShown> {
    Effect::WouldSend(vec![Request {
        method: "POST",
        path,
        body,
    }])
}

pub(super) async fn retry(ctx: Ctx<Parts>, args: MoveArgs) -> Result<Effect<RunShown>, ToolError> {
    let (reactor, run) = (ctx.parts.reactor()?, RunId(args.id));
    reactor.may_move(&ctx.who, &run).await.map_err(beyond)?;
    if ctx.dry_run {
        return Ok(would(format!("/api/v1/runs/{run}/retry"), None));
    }
    let again = reactor
        .retry(&run, &ctx.who.to_string())
        .await
        .map_err(of_store)?;
    Ok(Effect::Done(run_shown(history(&ctx, &again).await?)))
}

/// Only the newest run of an event and a rule is run again, so a newer one is the effect.
pub(super) async fn look_retried(ctx: Ctx<Parts>, args: MoveArgs) -> Result<Look<RunShown>, ToolError> {
    let old = history(&ctx, &RunId(args.id)).await?.run;
    let query = RunQuery {
        rule: Some(old.rule.clone()),
        event: Some(old.event.clone()),
        limit: RUNS_OF_EVENT_MAX,
        ..RunQuery::default()
    };
    let runs = ctx.parts.store.runs(&query).await.map_err(of_store)?;
    let newer = runs
        .into_iter()
        .filter(|run| run.generation > old.generation)
        .max_by_key(|run| run.generation);
    Ok(match newer {
        Some(run) => Look::Found(run_shown(history(&ctx, &run.id).await?)),
        None => Look::Absent,
    })
}

pub(super) async fn cancel(ctx: Ctx<Parts>, args: MoveArgs) -> Result<Effect<RunShown>, ToolError> {
    let (reactor, run) = (ctx.parts.reactor()?, RunId(args.id));
    reactor.may_move(&ctx.who, &run).await.map_err(beyond)?;
    if ctx.dry_run {
        return Ok(would(format!("/api/v1/runs/{run}/cancel"), None));
    }
    reactor
        .cancel(&run, &ctx.who.to_string())
        .await
        .map_err(of_store)?;
    Ok(Effect::Done(run_shown(history(&ctx, &run).await?)))
}

pub(super) async fn look_cancelled(ctx: Ctx<Parts>, args: MoveArgs) -> Result<Look<RunShown>, ToolError> {
    let history = history(&ctx, &RunId(args.id)).await?;
    Ok(match history.run.state {
        RunState::Cancelled => Look::Found(run_shown(history)),
        _ => Look::Absent,
    })
}

pub(super) async fn resolve(ctx: Ctx<Parts>, args: ResolveArgs) -> Result<Effect<RunShown>, ToolError> {
    let (reactor, run) = (ctx.parts.reactor()?, RunId(args.id));
    if args.resolution != Settled::Done && args.result.is_some() {
        return Err(invalid("result", "belongs to the resolution done alone"));
    }
    reactor.may_move(&ctx.who, &run).await.map_err(beyond)?;
    if ctx.dry_run {
        let mut body = json!({ "resolution": args.resolution });
        if let Some(result) = args.result {
            body["result"] = result;
        }
        return Ok(would(format!("/api/v1/runs/{run}/resolve"), Some(body)));
    }
    let resolution = match args.resolution {
        Settled::Done => Resolution::Done {
            result: args.result.unwrap_or_default(),
        },
        Settled::Repeat => Resolution::Repeat,
        Settled::GiveUp => Resolution::GiveUp,
    };
    reactor
        .resolve(&run, &ctx.who.to_string(), resolution)
        .await
        .map_err(of_store)?;
    Ok(Effect::Done(run_shown(history(&ctx, &run).await?)))
}

/// It was unknown when the word was said, or the word was refused.
pub(super) async fn look_resolved(ctx: Ctx<Parts>, args: ResolveArgs) -> Result<Look<RunShown>, ToolError> {
    let history = history(&ctx, &RunId(args.id)).await?;
    Ok(match history.run.state {
        RunState::Unknown => Look::Absent,
        _ => Look::Found(run_shown(history)),
    })
}

pub(super) async fn replay(ctx: Ctx<Parts>, args: ReplayArgs) -> Result<Effect<Replayed>, ToolError> {
    let reactor = ctx.parts.reactor()?;
    reactor.may_replay(&ctx.who, &args.id).await.map_err(beyond)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![Request {
            method: "POST",
            path: format!("/api/v1/events/{}/replay", args.id),
            body: None,
        }]));
    }
    let admission = reactor
        .replay(&args.id, &ctx.who.to_string())
        .await
        .map_err(of_lookup)?;
    Ok(Effect::Done(Replayed {
        id: admission.key.id,
        decisions: decisions_shown(admission.verdicts),
    }))
}

/// What was decided about the event since: a replay in which no rule fires leaves nothing, and is made again without harm.
pub(super) async fn look_replayed(ctx: Ctx<Parts>, args: ReplayArgs) -> Result<Look<Replayed>, ToolError> {
    let store = &ctx.parts.store;
    let event = store.event_by_id(&args.id).await.map_err(of_store)?;
    let event = event.ok_or_else(|| of_lookup(LookupError::NoEvent(args.id.clone())))?;
    let query = RunQuery {
        event: Some(event.key.clone()),
        limit: RUNS_OF_EVENT_MAX,
        ..RunQuery::default()
    };
    let runs = store.runs(&query).await.map_err(of_store)?;
    let fresh = |id: &RunId| {
        runs.iter()
            .any(|run| run.id == *id && run.generation > 0 && run.created_at >= ctx.since)
    };
    let mut verdicts = store.verdicts(&event.key).await.map_err(of_store)?;
    verdicts.retain(|verdict| verdict.run.as_ref().is_some_and(&fresh));
    if verdicts.is_empty() {
        return Ok(Look::Absent);
    }
    Ok(Look::Found(Replayed {
        id: event.key.id,
        decisions: decisions_shown(verdicts),
    }))
}
