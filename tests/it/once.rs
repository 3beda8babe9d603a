//! What every replica does by itself, from a timer of its own, is done once on the journal that they share: a tick that was missed is
//! told, what is too old is deleted, the ledger is corrected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use xmrt::clock::{Clock, after};
use xmrt::hub::Hub;
use xmrt::journal::*;
use xmrt::reactor::{Parts, Policy, Reactor, Timer, book_record};
use xmrt::rules::SourceFile;
use xmrt::store::Redis;
use xmrt::store::redis::Options;

use crate::coverage::{COMMENTS, GAPS};
use crate::harness::{World, issue_opened};
use crate::journal::desk::{at, end, event, fires, gates, key};
use crate::redis_server::RedisServer;
use crate::schedule::{book, file};

const REPLICAS: usize = 4;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One more replica on the journal, with connections of its own.
async fn replica(server: &RedisServer, clock: &Clock, files: &[SourceFile]) -> Arc<Reactor> {
    let store = server.open(clock.now()).await.unwrap();
    let book = book(files);
    store.keep_book(book_record(&book), clock.now()).await.unwrap();
    Reactor::new(Parts {
        store: Arc::new(store),
        hub: Hub::builder().start().await.unwrap(),
        clock: clock.clone(),
        book,
        source: Box::new(|| Err("no files".into())),
        settle_ms: None,
    })
}

async fn replicas(server: &RedisServer, clock: &Clock, files: &[SourceFile]) -> Vec<Arc<Reactor>> {
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(replica(server, clock, files).await);
    }
    replicas
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_was_missed_is_told_once_by_replicas_that_look_at_the_same_moment() {
    let server = RedisServer::start("everysec");
    let time = |text: &str| -> Timestamp { text.parse().unwrap() };
    let clock = Clock::virtual_at(time("2026-01-15T08:30:00Z"));
    let files = [file("a", "cron = \"0 * * * *\"")];
    let first = replica(&server, &clock, &files).await;
    Timer::new(first).look().await.unwrap();
    // All are down until twenty past twelve.
    clock.advance_to(time("2026-01-15T12:20:00Z"));
    let together = Arc::new(Barrier::new(REPLICAS));
    let mut looks = JoinSet::new();
    for reactor in replicas(&server, &clock, &files).await {
        let together = Arc::clone(&together);
        looks.spawn(async move {
            let mut timer = Timer::new(reactor);
            together.wait().await;
            timer.look().await.unwrap();
            timer
        });
    }
    let mut timers = looks.join_all().await;
    let store = server.open(clock.now()).await.unwrap();
    let ticks = async || {
        let query = EventQuery {
            kind: Some("schedule".into()),
            limit: PAGE_MAX,
            ..EventQuery::default()
        };
        store.events(&query).await.unwrap()
    };
    let told = ticks().await;
    let [tick] = told.as_slice() else {
        panic!("one event: {told:?}")
    };
    assert_eq!(tick.time, time("2026-01-15T12:00:00Z"));
    let payload: Value = serde_json::from_slice(&tick.body).unwrap();
    let missed = json!([
        "2026-01-15T11:00:00Z",
        "2026-01-15T10:00:00Z",
        "2026-01-15T09:00:00Z"
    ]);
    assert_eq!(
        (&payload["missed"], &payload["missed_total"]),
        (&missed, &json!(3))
    );
    let verdicts = store.verdicts(&tick.key).await.unwrap();
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    assert_eq!(store.stats().await.unwrap().queued, 1);
    // None of them tells the missed ones again with the next.
    clock.advance_to(time("2026-01-15T13:00:00.010Z"));
    for timer in &mut timers {
        timer.look().await.unwrap();
    }
    let told = ticks().await;
    assert_eq!(told.len(), 2, "{told:?}");
    let payload: Value = serde_json::from_slice(&told[0].body).unwrap();
    assert_eq!(payload["missed_total"], 0);
}

/// Events at the start of the story, every third with a run that is over; gives how many runs.
async fn history(store: &Redis, events: usize) -> usize {
    for n in 0..events {
        let mut new = event(&format!("old-{n}"));
        if n % 3 == 0 {
            new.firings = vec![fires("triage", gates())];
        }
        store.admit(new, at(0)).await.unwrap();
    }
    let mut runs = 0;
    for claim in store.claim("w1", events, 60_000, at(0)).await.unwrap() {
        let over = end(RunState::Succeeded);
        store
            .advance(&claim.run.id, claim.run.fence, vec![], over, at(0))
            .await
            .unwrap();
        runs += 1;
    }
    runs
}

