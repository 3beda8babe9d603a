//! A journal written down and read again: on every store, byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use xmrt::journal::archive::{ArchiveError, Head, Import, Lines, Reader, Record};
use xmrt::journal::*;
use xmrt::store::Embedded;
use xmrt::store::redis::Opens;

use crate::journal::desk::{Desk, at, desks, done, end, event, fires, gates, intent, key};
use crate::journal::walk::{Act, Move, perform, pick, view, walks};
use crate::redis_server::RedisServer;

pub(super) async fn written(store: &dyn Store) -> String {
    let mut lines = Lines::of(store.export().await.unwrap());
    let mut text = Vec::new();
    while let Some(line) = lines.next().await {
        text.extend(line.unwrap());
    }
    String::from_utf8(text).unwrap()
}

pub(super) fn read(text: &str) -> Result<Vec<Record>, ArchiveError> {
    let (_, mut reader) = Reader::open(text.as_bytes())?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok(records)
}

async fn fill(store: &dyn Store, text: &str, replace: bool) -> Result<(), StoreError> {
    let (head, _) = Reader::open(text.as_bytes()).unwrap();
    fill_with(store, head, read(text).unwrap(), replace).await
}

pub(super) async fn fill_with(
    store: &dyn Store,
    head: Head,
    found: Vec<Record>,
    replace: bool,
) -> Result<(), StoreError> {
    let (sender, records) = mpsc::channel(found.len().max(1));
    let total = found.len() as u64;
    for record in found {
        sender.send(record).await.unwrap();
    }
    drop(sender);
    let import = Import {
        head,
        total,
        records,
        replace,
    };
    store.import(import).await
}

/// The lines without the first, which names the journal, and without the last, which has its hash.
fn records(text: &str) -> &str {
    let (_, rest) = text.split_once('\n').unwrap();
    let (before, _) = rest.trim_end().rsplit_once('\n').unwrap_or_default();
    before
}

