//! What was acknowledged is there afterwards: after a kill at any moment, and on a disk that was full.
#![expect(
    clippy::disallowed_methods,
    reason = "the killed process is this test binary again, told by a variable where to write"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use xmrt::journal::*;
use xmrt::store::Embedded;

use crate::journal::desk::{at, event, fires, gates, intent, key};

const DIR: &str = "XMRT_TEST_KILLED_IN";
const WRITERS: usize = 8;

/// What the process does that is killed: it admits and begins steps for ever, and says each thing once it is acknowledged.
async fn admit_until_killed(dir: &Path) {
    let store = Arc::new(Embedded::open(dir, at(0)).unwrap());
    let round = store.stats().await.unwrap().events;
    let say = |line: String| std::io::stdout().write_all(line.as_bytes()).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0.. {
                let id = format!("{round}-{writer}-{n}");
                let mut event = event(&id);
                event.body = Bytes::from(id.repeat(100));
                event.firings = vec![fires("triage", gates())];
                store.admit(event, at(0)).await.unwrap();
                say(format!("admitted {id}\n"));
                for claim in store.claim(&id, 1, 60_000, at(0)).await.unwrap() {
                    let run = &claim.run.id;
                    let writes = vec![intent(run, "comment", 0, true)];
                    store
                        .advance(run, claim.run.fence, writes, Then::Keep, at(0))
                        .await
                        .unwrap();
                    say(format!("begun {run}\n"));
                }
            }
        });
    }
    writers.join_next().await.unwrap().unwrap();
}

