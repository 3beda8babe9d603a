//! In: a database. Out: its records, all of one moment; and back, all in one transaction. Never: a record less.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::mpsc;

use super::admission::Packed;
use super::writer::{Fault, Tx, unavailable};
use super::{audit, epoch, find, pauses, rows, schema, work};
use crate::clock::from_millis;
use crate::journal::archive::{
    ArchivedBook, ArchivedEvent, Burst, Cause, Export, GateCharge, Head, Import, Known, NamedValue, Outlet,
    Record, follows_its_event, only_into_empty,
};
use crate::journal::{EventKey, RuleText, RunHistory, RunId, StoreError};

/// Every table. `clock` and `facts` are the head of an archive, the others are made from its records.
const TABLES: &[&str] = &[
    "clock",
    "facts",
    "events",
    "former_books",
    "names",
    "digests",
    "arrivals",
    "verdicts",
    "runs",
    "steps",
    "cooldowns",
    "rates",
    "pending",
    "causes",
    "outbox",
    "kv",
    "pauses",
    "audit",
    "books",
    "rule_texts",
];

/// Reads a database out, from a connection of its own: what it sees is of one moment, however long it takes.
pub(super) async fn export(path: PathBuf) -> Result<Export, StoreError> {
    let (begun, begins) = tokio::sync::oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let opened = begin(&path).map_err(|error| unavailable(&error));
        let (conn, head) = match opened {
            Ok(opened) => opened,
            Err(error) => return drop(begun.send(Err(error))),
        };
        let (export, outlet) = Export::new(head.clone());
        if begun.send(Ok(export)).is_err() {
            return;
        }
        if let Err(Stop::Sql(error)) = read_out(&conn, &head, &outlet) {
            let _ = outlet.records.blocking_send(Err(unavailable(&error)));
        }
    });
    let gone = || StoreError::Unavailable("its reader has stopped".into());
    begins.await.map_err(|_| gone())?
}