/// How often the server was told to delete something of an event: once for it and once for each of its runs.
fn deletions(server: &RedisServer) -> usize {
    let stats: String = redis::from_redis_value(server.ask(&["INFO", "commandstats"])).unwrap();
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_unlink:calls="));
    calls.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

async fn recognized(store: &Redis, events: usize, now: Timestamp) {
    for n in 0..events {
        let admission = store.admit(event(&format!("old-{n}")), now).await.unwrap();
        assert_eq!(admission.duplicate, Some(DuplicateBy::Id), "old-{n}");
        assert_eq!(admission.verdicts, [], "its decisions are gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_replicas_delete_at_the_same_moment_each_of_them_counts_for_itself() {
    const EVENTS: usize = 300;
    let server = RedisServer::start("everysec");
    let first = server.open(at(0)).await.unwrap();
    let runs = history(&first, EVENTS).await;
    let retention = Retention {
        events_ms: DAY_MS,
        runs_ms: DAY_MS,
        known_ms: KNOWN_MS_MIN,
    };
    let together = Arc::new(Barrier::new(REPLICAS));
    let mut prunings = JoinSet::new();
    for _ in 0..REPLICAS {
        let store = server.open(at(0)).await.unwrap();
        let together = Arc::clone(&together);
        prunings.spawn(async move {
            let (mut from, mut events, mut runs) = (0, 0, 0);
            together.wait().await;
            loop {
                let pruned = store.prune(&retention, from, 16, at(2 * DAY_MS)).await.unwrap();
                events += pruned.events;
                runs += pruned.runs;
                match pruned.next {
                    Some(next) => from = next,
                    None => return (events, runs),
                }
            }
        });
    }
    let counted = prunings.join_all().await;
    let sum = |of: fn(&(u64, u64)) -> u64| counted.iter().map(of).sum::<u64>();
    assert_eq!(sum(|(events, _)| *events), EVENTS as u64, "{counted:?}");
    assert_eq!(sum(|(_, runs)| *runs), runs as u64, "{counted:?}");
    assert_eq!(deletions(&server), EVENTS + runs);
    let stats = first.stats().await.unwrap();
    assert_eq!((stats.events, stats.succeeded), (0, 0));
    recognized(&first, EVENTS, at(2 * DAY_MS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_keep_the_journal_within_its_bounds_delete_the_old_once_and_nothing_else() {
    const OLD: usize = 100;
    const YOUNG: usize = 20;
    let server = RedisServer::start("everysec");
    let clock = Clock::virtual_at(at(0));
    let store = server.open(at(0)).await.unwrap();
    let runs = history(&store, OLD).await;
    clock.advance_to(at(7 * DAY_MS));
    for n in 0..YOUNG {
        store
            .admit(event(&format!("young-{n}")), clock.now())
            .await
            .unwrap();
    }
    let policy = Policy {
        events_ms: DAY_MS,
        runs_ms: 2 * DAY_MS,
        audit_ms: 365 * DAY_MS,
        size_bytes_max: None,
    };
    let (stop, stopped) = watch::channel(false);
    let mut keepers = JoinSet::new();
    for reactor in replicas(&server, &clock, &[file("a", "cron = \"0 9 * * *\"")]).await {
        keepers.spawn(reactor.retain(policy, stopped.clone()));
    }
    let begun = Instant::now();
    while store.stats().await.unwrap().events > YOUNG as u64 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the old is still there"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    keepers.join_all().await;
    assert_eq!(store.stats().await.unwrap().events, YOUNG as u64);
    assert_eq!(deletions(&server), OLD + runs);
    for n in 0..YOUNG {
        let young = store.event(&key(&format!("young-{n}"))).await.unwrap();
        assert!(young.is_some(), "young-{n}");
    }
    recognized(&store, OLD, clock.now()).await;
}

/// The repository's webhook in the ledger.
const SOURCE: &str = "github:acme/api:1";
const SHARED: &str = "[limits]\nsettle_ms = 150\nlease_ms = 5000\n[coverage]\nevery_ms = 0\ngrace_ms = 0\n";

/// A server on a shared journal, with a webhook that leads to it and `lost` deliveries that were acknowledged before the journal began.
async fn before_the_journal(server: &RedisServer, lost: u64) -> World {
    let rules = [("comments", COMMENTS), ("gaps", GAPS)];
    let world = World::start_with(&rules, SHARED, &[("REDIS_URL", &server.url())]).await;
    let issues: Vec<Value> = (1..=lost)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": format!("Issue {number}") }))
        .collect();
    let seed = json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } });
    world.sandbox_post("seed", seed).await;
    world.close_the_loop().await;
    for number in 1..=lost {
        let payload = issue_opened(number);
        let delivery = json!({ "source": "github", "event": "issues", "payload": payload, "lost": "acknowledged", "at": "-20m" });
        world.sandbox_post("emit", delivery).await;
    }
    world
}

async fn found_in_all(world: &World) -> Value {
    let (status, coverage) = world.api("coverage").await;
    assert_eq!(status, 200, "{coverage}");
    let mut sources = coverage["sources"].as_array().unwrap().iter();
    let source = sources.find(|source| source["source"] == SOURCE);
    source.unwrap_or_else(|| panic!("{coverage:#}"))["found"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_of_the_ledger_that_replicas_are_asked_for_at_the_same_moment_is_made_once() {
    const LOST: u64 = 6;
    let server = RedisServer::start("everysec");
    let world = before_the_journal(&server, LOST).await;
    let replica = world.replica();
    let (status, compared) = world.api_post("coverage/recover", json!({})).await;
    assert_eq!(status, 200, "{compared}");
    let found = found_in_all(&world).await;
    assert_eq!(
        (&found["acknowledged_before_epoch"], &found["recovered"]),
        (&json!(LOST), &json!(0))
    );

    let since = json!({ "since": after(Timestamp::now(), -HOUR_MS) });
    let mut asked = JoinSet::new();
    for n in 0..2 * REPLICAS {
        let url = [&world.server.url, &replica.url][n % 2];
        let request = world
            .client
            .post(format!("{url}/api/v1/coverage/recover"))
            .bearer_auth(crate::harness::ADMIN_TOKEN)
            .json(&since);
        asked.spawn(async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        });
    }
    let answers = asked.join_all().await;
    let mut recovered = 0;
    for (status, answer) in &answers {
        match status {
            200 => recovered += answer["found"]["recovered"].as_u64().unwrap(),
            503 => assert!(answer.to_string().contains("under way"), "{answer}"),
            _ => panic!("{status}: {answer}"),
        }
    }
    assert_eq!(recovered, LOST, "{answers:?}");
    let (_, page) = world.api("events?type=github.issues&limit=50").await;
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.len(), LOST as usize, "{page:#}");
    for event in events {
        let id = event["id"].as_str().unwrap();
        for run in world.settled(id).await {
            assert_eq!(run["status"], "succeeded", "{run:#}\n{}", world.server_log());
        }
    }
    assert_eq!(world.count("create_comment").await, LOST as usize);
    // Of them that ask later, each finds them on record: the ledger has every delivery once.
    let found = found_in_all(&world).await;
    assert_eq!(found["before_epoch"], 0, "{found}");
    let once = ["ok", "recovered"].map(|name| found[name].as_u64().unwrap());
    let ours = world.count("create_comment").await as u64;
    assert!(
        (LOST..=LOST + ours).contains(&once.iter().sum()),
        "each delivery, and the comments they led to: {found}"
    );
    let (_, told) = world.api("events?type=xmrt.gap_recovered&limit=50").await;
    let told = told["events"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{told:#?}");
    drop(replica);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stood_still_for_too_long_does_not_write_over_what_another_found() {
    let server = RedisServer::start("everysec");
    let world = before_the_journal(&server, 6).await;
    // Each of them takes its time: there is some between the first and the last.
    let slow = json!([{ "match": { "operation": "get_delivery" }, "kind": "latency", "ms": 700 }]);
    world.sandbox_post("faults", slow).await;
    let options = Options {
        prefix: "xmrt".into(),
        time: xmrt::store::redis::Time::OfServer,
        ..server.options()
    };
    let other = Redis::open(&options, Timestamp::now()).await.unwrap();
    let since = json!({ "since": after(Timestamp::now(), -HOUR_MS) });
    let request = world
        .client
        .post(format!("{}/api/v1/coverage/recover", world.server.url))
        .bearer_auth(crate::harness::ADMIN_TOKEN)
        .json(&since);
    let asked = tokio::spawn(async move { request.send().await.unwrap().status().as_u16() });
    world.requested("get_delivery").await;
    // Meanwhile its right to compare is over, and another has it.
    let right = KvKey::new("coverage", "lease").unwrap();
    assert!(other.kv_delete(&right, Timestamp::now()).await.unwrap());
    let lease = CoverageLease::new(60_000);
    assert!(lease.take(&other, Timestamp::now()).await.unwrap());
    let now = Timestamp::now();
    let mut found = Coverage::new(SOURCE, now);
    found.enter(Range {
        from: after(now, -HOUR_MS),
        until: now,
        found: Found {
            ok: 7,
            ..Found::default()
        },
    });
    assert!(lease.keep(&other, &found, now).await.unwrap());
    assert_eq!(asked.await.unwrap(), 503, "it says that another compares");
    let kept = coverage_of(&other, SOURCE, Timestamp::now()).await.unwrap();
    assert_eq!(kept, Some(found));
    assert_eq!(
        coverage_pass(&other, Timestamp::now()).await.unwrap(),
        None,
        "nor is its comparison one"
    );
}
