//! Every backend against the model: the same random walk, the same answers, the same journal to look at. A backend joins
//! by implementing [`Backend`] and one line of `conforms!`.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use xmrt::journal::{MemoryStore, Store};
use xmrt::store::redis::Options;
use xmrt::store::{Embedded, Redis};

use crate::journal::desk::at;
use crate::journal::walk::{Act, Move, perform, pick, view, walks};
use crate::redis_cluster::Cluster;
use crate::redis_server::RedisServer;

/// A kind of store that keeps its journal in a place of its own.
trait Backend: Sized {
    /// A new place.
    fn place() -> Self;
    /// The journal there, new or as it was left; leases of whoever was there before are void.
    async fn open(&mut self, now: Timestamp) -> Arc<dyn Store>;
    /// What else dies in a crash.
    fn crash(&mut self) {}
}

struct OnSqlite(tempfile::TempDir);

impl Backend for OnSqlite {
    fn place() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&mut self, now: Timestamp) -> Arc<dyn Store> {
        Arc::new(Embedded::open(self.0.path(), now).unwrap())
    }
}

/// Redis leaves leases alone at a start, since others may be at work: that nobody else is, is said by giving them back.
async fn alone(server: &RedisServer, now: Timestamp) -> Arc<dyn Store> {
    let store = server.open(now).await.unwrap();
    store.release("", true, now).await.unwrap();
    Arc::new(store)
}

/// Syncing always, and killed in every crash.
struct OnRedisAlways(RedisServer);

impl Backend for OnRedisAlways {
    fn place() -> Self {
        Self(RedisServer::start("always"))
    }

    async fn open(&mut self, now: Timestamp) -> Arc<dyn Store> {
        alone(&self.0, now).await
    }

    fn crash(&mut self) {
        self.0.restart();
    }
}

/// Syncing every second, and outliving its clients, which also empty its script cache now and then.
struct OnRedisEverysec(RedisServer);

impl Backend for OnRedisEverysec {
    fn place() -> Self {
        Self(RedisServer::start("everysec"))
    }

    async fn open(&mut self, now: Timestamp) -> Arc<dyn Store> {
        let store = alone(&self.0, now).await;
        self.0.ask(&["SCRIPT", "FLUSH"]);
        store
    }
}

/// On the primary that has its keys, among three.
struct OnCluster(Cluster);

impl Backend for OnCluster {
    fn place() -> Self {
        Self(Cluster::start(false))
    }

    async fn open(&mut self, now: Timestamp) -> Arc<dyn Store> {
        let options = Options {
            url: self.0.url().into(),
            ..self.0.nodes[0].options()
        };
        let store = Redis::open(&options, now).await.unwrap();
        store.release("", true, now).await.unwrap();
        Arc::new(store)
    }
}

/// How many changes each has counted.
async fn counts(oracle: &dyn Store, store: &dyn Store) -> (u64, u64) {
    (oracle.changes().await.unwrap(), store.changes().await.unwrap())
}

async fn walk<B: Backend>(moves: Vec<Move>) {
    let mut place = B::place();
    let oracle = MemoryStore::new(at(0));
    let mut store = place.open(at(0)).await;
    let mut now = 0;
    for (n, Move { after_ms, act }) in moves.into_iter().enumerate() {
        now += after_ms;
        if matches!(act, Act::Crash) {
            drop(store);
            place.crash();
            store = place.open(at(now)).await;
            oracle.release("", true, at(now)).await.unwrap();
        } else {
            let run = pick(&oracle, &act).await;
            let before = counts(&oracle, &*store).await;
            let expected = perform(&oracle, &act, run.as_ref(), now).await;
            let answer = perform(&*store, &act, run.as_ref(), now).await;
            assert_eq!(answer, expected, "move {n}: {act:?}");
            let after = counts(&oracle, &*store).await;
            assert_eq!(
                after.1 > before.1,
                after.0 > before.0,
                "whether it counts as a change: move {n}: {act:?}"
            );
        }
        if n % 8 == 0 || matches!(act, Act::Crash) {
            assert_eq!(
                view(&*store).await,
                view(&oracle).await,
                "after move {n}: {act:?}"
            );
        }
    }
    assert_eq!(view(&*store).await, view(&oracle).await);
}

macro_rules! conforms {
    ($name:ident, $backend:ty, $cases:literal) => {
        proptest! {
            #![proptest_config(ProptestConfig {
                cases: $cases,
                failure_persistence: None,
                ..ProptestConfig::default()
            })]

            #[test]
            fn $name(moves in walks(60)) {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(walk::<$backend>(moves));
            }
        }
    };
}

conforms!(
    sqlite_answers_as_the_model_does_through_crashes_and_clock_jumps,
    OnSqlite,
    64
);

conforms!(
    redis_answers_as_the_model_does_through_kills_and_clock_jumps,
    OnRedisAlways,
    24
);

conforms!(
    redis_answers_as_the_model_does_with_its_scripts_forgotten,
    OnRedisEverysec,
    24
);

conforms!(
    a_cluster_answers_as_the_model_does_through_crashes_of_its_clients,
    OnCluster,
    4
);
