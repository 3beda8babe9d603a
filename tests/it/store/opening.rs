//! Opening the embedded store: one process at a time, clear words to everybody else, nothing lost in silence.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests damage and replace files of the store from outside"
)]

use std::path::Path;

use rusqlite::Connection;
use xmrt::journal::{AuditEntry, Resolution, RunState, Store, Then};
use xmrt::store::{Embedded, Holder, OpenError, back_up};

use crate::journal::desk::{at, end, event, fires, gates, intent, key};
use crate::journal::walk::view;

fn refused(dir: &Path) -> OpenError {
    match Embedded::open(dir, at(0)) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_directory_and_where_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Embedded::holder(dir.path()), None);
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let pid = std::process::id();
    let message = refused(dir.path()).to_string();
    assert!(
        message.contains(&format!("in use by process {pid}: stop that")),
        "{message}"
    );

    store.announce("http://127.0.0.1:8080", None).unwrap();
    let holder: Holder = Embedded::holder(dir.path()).unwrap();
    assert_eq!(holder.pid, pid);
    assert_eq!(holder.address.as_deref(), Some("http://127.0.0.1:8080"));
    let message = refused(dir.path()).to_string();
    assert!(
        message.contains("which serves http://127.0.0.1:8080"),
        "{message}"
    );

    drop(store);
    // A process that another test starts at this moment has the file open, too, until it becomes the other program.
    let begun = std::time::Instant::now();
    while let Some(holder) = Embedded::holder(dir.path()) {
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(5),
            "nobody is here any more: {holder:?}"
        );
        std::thread::yield_now();
    }
    Embedded::open(dir.path(), at(0)).unwrap();
}

#[test]
fn a_new_data_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let _store = Embedded::open(&data, at(0)).unwrap();
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_lock_file_of_a_dead_process_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let left =
        r#"{"pid":1,"boot":"before","address":"http://127.0.0.1:9999 and a longer line than the next"}"#;
    std::fs::write(dir.path().join("lock"), left).unwrap();
    assert_eq!(Embedded::holder(dir.path()), None);
    let _store = Embedded::open(dir.path(), at(0)).unwrap();
    let holder = Embedded::holder(dir.path()).unwrap();
    assert_eq!((holder.pid, holder.address), (std::process::id(), None));
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(Embedded::open(dir.path(), at(0)).unwrap());
    let conn = Connection::open(dir.path().join("journal.db")).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let message = refused(dir.path()).to_string();
    assert!(
        message.contains("has layout 99 and this program knows up to 5"),
        "{message}"
    );
}

/// What leads from each layout back to the one before it, oldest first.
const BACK: [&str; 4] = [
    "DROP TABLE audit",
    "DROP INDEX audit_by_time",
    "DROP TRIGGER event_more; DROP TRIGGER event_fewer; DROP TRIGGER arrivals_more; DROP TRIGGER arrivals_other;
     DROP TRIGGER arrivals_fewer; DROP TRIGGER run_more; DROP TRIGGER run_other; DROP TRIGGER run_fewer; DROP TABLE counts",
    "CREATE TRIGGER event_more AFTER INSERT ON events BEGIN
       UPDATE counts SET count = count + 1 WHERE what = 'events';
     END;
     ALTER TABLE names RENAME TO names_by_id_first;
     CREATE TABLE names (source TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, alias INTEGER NOT NULL, until INTEGER,
       PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
     INSERT INTO names SELECT source, id, seq, alias, until FROM names_by_id_first;
     DROP TABLE names_by_id_first;
     CREATE INDEX names_by_id ON names (id, alias, seq);
     CREATE INDEX names_of_gone ON names (seq, alias, source, id) WHERE until IS NOT NULL;
     CREATE INDEX names_by_end ON names (until) WHERE until IS NOT NULL;",
];

/// The journal's file, as a program of an older layout would have left it; gives its tables and indexes before.
fn as_of_layout(older: usize, dir: &Path) -> Vec<(String, String)> {
    let conn = Connection::open(dir.join("journal.db")).unwrap();
    let layout = tables(&conn);
    let newest: i64 = conn
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        newest,
        BACK.len() as i64 + 1,
        "a new layout needs its way back here"
    );
    for step in BACK[older - 1..].iter().rev() {
        conn.execute_batch(step).unwrap();
    }
    conn.pragma_update(None, "user_version", older as i64).unwrap();
    layout
}

