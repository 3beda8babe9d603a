//! Redis is gone, or silent, or refuses: whoever asks learns it at once, and soon after it is back all is well.

use std::time::{Duration, Instant};

use xmrt::journal::*;
use xmrt::store::Redis;

use crate::journal::desk::{at, event, fires, gates, key};
use crate::redis_server::RedisServer;

/// Within which a refusal has to come once Redis is known to be away.
const AT_ONCE: Duration = Duration::from_millis(50);
/// Within which a server that is back has to be used again.
const BACK_MAX: Duration = Duration::from_secs(2);

async fn admit(store: &Redis, id: &str) -> Result<Admission, StoreError> {
    store.admit(event(id), at(0)).await
}

/// Admits until that is refused at once, and in these words; gives all of them.
async fn refused(store: &Redis, said: &str) -> String {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        if let Err(error) = admit(store, "probe").await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            if asked.elapsed() < AT_ONCE && error.to_string().contains(said) {
                return error.to_string();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never refused at once");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How long it takes until an event is admitted.
async fn admitted(store: &Redis, id: &str) -> Duration {
    let begun = Instant::now();
    while let Err(error) = admit(store, id).await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "still refused: {error}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn while_redis_is_dead_everything_is_refused_at_once_and_soon_after_it_is_back_it_works() {
    let mut server = RedisServer::start("always");
    let store = server.open(at(0)).await.unwrap();
    admit(&store, "before").await.unwrap();
    server.kill();
    refused(&store, &format!("Redis at 127.0.0.1:{} is away: ", server.port)).await;
    assert!(store.epoch().await.is_err(), "health says so, too");
    assert!(store.claim("w1", 1, 1_000, at(0)).await.is_err());
    server.restart();
    let took = admitted(&store, "after").await;
    assert!(took < BACK_MAX, "{took:?}");
    assert!(store.epoch().await.is_ok());
    assert!(store.event(&key("before")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_silent_redis_is_found_out_by_those_who_wait_and_refused_at_once_to_those_who_come_later() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    server.signal("STOP");
    let begun = Instant::now();
    let waiting = admit(&store, "waits").await.unwrap_err();
    assert!(matches!(waiting, StoreError::Unavailable(_)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    refused(&store, "is away").await;
    server.signal("CONT");
    let took = admitted(&store, "after").await;
    assert!(took < BACK_MAX, "{took:?}");
    // What waited was sent before the silence was noticed, and done when it ended; its sender repeats it.
    let repeated = admit(&store, "waits").await.unwrap();
    assert_eq!(repeated.duplicate, Some(DuplicateBy::Id));
}

#[tokio::test]
async fn cut_connections_are_replaced_without_redis_counting_as_away() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let took = admitted(&store, "after").await;
    assert!(took < BACK_MAX, "{took:?}");
    for n in 0..32 {
        admit(&store, &format!("e{n}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_memory_refuses_what_it_cannot_keep_and_leaves_nothing_of_it() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    let firing = NewEvent {
        firings: vec![fires("triage", gates())],
        ..event("full")
    };
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store.admit(firing.clone(), at(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)));
    assert!(error.to_string().contains("raise maxmemory"), "{error}");
    assert_eq!(store.event(&key("full")).await.unwrap(), None);
    assert_eq!(store.stats().await.unwrap(), Stats::default());
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let admission = store.admit(firing, at(0)).await.unwrap();
    assert_eq!((admission.duplicate, admission.seq), (None, 1));
    assert_eq!(store.stats().await.unwrap().queued, 1);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_refuses_and_leaves_nothing() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    server.ask(&["CONFIG", "SET", "save", "3600 1"]);
    server.lose_folder();
    server.ask(&["BGSAVE"]);
    let why = refused(&store, "MISCONF").await;
    assert!(why.contains("disk is not full"), "{why}");
    assert_eq!(store.event(&key("later")).await.unwrap(), None);
    server.ask(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    admitted(&store, "later").await;
}

#[tokio::test]
async fn a_server_that_became_a_replica_refuses_until_it_is_a_primary_again() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = admit(&store, "e1").await.unwrap_err();
    assert!(error.to_string().contains("must lead to the primary"), "{error}");
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    let took = admitted(&store, "e1").await;
    assert!(took < BACK_MAX, "{took:?}");
}
