//! In: questions about what waits for a person's approval, and that person's word. Out: what is on record after it. Never:
//! the call that was approved of.

use axum::Json;
use axum::extract::{Path, Request, State};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::runs::{self, cursor};
use super::{Params, WHO, page};
use crate::journal::{Approver, PAGE_MAX, RunHistory, RunId, RunQuery, WaitsFor, Word};

/// Which ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    rule: Option<String>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = r"^[0-9]{1,18}\.[0-9a-f]{32}$"))]
    cursor: Option<String>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<usize>,
}

/// What somebody says. The API has one token, so whoever holds it says who they are: it may act as anybody.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Saying {
    /// Who says it.
    #[serde(rename = "as", default = "admin")]
    who: String,
    /// The roles they have.
    #[serde(default)]
    roles: Vec<String>,
    /// Why.
    why: Option<String>,
    /// The hash of the call they saw.
    hash: Option<String>,
}

fn admin() -> String {
    "admin".into()
}

/// `GET /approvals`: the calls that wait for one, newest run first.
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let limit = page(filter.limit)?;
    let query = RunQuery {
        rule: filter.rule,
        waits_for: Some(WaitsFor::Approval),
        before: filter.cursor.as_deref().map(cursor).transpose()?,
        limit,
        ..RunQuery::default()
    };
    let store = app.reactor.store();
    let runs = store.runs(&query).await?;
    let next = runs
        .last()
        .filter(|_| runs.len() == limit)
        .map(|run| format!("{}.{}", run.seq, run.id));
    let mut approvals = Vec::new();
    for run in &runs {
        // It may have been answered since.
        let history = store.run(&run.id).await?;
        approvals.extend(history.as_ref().and_then(question));
    }
    Ok(Json(json!({ "approvals": approvals, "next_cursor": next })))
}

pub(in super::super) fn question(history: &RunHistory) -> Option<Value> {
    let (step, approval) = history.question()?;
    Some(json!({
        "run": history.run.id,
        "rule": history.run.rule,
        "event": history.run.event.id,
        "step": step.step,
        "tool": step.call["tool"],
        "arguments": step.call["arguments"],
        "shows": approval.basis["shows"],
        "pinned": approval.basis["pinned"],
        "by": approval.by,
        "reason": approval.reason,
        "asked_at": approval.asked_at,
        "expires_at": approval.expires_at,
        "hash": approval.hash,
    }))
}

/// `POST /runs/{id}/approve` with `{"as": …, "roles": […], "why": …, "hash": …}`, all optional.
pub(super) async fn approve(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    say(&app, id, true, request).await
}

/// `POST /runs/{id}/reject`, likewise.
pub(super) async fn reject(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    say(&app, id, false, request).await
}

async fn say(app: &App, id: String, approved: bool, request: Request) -> Result<Json<Value>, Problem> {
    let saying: Saying = super::json(request).await?;
    let word = Word {
        who: Approver {
            name: saying.who,
            roles: saying.roles,
            known_as: None,
            vouched_by: Some(WHO.into()),
        },
        approved,
        why: saying.why,
        hash: saying.hash,
    };
    let run = RunId(id);
    app.reactor.say(&run, word).await?;
    runs::shown(app, &run).await
}
