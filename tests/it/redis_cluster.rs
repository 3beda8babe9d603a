//! A private Cluster of Redis servers for one test: three primaries, and replicas where they are wanted.

use std::time::{Duration, Instant};

use redis::Value;

use crate::redis_server::RedisServer;

const SLOTS: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Cluster {
    pub nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Three primaries that share the slots, and one replica of each of them if so wanted. Ready when it returns.
    pub fn start(with_replicas: bool) -> Self {
        let count = if with_replicas { 6 } else { 3 };
        let settings = [
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "nodes.conf",
            "--cluster-node-timeout",
            "1000",
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync-delay",
            "0",
            "--appendonly",
            "yes",
        ];
        let nodes: Vec<RedisServer> = (0..count).map(|_| RedisServer::with(&settings)).collect();
        let share = SLOTS.div_ceil(3);
        for (n, node) in nodes.iter().enumerate().take(3) {
            let slots: Vec<String> = (n * share..((n + 1) * share).min(SLOTS))
                .map(|slot| slot.to_string())
                .collect();
            let mut command = vec!["CLUSTER", "ADDSLOTS"];
            command.extend(slots.iter().map(String::as_str));
            node.ask(&command);
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        }
        for node in &nodes[1..] {
            node.ask(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port.to_string()]);
        }
        let cluster = Self { nodes };
        cluster.until("the nodes to know each other", || {
            cluster.nodes.iter().all(|node| {
                let told = text(node.ask(&["CLUSTER", "NODES"]));
                told.lines().filter(|line| line.contains(" connected")).count() == count
            })
        });
        for n in 3..count {
            let primary = text(cluster.nodes[n - 3].ask(&["CLUSTER", "MYID"]));
            cluster.nodes[n].ask(&["CLUSTER", "REPLICATE", &primary]);
        }
        cluster.until("the cluster to be well", || {
            let well = |node: &RedisServer| text(node.ask(&["CLUSTER", "INFO"])).contains("cluster_state:ok");
            let synced = |node: &RedisServer| {
                text(node.ask(&["INFO", "replication"])).contains("master_link_status:up")
            };
            cluster.nodes.iter().all(well) && cluster.nodes.iter().skip(3).all(synced)
        });
        cluster
    }

    /// An address that names some of the nodes.
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis+cluster://{}", nodes[..3].join(","))
    }

    /// The primary that holds a key.
    pub fn owner(&self, key: &str) -> usize {
        let Value::Int(slot) = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]) else {
            panic!("a slot")
        };
        slot as usize / SLOTS.div_ceil(3)
    }

    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "waited for {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub fn text(value: Value) -> String {
    redis::from_redis_value(value).unwrap()
}
