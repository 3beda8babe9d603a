//! In: what was decided of an event. Out: its rows. Never: a decision.

use jiff::Timestamp;
use rusqlite::params;
use serde_json::Value;

use super::super::writer::Tx;
use crate::journal::{Digest, EventKey, EventRecord, NewEvent, Verdict};
use crate::store::packing;

/// What of an event is compressed: by whoever hands it in, not by the one thread that everybody waits for.
pub(in super::super) struct Packed {
    meta: Vec<u8>,
    body: Vec<u8>,
}

impl Packed {
    pub(in super::super) fn of(event: &NewEvent) -> Self {
        Self::new(&event.meta, &event.body)
    }

    pub(in super::super) fn new(meta: &Value, body: &[u8]) -> Self {
        Self {
            meta: packing::pack_json(meta),
            body: packing::pack(body),
        }
    }
}

impl Tx<'_> {
    pub(in super::super) fn insert_event(
        &mut self,
        event: &EventRecord,
        digest: Option<Digest>,
        packed: &Packed,
    ) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT INTO events VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")?
            .execute(params![
                event.seq as i64,
                event.key.source,
                event.key.id,
                event.kind,
                event.subject,
                event.time.as_millisecond(),
                event.received_at.as_millisecond(),
                event.book,
                event.depth,
                event.caused_by.as_ref().map(|run| &run.0),
                digest,
                packed.meta,
                packed.body,
            ])?;
        self.one_more_event();
        self.insert_digest(event, digest)
    }

    fn insert_digest(&self, event: &EventRecord, digest: Option<Digest>) -> rusqlite::Result<()> {
        if let Some(digest) = digest {
            self.conn
                .prepare_cached("INSERT OR REPLACE INTO digests VALUES (?1, ?2, ?3, NULL)")?
                .execute((&event.key.source, digest, event.seq as i64))?;
        }
        Ok(())
    }

    /// Unless the id leads to another event already, or to one that was deleted and is still recognized.
    pub(in super::super) fn insert_name(
        &self,
        key: &EventKey,
        seq: u64,
        alias: bool,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO names VALUES (?1, ?2, ?3, ?4, NULL)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq, alias = excluded.alias, until = NULL
                 WHERE until <= ?5",
            )?
            .execute((&key.source, &key.id, seq as i64, alias, now.as_millisecond()))?;
        Ok(())
    }

    pub(in super::super) fn keep_arrivals(&self, event: &EventRecord) -> rusqlite::Result<()> {
        let kept = serde_json::to_string(&event.duplicates).unwrap_or_default();
        self.conn
            .prepare_cached(
                "INSERT INTO arrivals VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET total = excluded.total, kept = excluded.kept",
            )?
            .execute((event.seq as i64, event.duplicates_total as i64, kept))?;
        Ok(())
    }

    /// An event is evaluated with another book from here on; that it was evaluated with the former one stays known.
    pub(super) fn rebook(&self, seq: u64, book: &str) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO former_books SELECT seq, book FROM events WHERE seq = ?1 AND book <> ?2",
            )?
            .execute((seq as i64, book))?;
        self.conn
            .prepare_cached("DELETE FROM former_books WHERE seq = ?1 AND book = ?2")?
            .execute((seq as i64, book))?;
        self.conn
            .prepare_cached("UPDATE events SET book = ?2 WHERE seq = ?1 AND book <> ?2")?
            .execute((seq as i64, book))?;
        Ok(())
    }

    pub(in super::super) fn keep_verdict(
        &self,
        seq: u64,
        place: usize,
        verdict: &Verdict,
    ) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO verdicts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute((
                seq as i64,
                place as i64,
                &verdict.rule,
                &verdict.version,
                verdict.generation,
                verdict.decision.as_str(),
                verdict.run.as_ref().map(|run| &run.0),
                &verdict.reason,
            ))?;
        Ok(())
    }
}