fn tables(conn: &Connection) -> Vec<(String, String)> {
    let mut found = conn
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .unwrap();
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_journal_of_every_older_layout_is_opened_with_all_that_is_in_it() {
    for older in 1..=BACK.len() {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(dir.path(), at(0)).unwrap();
        let mut fired = event("e1");
        fired.firings = vec![fires("triage", gates())];
        store.admit(fired, at(0)).await.unwrap();
        let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
        let run = &claim.run.id;
        let writes = vec![intent(run, "comment", 0, true)];
        store
            .advance(run, claim.run.fence, writes, end(RunState::Unknown), at(0))
            .await
            .unwrap();
        store
            .resolve(run, "octocat", Resolution::GiveUp, at(1))
            .await
            .unwrap();
        let mut before = view(&store).await;
        drop(store);
        let layout = as_of_layout(older, dir.path());

        let store = Embedded::open(dir.path(), at(2)).unwrap();
        if older < 2 {
            // There was no audit trail.
            before.trail.iter_mut().for_each(Vec::clear);
        }
        assert_eq!(view(&store).await, before, "from layout {older}");
        store.audit(vec![AuditEntry::default()], at(3)).await.unwrap();
        assert_eq!(
            view(&store).await.trail[0].len(),
            before.trail[0].len() + 1,
            "from layout {older}"
        );
        drop(store);
        let conn = Connection::open(dir.path().join("journal.db")).unwrap();
        assert_eq!(tables(&conn), layout, "from layout {older}");
    }
}

#[test]
fn a_file_that_is_no_journal_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("journal.db"), "not a database ".repeat(5_000)).unwrap();
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("journal.db is damaged or not a journal"),
        "{message}"
    );
    assert!(message.contains("restore a backup"), "{message}");
    // A refused start does not keep the directory.
    std::fs::remove_file(dir.path().join("journal.db")).unwrap();
    Embedded::open(dir.path(), at(0)).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = refused(&file.join("data")).to_string();
    assert!(
        message.contains("file/data") && message.contains("cannot use"),
        "{message}"
    );
}

#[tokio::test]
async fn a_journal_keeps_its_identity_and_a_lost_one_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(5)).unwrap();
    let epoch = store.epoch().await.unwrap();
    assert_eq!(epoch.created_at, at(5));
    assert!(!store.epoch_changed());
    drop(store);
    let store = Embedded::open(dir.path(), at(9)).unwrap();
    assert_eq!(store.epoch().await.unwrap(), epoch);
    assert!(!store.epoch_changed());
    drop(store);

    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let store = Embedded::open(dir.path(), at(10)).unwrap();
    assert!(store.epoch_changed());
    assert_eq!(store.former_epoch(), Some(epoch.clone()));
    assert_ne!(store.epoch().await.unwrap().id, epoch.id);
}

