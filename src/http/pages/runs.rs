//! In: questions about runs, and a person's word on one. Out: the run as a trace, from its event to its last step. Never: a
//! call of a tool.

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::api::{cursor, word};
use super::super::routes::{App, Shared};
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, ROWS, conditions, to, view};
use crate::journal::{Resolution, RunHistory, RunId, RunQuery, RunRecord, RunState, StepRecord, StepState};

/// How much of a page calls and results may take, in bytes.
const JSON_BYTES_MAX: usize = 56 * 1024;
/// How much one of them may.
const ONE_BYTES_MAX: usize = 6 * 1024;
/// How many steps are shown; a list makes one for each of its items.
const STEPS_SHOWN: usize = 60;
/// The longest error, in characters.
const ERROR_CHARS_MAX: usize = 1000;

/// `GET /runs?rule=&state=&waits_for=`
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let fields = Fields::of(request.uri());
    let state = fields
        .some("state")
        .map(|state| word("state", &state))
        .transpose()?;
    let waits_for = fields
        .some("waits_for")
        .map(|what| word("waits_for", &what))
        .transpose()?;
    let before = fields.some("before").map(|place| cursor(&place)).transpose()?;
    let query = RunQuery {
        rule: fields.some("rule"),
        state,
        waits_for,
        before,
        limit: ROWS,
        event: None,
    };
    let found = app.reactor.store().runs(&query).await?;
    let next = found
        .last()
        .filter(|_| found.len() == ROWS)
        .map(|run| format!("{}.{}", run.seq, run.id));
    let book = app.reactor.book();
    let rules: Vec<&str> = book
        .rules()
        .iter()
        .map(|rule| rule.id.as_str())
        .take(200)
        .collect();
    let states: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
    let about = json!({
        "title": "Runs", "page": "runs", "runs": followed(&app, &found).await?, "next": next, "rules": rules, "states": states,
        "rule": query.rule, "state": query.state, "waits_for": query.waits_for,
        "filtered": query.rule.is_some() || query.state.is_some() || query.waits_for.is_some() || query.before.is_some(),
    });
    Ok(view::page(&app, &signed, "runs.html", about).await?)
}

pub(super) fn rows(runs: &[RunRecord]) -> Vec<Value> {
    runs.iter()
        .map(|run| {
            json!({
                "id": run.id, "rule": run.rule, "state": run.state, "waits_for": run.waits_for, "event": run.event.id,
                "reason": run.reason.as_deref().map(|reason| view::cut(reason, 240)), "generation": run.generation,
                "shadow": run.shadow, "created_at": run.created_at, "updated_at": run.updated_at, "due_at": run.due_at,
            })
        })
        .collect()
}

/// Rows, each with the run that was made in its place, if there is one.
async fn followed(app: &App, runs: &[RunRecord]) -> Result<Vec<Value>, Failed> {
    let mut rows = rows(runs);
    for (row, run) in rows.iter_mut().zip(runs) {
        row["again"] = json!(app.reactor.made_again(run).await?);
    }
    Ok(rows)
}

/// `GET /runs/{id}`
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let history = app.reactor.store().run(&RunId(id.clone())).await?;
    let history = history.ok_or_else(|| Problem::not_found(format!("there is no run {id:?} on record")))?;
    let RunHistory { run, steps } = &history;
    let event = app.reactor.store().event_by_id(&run.event.id).await?;
    let again = app.reactor.made_again(run).await?;
    let mut budget = Budget::new(JSON_BYTES_MAX);
    let shown: Vec<Value> = steps
        .iter()
        .take(STEPS_SHOWN)
        .map(|step| trace(step, &mut budget))
        .collect();
    let about = json!({
        "title": run.rule,
        "page": "runs",
        "run": rows(std::slice::from_ref(run))[0],
        "rule_version": run.version,
        "reason": run.reason.as_deref().map(|reason| view::cut(reason, ERROR_CHARS_MAX)),
        "group": run.group.as_ref().map(|place| json!({ "name": place.group.key, "stand": place.stand })),
        "worker": run.worker,
        "fence": run.fence,
        "event": event.as_ref().map(|event| super::events::rows(std::slice::from_ref(event))[0].clone()),
        "conditions": explained(&app, run).await,
        "steps": shown,
        "more_steps": steps.len().saturating_sub(STEPS_SHOWN),
        "can_retry": again.is_none() && matches!(run.state, RunState::Dead | RunState::Declined | RunState::Cancelled),
        "again": again,
        "words": app.reactor.said_of(run).await?,
        "can_cancel": !run.state.is_terminal() && run.state != RunState::Unknown,
        "can_resolve": run.state == RunState::Unknown,
    });
    Ok(view::page(&app, &signed, "run.html", about).await?)
}

/// The conditions that held when it was made. Where they cannot be computed any more the trace does without.
async fn explained(app: &App, run: &RunRecord) -> Vec<Value> {
    match app.reactor.explain(&run.event.id, Some(&run.rule)).await {
        Ok(explained) => explained
            .explanation
            .as_ref()
            .map(conditions::rows)
            .unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn trace(step: &StepRecord, budget: &mut Budget) -> Value {
    let mut part = |value: &Value| (!value.is_null()).then(|| budget.pretty(value, ONE_BYTES_MAX));
    let approval = step.approval.as_ref().map(|approval| {
        json!({
            "by": approval.by, "reason": approval.reason, "expires_at": approval.expires_at,
            "answer": approval.answer.as_ref().map(|answer| json!({
                "approved": answer.approved, "who": answer.who, "why": answer.why, "at": answer.at,
            })),
        })
    });
    let arguments = match &step.call["arguments"] {
        Value::Null => part(&step.call),
        arguments => part(arguments),
    };
    json!({
        "step": view::cut(&step.step, 200),
        "state": step.state,
        "tool": step.call["tool"],
        "arguments": arguments,
        "result": part(&step.result),
        "error": step.error.as_deref().map(|error| view::cut(error, ERROR_CHARS_MAX)),
        "attempts": step.attempts,
        "looks": step.looks,
        "approval": approval,
        "began_at": step.first_intent_at,
        "finished_at": step.finished_at,
        "is_doubt": step.state == StepState::Intent,
        "key": step.key,
    })
}

/// `POST /runs/{id}/retry`
pub(super) async fn retry(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let again = app.reactor.retry(&RunId(id), &signed.who).await?;
    Ok(to(&format!("/runs/{}?said=retried", view::segment(&again.0))))
}

/// `POST /runs/{id}/cancel`
pub(super) async fn cancel(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    app.reactor.cancel(&RunId(id.clone()), &signed.who).await?;
    Ok(to(&format!("/runs/{}?said=cancelled", view::segment(&id))))
}

/// `POST /runs/{id}/resolve` with `resolution`: `done` (and perhaps `result`, JSON), `repeat` or `give_up`.
pub(super) async fn resolve(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let resolution = match form.get("resolution") {
        "done" => Resolution::Done {
            result: match form.get("result") {
                "" => Value::Null,
                text => serde_json::from_str(text)
                    .map_err(|error| Problem::bad_request(format!("the result is not JSON: {error}")))?,
            },
        },
        "repeat" => Resolution::Repeat,
        "give_up" => Resolution::GiveUp,
        other => {
            let detail = format!("`resolution` is {other:?}; it can be `done`, `repeat` or `give_up`");
            return Err(Problem::bad_request(detail).into());
        }
    };
    app.reactor
        .resolve(&RunId(id.clone()), &signed.who, resolution)
        .await?;
    Ok(to(&format!("/runs/{}?said=resolved", view::segment(&id))))
}
