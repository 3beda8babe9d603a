//! In: who, what, outcome, run. Out: what is in the audit trail about it, newest first. Never: a change to it.

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::Shared;
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, ROWS, view};
use crate::accounts::Accounts;
use crate::agents::REACTOR;
use crate::journal::{AuditPlace, AuditQuery, AuditRecord, RunId};

/// How much of a page arguments may take, in bytes.
const JSON_BYTES_MAX: usize = 36 * 1024;
/// How much those of one entry may.
const ONE_BYTES_MAX: usize = 2 * 1024;
/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 240;
/// The outcomes that are offered; others are found by typing them.
const OUTCOMES: [&str; 9] = [
    "done",
    "approved",
    "rejected",
    "refused",
    "forbidden",
    "not_found",
    "conflict",
    "unavailable",
    "unknown_effect",
];

/// `GET /audit?who=&what=&outcome=&run=`
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let fields = Fields::of(request.uri());
    let before = fields.some("before").map(|text| place(&text)).transpose()?;
    let query = AuditQuery {
        who: fields.some("who"),
        what: fields.some("what").filter(|what| what != "*"),
        outcome: fields.some("outcome"),
        run: fields.some("run").map(RunId),
        since: None,
        before,
        limit: ROWS,
    };
    let found = app.reactor.store().audited(&query).await?;
    let next = found
        .last()
        .filter(|_| found.len() == ROWS)
        .map(|last| last.place().to_string());
    let directory = app.reactor.directory();
    let agents = directory.agents().map(|agent| agent.id.as_str());
    let people = app.doors.accounts.as_ref().map(Accounts::people);
    let people = people.iter().flat_map(|people| people.names());
    let known: Vec<String> = agents
        .chain([REACTOR, super::WHO, super::super::api::WHO])
        .map(str::to_owned)
        .chain(people)
        .collect();
    let about = json!({
        "title": "Audit", "page": "audit", "entries": rows(&found, &mut Budget::new(JSON_BYTES_MAX)), "next": next,
        "known": known, "outcomes": OUTCOMES,
        "who_asked": query.who, "what": query.what, "outcome": query.outcome, "run": query.run,
        "filtered": query.who.is_some() || query.what.is_some() || query.outcome.is_some() || query.run.is_some() || before.is_some(),
    });
    Ok(view::page(&app, &signed, "audit.html", about).await?)
}

/// Entries as a page shows them.
pub(super) fn rows(found: &[AuditRecord], budget: &mut Budget) -> Vec<Value> {
    found
        .iter()
        .map(|record| {
            let entry = &record.entry;
            let arguments =
                (!entry.arguments.is_null()).then(|| budget.pretty(&entry.arguments, ONE_BYTES_MAX));
            json!({
                "seq": record.seq, "at": record.at, "who": entry.who, "what": entry.what, "outcome": entry.outcome,
                "target": entry.target, "run": entry.run, "rule": entry.rule, "approved_by": entry.approved_by,
                "event": entry.event.as_ref().map(|event| &event.id), "latency_ms": entry.latency_ms, "trace": entry.trace,
                "note": entry.note.as_deref().map(|note| view::cut(note, NOTE_CHARS_MAX)),
                "arguments": arguments, "hash": entry.arguments_sha256,
            })
        })
        .collect()
}

fn place(text: &str) -> Result<AuditPlace, Problem> {
    AuditPlace::parse(text).ok_or_else(|| Problem::bad_request("`before` is not one of an earlier page"))
}