#[tokio::test]
async fn a_backup_taken_while_serving_is_a_journal_whose_open_runs_wait_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    for id in ["ended", "queued", "begun"] {
        let mut event = event(id);
        event.firings = vec![fires("triage", gates())];
        store.admit(event, at(0)).await.unwrap();
    }
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let (run, fence) = (claim.run.id, claim.run.fence);
    store
        .advance(&run, fence, vec![], end(RunState::Succeeded), at(0))
        .await
        .unwrap();
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let begun = vec![intent(&claim.run.id, "comment", 0, true)];
    store
        .advance(&claim.run.id, claim.run.fence, begun, Then::Keep, at(0))
        .await
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("journal.db");
    back_up(dir.path(), &file, at(1)).unwrap();
    let only = std::fs::read_dir(copy.path()).unwrap().count();
    assert_eq!(only, 1, "one file, nothing beside it");
    store.admit(event("later"), at(2)).await.unwrap();
    let first = store.epoch().await.unwrap();

    let restored = Embedded::open(copy.path(), at(3)).unwrap();
    assert!(restored.event(&key("queued")).await.unwrap().is_some());
    assert!(restored.event(&key("later")).await.unwrap().is_none());
    let second = restored.epoch().await.unwrap();
    assert_ne!(
        second.id, first.id,
        "it is another journal than the one that went on"
    );
    assert_eq!(second.created_at, first.created_at, "and as old");
    let stats = restored.stats().await.unwrap();
    assert_eq!((stats.succeeded, stats.unknown, stats.queued), (1, 2, 0));
    assert!(
        restored
            .claim("w2", 9, 1_000, at(90_000))
            .await
            .unwrap()
            .is_empty()
    );
    let held = restored.run(&claim.run.id).await.unwrap().unwrap().run;
    assert!(held.reason.unwrap().contains("was put back as it was at"));
    restored
        .resolve(&claim.run.id, "octocat", Resolution::Repeat, at(90_000))
        .await
        .unwrap();
    assert_eq!(restored.claim("w2", 9, 1_000, at(90_000)).await.unwrap().len(), 1);

    // Once only: from here on it is a journal as any other.
    drop(restored);
    let restored = Embedded::open(copy.path(), at(90_001)).unwrap();
    assert_eq!(restored.epoch().await.unwrap(), second);
    assert_eq!(restored.stats().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_backup_put_in_the_place_of_the_journal_is_told_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let first = store.epoch().await.unwrap();
    let copy = dir.path().join("copy.db");
    back_up(dir.path(), &copy, at(1)).unwrap();
    drop(store);
    std::fs::rename(copy, dir.path().join("journal.db")).unwrap();
    let store = Embedded::open(dir.path(), at(2)).unwrap();
    assert_eq!(store.former_epoch(), Some(first));
}

#[tokio::test]
async fn a_backup_of_no_journal_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("copy.db");
    assert!(back_up(&dir.path().join("nowhere"), &to, at(0)).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn time_never_runs_backwards_in_a_journal_not_even_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    store.admit(event("e1"), at(60_000)).await.unwrap();
    drop(store);
    let store = Embedded::open(dir.path(), at(1)).unwrap();
    store.admit(event("e2"), at(2)).await.unwrap();
    let record = store.event(&key("e2")).await.unwrap().unwrap();
    assert_eq!(record.received_at, at(60_000));
}

#[tokio::test]
async fn a_run_that_cannot_be_read_stops_neither_the_start_nor_the_other_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let mut runs = Vec::new();
    for id in ["e1", "e2", "e3"] {
        let mut event = event(id);
        event.firings = vec![fires("triage", gates())];
        let admission = store.admit(event, at(0)).await.unwrap();
        runs.extend(admission.verdicts.into_iter().filter_map(|verdict| verdict.run));
    }
    // One is held when the process ends.
    assert_eq!(store.claim("w1", 1, 60_000, at(0)).await.unwrap().len(), 1);
    drop(store);
    let conn = Connection::open(dir.path().join("journal.db")).unwrap();
    let damaged = conn.execute(
        "UPDATE runs SET pinned_packed = x'09' WHERE state = 'running' OR id = ?1",
        [&runs[1].0],
    );
    assert_eq!(damaged.unwrap(), 2);
    drop(conn);

    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let claims = store.claim("w2", 10, 60_000, at(1)).await.unwrap();
    assert_eq!(claims.len(), 1, "{claims:?}");
    assert_eq!(claims[0].run.id, runs[2]);
    // They are not lost: a release that can read them finds them due.
    let due = store.next_due().await.unwrap().unwrap();
    assert!(due > at(1) && due <= at(120_000), "{due}");
    assert_eq!(store.stats().await.unwrap().events, 3);
}
