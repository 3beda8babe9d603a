//! Keys that somebody deletes, one by one: what is left goes on, and what can be made again is.

use std::collections::BTreeMap;

use redis::Value;
use xmrt::journal::*;
use xmrt::store::Redis;

use super::keys::everything;
use crate::journal::desk::{at, end, event, fires, gates};
use crate::journal::retention::all;
use crate::redis_server::RedisServer;
use crate::store::archive::written;

/// How the names of the indexes begin that are made again by looking at all there is. What is due, and who is next in a group,
/// is seen by whoever wants it: `losses` has the tests. The ends of small values only say when their room is free.
const INDEXES: [&str; 9] = ["events", "k:", "b:", "s:", "x:", "w:", "kvs:", "kinds", "sources"];
/// Not counted as waiting, but made again with any other: a run in doubt is in it as well as in that of its state.
const IN_DOUBT: &str = "w:person";

fn is_index(name: &str) -> bool {
    let fits = |begin: &&str| match begin.ends_with(':') {
        true => name.starts_with(*begin),
        false => name == *begin,
    };
    INDEXES.iter().any(fits) && name != IN_DOUBT
}

/// All keys below a prefix.
fn keys(server: &RedisServer, prefix: &str) -> Vec<String> {
    let keys: Vec<String> =
        redis::from_redis_value(server.ask(&["KEYS", &format!("{{{prefix}}}:*")])).unwrap();
    let begin = format!("{{{prefix}}}:");
    let names = keys
        .iter()
        .map(|key| key.strip_prefix(&begin).unwrap().to_owned());
    names.collect()
}

/// What is in the indexes below a prefix.
fn entries(server: &RedisServer, prefix: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for name in keys(server, prefix).into_iter().filter(|name| is_index(name)) {
        let key = format!("{{{prefix}}}:{name}");
        let command: &[&str] = match name.as_str() {
            "kinds" | "sources" => &["SMEMBERS", &key],
            _ => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
        };
        let mut list: Vec<String> = redis::from_redis_value(server.ask(command)).unwrap();
        if matches!(name.as_str(), "kinds" | "sources") {
            list.sort();
        }
        found.insert(name, list);
    }
    found
}

#[tokio::test]
async fn every_index_that_is_deleted_is_made_again_from_what_it_leads_to() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    everything(&store).await;
    assert_eq!(store.reindex().await.unwrap(), 0, "nothing is missing");
    let (before, text) = (entries(&server, "test"), written(&store).await);
    for begin in INDEXES {
        assert!(
            before.keys().any(|name| name.starts_with(begin)),
            "the story has none of {begin}"
        );
    }
    for (name, list) in &before {
        assert_eq!(server.ask(&["DEL", &format!("{{test}}:{name}")]), Value::Int(1));
        assert!(store.reindex().await.unwrap() > 0, "without {name}");
        assert_eq!(entries(&server, "test").get(name), Some(list), "without {name}");
        assert_eq!(store.reindex().await.unwrap(), 0, "{name} is there again");
    }
    assert_eq!(entries(&server, "test"), before);
    // All of them at once, and what an event is known by; found out by whoever reads the journal out.
    for name in keys(&server, "test") {
        let known = name.starts_with("n:") && name.ends_with(":done");
        if is_index(&name) || known {
            server.ask(&["DEL", &format!("{{test}}:{name}")]);
        }
    }
    let again = written(&store).await;
    let records = |text: &str| {
        let lines = text.lines().skip(1);
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.pop();
        lines
    };
    assert_eq!(records(&again), records(&text));
    let known = store.admit(event("done"), at(1)).await.unwrap();
    assert_eq!(known.duplicate, Some(DuplicateBy::Id));
}

