//! In: a journal, whoever is at work in it. Out: its copy, as it was at one moment, and looked through. Never: a copy
//! that could be taken for the journal it was made of.
#![expect(
    clippy::disallowed_methods,
    reason = "a copy is a file that has to be on the disk before it has its name"
)]

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OptionalExtension};

use super::writer::{Fault, Tx};
use super::{DATABASE, OpenError, schema};

/// How many pages are copied at a stretch.
const PAGES: i32 = 1024;

/// The fact that says that a database is a copy, and of when.
const FACT: &str = "copied";

/// Copies the journal in `dir` into the file `to`. Whoever serves it goes on; what was in the file is replaced once the
/// copy is whole and sound. Blocks for as long as that takes.
pub fn back_up(dir: &Path, to: &Path, now: Timestamp) -> Result<(), OpenError> {
    let from = dir.join(DATABASE);
    let draft = to.with_added_extension("part");
    let io = |error: std::io::Error| OpenError::Io {
        path: to.into(),
        what: error.to_string(),
    };
    let copied = copy(&from, &draft, now);
    if copied.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    copied?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&draft, to).map_err(io)
}

fn copy(from: &Path, draft: &Path, now: Timestamp) -> Result<(), OpenError> {
    let refused = |error| schema::refused(draft, error);
    let source = schema::reader(from).map_err(|error| schema::refused(from, error))?;
    let mut copy = Connection::open(draft).map_err(refused)?;
    let mut whole = || -> rusqlite::Result<String> {
        // The reader's transaction holds one moment fast, so the copy never has to begin again.
        source.execute_batch("BEGIN")?;
        source.query_row("SELECT last FROM clock", [], |row| row.get::<_, i64>(0))?;
        Backup::new(&source, &mut copy)?.run_to_completion(PAGES, Duration::ZERO, None)?;
        // One file, without any beside it.
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        copy.execute(
            "INSERT OR REPLACE INTO facts VALUES (?1, ?2)",
            (FACT, now.to_string()),
        )?;
        copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
    };
    let checked = whole();
    match checked.map_err(refused)?.as_str() {
        "ok" => Ok(()),
        what => Err(OpenError::Corrupt {
            path: draft.into(),
            what: what.into(),
        }),
    }
}

/// When the database was copied, if it is a copy that is opened for the first time.
pub(super) fn copied_at(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT value FROM facts WHERE name = ?1", [FACT], |row| {
        row.get(0)
    })
    .optional()
}

impl Tx<'_> {
    /// A copy becomes the journal: what was not at its end when it was made waits for a person, for it may have been
    /// done since.
    pub(super) fn put_back(&mut self, copied_at: &str, now: Timestamp) -> Result<u64, Fault> {
        let held = self.hold_all(
            &format!("the journal was put back as it was at {copied_at}: this may have been done since"),
            now,
        )?;
        self.conn.execute("DELETE FROM facts WHERE name = ?1", [FACT])?;
        Ok(held)
    }
}
