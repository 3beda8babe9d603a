//! Opening a journal in Redis: what is refused, with its consequence and what to do; and what a user there needs.
#![expect(clippy::disallowed_methods, reason = "the rights are read from the guide")]

use serde_json::json;
use xmrt::journal::archive::Reader;
use xmrt::journal::*;
use xmrt::store::Redis;
use xmrt::store::redis::{OpenError, Opens, Options};

use super::indexes::goes_on;
use crate::journal::desk::{at, end, event, fires, gates, intent};
use crate::journal::walk::view;
use crate::redis_server::{RedisServer, certificate};
use crate::store::archive::{fill_with, read, written};

async fn refused(options: &Options) -> OpenError {
    match Redis::open(options, at(0)).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_server_that_forgets_is_refused_with_the_consequence_unless_that_is_accepted() {
    let server = RedisServer::with(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]);
    let mut options = server.options();
    let message = refused(&options).await.to_string();
    for part in [
        &format!("at 127.0.0.1:{} cannot keep a journal", server.port),
        "it drops keys",
        "set `maxmemory-policy noeviction`",
        "when it restarts, accepted deliveries and the memory of what was done are gone",
        "set `appendonly yes`",
        "XMRT_ALLOW_VOLATILE_REDIS=1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    options.allow_volatile = true;
    let store = Redis::open(&options, at(0)).await.unwrap();
    assert_eq!(store.server().forgets().len(), 2);
}

#[tokio::test]
async fn whoever_only_reads_makes_no_journal_and_leaves_one_that_is_there_as_it_is() {
    let server = RedisServer::start("everysec");
    let reads = Options {
        opens: Opens::Existing,
        ..server.options()
    };
    let message = refused(&reads).await.to_string();
    assert!(message.contains("`xmrt serve` makes it"), "{message}");
    assert_eq!(server.ask(&["DBSIZE"]), redis::Value::Int(0));
    let store = server.open(at(0)).await.unwrap();
    store.admit(event("e1"), at(1)).await.unwrap();
    let (changes, seen) = (store.changes().await.unwrap(), view(&store).await);
    let reader = Redis::open(&reads, at(9)).await.unwrap();
    assert_eq!(view(&reader).await, seen);
    assert_eq!(reader.changes().await.unwrap(), changes);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_lets_nobody_in_is_named_without_the_password() {
    let mut server = RedisServer::with(&["--appendonly", "yes", "--requirepass", "right"]);
    let mut options = server.options();
    let message = refused(&options).await.to_string();
    assert!(
        message.contains("see the user and the password in REDIS_URL"),
        "{message}"
    );
    options.url = format!("redis://:wrong-password@127.0.0.1:{}", server.port).into();
    let message = refused(&options).await.to_string();
    assert!(
        message.contains("see the user and the password in REDIS_URL"),
        "{message}"
    );
    assert!(!message.contains("see that it runs"), "one remedy: {message}");
    assert!(!message.contains("wrong-password") && !format!("{options:?}").contains("wrong-password"));
    server.kill();
    let message = refused(&options).await.to_string();
    assert!(message.contains("see that it runs"), "{message}");
    assert!(!message.contains("wrong-password"), "{message}");
}

#[tokio::test]
async fn a_journal_of_another_layout_is_left_alone() {
    let server = RedisServer::start("everysec");
    drop(server.open(at(0)).await.unwrap());
    server.ask(&["HSET", "{test}:meta", "layout", "99"]);
    let message = refused(&server.options()).await.to_string();
    assert!(
        message.contains("has layout 99 and this program knows layout 1"),
        "{message}"
    );
    assert!(message.contains("XMRT_REDIS_PREFIX"), "{message}");
}

#[tokio::test]
async fn several_installations_share_a_server_under_different_prefixes() {
    let server = RedisServer::start("everysec");
    let mut options = server.options();
    let one = Redis::open(&options, at(0)).await.unwrap();
    options.prefix = "another".into();
    let other = Redis::open(&options, at(0)).await.unwrap();
    one.admit(event("e1"), at(0)).await.unwrap();
    assert_eq!(other.stats().await.unwrap().events, 0);
    assert_ne!(one.epoch().await.unwrap(), other.epoch().await.unwrap());
}

/// Every operation once.
async fn everything(store: &Redis) {
    let mut gates = gates();
    gates.cooldown_ms = Some(1_000);
    let mut fired = event("e1");
    fired.firings = vec![fires("triage", gates)];
    store.admit(fired.clone(), at(0)).await.unwrap();
    store.admit(fired.clone(), at(0)).await.unwrap();
    let claim = store.claim("w1", 1, 1_000, at(0)).await.unwrap().remove(0);
    let (run, fence) = (claim.run.id, claim.run.fence);
    store.renew(&run, fence, 1_000, at(0)).await.unwrap();
    let mut intended = intent(&run, "comment", 0, true);
    if let StepWrite::Intent { causes, .. } = &mut intended {
        causes.push(("comment/1".into(), 1_000));
    }
    store
        .advance(&run, fence, vec![intended], end(RunState::Unknown), at(0))
        .await
        .unwrap();
    store
        .resolve(&run, "octocat", Resolution::GiveUp, at(0))
        .await
        .unwrap();
    let again = store.retry(&run, "octocat", at(0)).await.unwrap();
    assert_eq!(store.claim("w1", 1, 1_000, at(0)).await.unwrap().len(), 1);
    assert_eq!(store.release("w1", false, at(0)).await.unwrap(), 1);
    assert!(matches!(
        store.cancel(&again, "octocat", at(0)).await,
        Err(StoreError::WrongState { .. })
    ));
    store
        .replay(&fired.key, "book-2", fired.firings, at(0))
        .await
        .unwrap();
    let book = BookRecord {
        hash: "book".into(),
        settings: json!({}),
        rules: vec![],
    };
    store.keep_book(book, at(0)).await.unwrap();
    let seen = view(store).await;
    assert_eq!(
        (
            seen.stats.events,
            seen.stats.duplicates,
            seen.stats.dead,
            seen.runs.len()
        ),
        (1, 1, 1, 3)
    );
}

/// The rights that docs/state.md lists.
#[tokio::test]
async fn a_user_with_the_documented_rights_and_no_others_suffices() {
    let server = RedisServer::start("everysec");
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/state.md")).unwrap();
    let rights = guide
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER xmrt "))
        .expect("the guide lists the rights")
        .replace("{xmrt}", "{test}");
    let command: Vec<&str> = ["ACL", "SETUSER", "xmrt"]
        .into_iter()
        .chain(rights.split_whitespace())
        .collect();
    server.ask(&command);
    let mut options = server.options();
    let password = rights
        .split_whitespace()
        .find_map(|right| right.strip_prefix('>'))
        .unwrap();
    options.url = format!("redis://xmrt:{password}@127.0.0.1:{}", server.port).into();
    let store = Redis::open(&options, at(0)).await.unwrap();
    assert_eq!(
        store.server().append_sync,
        None,
        "it may not look at the configuration"
    );
    everything(&store).await;
    let rung = tokio::time::timeout(std::time::Duration::from_secs(5), store.wait());
    rung.await.expect("the doorbell is heard");

    // And what there is besides runs: small values, pauses, the trail, what is told, what is deleted, moved, and made again.
    drop(store);
    server.ask(&["FLUSHALL"]);
    let store = Redis::open(&options, at(0)).await.unwrap();
    super::keys::everything(&store).await;
    store.outlast_power().await.unwrap();
    server.ask(&["DEL", "{test}:events"]);
    assert!(store.reindex().await.unwrap() > 0);
    let text = written(&store).await;
    goes_on(&store, "more rights").await;
    let (head, _) = Reader::open(text.as_bytes()).unwrap();
    fill_with(&store, head, read(&text).unwrap(), true).await.unwrap();
    assert_eq!(written(&store).await, text);
}

/// What happens at a port that speaks TLS, or does not, is told with the remedy, and not only what the other said.
#[tokio::test]
async fn an_address_that_means_tls_where_there_is_none_or_the_reverse_says_which_is_right() {
    let plain = RedisServer::start("everysec");
    let mut options = plain.options();
    options.url = format!("rediss://:open-sesame@127.0.0.1:{}", plain.port).into();
    let message = refused(&options).await.to_string();
    assert!(message.contains("redis:// for one without"), "{message}");
    assert!(!message.contains("sesame"), "{message}");

    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = certificate(folder.path());
    let tls = RedisServer::with_tls(&key, &certificate, "open-sesame");
    let mut options = tls.options();
    options.url = format!("redis://:open-sesame@127.0.0.1:{}", tls.port).into();
    let message = refused(&options).await.to_string();
    assert!(message.contains("REDIS_URL begins with rediss://"), "{message}");
    assert!(!message.contains("sesame"), "{message}");
}
