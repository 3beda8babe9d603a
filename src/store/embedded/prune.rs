//! In: how long things are wanted. Out: a smaller database. Never: a run that is not at its end, or what it or a gate
//! needs; an id that is still to be recognized.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;

use super::writer::{Fault, Tx};
use super::{find, rows};
use crate::clock::after;
use crate::journal::{PRUNE_MAX, Pruned, Retention, RunId, RunState, Share, Size};

/// Free pages are given back to the file system while they are more than this share of the file, in percent; so many at
/// a time as a step of pruning may have made free.
const FREE_PERCENT_MAX: i64 = 10;
const PAGES_BACK: i64 = 128;

/// What the tables belong to. What is in none is `other`.
const KINDS: &[(&str, &[&str])] = &[
    ("events", &["events", "arrivals"]),
    ("decisions", &["verdicts"]),
    ("runs", &["runs", "outbox"]),
    ("steps", &["steps"]),
    ("dedupe", &["names", "digests"]),
    ("gates", &["cooldowns", "rates", "pending", "causes", "pauses"]),
    ("values", &["kv"]),
    ("audit", &["audit"]),
    ("books", &["books", "rule_texts", "former_books"]),
];

impl Tx<'_> {
    pub(super) fn prune(
        &mut self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, Fault> {
        let now = self.at(now);
        let max = max.clamp(1, PRUNE_MAX);
        let newest = retention.newest(now).as_millisecond();
        let from = from.min(i64::MAX as u64) as i64;
        let looked: Vec<u64> = self
            .conn
            .prepare_cached(
                "SELECT seq FROM (SELECT seq, received FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2)
                 WHERE received <= ?3 ORDER BY seq",
            )?
            .query_map((from, max as i64, newest), |row| Ok(row.get::<_, i64>(0)? as u64))?
            .collect::<rusqlite::Result<_>>()?;
        let mut pruned = Pruned {
            next: looked.last().copied().filter(|_| looked.len() == max),
            ..Pruned::default()
        };
        for seq in looked {
            if let Some(runs) = self.prunable(seq, retention, now)? {
                self.changes(now)?;
                self.forget_event(seq, &runs, retention, now)?;
                pruned.events += 1;
                pruned.runs += runs.len() as u64;
            }
        }
        if pruned.events > 0 {
            give_back(self.conn)?;
        }
        Ok(pruned)
    }

    /// The runs that go with an event, if it is time.
    fn prunable(
        &self,
        seq: u64,
        retention: &Retention,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Vec<RunId>>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT id, state, updated FROM runs WHERE event = ?1 ORDER BY seq, id")?;
        let mut found = statement.query([seq as i64])?;
        let mut runs = Vec::new();
        let mut changed = None;
        while let Some(row) = found.next()? {
            let ended = RunState::parse(row.get_ref(1)?.as_str()?).is_some_and(RunState::is_terminal);
            if !ended {
                return Ok(None);
            }
            runs.push(RunId(row.get(0)?));
            changed = changed.max(Some(row.get::<_, i64>(2)?));
        }
        let received: i64 = self
            .conn
            .prepare_cached("SELECT received FROM events WHERE seq = ?1")?
            .query_row([seq as i64], |row| row.get(0))?;
        let over = match changed {
            None => received.saturating_add(retention.events_ms),
            Some(changed) => changed.saturating_add(retention.runs_ms),
        };
        Ok((over <= now.as_millisecond()).then_some(runs))
    }

    /// Deletes an event. What it is known by stays as long as it has to be.
    fn forget_event(
        &self,
        seq: u64,
        runs: &[RunId],
        retention: &Retention,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let seq_sql = seq as i64;
        for run in runs {
            for table in [
                "DELETE FROM steps WHERE run = ?1",
                "DELETE FROM runs WHERE id = ?1",
            ] {
                self.conn.prepare_cached(table)?.execute([&run.0])?;
            }
        }
        let event = rows::event_by_seq(self.conn, seq)?;
        let digest: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT digest FROM events WHERE seq = ?1")?
            .query_row([seq_sql], |row| row.get(0))?;
        let until = after(event.received_at, retention.known_ms);
        let ids =
            std::iter::once(&event.key.id).chain(event.duplicates.iter().map(|duplicate| &duplicate.id));
        let (name, mark) = if until > now {
            (
                "UPDATE names SET until = ?1 WHERE source = ?2 AND id = ?3 AND seq = ?4",
                "UPDATE digests SET until = ?1 WHERE source = ?2 AND digest = ?3 AND seq = ?4",
            )
        } else {
            (
                "DELETE FROM names WHERE ?1 IS NOT NULL AND source = ?2 AND id = ?3 AND seq = ?4",
                "DELETE FROM digests WHERE ?1 IS NOT NULL AND source = ?2 AND digest = ?3 AND seq = ?4",
            )
        };
        let until = until.as_millisecond();
        for id in ids {
            self.conn
                .prepare_cached(name)?
                .execute((until, &event.key.source, id, seq_sql))?;
        }
        if let Some(digest) = digest {
            self.conn
                .prepare_cached(mark)?
                .execute((until, &event.key.source, digest, seq_sql))?;
        }
        for table in [
            "DELETE FROM verdicts WHERE seq = ?1",
            "DELETE FROM arrivals WHERE seq = ?1",
            "DELETE FROM former_books WHERE seq = ?1",
            "DELETE FROM events WHERE seq = ?1",
        ] {
            self.conn.prepare_cached(table)?.execute([seq_sql])?;
        }
        Ok(())
    }

    pub(super) fn prune_books(&mut self, kept_ms: i64, now: Timestamp) -> Result<u64, Fault> {
        let now = self.at(now);
        let unneeded: Vec<String> = self
            .conn
            .prepare_cached(
                "SELECT hash FROM books WHERE kept <= ?1
                   AND hash IS NOT (SELECT value FROM facts WHERE name = 'last_good')
                   AND NOT EXISTS (SELECT 1 FROM events WHERE events.book = hash)
                   AND NOT EXISTS (SELECT 1 FROM former_books WHERE former_books.book = hash)",
            )?
            .query_map([after(now, -kept_ms).as_millisecond()], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        if unneeded.is_empty() {
            return Ok(0);
        }
        self.changes(now)?;
        let rules_of = |hash: &String| find::rules_of(self.conn, hash);
        let texts: Vec<_> = unneeded
            .iter()
            .map(rules_of)
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for hash in &unneeded {
            self.conn
                .prepare_cached("DELETE FROM books WHERE hash = ?1")?
                .execute([hash])?;
        }
        let left: Vec<String> = self
            .conn
            .prepare_cached("SELECT hash FROM books")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let listed: Vec<_> = left.iter().map(rules_of).collect::<rusqlite::Result<Vec<_>>>()?;
        let listed: BTreeSet<_> = listed.concat().into_iter().collect();
        for name in texts.concat().iter().filter(|name| !listed.contains(*name)) {
            self.conn
                .prepare_cached("DELETE FROM rule_texts WHERE version = ?1 AND rule = ?2")?
                .execute((&name.0, &name.1))?;
        }
        Ok(unneeded.len() as u64)
    }
}

/// Gives some free pages back to the file system, where many are free: a few are soon used again.
fn give_back(conn: &Connection) -> rusqlite::Result<()> {
    let (free, all) = (pragma(conn, "freelist_count")?, pragma(conn, "page_count")?);
    if free * 100 > all * FREE_PERCENT_MAX {
        conn.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_BACK})"))?;
    }
    Ok(())
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

