//! In: a database and the note beside it. Out: the journal's identity, and whether the one known before is gone. Never:
//! a new identity for an old journal.
#![expect(
    clippy::disallowed_methods,
    reason = "the note of the epoch lies beside the database, so that it survives the database's loss"
)]

use std::io;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::journal::Epoch;

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
    let noted = noted(dir);
    let known = noted.as_ref() == Some(&present);
    if !known && let Err(error) = note(dir, &present) {
        tracing::warn!(%error, "cannot write the epoch beside the journal: a lost journal would go unnoticed");
    }
    Ok(Epochs {
        present,
        former: noted.filter(|_| !known),
    })
}

fn read(conn: &Connection) -> rusqlite::Result<Option<Epoch>> {
    let text: Option<String> = conn
        .query_row("SELECT value FROM facts WHERE name = ?1", [FACT], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn noted(dir: &Path) -> Option<Epoch> {
    serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
}

/// Whole or not at all: a half-written note would look like a lost journal's.
fn note(dir: &Path, epoch: &Epoch) -> io::Result<()> {
    let draft = dir.join("epoch.new");
    let file = std::fs::File::create(&draft)?;
    serde_json::to_writer(&file, epoch)?;
    file.sync_all()?;
    std::fs::rename(draft, dir.join(FILE))
}
