//! What was acknowledged is there after a kill; what was lost from outside is noticed, said, and put right where it can be.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use xmrt::journal::*;
use xmrt::store::Redis;

use crate::journal::desk::{at, done, end, event, fires, gates, intent, key};
use crate::redis_server::RedisServer;

const WRITERS: usize = 8;

fn firing(id: &str) -> NewEvent {
    NewEvent {
        firings: vec![fires("triage", gates())],
        ..event(id)
    }
}

fn book() -> BookRecord {
    BookRecord {
        hash: "book-1".into(),
        settings: json!({}),
        rules: vec![RuleText {
            rule: "triage".into(),
            version: "version-1".into(),
            text: "text".into(),
        }],
    }
}

/// Admits and begins steps until the server dies; gives what was acknowledged.
async fn writes_until_refused(
    store: Arc<Redis>,
    writer: String,
    heard: mpsc::UnboundedSender<()>,
) -> Vec<(String, Option<RunId>)> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let id = format!("{writer}-{n}");
        let mut event = firing(&id);
        event.body = Bytes::from(id.repeat(100));
        if store.admit(event, at(0)).await.is_err() {
            break;
        }
        acknowledged.push((id.clone(), None));
        let _ = heard.send(());
        let Ok(claims) = store.claim(&writer, 1, 60_000, at(0)).await else {
            break;
        };
        for claim in claims {
            let run = claim.run.id;
            let writes = vec![intent(&run, "comment", 0, true)];
            if store
                .advance(&run, claim.run.fence, writes, Then::Keep, at(0))
                .await
                .is_ok()
            {
                acknowledged.push((id.clone(), Some(run)));
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_a_kill_of_a_server_that_always_syncs() {
    let mut server = RedisServer::start("always");
    for round in 0..6u64 {
        let store = Arc::new(server.open(at(0)).await.unwrap());
        let mut writers = tokio::task::JoinSet::new();
        let (hear, mut heard) = mpsc::unbounded_channel();
        for writer in 0..WRITERS {
            writers.spawn(writes_until_refused(
                store.clone(),
                format!("{round}-{writer}"),
                hear.clone(),
            ));
        }
        // After so many, different in each round; the kill comes in the middle of whatever else is going on.
        for _ in 0..20 + round * 37 % 100 {
            heard.recv().await.unwrap();
        }
        server.kill();
        let acknowledged = writers.join_all().await.concat();
        server.restart();
        let store = server.open(at(0)).await.unwrap();
        for (id, run) in &acknowledged {
            let found = store.event(&key(id)).await.unwrap();
            assert_eq!(
                found.expect("an acknowledged event is there").body,
                id.repeat(100)
            );
            assert_eq!(store.verdicts(&key(id)).await.unwrap().len(), 1);
            if let Some(run) = run {
                let history = store.run(run).await.unwrap().unwrap();
                assert_eq!(history.steps[0].state, StepState::Intent);
            }
        }
        assert!(acknowledged.len() >= 20);
    }
}

#[tokio::test]
async fn an_emptied_server_gets_a_new_journal_and_the_loss_of_the_old_one_is_known() {
    let server = RedisServer::start("everysec");
    let notes = tempfile::tempdir().unwrap();
    let mut options = server.options();
    options.note_dir = Some(notes.path().into());
    let store = Redis::open(&options, at(0)).await.unwrap();
    let first = store.epoch().await.unwrap();
    assert_eq!(store.former_epoch(), None);
    store.admit(firing("e1"), at(0)).await.unwrap();
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    store.keep_book(book(), at(0)).await.unwrap();

    server.ask(&["FLUSHALL"]);
    let admission = store.admit(firing("e2"), at(5)).await.unwrap();
    assert_eq!((admission.seq, admission.duplicate), (1, None));
    let second = store.epoch().await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(store.former_epoch(), Some(first));
    assert_eq!(
        store.book(None).await.unwrap(),
        Some(book()),
        "the rules in force are on record"
    );
    let lost = store
        .advance(&claim.run.id, claim.run.fence, vec![], Then::Keep, at(6))
        .await;
    assert!(
        matches!(lost, Err(StoreError::NotFound { what: "run", .. })),
        "{lost:?}"
    );
    assert_eq!(store.stats().await.unwrap().queued, 1);

    // Emptied while nobody was there: the note tells.
    drop(store);
    server.ask(&["FLUSHALL"]);
    let store = Redis::open(&options, at(10)).await.unwrap();
    assert_eq!(store.former_epoch(), Some(second));
    drop(store);
    assert_eq!(Redis::open(&options, at(20)).await.unwrap().former_epoch(), None);
}

#[tokio::test]
async fn forgotten_scripts_are_told_again_in_the_middle_of_the_work() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    for n in 0..8 {
        server.ask(&["SCRIPT", "FLUSH"]);
        store.admit(firing(&format!("e{n}")), at(0)).await.unwrap();
        server.ask(&["SCRIPT", "FLUSH"]);
        let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
        server.ask(&["SCRIPT", "FLUSH"]);
        let (run, fence) = (&claim.run.id, claim.run.fence);
        store
            .advance(run, fence, vec![], end(RunState::Succeeded), at(0))
            .await
            .unwrap();
    }
    assert_eq!(store.stats().await.unwrap().succeeded, 8);
}

/// Every key in turn, in a journal of its own: nothing is done twice, nothing that is left is stuck.
#[tokio::test]
async fn the_deletion_of_any_one_key_stops_no_work_and_doubles_none() {
    let server = RedisServer::start("everysec");
    let keys = story(&server, "all", None).await;
    assert!(keys.len() > 15, "{keys:?}");
    for (n, deleted) in keys.iter().enumerate() {
        story(&server, &format!("without-{n}"), Some(deleted)).await;
    }
}

/// One run done, one begun, one waiting to begin; then `deleted` is deleted; then all is carried on. Gives the keys.
async fn story(server: &RedisServer, prefix: &str, deleted: Option<&str>) -> Vec<String> {
    let mut options = server.options();
    options.prefix = prefix.into();
    let store = Redis::open(&options, at(0)).await.unwrap();
    let mut runs = Vec::new();
    for n in 0..3 {
        let mut event = firing(&format!("e{n}"));
        event.digest = Some([n; 32]);
        let mut admission = store.admit(event, at(n.into())).await.unwrap();
        runs.push(admission.verdicts.remove(0).run.unwrap());
    }
    store.keep_book(book(), at(3)).await.unwrap();
    for state in [Then::Keep, end(RunState::Succeeded)] {
        let claim = store.claim("w1", 1, 1_000, at(4)).await.unwrap().remove(0);
        let mut writes = vec![intent(&claim.run.id, "comment", 0, true)];
        if !matches!(state, Then::Keep) {
            writes.push(done("comment", json!(1)));
        }
        store
            .advance(&claim.run.id, claim.run.fence, writes, state, at(4))
            .await
            .unwrap();
    }
    let begins = format!("{{{prefix}}}:");
    let keys: Vec<String> = redis::from_redis_value(server.ask(&["KEYS", &format!("{begins}*")])).unwrap();
    if let Some(deleted) = deleted {
        server.ask(&["DEL", &format!("{begins}{deleted}")]);
    }

    // The provider sends all of it again, and the worker looks again once the lease is over.
    for n in 0..3 {
        let mut event = firing(&format!("e{n}"));
        event.digest = Some([n; 32]);
        let admission = store.admit(event, at(5)).await.unwrap();
        assert_eq!(
            admission.verdicts[0].run.as_ref(),
            Some(&runs[usize::from(n)]),
            "{deleted:?}"
        );
    }
    store.keep_book(book(), at(6)).await.unwrap();
    let mut taken = Vec::new();
    for look in 0..3 {
        taken.extend(store.claim("w2", 9, 60_000, at(120_000 + look)).await.unwrap());
    }
    let begun_again = taken.iter().filter(|claim| claim.run.id == runs[1]).count();
    let run_key = |run: usize| format!("r:{}", runs[run]);
    if deleted != Some(&run_key(1)) {
        assert_eq!(
            begun_again, 0,
            "what was done is not done again, without {deleted:?}"
        );
    }
    for run in [0, 2] {
        let claims = taken.iter().filter(|claim| claim.run.id == runs[run]);
        if deleted != Some(&run_key(run)) {
            assert_eq!(
                claims.count(),
                1,
                "run {run} is carried on once, without {deleted:?}"
            );
        }
    }
    if deleted != Some(&run_key(0)) {
        let begun = taken.iter().find(|claim| claim.run.id == runs[0]).unwrap();
        assert_eq!(
            begun.steps[0].state,
            StepState::Intent,
            "its doubt is known, without {deleted:?}"
        );
    }
    assert_eq!(
        store.book(None).await.unwrap(),
        Some(book()),
        "without {deleted:?}"
    );
    keys.into_iter()
        .map(|key| key.strip_prefix(&begins).unwrap().to_owned())
        .collect()
}

/// The queue of a concurrency group, or who has it: both are known from the runs, too.
#[tokio::test]
async fn a_group_whose_queue_or_holder_was_deleted_still_lets_one_run_go_on_after_the_other() {
    for deleted in ["q:deploy", "u:deploy"] {
        let server = RedisServer::start("everysec");
        let store = server.open(at(0)).await.unwrap();
        let group = Some(Group {
            key: "deploy".into(),
            cancel_in_progress: false,
            latest: false,
        });
        let mut runs = Vec::new();
        for n in 0..3 {
            let gates = Gates {
                group: group.clone(),
                ..gates()
            };
            let event = NewEvent {
                firings: vec![fires("triage", gates)],
                ..event(&format!("e{n}"))
            };
            let mut admission = store.admit(event, at(n)).await.unwrap();
            runs.push(admission.verdicts.remove(0).run.unwrap());
        }
        let claim = async |now| store.claim("w1", 9, 3_600_000, at(now)).await.unwrap();
        let first = claim(3).await.remove(0).run;
        assert_eq!(first.id, runs[0]);
        server.ask(&["DEL", &format!("{{xmrt}}:{deleted}")]);
        assert!(claim(700_000).await.is_empty(), "{deleted}: the first one has it");
        let over = end(RunState::Succeeded);
        store
            .advance(&first.id, first.fence, vec![], over, at(700_001))
            .await
            .unwrap();
        for (n, now) in [(1, 1_400_000), (2, 2_100_000)] {
            let next = claim(now).await;
            assert_eq!(next.len(), 1, "{deleted}");
            assert_eq!(next[0].run.id, runs[n], "{deleted}");
            let over = end(RunState::Succeeded);
            store
                .advance(&runs[n], next[0].run.fence, vec![], over, at(now + 1))
                .await
                .unwrap();
        }
    }
}
