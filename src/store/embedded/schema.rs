//! In: a path. Out: a connection to a journal database of the present layout. Never: a row.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::OpenError;

/// How the layout grew: entry `n` leads from `user_version` n to n + 1. An entry is never changed once released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];

/// How long a connection waits for another one.
pub(super) const BUSY_MAX: Duration = Duration::from_secs(5);

/// Settings of every connection. WAL with `synchronous = FULL` makes a commit durable by one fsync; a large page suits
/// bodies of some kilobytes; checkpoints are spaced so that one page is not copied over and over. Once it was folded in, the
/// log keeps no more than 16 MiB of the disk; a long reader lets it grow until then. A page that is not in the writer's 16 MiB is
/// in the system's cache, at the price of a copy.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = OFF;
";

/// The one connection that writes. Makes the database, or brings it to the present layout.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let open = || -> Result<Connection, Fault> {
        let mut conn = Connection::open(path)?;
        // Only a database without tables takes a page size and the way in which free pages are kept, and only before it
        // is in WAL mode.
        conn.execute_batch(
            "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;",
        )?;
        conn.busy_timeout(BUSY_MAX)?;
        settle(&conn)?;
        migrate(&mut conn, MIGRATIONS)?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    };
    open().map_err(|fault| match fault {
        Fault::Newer(found) => OpenError::Newer {
            path: path.into(),
            found,
            known: MIGRATIONS.len(),
        },
        Fault::Sql(error) => refused(path, error),
    })
}

/// A connection that only reads. It sees whatever was committed before its statement began.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_MAX)?;
    settle(&conn)?;
    // What is read is mostly small or read once, and is in the system's cache anyway: several readers with room as large as the
    // writer's would be most of the program's memory.
    conn.execute_batch("PRAGMA cache_size = -4096; PRAGMA query_only = ON;")?;
    Ok(conn)
}

/// What is the same for every connection. A plan must not depend on what is bound: where it might, SQLite prepares the statement anew
/// each time another value is, and that took a quarter of the writer's time.
fn settle(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(SETTINGS)
}

/// What a database that cannot be opened means to a person.
pub(super) fn refused(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.into();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Corrupt {
            path,
            what: error.to_string(),
        },
        _ => OpenError::Database {
            path,
            what: error.to_string(),
        },
    }
}

#[derive(Debug)]
enum Fault {
    /// The layout is newer than this program.
    Newer(usize),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Applies what is missing, each step in its own transaction with the version it leads to.
fn migrate(conn: &mut Connection, migrations: &[&str]) -> Result<(), Fault> {
    let found: usize = conn.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? as usize;
    if found > migrations.len() {
        return Err(Fault::Newer(found));
    }
    for (from, migration) in migrations.iter().enumerate().skip(found) {
        let step = conn.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", (from + 1) as i64)?;
        step.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(conn: &Connection) -> Vec<String> {
        let mut statement = conn
            .prepare("SELECT name FROM pragma_table_info('t') ORDER BY name")
            .unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    const STEPS: [&str; 3] = [
        "CREATE TABLE t (a)",
        "ALTER TABLE t ADD b; ALTER TABLE t ADD c",
        "ALTER TABLE t DROP c",
    ];

    #[test]
    fn every_older_layout_is_brought_to_the_newest() {
        for from in 0..=STEPS.len() {
            let mut conn = Connection::open_in_memory().unwrap();
            migrate(&mut conn, &STEPS[..from]).unwrap();
            migrate(&mut conn, &STEPS).unwrap();
            assert_eq!(columns(&conn), ["a", "b"], "from version {from}");
        }
    }

    /// A setting that SQLite does not know is no error there.
    #[test]
    fn every_connection_has_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let writer = writer(&path).unwrap();
        let reader = reader(&path).unwrap();
        for (conn, cache) in [(&writer, -16_384), (&reader, -4096)] {
            for (name, value) in [
                ("synchronous", 2),
                ("wal_autocheckpoint", 1000),
                ("journal_size_limit", 16 << 20),
                ("cache_size", cache),
                ("temp_store", 2),
                ("foreign_keys", 0),
                ("page_size", 16_384),
                ("auto_vacuum", 2),
            ] {
                let found: i64 = conn
                    .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
                    .unwrap();
                assert_eq!(found, value, "{name}");
            }
            assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
            let mode: String = conn
                .query_row("PRAGMA journal_mode", [], |row| row.get(0))
                .unwrap();
            assert_eq!(mode, "wal");
        }
    }

    fn counts(conn: &Connection) -> Vec<(String, i64)> {
        let mut counted = conn
            .prepare("SELECT what, count FROM counts ORDER BY what")
            .unwrap();
        let rows = counted
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn the_counts_begin_with_what_is_there_and_follow_every_write() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &MIGRATIONS[..3]).unwrap();
        conn.execute_batch(
            "INSERT INTO events VALUES (1, 'github', 'a', 'k', 's', 0, 0, 'b', 0, NULL, NULL, x'', x'');
             INSERT INTO arrivals VALUES (1, 3, '[]');
             INSERT INTO runs (id, seq, event, rule, version, generation, state, shadow, depth, fence, stalls, created, updated,
               latest, cancels, pinned_packed) VALUES ('r', 1, 1, 'rule', 'v', 0, 'queued', 0, 0, 0, 0, 0, 0, 0, 0, x'');",
        )
        .unwrap();
        migrate(&mut conn, MIGRATIONS).unwrap();
        let of = |all: [(&str, i64); 3]| all.map(|(what, count)| (what.to_owned(), count)).to_vec();
        assert_eq!(
            counts(&conn),
            of([("duplicates", 3), ("events", 1), ("run queued", 1)])
        );
        conn.execute_batch(
            "UPDATE arrivals SET total = 5; UPDATE runs SET state = 'dead', fence = 1; UPDATE runs SET fence = 2;
             DELETE FROM events;",
        )
        .unwrap();
        let after = counts(&conn).into_iter().map(|(_, count)| count);
        // Duplicates, events, runs that are dead, runs that are queued.
        assert_eq!(after.collect::<Vec<_>>(), [5, 0, 1, 0]);
        conn.execute_batch("DELETE FROM runs; DELETE FROM arrivals;")
            .unwrap();
        assert!(counts(&conn).iter().all(|(_, count)| *count == 0));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_layout_before_it() {
        let mut conn = Connection::open_in_memory().unwrap();
        let broken = [STEPS[0], "ALTER TABLE t ADD b; ALTER TABLE nowhere ADD c"];
        assert!(migrate(&mut conn, &broken).is_err());
        assert_eq!(columns(&conn), ["a"]);
        migrate(&mut conn, &STEPS).unwrap();
        assert_eq!(columns(&conn), ["a", "b"]);
    }
}