/// Why reading ends early.
enum Stop {
    /// Nobody takes what is read.
    Unheard,
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn begin(path: &Path) -> rusqlite::Result<(Connection, Head)> {
    let conn = schema::reader(path)?;
    // From the first read on until it is dropped, this is the moment that is seen.
    conn.execute_batch("BEGIN")?;
    let (last, seq): (i64, i64) = conn.query_row("SELECT last, seq FROM clock", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let epoch = epoch::read(&conn)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let head = Head::new(epoch, from_millis(last), seq as u64, find::last_good(&conn)?);
    Ok((conn, head))
}

fn read_out(conn: &Connection, head: &Head, outlet: &Outlet) -> Result<(), Stop> {
    let put = |record| {
        outlet
            .records
            .blocking_send(Ok(record))
            .map_err(|_| Stop::Unheard)
    };
    let mut texts = conn.prepare("SELECT version, rule, text FROM rule_texts ORDER BY version, rule")?;
    let mut found = texts.query([])?;
    while let Some(row) = found.next()? {
        put(Record::RuleText(RuleText {
            version: row.get(0)?,
            rule: row.get(1)?,
            text: row.get(2)?,
        }))?;
    }
    let mut books = conn.prepare("SELECT hash, kept FROM books ORDER BY hash")?;
    let mut found = books.query([])?;
    while let Some(row) = found.next()? {
        let hash: String = row.get(0)?;
        if let Some(book) = find::book(conn, Some(&hash))? {
            put(Record::Book(ArchivedBook::of(&book, from_millis(row.get(1)?))))?;
        }
    }
    known_still(conn, head, put)?;
    let mut events = conn.prepare("SELECT seq, digest FROM events ORDER BY seq")?;
    let mut found = events.query([])?;
    while let Some(row) = found.next()? {
        let seq = row.get::<_, i64>(0)? as u64;
        put(Record::Event(Box::new(ArchivedEvent {
            record: rows::event_by_seq(conn, seq)?,
            digest: row.get(1)?,
            former_books: former_books(conn, seq)?,
            verdicts: rows::verdicts(conn, seq)?,
        })))?;
        for run in runs_of(conn, seq)? {
            if let Some(history) = rows::history(conn, &run)? {
                put(Record::Run(Box::new(history)))?;
            }
        }
    }
    memory_of_gates(conn, head, put)
}

fn former_books(conn: &Connection, event: u64) -> rusqlite::Result<BTreeSet<String>> {
    conn.prepare_cached("SELECT book FROM former_books WHERE seq = ?1")?
        .query_map([event as i64], |row| row.get(0))?
        .collect()
}

/// What is known of deleted events, in their order.
fn known_still(conn: &Connection, head: &Head, put: impl Fn(Record) -> Result<(), Stop>) -> Result<(), Stop> {
    let mut names =
        conn.prepare("SELECT seq, source, id, until FROM names WHERE until > ?1 AND alias = 0 ORDER BY seq")?;
    let mut found = names.query([head.last.as_millisecond()])?;
    while let Some(row) = found.next()? {
        let seq: i64 = row.get(0)?;
        put(Record::Known(Known {
            seq: seq as u64,
            key: EventKey {
                source: row.get(1)?,
                id: row.get(2)?,
            },
            ids: conn
                .prepare_cached("SELECT id FROM names WHERE seq = ?1 AND until IS NOT NULL ORDER BY id")?
                .query_map([seq], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?,
            digest: conn
                .prepare_cached("SELECT digest FROM digests WHERE until = ?1 AND seq = ?2")?
                .query_row([row.get::<_, i64>(3)?, seq], |row| row.get(0))
                .optional()?,
            until: from_millis(row.get(3)?),
        }))?;
    }
    Ok(())
}

fn runs_of(conn: &Connection, event: u64) -> rusqlite::Result<Vec<RunId>> {
    conn.prepare_cached("SELECT id FROM runs WHERE event = ?1 ORDER BY seq, id")?
        .query_map([event as i64], |row| Ok(RunId(row.get(0)?)))?
        .collect()
}

/// What has run out is not told: it is deleted only now and then, and never looked at.
fn memory_of_gates(
    conn: &Connection,
    head: &Head,
    put: impl Fn(Record) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let last = head.last.as_millisecond();
    type Kind = fn(GateCharge) -> Record;
    let charges: [(&str, Kind); 2] = [("cooldowns", Record::Cooldown), ("rates", Record::Rate)];
    for (table, kind) in charges {
        let mut charges = conn.prepare(&format!(
            "SELECT rule, shadow, key, run, until FROM {table} WHERE until > ?1 ORDER BY rule, shadow, key, run"
        ))?;
        let mut found = charges.query([last])?;
        while let Some(row) = found.next()? {
            put(kind(GateCharge {
                rule: row.get(0)?,
                shadow: row.get(1)?,
                key: row.get(2)?,
                run: RunId(row.get(3)?),
                until: from_millis(row.get(4)?),
            }))?;
        }
    }
    let mut bursts =
        conn.prepare("SELECT rule, shadow, key, run, first FROM pending ORDER BY rule, shadow, key")?;
    let mut found = bursts.query([])?;
    while let Some(row) = found.next()? {
        put(Record::Burst(Burst {
            rule: row.get(0)?,
            shadow: row.get(1)?,
            key: row.get(2)?,
            run: RunId(row.get(3)?),
            first: from_millis(row.get(4)?),
        }))?;
    }
    let mut causes =
        conn.prepare("SELECT key, run, depth, until FROM causes WHERE until > ?1 ORDER BY key, run")?;
    let mut found = causes.query([last])?;
    while let Some(row) = found.next()? {
        put(Record::Cause(Cause {
            key: row.get(0)?,
            run: RunId(row.get(1)?),
            depth: row.get(2)?,
            until: from_millis(row.get(3)?),
        }))?;
    }
    for notice in find::all_notices(conn)? {
        put(Record::Notice(notice))?;
    }
    let mut values = conn.prepare(
        "SELECT space, name, value, until FROM kv WHERE until IS NULL OR until > ?1 ORDER BY space, name",
    )?;
    let mut found = values.query([last])?;
    while let Some(row) = found.next()? {
        put(Record::Value(NamedValue {
            space: row.get(0)?,
            name: row.get(1)?,
            value: row.get::<_, Vec<u8>>(2)?.into(),
            until: row.get::<_, Option<i64>>(3)?.map(from_millis),
        }))?;
    }
    for pause in pauses::pauses(conn)? {
        put(Record::Pause(pause))?;
    }
    audit::each(conn, |record| put(Record::Audit(Box::new(record))))
}

impl Tx<'_> {
    /// Fills the journal with what comes. The writer does nothing else meanwhile, and all of it is one transaction.
    pub(super) fn import(&mut self, mut import: Import) -> Result<(), Fault> {
        if !import.replace {
            let events: i64 = self
                .conn
                .query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
            only_into_empty(events as u64)?;
        }
        for table in TABLES.iter().filter(|table| **table != "clock") {
            self.conn.execute(&format!("DELETE FROM {table}"), [])?;
        }
        epoch::keep(self.conn, &import.head.epoch)?;
        if let Some(hash) = &import.head.last_good {
            find::set_last_good(self.conn, hash)?;
        }
        self.follow(import.head.last, import.head.seq);
        let came = self.take_records(&mut import.records)?;
        Ok(import.came(came)?)
    }

    fn take_records(&mut self, records: &mut mpsc::Receiver<Record>) -> Result<u64, Fault> {
        let mut event = None;
        let mut came = 0;
        while let Some(record) = records.blocking_recv() {
            self.take_record(record, &mut event)?;
            came += 1;
        }
        Ok(came)
    }

    fn take_record(&mut self, record: Record, event: &mut Option<(EventKey, u64)>) -> Result<(), Fault> {
        match record {
            Record::RuleText(text) => find::keep_text(self.conn, &text)?,
            Record::Book(book) => {
                find::insert_book(self.conn, &book.hash, &book.settings, &book.rules, book.kept_at)?;
            }
            Record::Known(known) => self.take_known(&known)?,
            Record::Event(archived) => {
                self.take_event(&archived)?;
                let ArchivedEvent { record, .. } = *archived;
                *event = Some((record.key, record.seq));
            }
            Record::Run(history) => self.take_run(&history, event.as_ref())?,
            Record::Cooldown(charge) => self.take_charge("cooldowns", &charge)?,
            Record::Rate(charge) => self.take_charge("rates", &charge)?,
            Record::Burst(Burst {
                rule,
                shadow,
                key,
                run,
                first,
            }) => {
                self.conn
                    .prepare_cached("INSERT INTO pending VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute((rule, shadow, key, run.0, first.as_millisecond()))?;
            }
            Record::Cause(Cause {
                key,
                run,
                depth,
                until,
            }) => {
                self.conn
                    .prepare_cached("INSERT INTO causes VALUES (?1, ?2, ?3, ?4)")?
                    .execute((key, run.0, depth, until.as_millisecond()))?;
            }
            Record::Notice(notice) => work::put_notice(self.conn, &notice)?,
            Record::Value(NamedValue {
                space,
                name,
                value,
                until,
            }) => {
                let until = until.map(jiff::Timestamp::as_millisecond);
                self.conn
                    .prepare_cached("INSERT INTO kv VALUES (?1, ?2, ?3, ?4)")?
                    .execute((space, name, until, value.to_vec()))?;
            }
            Record::Pause(pause) => self.keep_pause(&pause)?,
            Record::Audit(record) => self.put_audit(Some(record.seq), record.at, &record.entry)?,
        }
        Ok(())
    }

    fn take_charge(&self, table: &str, charge: &GateCharge) -> Result<(), Fault> {
        let GateCharge {
            rule,
            shadow,
            key,
            run,
            until,
        } = charge;
        self.conn
            .prepare_cached(&format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5)"))?
            .execute((rule, shadow, key, &run.0, until.as_millisecond()))?;
        Ok(())
    }

    fn take_event(&mut self, archived: &ArchivedEvent) -> Result<(), Fault> {
        let event = &archived.record;
        for book in &archived.former_books {
            self.conn
                .prepare_cached("INSERT INTO former_books VALUES (?1, ?2)")?
                .execute((event.seq as i64, book))?;
        }
        self.insert_event(event, archived.digest, &Packed::new(&event.meta, &event.body))?;
        self.insert_name(&event.key, event.seq, false, event.received_at)?;
        for duplicate in &event.duplicates {
            let (source, id) = (event.key.source.clone(), duplicate.id.clone());
            self.insert_name(&EventKey { source, id }, event.seq, true, event.received_at)?;
        }
        if event.duplicates_total > 0 {
            self.keep_arrivals(event)?;
        }
        for (place, verdict) in archived.verdicts.iter().enumerate() {
            self.keep_verdict(event.seq, place, verdict)?;
        }
        Ok(())
    }

    fn take_known(&self, known: &Known) -> Result<(), Fault> {
        let (seq, until) = (known.seq as i64, known.until.as_millisecond());
        for id in &known.ids {
            self.conn
                .prepare_cached("INSERT INTO names VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((&known.key.source, id, seq, *id != known.key.id, until))?;
        }
        if let Some(digest) = known.digest {
            self.conn
                .prepare_cached("INSERT INTO digests VALUES (?1, ?2, ?3, ?4)")?
                .execute((&known.key.source, digest, seq, until))?;
        }
        Ok(())
    }

    fn take_run(&mut self, history: &RunHistory, event: Option<&(EventKey, u64)>) -> Result<(), Fault> {
        follows_its_event(history, event.map(|(key, _)| key))?;
        let seq = event.map(|(_, seq)| *seq).unwrap_or_default();
        Ok(work::insert_run(self.conn, seq, history)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_of_the_layout_is_left_out_of_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let conn = schema::writer(&dir.path().join("journal.db")).unwrap();
        let mut tables = conn
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .unwrap();
        let found = tables.query_map([], |row| row.get(0)).unwrap();
        let mut found: Vec<String> = found.map(Result::unwrap).collect();
        // The counts are of what the others hold.
        let mut known: Vec<&str> = TABLES.iter().copied().chain(["counts"]).collect();
        found.sort();
        known.sort_unstable();
        assert_eq!(
            found, known,
            "a new table needs its record in journal::archive, and its line here"
        );
    }
}
