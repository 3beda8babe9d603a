//! The real program on a shared journal: replicas that die, a Redis that dies, doors that say so, commands without a
//! server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};
use crate::redis_server::{RedisServer, Road, certificate};

const CONFIG: &str = "[limits]\nsettle_ms = 150\nlease_ms = 2000\n";

/// A read, and writes of three classes of doubt.
const RULE: &str = r#"
description = "A read, and writes of three classes of doubt"
on = "github.issues.opened"

[[action]]
tool = "github.get_issue"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}" }
timeout = "3s"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", body = "Seen." }
timeout = "3s"

[[action]]
tool = "render.trigger_deploy"
arguments = { service_id = "srv-a" }
timeout = "3s"
"#;

const WRITES: [&str; 2] = ["create_comment", "trigger_deploy"];

async fn world(server: &RedisServer) -> World {
    world_at(RULE, &[("REDIS_URL", server.url().as_str())]).await
}

async fn world_at(rule: &str, variables: &[(&str, &str)]) -> World {
    let world = World::start_with(&[("seen", rule)], CONFIG, variables).await;
    world
        .sandbox_post(
            "seed",
            json!({
                "github": { "repos": [{ "full_name": "acme/api" }], "issues": [{ "repo": "acme/api", "number": 1, "title": "Issue 1" }] },
                "render": { "services": [{ "id": "srv-a", "name": "api-prod" }] },
            }),
        )
        .await;
    world
}

async fn accepted(world: &World, id: &str) -> Value {
    let (status, answer) = world
        .github("issues", id, &issue_opened(1))
        .await
        .expect("the server answers");
    assert_eq!(status, 202, "{answer}");
    answer
}

async fn hangs(world: &World, operation: &str, effect: bool) {
    let fault =
        json!([{ "match": { "operation": operation }, "times": 1, "kind": "hang", "effect": effect }]);
    world.sandbox_post("faults", fault).await;
}

async fn done_once(world: &World, id: &str, when: &str) {
    for run in world.settled(id).await {
        assert_eq!(
            run["status"],
            "succeeded",
            "{when}: {run:#}\n{}",
            world.server_log()
        );
    }
    let effects = world.effects().await;
    for operation in WRITES {
        let count = effects.iter().filter(|(done, _)| done == operation).count();
        assert_eq!(count, 1, "{when}: {effects:?}");
    }
}