pub(super) fn size(conn: &Connection) -> rusqlite::Result<Size> {
    let page = pragma(conn, "page_size")?;
    let (free, all) = (pragma(conn, "freelist_count")?, pragma(conn, "page_count")?);
    Ok(Size {
        bytes: (page * (all - free)).unsigned_abs(),
        free_bytes: (page * free).unsigned_abs(),
    })
}

pub(super) fn shares(conn: &Connection) -> rusqlite::Result<Vec<Share>> {
    let mut tables = conn.prepare(
        "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_master USING (name)
         WHERE aggregate = TRUE GROUP BY tbl_name ORDER BY tbl_name",
    )?;
    let mut found = tables.query([])?;
    let mut shares: Vec<Share> = Vec::new();
    while let Some(row) = found.next()? {
        let (table, bytes): (String, i64) = (row.get(0)?, row.get(1)?);
        let of = KINDS.iter().find(|(_, tables)| tables.contains(&table.as_str()));
        let (kind, counts) = match of {
            // The first table of a kind is what is counted.
            Some((kind, tables)) => (*kind, tables[0] == table),
            None => ("other", false),
        };
        let count: i64 = if counts {
            conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?
        } else {
            0
        };
        let (count, bytes) = (count.unsigned_abs(), bytes.unsigned_abs());
        match shares.iter_mut().find(|share| share.kind == kind) {
            Some(share) => {
                share.count += count;
                share.bytes += bytes;
            }
            None => shares.push(Share {
                kind: kind.to_owned(),
                count,
                bytes,
            }),
        }
    }
    Ok(shares)
}
