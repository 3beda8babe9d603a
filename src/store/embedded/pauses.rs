//! In: what is to stand still, and what is to go on. Out: that, on record, and runs that are due. Never: which run is meant.

use jiff::Timestamp;
use rusqlite::Connection;

use super::writer::{Fault, Tx};
use crate::clock::from_millis;
use crate::journal::{AuditEntry, Pause};

impl Tx<'_> {
    pub(super) fn pause(&mut self, what: &str, who: &str, now: Timestamp) -> Result<(), Fault> {
        let now = self.at(now);
        self.changes(now)?;
        self.keep_pause(&Pause {
            what: what.into(),
            who: who.into(),
            since: now,
        })?;
        self.add(AuditEntry::paused(who, true, what), now)?;
        Ok(())
    }

    /// Keeps it, unless it is there already.
    pub(super) fn keep_pause(&self, pause: &Pause) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO pauses VALUES (?1, ?2, ?3)")?
            .execute((&pause.what, &pause.who, pause.since.as_millisecond()))?;
        Ok(())
    }

    pub(super) fn resume(&mut self, what: &str, who: &str, now: Timestamp) -> Result<bool, Fault> {
        let now = self.at(now);
        let ended = self
            .conn
            .prepare_cached("DELETE FROM pauses WHERE what = ?1")?
            .execute([what])?;
        if ended == 0 {
            return Ok(false);
        }
        self.changes(now)?;
        self.add(AuditEntry::paused(who, false, what), now)?;
        self.conn
            .prepare_cached("UPDATE runs SET due = ?1 WHERE state = 'waiting' AND waits_for = 'pause'")?
            .execute([now.as_millisecond()])?;
        Ok(true)
    }
}

pub(super) fn pauses(conn: &Connection) -> rusqlite::Result<Vec<Pause>> {
    conn.prepare_cached("SELECT what, who, since FROM pauses ORDER BY what")?
        .query_map([], |row| {
            Ok(Pause {
                what: row.get(0)?,
                who: row.get(1)?,
                since: from_millis(row.get(2)?),
            })
        })?
        .collect()
}
