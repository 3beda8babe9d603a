//! What only the intent tells is on the server's disk before the call is made, where the server can say so.

use redis::Value;
use xmrt::journal::*;

use crate::journal::desk::{at, event};
use crate::redis_server::RedisServer;

/// How often a command was called.
fn calls(server: &RedisServer, command: &str) -> usize {
    let stats: String = redis::from_redis_value(server.ask(&["INFO", "commandstats"])).unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_server_that_can_tell_is_waited_for_and_one_that_cannot_is_asked_once() {
    let server = RedisServer::start("everysec");
    let Value::Array(known) = server.ask(&["COMMAND", "INFO", "WAITAOF"]) else {
        panic!("a list")
    };
    let tells = known != [Value::Nil];
    let store = server.open(at(0)).await.unwrap();
    for n in 0..3 {
        store.admit(event(&format!("e{n}")), at(0)).await.unwrap();
        store.outlast_power().await.unwrap();
    }
    assert_eq!(calls(&server, "waitaof"), if tells { 3 } else { 0 });
}

#[tokio::test]
async fn a_server_that_always_syncs_is_not_asked() {
    let server = RedisServer::start("always");
    let store = server.open(at(0)).await.unwrap();
    store.admit(event("e1"), at(0)).await.unwrap();
    store.outlast_power().await.unwrap();
    assert_eq!(calls(&server, "waitaof"), 0);
    for desk in crate::journal::desk::desks().await {
        desk.store.outlast_power().await.unwrap();
    }
}