/// Half of a walk on SQLite; the journal moves to Redis, where the other half goes on; then back. The model, which never
/// moves, answers all along as the stores do.
async fn moves_along(mut moves: Vec<Move>) {
    let dir = tempfile::tempdir().unwrap();
    let server = RedisServer::start("everysec");
    let oracle = MemoryStore::new(at(0));
    let mut store: Arc<dyn Store> = Arc::new(Embedded::open(dir.path(), at(0)).unwrap());
    let half = moves.len() / 2;
    let mut now = 0;
    moves.retain(|step| !matches!(step.act, Act::Crash));
    for (n, Move { after_ms, act }) in moves.into_iter().enumerate() {
        now += after_ms;
        let run = pick(&oracle, &act).await;
        let expected = perform(&oracle, &act, run.as_ref(), now).await;
        let answer = perform(&*store, &act, run.as_ref(), now).await;
        assert_eq!(answer, expected, "move {n}: {act:?}");
        if n == half {
            let text = written(&*store).await;
            assert_eq!(records(&text), records(&written(&oracle).await));
            let redis = Arc::new(server.open(at(0)).await.unwrap());
            fill(&*redis, &text, false).await.unwrap();
            assert_eq!(written(&*redis).await, text, "SQLite → Redis");
            store = redis;
        }
    }
    assert_eq!(view(&*store).await, view(&oracle).await);
    let text = written(&*store).await;
    let other = tempfile::tempdir().unwrap();
    let back = Embedded::open(other.path(), at(0)).unwrap();
    fill(&back, &text, false).await.unwrap();
    assert_eq!(written(&back).await, text, "Redis → SQLite");
    assert_eq!(view(&back).await, view(&oracle).await);
    assert_eq!(back.epoch().await.unwrap(), store.epoch().await.unwrap());
    drop(back);
    let back = Embedded::open(other.path(), at(0)).unwrap();
    assert!(!back.epoch_changed(), "an import is no loss");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_that_moves_from_store_to_store_answers_as_if_it_had_stayed(moves in walks(60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(moves_along(moves));
    }
}

async fn story(desk: &Desk) {
    for (id, body) in [
        ("text", Bytes::from_static(b"{\"a\": \"\xc3\xa4\"}\r\n ")),
        ("bytes", Bytes::from_static(b"\x00\xff\xfe not UTF-8")),
        ("none", Bytes::new()),
    ] {
        let mut event = event(id);
        event.body = body;
        event.digest = Some([id.as_bytes()[0]; 32]);
        event.firings = vec![fires(
            "triage",
            Gates {
                cooldown_ms: Some(60_000),
                ..gates()
            },
        )];
        desk.store.admit(event, at(0)).await.unwrap();
    }
    desk.store.admit(event("text"), at(1)).await.unwrap();
    let claim = desk.take(at(1)).await;
    let run = &claim.run.id;
    let writes = vec![
        intent(run, "comment", 0, true),
        done("comment", json!({"url": "here"})),
    ];
    desk.advance(&claim, writes, end(RunState::Succeeded), at(2))
        .await;
}

#[tokio::test]
async fn bodies_come_back_exactly_and_what_has_ended_stays_ended() {
    for desk in desks().await {
        story(&desk).await;
        let text = written(&*desk.store).await;
        for other in desks().await {
            fill(&*other.store, &text, false).await.unwrap();
            let body = async |id: &str| other.store.event(&key(id)).await.unwrap().unwrap().body;
            assert_eq!(body("text").await, b"{\"a\": \"\xc3\xa4\"}\r\n ".as_slice());
            assert_eq!(body("bytes").await, b"\x00\xff\xfe not UTF-8".as_slice());
            assert_eq!(body("none").await, b"".as_slice());
            let stats = other.store.stats().await.unwrap();
            assert_eq!((stats.events, stats.duplicates, stats.succeeded), (3, 1, 1));
            assert!(
                other
                    .store
                    .claim("w2", 9, 1_000, at(90_000))
                    .await
                    .unwrap()
                    .is_empty()
            );
            // Known under another id by its digest, and by its own.
            let mut again = event("again");
            again.digest = Some([b'b'; 32]);
            let admission = other.store.admit(again, at(3)).await.unwrap();
            assert_eq!(
                (admission.key, admission.duplicate),
                (key("bytes"), Some(DuplicateBy::Body))
            );
            // What it charged is charged, and its order goes on.
            let fired = other
                .fire(
                    "later",
                    "triage",
                    Gates {
                        cooldown_ms: Some(1),
                        ..gates()
                    },
                    at(3),
                )
                .await;
            assert_eq!(
                fired.decision,
                Decision::Suppressed,
                "{} → {}",
                desk.name,
                other.name
            );
            assert_eq!(other.store.event(&key("later")).await.unwrap().unwrap().seq, 4);
        }
    }
}

#[tokio::test]
async fn a_journal_with_events_is_not_overwritten_unless_that_is_said() {
    let mut texts = Vec::new();
    for desk in desks().await {
        story(&desk).await;
        texts.push(written(&*desk.store).await);
    }
    for desk in desks().await {
        desk.fire("mine", "triage", gates(), at(0)).await;
        let before = written(&*desk.store).await;
        let refused = fill(&*desk.store, &texts[0], false).await.unwrap_err();
        assert!(
            refused.to_string().contains("holds 1 events already"),
            "{refused}"
        );
        assert_eq!(written(&*desk.store).await, before, "{}", desk.name);
        fill(&*desk.store, &texts[0], true).await.unwrap();
        assert_eq!(written(&*desk.store).await, texts[0], "{}", desk.name);
    }
}

#[tokio::test]
async fn an_archive_that_was_cut_off_or_changed_is_found_out() {
    let desk = desks().await.remove(0);
    story(&desk).await;
    let text = written(&*desk.store).await;
    assert_eq!(
        read(&text).unwrap().len(),
        6,
        "three events, a run, a cooldown, a notice"
    );
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let refused = |text: &str| read(text).unwrap_err().to_string();
    for kept in 0..lines.len() {
        assert!(
            refused(&lines[..kept].concat()).contains("cut off"),
            "{kept} lines"
        );
    }
    assert!(refused(&text[..text.len() - 1]).contains("cut off"));
    let without_one = [&lines[..2], &lines[3..]].concat().concat();
    assert!(refused(&without_one).contains("lines are missing"));
    assert!(refused(&text.replacen("octocat", "octodog", 1)).contains("were changed"));
    assert!(
        refused(
            &text
                .replacen("not UTF", "was UTF", 1)
                .replacen("\\\"a\\\"", "\\\"b\\\"", 1)
        )
        .contains("SHA-256")
    );
    assert!(refused(&format!("{text}{{}}\n")).contains("follows the last line"));
    assert!(refused(&text.replacen("\"format\":1", "\"format\":2", 1)).contains("format 2"));
    assert!(refused("{\"some\": \"thing\"}\n").contains("does not begin"));
    assert!(refused(&text.replacen("\"verdicts\"", "\"judgments\"", 1)).contains("line 2"));
}

#[tokio::test]
async fn records_that_stop_coming_leave_the_journal_as_it_was() {
    let from = desks().await.remove(0);
    story(&from).await;
    let text = written(&*from.store).await;
    for desk in desks().await.into_iter().take(2) {
        let before = written(&*desk.store).await;
        let (head, _) = Reader::open(text.as_bytes()).unwrap();
        let (sender, records) = mpsc::channel(1);
        let import = Import {
            head,
            total: 5,
            records,
            replace: false,
        };
        let one = read(&text).unwrap().remove(0);
        let told = async {
            sender.send(one).await.unwrap();
            drop(sender)
        };
        let (refused, ()) = tokio::join!(desk.store.import(import), told);
        assert!(refused.unwrap_err().to_string().contains("only 1 of 5"));
        assert_eq!(written(&*desk.store).await, before, "{}", desk.name);
    }
}

#[tokio::test]
async fn an_import_into_redis_that_was_interrupted_is_no_journal_until_it_is_done_again() {
    let from = desks().await.remove(0);
    story(&from).await;
    let text = written(&*from.store).await;
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    let other = server.open(at(0)).await.unwrap();
    let (head, _) = Reader::open(text.as_bytes()).unwrap();
    let (sender, records) = mpsc::channel(1);
    drop(sender);
    let refused = store
        .import(Import {
            head,
            total: 5,
            records,
            replace: false,
        })
        .await;
    assert!(refused.is_err());
    let opened = server.open(at(1)).await.unwrap_err().to_string();
    assert!(opened.contains("an import was interrupted"), "{opened}");
    let refused = other.admit(event("e1"), at(1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    let mut options = server.options();
    options.opens = Opens::Unfinished;
    let store = xmrt::store::Redis::open(&options, at(1)).await.unwrap();
    fill(&store, &text, true).await.unwrap();
    assert_eq!(written(&store).await, text);
    let admission = other.admit(event("text"), at(1)).await.unwrap();
    assert_eq!(
        admission.duplicate,
        Some(DuplicateBy::Id),
        "another replica goes on with it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_under_load_holds_each_event_with_its_run() {
    for desk in desks().await {
        for n in 0..200 {
            desk.fire(&format!("before-{n}"), "triage", gates(), at(0)).await;
        }
        let store = Arc::clone(&desk.store);
        let working = tokio::spawn(async move {
            for n in 0..200 {
                let mut event = event(&format!("during-{n}"));
                event.firings = vec![fires("triage", gates())];
                store.admit(event, at(1)).await.unwrap();
                for claim in store.claim("w1", 1, 60_000, at(1)).await.unwrap() {
                    let run = &claim.run.id;
                    let writes = vec![intent(run, "comment", 0, true), done("comment", json!(1))];
                    store
                        .advance(run, claim.run.fence, writes, end(RunState::Succeeded), at(1))
                        .await
                        .unwrap();
                }
            }
        });
        let during = written(&*desk.store).await;
        working.await.unwrap();
        let records = read(&during).unwrap();
        let events = records
            .iter()
            .filter(|record| matches!(record, Record::Event(_)))
            .count();
        assert!((200..=400).contains(&events), "{}: {events}", desk.name);
        for pair in records.windows(2) {
            if let Record::Event(event) = &pair[0] {
                let Record::Run(run) = &pair[1] else {
                    panic!("{}: an event without its run", desk.name)
                };
                assert_eq!(event.verdicts[0].run.as_ref(), Some(&run.run.id));
                assert_eq!(event.verdicts[0].state, Some(run.run.state));
            }
        }
        let quiet = written(&*desk.store).await;
        let last: Value = serde_json::from_str(quiet.lines().last().unwrap()).unwrap();
        assert_eq!(last["end"]["one_moment"], true);
        assert_eq!(
            last["end"]["kinds"],
            json!({"event": 400, "notice": 200, "run": 400})
        );
    }
}
