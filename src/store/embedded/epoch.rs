//! In: a database and the note beside it. Out: the journal's identity, and whether the one known before is gone. Never:
//! a new identity for an old journal.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::journal::Epoch;
use crate::store::note;

const FILE: &str = note::OF_EMBEDDED;
const FACT: &str = "epoch";

/// The identities found at a start.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    pub(super) present: Epoch,
    /// The one that the note beside the database named, where that is another: the old journal was lost or replaced.
    pub(super) former: Option<Epoch>,
}

/// The identity in the database, made at `now` in a new one; then the note beside it is brought up to date.
/// A `copy` that was put back is another journal than the one that went on; it is as old.
pub(super) fn settle(conn: &Connection, dir: &Path, copy: bool, now: Timestamp) -> rusqlite::Result<Epochs> {
    let present = match read(conn)? {
        Some(epoch) if copy => {
            let epoch = Epoch {
                id: Epoch::new(now).id,
                ..epoch
            };
            keep(conn, &epoch)?;
            epoch
        }
        Some(epoch) => epoch,
        None => {
            let epoch = Epoch::new(now);
            // Together, so that a new journal's time does not begin before it.
            let tx = conn.unchecked_transaction()?;
            keep(&tx, &epoch)?;
            tx.execute("UPDATE clock SET last = max(last, ?1)", [now.as_millisecond()])?;
            tx.commit()?;
            epoch
        }
    };
    let former = note::settle(dir, FILE, &present);
    Ok(Epochs { present, former })
}

/// The journal was filled with another one: that is no loss, and only noted. One in Redis that was used before is no more
/// what counts here.
pub(super) fn follow(dir: &Path, present: Epoch) -> Epochs {
    note::settle(dir, FILE, &present);
    note::forget(dir, note::OF_REDIS);
    Epochs {
        present,
        former: None,
    }
}

/// Makes `epoch` the journal's identity.
pub(super) fn keep(conn: &Connection, epoch: &Epoch) -> rusqlite::Result<()> {
    let text = serde_json::to_string(epoch).unwrap_or_default();
    conn.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", (FACT, text))?;
    Ok(())
}

pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<Epoch>> {
    let text: Option<String> = conn
        .query_row("SELECT value FROM facts WHERE name = ?1", [FACT], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
