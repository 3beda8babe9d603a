//! In: rows. Out: records, and back. Never: a decision.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use crate::clock::from_millis;
use crate::journal::{
    AuditRecord, Duplicate, EventKey, EventRecord, Group, GroupPlace, RunHistory, RunId, RunRecord, RunState,
    Stand, StepKey, StepRecord, StepState, Verdict, WaitsFor,
};
use crate::store::packing;

fn unpack(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<u8>> {
    packing::unpack(row.get_ref(column)?.as_blob()?).map_err(|error| bad(column, error))
}

fn unpack_json(row: &Row<'_>, column: &str) -> rusqlite::Result<Value> {
    packing::unpack_json(row.get_ref(column)?.as_blob()?).map_err(|error| bad(column, error))
}

/// An entry of the audit trail: its place, its time, and itself.
pub(super) fn audit_record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let column = "body_packed";
    let entry = serde_json::from_value(unpack_json(row, column)?).map_err(|error| bad(column, error))?;
    Ok(AuditRecord {
        seq: row.get::<_, i64>("seq")? as u64,
        at: from_millis(row.get("at")?),
        entry,
    })
}

fn bad(column: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    tracing::error!(column, "a row of the journal cannot be read");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error.into())
}

/// Whether a row was found and could not be understood, or is not where another one points: nothing that passes.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | QueryReturnedNoRows
    )
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Ok(from_millis(row.get(column)?))
}

fn time_maybe(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_millis))
}

fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    parse(word).ok_or_else(|| bad(column, format!("unknown word {word:?}")))
}

fn word_maybe<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => word(row, column, parse).map(Some),
    }
}

/// What [`event`] reads; `WHERE` and so on follow.
pub(super) const EVENT: &str = "SELECT events.*, ifnull(total, 0) AS total, ifnull(kept, '[]') AS kept
    FROM events LEFT JOIN arrivals ON arrivals.seq = events.seq ";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    let kept = row.get_ref("kept")?.as_str()?;
    let duplicates: Vec<Duplicate> = serde_json::from_str(kept).map_err(|error| bad("kept", error))?;
    Ok(EventRecord {
        key: EventKey {
            source: row.get("source")?,
            id: row.get("id")?,
        },
        seq: row.get::<_, i64>("seq")? as u64,
        kind: row.get("kind")?,
        subject: row.get("subject")?,
        time: time(row, "time")?,
        received_at: time(row, "received")?,
        meta: unpack_json(row, "meta_packed")?,
        body: Bytes::from(unpack(row, "body_packed")?),
        book: row.get("book")?,
        depth: row.get("depth")?,
        caused_by: row.get::<_, Option<String>>("caused_by")?.map(RunId),
        duplicates,
        duplicates_total: row.get::<_, i64>("total")? as u64,
    })
}

pub(super) fn event_by_seq(conn: &Connection, seq: u64) -> rusqlite::Result<EventRecord> {
    conn.prepare_cached(&format!("{EVENT} WHERE events.seq = ?1"))?
        .query_row([seq as i64], event)
}

/// The place of the event that a name leads to.
pub(super) fn seq_of(conn: &Connection, key: &EventKey) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached("SELECT seq FROM names WHERE source = ?1 AND id = ?2 AND until IS NULL")?
        .query_row((&key.source, &key.id), |row| row.get::<_, i64>(0))
        .map(|seq| seq as u64)
        .optional()
}

/// What [`run`] reads; `WHERE` and so on follow.
pub(super) const RUN: &str = "SELECT runs.*, events.source AS event_source, events.id AS event_id
    FROM runs JOIN events ON events.seq = runs.event ";

pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        id: RunId(row.get("id")?),
        seq: row.get::<_, i64>("seq")? as u64,
        event: EventKey {
            source: row.get("event_source")?,
            id: row.get("event_id")?,
        },
        rule: row.get("rule")?,
        version: row.get("version")?,
        generation: row.get("generation")?,
        state: word(row, "state", RunState::parse)?,
        waits_for: word_maybe(row, "waits_for", WaitsFor::parse)?,
        reason: row.get("reason")?,
        shadow: row.get("shadow")?,
        group: group(row)?,
        pinned: unpack_json(row, "pinned_packed")?,
        depth: row.get("depth")?,
        fence: row.get::<_, i64>("fence")? as u64,
        stalls: row.get("stalls")?,
        worker: row.get("worker")?,
        due_at: time_maybe(row, "due")?,
        created_at: time(row, "created")?,
        updated_at: time(row, "updated")?,
    })
}

fn group(row: &Row<'_>) -> rusqlite::Result<Option<GroupPlace>> {
    let Some(key) = row.get("groupname")? else {
        return Ok(None);
    };
    let stand = match row.get_ref("stand")? {
        rusqlite::types::ValueRef::Null => Stand::Apart,
        _ => word(row, "stand", Stand::parse)?,
    };
    Ok(Some(GroupPlace {
        group: Group {
            key,
            cancel_in_progress: row.get("cancels")?,
            latest: row.get("latest")?,
        },
        stand,
        behind: row.get::<_, Option<String>>("behind")?.map(RunId),
        makes_way: row.get::<_, Option<String>>("makes_way")?.map(RunId),
    }))
}

fn step(row: &Row<'_>) -> rusqlite::Result<StepRecord> {
    Ok(StepRecord {
        step: row.get("step")?,
        index: row.get("place")?,
        key: StepKey(row.get("key")?),
        state: word(row, "state", StepState::parse)?,
        writes: row.get("writes")?,
        call: unpack_json(row, "call_packed")?,
        result: unpack_json(row, "result_packed")?,
        cursor: unpack_json(row, "cursor_packed")?,
        approval: match row.get::<_, Option<String>>("approval")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|error| bad("approval", error))?),
            None => None,
        },
        error: row.get("error")?,
        attempts: row.get("attempts")?,
        looks: row.get("looks")?,
        first_intent_at: time(row, "first_intent")?,
        intent_at: time(row, "intent")?,
        finished_at: time_maybe(row, "finished")?,
    })
}

/// A run with its steps.
pub(super) fn history(conn: &Connection, id: &RunId) -> rusqlite::Result<Option<RunHistory>> {
    let found = conn
        .prepare_cached(&format!("{RUN} WHERE runs.id = ?1"))?
        .query_row([&id.0], run)
        .optional()?;
    let Some(run) = found else {
        return Ok(None);
    };
    let steps = conn
        .prepare_cached("SELECT * FROM steps WHERE run = ?1 ORDER BY place, nth")?
        .query_map([&id.0], step)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(RunHistory { run, steps }))
}

/// An event's verdicts with the present states of their runs.
pub(super) fn verdicts(conn: &Connection, seq: u64) -> rusqlite::Result<Vec<Verdict>> {
    conn.prepare_cached(
        "SELECT verdicts.*, runs.state AS state FROM verdicts LEFT JOIN runs ON runs.id = verdicts.run
         WHERE verdicts.seq = ?1 ORDER BY place",
    )?
    .query_map([seq as i64], |row| {
        Ok(Verdict {
            rule: row.get("rule")?,
            version: row.get("version")?,
            generation: row.get("generation")?,
            decision: word(row, "decision", crate::journal::Decision::parse)?,
            run: row.get::<_, Option<String>>("run")?.map(RunId),
            state: word_maybe(row, "state", RunState::parse)?,
            reason: row.get("reason")?,
        })
    })?
    .collect()
}