/// Kills a replica while a call of it hangs, before or after its effect; another was started meanwhile.
async fn taken_over(operation: &str, effect: bool) {
    let server = RedisServer::start("always");
    let mut world = world(&server).await;
    hangs(&world, operation, effect).await;
    accepted(&world, "delivery-1").await;
    world.requested(operation).await;
    // It leaves alone what the other is at work on.
    let replica = world.replica();
    world.server.kill();
    world.server = replica;
    done_once(&world, "delivery-1", &format!("killed in {operation}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_a_killed_replica_had_begun_another_makes_again() {
    taken_over("get_issue", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_write_that_a_killed_replica_had_made_another_finds_and_does_not_make_again() {
    taken_over("create_comment", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_a_killed_replica_had_made_another_finds_and_does_not_make_again() {
    taken_over("trigger_deploy", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_do_the_work_of_many_deliveries_once_each() {
    let server = RedisServer::start("everysec");
    let rule = RULE
        .split("[[action]]")
        .take(3)
        .collect::<Vec<_>>()
        .join("[[action]]");
    let mut world = world_at(&rule, &[("REDIS_URL", server.url().as_str())]).await;
    let replica = world.replica();
    let first = std::mem::replace(&mut world.server, replica);
    for n in 0..24 {
        let mut payload = issue_opened(1);
        payload["serial"] = json!(n);
        let answer = world.github("issues", &format!("delivery-{n}"), &payload).await;
        assert_eq!(answer.expect("the server answers").0, 202);
    }
    for n in 0..24 {
        for run in world.settled(&format!("delivery-{n}")).await {
            assert_eq!(run["status"], "succeeded", "{run:#}\n{}", world.server_log());
        }
    }
    let effects = world.effects().await;
    let comments = effects.iter().filter(|(done, _)| done == WRITES[0]).count();
    assert_eq!(comments, 24, "{effects:?}");
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_on_its_data_directory_a_server_goes_on_at_once_where_it_was_killed() {
    let server = RedisServer::start("everysec");
    let mut world = world(&server).await;
    hangs(&world, "create_comment", true).await;
    accepted(&world, "delivery-1").await;
    world.requested("create_comment").await;
    world.server.kill();
    let begun = Instant::now();
    world.restart();
    done_once(&world, "delivery-1", "restarted").await;
    // Its lease had been extended to outlast the call: to 7 s.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_dead_deliveries_are_refused_at_once_and_what_was_begun_is_finished_afterwards() {
    let mut server = RedisServer::start("always");
    let world = world(&server).await;
    hangs(&world, "create_comment", true).await;
    accepted(&world, "delivery-1").await;
    world.requested("create_comment").await;
    server.kill();
    let body = issue_opened(2);
    world
        .until("deliveries are refused at once", async || {
            let asked = Instant::now();
            let (status, answer) = world.github("issues", "delivery-2", &body).await?;
            assert_eq!(status, 503, "{answer}");
            (asked.elapsed() < Duration::from_millis(100)).then_some(())
        })
        .await;
    let ready = world.client.get(format!("{}/readyz", world.server.url));
    let ready = ready.send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let told: Value = ready.json().await.unwrap();
    let parts = told["degraded"].as_array().unwrap();
    let of_journal = parts.iter().filter(|one| one["part"] == "journal");
    assert_eq!(of_journal.count(), 1, "{told:#}");
    server.restart();
    let back = Instant::now();
    world
        .until("deliveries are accepted", async || {
            let (status, _) = world.github("issues", "delivery-2", &body).await?;
            (status == 202).then_some(())
        })
        .await;
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    done_once(&world, "delivery-1", "while Redis was dead").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_server_open_the_shared_journal_themselves() {
    let server = RedisServer::start("everysec");
    let mut world = world(&server).await;
    accepted(&world, "delivery-1").await;
    world.settled("delivery-1").await;
    world.server.kill();
    let (shown, errors, code) = world.xmrt(&["events", "--json"]);
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains("delivery-1"), "{shown}");
    let (shown, errors, code) = world.xmrt(&["config"]);
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains(&server.url()), "{shown}");
    let (shown, errors, code) = world.xmrt(&["backtest", "--since", "1d"]);
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains("1 on record in Redis (prefix xmrt)"), "{shown}");
    // What a changed rule means is said against the book that is in force there.
    let rules = world.folder.path().join("rules");
    let (path, text) = std::fs::read_dir(&rules)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap()))
        .next()
        .unwrap();
    let (shown, errors, code) = world.xmrt(&["rules", "diff", "--brief"]);
    assert_eq!((code, errors.as_str()), (0, ""), "{shown}");
    std::fs::write(
        &path,
        text.replacen("description = \"", "description = \"Now: ", 1),
    )
    .unwrap();
    let (shown, errors, code) = world.xmrt(&["rules", "diff"]);
    assert_eq!(code, 1, "{shown}{errors}");
    assert!(shown.contains("+description = \"Now: "), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_use_its_redis_says_why_and_does_not_start() {
    let mut server = RedisServer::with(&["--appendonly", "no"]);
    let world = world_at(RULE, &[]).await;
    let data = tempfile::tempdir().unwrap();
    let serve = |more: &[(&str, &str)]| {
        let url = server.url();
        let mut variables = vec![
            ("REDIS_URL", url.as_str()),
            ("XMRT_DATA_DIR", data.path().to_str().unwrap()),
        ];
        variables.extend(more);
        let (_, errors, code) = world.xmrt_with(&["serve", "--listen", "127.0.0.1:0"], &variables);
        assert_eq!(code, 2, "{errors}");
        errors
    };
    let errors = serve(&[]);
    assert!(
        errors.contains("set `appendonly yes`") && errors.contains("XMRT_ALLOW_VOLATILE_REDIS=1"),
        "{errors}"
    );
    let cluster = server.url().replace("redis://", "redis+cluster://");
    let errors = serve(&[("REDIS_URL", &cluster)]);
    assert!(errors.contains("cluster support disabled"), "{errors}");
    server.kill();
    let errors = world.xmrt_with(
        &["serve", "--listen", "127.0.0.1:0"],
        &[
            ("REDIS_URL", server.url().as_str()),
            ("XMRT_DATA_DIR", data.path().to_str().unwrap()),
        ],
    );
    assert!(errors.1.contains("see that it runs"), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_refuses_with_is_told_without_the_scripts_name() {
    let server = RedisServer::start("always");
    let world = world(&server).await;
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let (status, answer) = world
        .until("a refusal", async || {
            let answer = world.github("issues", "delivery-1", &issue_opened(1)).await?;
            (answer.0 == 503).then_some(answer)
        })
        .await;
    let why = answer["detail"].as_str().unwrap();
    assert!(
        why.contains("REDIS_URL must lead to the primary"),
        "{status} {why}"
    );
    assert!(!why.contains("script") && !why.contains(".;"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_begins_to_forget_while_it_is_used_is_said_to_and_so_is_that_it_ended() {
    let server = RedisServer::start("everysec");
    let world = world(&server).await;
    let degraded = async || -> Vec<String> {
        let answer = world.client.get(format!("{}/readyz", world.server.url)).send();
        let body: Value = answer.await.unwrap().json().await.unwrap();
        let parts = body["degraded"].as_array().unwrap();
        let of_redis = parts.iter().filter(|one| one["part"] == "redis");
        of_redis
            .map(|one| one["why"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(degraded().await, [""; 0]);
    for (name, value, sound, remedy) in [
        (
            "maxmemory-policy",
            "allkeys-lru",
            "noeviction",
            "set `maxmemory-policy noeviction`",
        ),
        ("appendonly", "no", "yes", "set `appendonly yes`"),
    ] {
        server.ask(&["CONFIG", "SET", name, value]);
        world
            .until(remedy, async || {
                degraded()
                    .await
                    .iter()
                    .any(|why| why.contains(remedy))
                    .then_some(())
            })
            .await;
        server.ask(&["CONFIG", "SET", name, sound]);
        world
            .until("all is well again", async || {
                degraded().await.is_empty().then_some(())
            })
            .await;
    }
}

/// An intent of a comment is told of by the comment's marker, too; of a deploy only the journal knows that it may have been made.
#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_nothing_else_tells_of_is_on_the_servers_disk_before_the_call_is_made() {
    let server = RedisServer::start("everysec");
    let road = Road::to(&server).await;
    let world = world_at(
        RULE,
        &[("REDIS_URL", &format!("redis://127.0.0.1:{}", road.port))],
    )
    .await;
    let slow = |operation| json!({ "match": { "operation": operation }, "kind": "latency", "ms": 1000 });
    world
        .sandbox_post("faults", json!([slow(WRITES[0]), slow(WRITES[1])]))
        .await;
    accepted(&world, "delivery-1").await;
    // Both are held back for a second: what was heard by then was said before the answer.
    world.arrived(WRITES[0]).await;
    assert!(!road.heard("WAITAOF"), "a marked write");
    world.arrived(WRITES[1]).await;
    assert!(road.heard("WAITAOF"), "before the deploy was asked for");
    done_once(&world, "delivery-1", "on a server that is asked for its disk").await;
}

/// With TLS, a certificate of an authority of our own, and a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_behind_tls_is_used_if_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = certificate(folder.path());
    let server = RedisServer::with_tls(&key, &certificate, "open sesame");
    let url = format!("rediss://:open%20sesame@127.0.0.1:{}", server.port);
    let world = world_at(RULE, &[("REDIS_URL", &url), ("SSL_CERT_FILE", &certificate)]).await;
    accepted(&world, "delivery-1").await;
    done_once(&world, "delivery-1", "through TLS").await;

    let data = tempfile::tempdir().unwrap();
    let (_, another) = self::certificate(data.path());
    let stranger = [
        ("SSL_CERT_FILE", another.as_str()),
        ("XMRT_DATA_DIR", data.path().to_str().unwrap()),
    ];
    let (_, errors, code) = world.xmrt_with(&["serve", "--listen", "127.0.0.1:0"], &stranger);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("certificate"), "{errors}");
    assert!(!errors.contains("sesame"), "{errors}");
}