/// Lets the process write until it has said `lines` things, kills it, and gives everything it said.
fn killed_after(dir: &Path, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::durability::whatever_was_acknowledged_survives_a_kill",
        ])
        .args(["--nocapture", "--quiet"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heard: Vec<String> = said.by_ref().take(lines).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What was in the pipe when it died was acknowledged as well; a line it did not finish was not.
    heard.extend(said.map_while(Result::ok));
    assert!(heard.len() >= lines, "the process died by itself: {heard:?}");
    heard
}

/// With [`DIR`] set this is the process that is killed, which never gets to its end.
#[tokio::test]
async fn whatever_was_acknowledged_survives_a_kill() {
    if let Ok(dir) = std::env::var(DIR) {
        return admit_until_killed(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..24usize {
        // Spread over the first hundreds of acknowledgements, differently in each round.
        acknowledged.extend(killed_after(dir.path(), 10 + round * 37 % 200));
        let store = Embedded::open(dir.path(), at(0)).unwrap();
        assert_eq!(store.quick_check().await.unwrap(), None);
        for line in &acknowledged {
            if let Some(id) = line.strip_prefix("admitted ") {
                let found = store.event(&key(id)).await.unwrap();
                assert_eq!(
                    found.expect("an acknowledged event is there").body,
                    id.repeat(100)
                );
                assert_eq!(store.verdicts(&key(id)).await.unwrap().len(), 1);
            } else if let Some(run) = line.strip_prefix("begun ")
                && run.len() == 32
            {
                let history = store.run(&RunId(run.into())).await.unwrap().unwrap();
                assert_eq!(history.steps[0].state, StepState::Intent);
            }
        }
        // Looked at once; the next round looks at its own.
        acknowledged.clear();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_what_it_cannot_keep_and_the_same_handle_goes_on_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    store.limit_pages(40).await.unwrap();
    let big = |id: &str| NewEvent {
        // Bytes that do not compress: each event needs several pages.
        body: (0..60_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect(),
        firings: vec![fires("triage", gates())],
        ..event(id)
    };
    let mut kept = Vec::new();
    let refusal = loop {
        let id = format!("e{}", kept.len());
        match store.admit(big(&id), at(kept.len() as i64)).await {
            Ok(_) => kept.push(id),
            Err(error) => break error,
        }
        assert!(kept.len() < 100, "the disk never got full");
    };
    assert!(matches!(refusal, StoreError::Unavailable(_)), "{refusal}");
    assert!(refusal.to_string().contains("full"), "{refusal}");
    let refused = format!("e{}", kept.len());
    assert_eq!(store.event(&key(&refused)).await.unwrap(), None);
    assert_eq!(store.stats().await.unwrap().queued, kept.len() as u64);

    store.limit_pages(u32::MAX - 1).await.unwrap();
    let admission = store.admit(big(&refused), at(1_000)).await.unwrap();
    assert_eq!(admission.duplicate, None);
    assert_eq!(
        admission.seq,
        kept.len() as u64 + 1,
        "what was refused took no place"
    );
    assert_eq!(
        store.claim("w1", 99, 1_000, at(1_000)).await.unwrap().len(),
        kept.len() + 1
    );
    assert_eq!(store.quick_check().await.unwrap(), None);
}

/// A trigger stands for any failure in the middle of a command.
#[tokio::test]
async fn a_command_that_fails_half_way_leaves_nothing_and_spoils_no_other_of_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(dir.path(), at(0)).unwrap());
    let outside = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    outside
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON verdicts WHEN NEW.rule = 'poison'
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let mut admissions = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        admissions.spawn(async move {
            let mut event = event(&format!("e{n}"));
            let rule = if n % 2 == 0 { "poison" } else { "triage" };
            event.firings = vec![fires("first", gates()), fires(rule, gates())];
            (n, store.admit(event, at(n)).await)
        });
    }
    for (n, admission) in admissions.join_all().await {
        let found = store.event(&key(&format!("e{n}"))).await.unwrap();
        if n % 2 == 0 {
            let refusal = admission.unwrap_err();
            assert!(matches!(refusal, StoreError::Unavailable(_)));
            assert!(refusal.to_string().contains("poisoned"), "{refusal}");
            assert_eq!(found, None);
        } else {
            assert_eq!(admission.unwrap().seq, found.unwrap().seq);
        }
    }
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.events, stats.queued), (20, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_simultaneous_arrivals_of_one_event_exactly_one_is_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(dir.path(), at(0)).unwrap());
    let mut arrivals = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = store.clone();
        arrivals.spawn(async move {
            let mut event = event(&format!("e{}", n % 4));
            event.firings = vec![fires("triage", gates())];
            store.admit(event, at(0)).await.unwrap()
        });
    }
    let admissions = arrivals.join_all().await;
    let first = admissions
        .iter()
        .filter(|admission| admission.duplicate.is_none());
    assert_eq!(first.count(), 4);
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.events, stats.duplicates, stats.queued), (4, 60, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_at_the_same_time_never_hold_the_same_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(dir.path(), at(0)).unwrap());
    for n in 0..60 {
        let mut event = event(&format!("e{n}"));
        event.firings = vec![fires("triage", gates())];
        store.admit(event, at(0)).await.unwrap();
    }
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claims = store
                    .claim(&format!("w{worker}"), 3, 60_000, at(1))
                    .await
                    .unwrap();
                if claims.is_empty() {
                    return mine;
                }
                mine.extend(claims.into_iter().map(|claim| claim.run.id));
            }
        });
    }
    let mut claimed = workers.join_all().await.concat();
    assert_eq!(claimed.len(), 60);
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 60);
}

/// Deeper than a JSON parser usually follows, and odd where text is odd.
#[tokio::test]
async fn opaque_bodies_come_back_as_they_were_however_deep_and_odd() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let mut deep = json!("\u{0}\u{1F980} \"quoted\"");
    for _ in 0..400 {
        deep = json!([deep]);
    }
    let odd = NewEvent {
        meta: json!({"deep": deep, "": null, "n": -0.5, "big": u64::MAX}),
        body: Bytes::from_static(&[0, 255, 1, 1, 1]),
        subject: "acme/api#1\u{0}'; DROP TABLE runs".into(),
        ..event("'e1' \u{0}")
    };
    store.admit(odd.clone(), at(0)).await.unwrap();
    drop(store);
    let store = Embedded::open(dir.path(), at(0)).unwrap();
    let found = store.event(&odd.key).await.unwrap().unwrap();
    assert_eq!(found.meta, odd.meta);
    assert_eq!(found.body, odd.body);
    assert_eq!(found.subject, odd.subject);
}
