//! A journal in a Cluster: all of it on one node, found wherever that is.

use std::time::{Duration, Instant};

use xmrt::journal::*;
use xmrt::store::Redis;
use xmrt::store::redis::{OpenError, Options};

use crate::journal::desk::{at, event, fires, gates, key};
use crate::redis_cluster::{Cluster, text};

/// How long after a failover, which takes the cluster some seconds itself, the journal may be unusable.
const BACK_WITHIN: Duration = Duration::from_secs(20);

fn options(cluster: &Cluster) -> Options {
    Options {
        url: cluster.url().into(),
        ..cluster.nodes[0].options()
    }
}

fn firing(id: &str) -> NewEvent {
    NewEvent {
        firings: vec![fires("triage", gates())],
        ..event(id)
    }
}

/// Admits an event as a provider does: again and again, until it is taken.
async fn admitted(store: &Redis, id: &str) -> Admission {
    let begun = Instant::now();
    loop {
        match store.admit(firing(id), at(0)).await {
            Ok(admission) => return admission,
            Err(StoreError::Unavailable(why)) => assert!(begun.elapsed() < BACK_WITHIN, "{why}"),
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_a_cluster_is_on_one_node_and_outlives_its_failover() {
    let mut cluster = Cluster::start(true);
    let store = Redis::open(&options(&cluster), at(0)).await.unwrap();
    for n in 0..20 {
        admitted(&store, &format!("before-{n}")).await;
    }
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let owner = cluster.owner("{test}:meta");
    for (n, node) in cluster.nodes.iter().enumerate() {
        let keys: i64 = redis::from_redis_value(node.ask(&["DBSIZE"])).unwrap();
        assert_eq!(
            keys > 0,
            n == owner || n == owner + 3,
            "node {n} holds {keys} keys"
        );
    }
    // What is acknowledged is on the replica: this failover is to lose nothing.
    let offset = |node: usize, name: &str| {
        let info = text(cluster.nodes[node].ask(&["INFO", "replication"]));
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default()
    };
    cluster.until("the replica to follow", || {
        offset(owner, "master_repl_offset:") == offset(owner + 3, "master_repl_offset:")
    });

    cluster.nodes[owner].kill();
    let admission = admitted(&store, "after").await;
    assert_eq!((admission.duplicate, admission.seq), (None, 21));
    let keys: i64 = redis::from_redis_value(cluster.nodes[owner + 3].ask(&["DBSIZE"])).unwrap();
    assert!(keys > 0, "the replica has become the primary");
    let again = admitted(&store, "before-7").await;
    assert_eq!((again.duplicate, again.seq), (Some(DuplicateBy::Id), 8));
    store
        .advance(
            &claim.run.id,
            claim.run.fence,
            vec![],
            Then::End {
                state: RunState::Succeeded,
                reason: None,
            },
            at(1),
        )
        .await
        .unwrap();
    assert_eq!(store.stats().await.unwrap().succeeded, 1);

    // A newcomer finds it, although the node that was named first may be the dead one.
    let newcomer = Redis::open(&options(&cluster), at(2)).await.unwrap();
    assert_eq!(newcomer.epoch().await.unwrap(), store.epoch().await.unwrap());
    assert!(newcomer.event(&key("after")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_node_of_a_cluster_that_is_named_as_one_server_is_refused_with_the_remedy() {
    let cluster = Cluster::start(false);
    let owner = cluster.owner("{test}:meta");
    let mut wrong = cluster.nodes[(owner + 1) % 3].options();
    wrong.prefix = "test".into();
    let refused = Redis::open(&wrong, at(0)).await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::Away { what, .. } if what.contains("redis+cluster://")),
        "{refused}"
    );
    // The same address as a cluster's.
    let url = cluster.nodes[(owner + 1) % 3]
        .url()
        .replace("redis://", "redis+cluster://");
    let right = Options {
        url: url.into(),
        ..wrong
    };
    let store = Redis::open(&right, at(0)).await.unwrap();
    assert_eq!(admitted(&store, "e1").await.seq, 1);
}
