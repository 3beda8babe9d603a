//! In: what somebody did. Out: that, on record, in order. Never: an entry that is changed.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::rows;
use super::writer::{Fault, Tx};
use crate::clock::after;
use crate::journal::{AUDIT_PRUNE_MAX, AuditEntry, AuditQuery, AuditRecord};
use crate::store::packing;

impl Tx<'_> {
    pub(super) fn audit(&mut self, entries: &[AuditEntry], now: Timestamp) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let now = self.at(now);
        self.changes(now)?;
        for entry in entries {
            self.add(entry.clone(), now)?;
        }
        Ok(())
    }

    /// Adds an entry; the operation it belongs to happens at `now`.
    pub(super) fn add(&self, entry: AuditEntry, now: Timestamp) -> rusqlite::Result<()> {
        self.put_audit(None, now, &entry.bounded())
    }

    /// Puts an entry in its place, or behind the newest one.
    pub(super) fn put_audit(
        &self,
        seq: Option<u64>,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute((
                seq.map(|seq| seq as i64),
                at.as_millisecond(),
                &entry.who,
                &entry.what,
                &entry.outcome,
                entry.run.as_ref().map(|run| &run.0),
                packing::pack(&serde_json::to_vec(entry).unwrap_or_default()),
            ))?;
        Ok(())
    }

    pub(super) fn prune_audit(&mut self, kept_ms: i64, max: usize, now: Timestamp) -> Result<u64, Fault> {
        let now = self.at(now);
        let max = max.clamp(1, AUDIT_PRUNE_MAX) as i64;
        let deleted = self
            .conn
            .prepare_cached(
                "DELETE FROM audit WHERE seq IN
                   (SELECT seq FROM audit WHERE seq < (SELECT max(seq) FROM audit) ORDER BY seq LIMIT ?1)
                 AND at <= ?2",
            )?
            .execute((max, after(now, -kept_ms).as_millisecond()))?;
        if deleted > 0 {
            self.changes(now)?;
        }
        Ok(deleted as u64)
    }
}

const COLUMNS: &str = "SELECT seq, at, body_packed FROM audit";

pub(super) fn audited(conn: &Connection, query: &AuditQuery) -> rusqlite::Result<Vec<AuditRecord>> {
    let mut sql = format!("{COLUMNS} WHERE TRUE");
    let mut values: Vec<Sql> = Vec::new();
    let mut is = |condition: &str, value: Sql| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(who) = &query.who {
        is("who = ?", who.clone().into());
    }
    if let Some(run) = &query.run {
        is("run = ?", run.0.clone().into());
    }
    match query.what.as_deref().map(|what| (what, what.strip_suffix('*'))) {
        Some((_, Some(begin))) => is("instr(what, ?) = 1", begin.to_owned().into()),
        Some((what, None)) => is("what = ?", what.to_owned().into()),
        None => {}
    }
    if let Some(outcome) = &query.outcome {
        is("outcome = ?", outcome.clone().into());
    }
    if let Some(since) = query.since {
        // The place of that time: entries have one order, and time in it never runs backwards.
        is(
            "seq >= (SELECT coalesce(min(seq), 9223372036854775807) FROM audit INDEXED BY audit_by_time WHERE at = (SELECT min(at) FROM audit WHERE at >= ?))",
            since.as_millisecond().into(),
        );
    }
    if let Some(before) = query.before {
        is("seq < ?", i64::try_from(before.seq).unwrap_or(i64::MAX).into());
    }
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    values.push((query.limit() as i64).into());
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), rows::audit_record)?
        .collect()
}

/// All of it, the oldest first, one by one.
pub(super) fn each<E: From<rusqlite::Error>>(
    conn: &Connection,
    mut put: impl FnMut(AuditRecord) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = conn.prepare(&format!("{COLUMNS} ORDER BY seq"))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        put(rows::audit_record(row)?)?;
    }
    Ok(())
}
