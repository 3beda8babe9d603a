//! In: questions about events. Out: what is on record. Never: an event of its own.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::routes::Shared;
use super::super::{Problem, webhooks};
use super::{Params, WHO, page, since};
use crate::journal::{EventQuery, EventRecord, PAGE_MAX};
use crate::normalize;

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// A type, or a dotted beginning of one.
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    #[schemars(schema_with = "super::moment")]
    since: Option<String>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = r"^[0-9]{1,18}$"))]
    cursor: Option<String>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<usize>,
}

/// `GET /events`: newest first.
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let limit = page(filter.limit)?;
    let query = EventQuery {
        // As rules write it, too: `github.*` is all below `github`, `*` is everything.
        kind: filter
            .kind
            .map(|kind| kind.strip_suffix(".*").unwrap_or(&kind).to_owned())
            .filter(|kind| kind != "*"),
        subject: filter.subject,
        since: filter.since.as_deref().map(since).transpose()?,
        before: filter.cursor.as_deref().map(cursor).transpose()?,
        limit,
    };
    let events = app.reactor.store().events(&query).await?;
    let next = events
        .last()
        .filter(|_| events.len() == limit)
        .map(|event| event.seq.to_string());
    Ok(Json(
        json!({ "events": events.iter().map(outline).collect::<Vec<_>>(), "next_cursor": next }),
    ))
}

/// `GET /events/{id}`: also by the id of a dropped duplicate.
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let store = app.reactor.store();
    let event = store.event_by_id(&id).await?.ok_or_else(|| unknown(&id))?;
    let decided = webhooks::decided(&store.verdicts(&event.key).await?);
    let mut shown = outline(&event);
    shown["runs"] = decided["runs"].clone();
    shown["decisions"] = decided["decisions"].clone();
    shown["book"] = event.book.clone().into();
    shown["duplicates"] = json!(event.duplicates);
    shown["payload"] = normalize::parse(&event.body).unwrap_or_default();
    Ok(Json(shown))
}

/// `GET /events/{id}/explain`: which rules acted, were held back, or came near, and what each lacked.
pub(super) async fn explain(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(app.reactor.explain(&id, None).await?)))
}

/// `POST /events/{id}/replay`: evaluates it again with the rules in force.
pub(super) async fn replay(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let admission = app.reactor.replay(&id, WHO).await?;
    let mut told = webhooks::decided(&admission.verdicts);
    told["id"] = id.into();
    told["event"] = admission.key.id.into();
    Ok((StatusCode::ACCEPTED, Json(told)))
}

fn outline(event: &EventRecord) -> Value {
    let meta = |name: &str| event.meta.get(name).cloned().unwrap_or_default();
    json!({
        "id": event.key.id,
        "source": event.key.source,
        "type": event.kind,
        "action": meta("action"),
        "subject": event.subject,
        "actor": meta("actor"),
        "origin": meta("origin"),
        "time": event.time,
        "received_at": event.received_at,
        "depth": event.depth,
        "caused_by": event.caused_by,
        "duplicates_total": event.duplicates_total,
    })
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no event {id:?}; GET /api/v1/events lists those on record"
    ))
}

fn cursor(text: &str) -> Result<u64, Problem> {
    text.parse()
        .map_err(|_| Problem::bad_request("`cursor` is not one of an earlier page"))
}
