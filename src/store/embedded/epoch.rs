//! In: a database and the note beside it. Out: the journal's identity, and whether the one known before is gone. Never:
//! a new identity for an old journal.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::journal::Epoch;
use crate::store::note;

const FILE: &str = "epoch";
const FACT: &str = "epoch";

/// The identities found at a start.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    pub(super) present: Epoch,
    /// The one that the note beside the database named, where that is another: the old journal was lost or replaced.
    pub(super) former: Option<Epoch>,
}

/// The identity in the database, made at `now` in a new one; then the note beside it is brought up to date.
pub(super) fn settle(conn: &Connection, dir: &Path, now: Timestamp) -> rusqlite::Result<Epochs> {
    let present = match read(conn)? {
        Some(epoch) => epoch,
        None => {
            let epoch = Epoch::new(now);
            let text = serde_json::to_string(&epoch).unwrap_or_default();
            // Together, so that a new journal's time does not begin before it.
            let tx = conn.unchecked_transaction()?;
            tx.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", (FACT, text))?;
            tx.execute("UPDATE clock SET last = max(last, ?1)", [now.as_millisecond()])?;
            tx.commit()?;
            epoch
        }
    };
    let former = note::settle(dir, FILE, &present);
    Ok(Epochs { present, former })
}

fn read(conn: &Connection) -> rusqlite::Result<Option<Epoch>> {
    let text: Option<String> = conn
        .query_row("SELECT value FROM facts WHERE name = ?1", [FACT], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