#[tokio::test]
async fn books_that_are_needed_stay_although_no_index_led_to_their_events() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    for n in 0..3 {
        let book = BookRecord {
            hash: format!("book-{n}"),
            settings: serde_json::json!({}),
            rules: vec![],
        };
        store.keep_book(book, at(n)).await.unwrap();
    }
    let mut fired = event("e1");
    fired.book = "book-1".into();
    fired.firings = vec![fires("triage", gates())];
    store.admit(fired, at(3)).await.unwrap();
    server.ask(&["DEL", "{test}:events"]);
    assert!(store.reindex().await.unwrap() > 0);
    let later = at(2 * BOOK_MS_MIN);
    assert_eq!(store.prune_books(BOOK_MS_MIN, later).await.unwrap(), 1, "book-0");
    for (book, there) in [("book-0", false), ("book-1", true), ("book-2", true)] {
        let kept = store.book(Some(book)).await.unwrap();
        assert_eq!(kept.is_some(), there, "{book}");
    }
}

/// What goes on in a journal all the time; nothing of it may be refused.
pub(super) async fn goes_on(store: &Redis, without: &str) {
    let mut fired = event("later");
    fired.firings = vec![fires("rule-0", gates()), fires("another", gates())];
    let admitted = store.admit(fired.clone(), at(70_000)).await;
    assert_eq!(admitted.unwrap().duplicate, None, "without {without}");
    let again = store.admit(fired, at(70_001)).await;
    assert_eq!(
        again.unwrap().duplicate,
        Some(DuplicateBy::Id),
        "without {without}"
    );
    let mut claims = Vec::new();
    for look in 0..3 {
        let claimed = store.claim("w2", 9, 1_000, at(700_000 + look)).await;
        claims.extend(claimed.unwrap_or_else(|error| panic!("without {without}: {error}")));
    }
    let ours = claims
        .iter()
        .filter(|claim| claim.run.event.id == "later" && claim.run.rule == "another");
    assert_eq!(ours.count(), 1, "without {without}: what is new is done");
    let mut ids: Vec<&RunId> = claims.iter().map(|claim| &claim.run.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), claims.len(), "without {without}: nobody has one twice");
    for claim in &claims {
        let then = match claim.steps.is_empty() {
            true => end(RunState::Succeeded),
            // A call of it is open.
            false => Then::Wait {
                until: at(800_000),
                waits_for: WaitsFor::Look,
                reason: "its answer was lost".into(),
            },
        };
        let (run, fence) = (&claim.run.id, claim.run.fence);
        let done = store.advance(run, fence, vec![], then, at(700_010)).await;
        done.unwrap_or_else(|error| panic!("without {without}: {error}"));
    }
    let notices = store.notices(PAGE_MAX).await.unwrap();
    store.told(&notices, at(700_011)).await.unwrap();
    let name = KvKey::new("some-space", "name").unwrap();
    store
        .kv_put(&name, "new".into(), None, at(700_012))
        .await
        .unwrap();
    assert_eq!(
        store.kv_get(&name, at(700_012)).await.unwrap(),
        Some("new".into())
    );
    store.pause("all", "octocat", at(700_013)).await.unwrap();
    assert!(store.resume("all", "octocat", at(700_013)).await.unwrap());
    store
        .audit(vec![AuditEntry::default()], at(700_014))
        .await
        .unwrap();
    let pruned = store.prune(&all(), 0, PRUNE_MAX, at(700_015)).await;
    assert!(pruned.unwrap().events > 0, "without {without}");
    store.stats().await.unwrap();
    store.shares().await.unwrap();
    written(store).await;
}

#[tokio::test]
async fn without_any_one_key_of_any_kind_the_journal_goes_on() {
    let server = RedisServer::start("everysec");
    let all = server.open(at(0)).await.unwrap();
    everything(&all).await;
    // Ids of runs are hashes of what they are about: a journal made in the same way has the same keys.
    for (n, deleted) in keys(&server, "test").iter().enumerate() {
        let prefix = format!("without-{n}");
        let mut options = server.options();
        options.prefix.clone_from(&prefix);
        let store = Redis::open(&options, at(0)).await.unwrap();
        everything(&store).await;
        let gone = server.ask(&["DEL", &format!("{{{prefix}}}:{deleted}")]);
        assert_eq!(gone, Value::Int(1), "{deleted}");
        goes_on(&store, deleted).await;
    }
}
