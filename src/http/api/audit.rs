//! In: who, what, since when. Out: what is in the audit trail about it, newest first. Never: a change to it.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::Shared;
use super::{Params, page, since};
use crate::journal::{AuditEntry, AuditPlace, AuditQuery, AuditRecord, PAGE_MAX, RunId};

/// Who calls in a process of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Teller {
    Stdio,
    Local,
}

/// Which entries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// `reactor`, an agent's id, the name of a person.
    who: Option<String>,
    /// Exactly, or with `*` at its end the beginning of it.
    what: Option<String>,
    outcome: Option<String>,
    run: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    #[schemars(schema_with = "super::moment")]
    since: Option<String>,
    #[schemars(regex(pattern = r"^[0-9]{1,15}-[0-9]{1,18}$"))]
    cursor: Option<String>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<usize>,
}

/// What was called over `xmrt mcp` or `xmrt call`, in a process that has no journal of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Called {
    /// `stdio` for `xmrt mcp`, `local` for `xmrt call`: nobody else tells what they did.
    who: Teller,
    /// The tool, or `resources/read`, `prompts/get`.
    #[schemars(length(min = 1))]
    what: String,
    /// What came of it, in one word.
    #[schemars(length(min = 1))]
    outcome: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    arguments_sha256: Option<String>,
    /// Without what may be secret.
    #[serde(default)]
    arguments: Value,
    #[serde(default)]
    note: Option<String>,
    #[serde(default, deserialize_with = "super::whole")]
    #[schemars(range(min = 0))]
    latency_ms: Option<i64>,
    #[serde(default)]
    trace: Option<String>,
}

/// `POST /audit`: adds an entry in the name of whoever runs the program on a terminal, and in no other.
pub(super) async fn add(State(app): Shared, request: Request) -> Result<(StatusCode, Json<Value>), Problem> {
    let called: Called = super::json(request).await?;
    if called.what.is_empty() || called.outcome.is_empty() {
        return Err(Problem::bad_request("`what` and `outcome` are words"));
    }
    let latency = called.latency_ms.map(u64::try_from).transpose();
    let who = match called.who {
        Teller::Stdio => "stdio",
        Teller::Local => "local",
    };
    let entry = AuditEntry {
        who: who.into(),
        what: called.what,
        outcome: called.outcome,
        target: called.target,
        arguments_sha256: called.arguments_sha256,
        arguments: called.arguments,
        note: called.note.map(|note| crate::agents::scrubbed(&note)),
        latency_ms: latency.map_err(|_| Problem::bad_request("`latency_ms` is not negative"))?,
        trace: called.trace,
        ..AuditEntry::default()
    };
    let store = app.reactor.store();
    store.audit(vec![entry], app.reactor.clock().now()).await?;
    Ok((StatusCode::CREATED, Json(json!({ "who": who }))))
}

/// `GET /audit`
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let limit = page(filter.limit)?;
    let query = AuditQuery {
        who: filter.who,
        what: filter.what.filter(|what| what != "*"),
        outcome: filter.outcome,
        run: filter.run.map(RunId),
        since: filter.since.as_deref().map(since).transpose()?,
        before: filter.cursor.as_deref().map(cursor).transpose()?,
        limit,
    };
    let found = app.reactor.store().audited(&query).await?;
    let next = found
        .last()
        .filter(|_| found.len() == limit)
        .map(|last| last.place().to_string());
    Ok(Json(
        json!({ "audit": found.iter().map(shown).collect::<Vec<_>>(), "next_cursor": next }),
    ))
}

/// An entry, flat: what is not known of it is not there.
fn shown(record: &AuditRecord) -> Value {
    let mut shown = json!({ "seq": record.seq, "at": record.at });
    if let (Value::Object(shown), Value::Object(entry)) = (&mut shown, json!(record.entry)) {
        shown.extend(entry);
    }
    if let Some(event) = &record.entry.event {
        shown["event"] = json!(event.id);
        shown["source"] = json!(event.source);
    }
    shown
}

fn cursor(text: &str) -> Result<AuditPlace, Problem> {
    AuditPlace::parse(text).ok_or_else(|| Problem::bad_request("`cursor` is not one of an earlier page"))
}
