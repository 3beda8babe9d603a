//! A delivery that was answered 202 is carried to its end whatever is killed, and each effect happens once. The sandbox
//! is a process of its own, so it outlives every kill and remembers what it was asked to do.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

/// Effects show at once in this sandbox unless a test says otherwise, so the settle time can be short.
const CONFIG: &str = "[limits]\nsettle_ms = 150\nlease_ms = 5000\n";

/// One step of each class of doubt, and a read.
const EVERY_CLASS: &str = r#"
description = "One step of each class of doubt"
on = "github.issues.opened"

[[action]]
tool = "github.get_issue"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}" }
timeout = "2s"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = ["seen"] }
timeout = "2s"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", body = "Seen." }
timeout = "2s"

[[action]]
tool = "render.trigger_deploy"
arguments = { service_id = "srv-a" }
timeout = "2s"

[[action]]
tool = "github.create_issue"
arguments = { repo = "{{ event.repository.full_name }}", title = "About {{ steps.get_issue.title }}", body = "See above." }
timeout = "2s"
"#;

/// The writes of the rule, in order, and how many requests for each may take effect: an idempotent one may be repeated.
const WRITES: [(&str, usize); 4] = [
    ("add_labels", 2),
    ("create_comment", 1),
    ("trigger_deploy", 1),
    ("create_issue", 1),
];

async fn world() -> World {
    let world = World::start(&[("every-class", EVERY_CLASS)], CONFIG).await;
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

async fn accepted(world: &World, id: &str, number: u64) -> Value {
    let (status, answer) = world
        .github("issues", id, &issue_opened(number))
        .await
        .expect("the server answers");
    assert_eq!(status, 202, "{answer}");
    answer
}

fn counts(effects: &[(String, String)]) -> BTreeMap<&str, usize> {
    effects
        .iter()
        .fold(BTreeMap::new(), |mut counts, (operation, _)| {
            *counts.entry(operation.as_str()).or_default() += 1;
            counts
        })
}

async fn assert_each_once(world: &World, when: &str) {
    let effects = world.effects().await;
    let counts = counts(&effects);
    for (operation, max) in WRITES {
        let count = counts.get(operation).copied().unwrap_or(0);
        assert!(
            (1..=max).contains(&count),
            "{when}: {operation} took effect {count} times: {effects:?}"
        );
    }
}

async fn succeeded(world: &World, id: &str, when: &str) {
    for run in world.settled(id).await {
        let (_, shown) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
        assert_eq!(
            run["status"],
            "succeeded",
            "{when}: {shown:#}\n{}",
            world.server_log()
        );
    }
}

/// Kills the server while a call hangs at the sandbox, before or after its effect, and starts it again.
async fn killed_at(operation: &str, effect: bool) {
    let when = format!(
        "killed {} {operation} took effect",
        if effect { "after" } else { "before" }
    );
    let mut world = world().await;
    let fault =
        json!([{ "match": { "operation": operation }, "times": 1, "kind": "hang", "effect": effect }]);
    world.sandbox_post("faults", fault).await;
    accepted(&world, "delivery-1", 1).await;
    world.requested(operation).await;
    if effect {
        world
            .until("the effect", async || {
                world
                    .effects()
                    .await
                    .iter()
                    .any(|(done, _)| done == operation)
                    .then_some(())
            })
            .await;
    }
    world.server.kill();
    world.restart();
    succeeded(&world, "delivery-1", &when).await;
    assert_each_once(&world, &when).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_the_answer_it_is_carried_to_its_end() {
    let mut world = world().await;
    accepted(&world, "delivery-1", 1).await;
    world.server.kill();
    world.restart();
    succeeded(&world, "delivery-1", "killed right after 202").await;
    assert_each_once(&world, "killed right after 202").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_before_its_effect_the_step_is_done_once() {
    for operation in [
        "get_issue",
        "add_labels",
        "create_comment",
        "trigger_deploy",
        "create_issue",
    ] {
        killed_at(operation, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_after_its_effect_the_step_is_not_done_again() {
    for (operation, _) in WRITES {
        killed_at(operation, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_lost_after_the_effect_is_found_out_by_reading() {
    for (operation, _) in WRITES {
        let world = world().await;
        let fault = json!([{ "match": { "operation": operation }, "times": 1, "kind": "reply_lost" }]);
        world.sandbox_post("faults", fault).await;
        accepted(&world, "delivery-1", 1).await;
        let when = format!("the reply of {operation} was lost");
        succeeded(&world, "delivery-1", &when).await;
        assert_each_once(&world, &when).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_shows_late_is_waited_for() {
    for operation in ["create_comment", "trigger_deploy", "create_issue"] {
        let world = world().await;
        let fault = json!([
            { "match": { "operation": operation }, "times": 1, "kind": "reply_lost" },
            { "match": { "operation": operation }, "times": 1, "kind": "lagging_reads", "ms": 250 },
        ]);
        world.sandbox_post("faults", fault).await;
        accepted(&world, "delivery-1", 1).await;
        let when = format!("the effect of {operation} showed late");
        succeeded(&world, "delivery-1", &when).await;
        assert_each_once(&world, &when).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_somebody_else_may_have_made_is_left_to_a_person() {
    let world = world().await;
    let fault = json!([
        { "match": { "operation": "trigger_deploy" }, "times": 1, "kind": "foreign_writer" },
        { "match": { "operation": "trigger_deploy" }, "times": 1, "kind": "reply_lost" },
    ]);
    world.sandbox_post("faults", fault).await;
    accepted(&world, "delivery-1", 1).await;
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "unknown", "{runs:?}");
    let id = runs[0]["id"].as_str().unwrap();
    let (status, answer) = world
        .api_post(
            &format!("runs/{id}/resolve"),
            json!({ "resolution": "done", "result": {} }),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    world
        .until("the run to go on", async || {
            let (_, run) = world.api(&format!("runs/{id}")).await;
            (run["state"] == "succeeded").then_some(())
        })
        .await;
    let effects = world.effects().await;
    assert_eq!(
        counts(&effects)["create_issue"],
        1,
        "what follows the step a person settled is done once: {effects:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_drains_and_what_is_left_goes_on_after_the_next_start() {
    let mut world = world().await;
    let fault =
        json!([{ "match": { "operation": "create_comment" }, "times": 1, "kind": "latency", "ms": 700 }]);
    world.sandbox_post("faults", fault).await;
    accepted(&world, "delivery-1", 1).await;
    world.requested("add_labels").await;
    let (status, took) = world.server.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(20), "draining took {took:?}");
    world.restart();
    succeeded(&world, "delivery-1", "terminated").await;
    let effects = world.effects().await;
    let counts = counts(&effects);
    assert!(
        WRITES
            .iter()
            .all(|(operation, _)| counts.get(operation) == Some(&1)),
        "a drain repeats nothing: {effects:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_as_soon_as_it_says_where_it_listens_ends_in_good_order() {
    let mut world = world().await;
    for _ in 0..10 {
        let (status, _) = world.server.terminate();
        assert_eq!(status.code(), Some(0), "{status}");
        world.restart();
    }
}

/// A comment, a label, an issue per event: whatever is killed when, in the end each is there once.
const THREE_WRITES: &str = r#"
description = "Three writes"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", body = "Seen." }
timeout = "1s"
retry = { attempts = 50, initial = "100ms", max = "1s" }

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["seen"] }
retry = { attempts = 50, initial = "100ms", max = "1s" }

[[action]]
tool = "github.create_issue"
arguments = { repo = "acme/ops", title = "Follow-up {{ event.issue.number }}", body = "See there." }
timeout = "1s"
retry = { attempts = 50, initial = "100ms", max = "1s" }
"#;

const KILLS: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_at_random_nothing_is_lost_and_nothing_is_doubled() {
    let config = "[limits]\nsettle_ms = 60\nlease_ms = 3000\nconcurrency = 8\n";
    let mut world = World::start(&[("three-writes", THREE_WRITES)], config).await;
    let issues: Vec<Value> = (1..=KILLS)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": "x" }))
        .collect();
    let repos = json!([{ "full_name": "acme/api" }, { "full_name": "acme/ops" }]);
    world
        .sandbox_post("seed", json!({ "github": { "repos": repos, "issues": issues } }))
        .await;
    let slow = json!([{ "match": { "method": "POST" }, "kind": "latency", "ms": 12 }]);
    world.sandbox_post("faults", slow).await;

    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut acknowledged = Vec::new();
    for number in 1..=KILLS {
        // A separate process does the killing, at a time nobody here knows.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let millis = (seed >> 33) % 140;
        let script = format!("sleep 0.{millis:03}; kill -9 {}", world.server.pid());
        let mut killer = Command::new("sh")
            .args(["-c", &script])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let id = format!("delivery-{number}");
        let mut answered = world.github("issues", &id, &issue_opened(number)).await;
        killer.wait().unwrap();
        world.server.wait();
        world.restart();
        while answered.as_ref().is_none_or(|(status, _)| *status != 202) {
            answered = world.github("issues", &id, &issue_opened(number)).await;
        }
        acknowledged.push((id, number));
    }
    for (id, _) in &acknowledged {
        succeeded(&world, id, "killed at random").await;
    }
    let effects = world.effects().await;
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (operation, target) in &effects {
        *seen.entry((operation, target)).or_default() += 1;
    }
    for (_, number) in &acknowledged {
        let target = format!("acme/api#{number}");
        assert_eq!(
            seen.get(&("create_comment", target.as_str())),
            Some(&1),
            "comments on {target}"
        );
        assert!(
            seen.get(&("add_labels", target.as_str()))
                .is_some_and(|count| *count >= 1),
            "labels on {target}"
        );
    }
    let follow_ups = seen.get(&("create_issue", "acme/ops")).copied().unwrap_or(0);
    assert_eq!(
        follow_ups,
        acknowledged.len(),
        "one follow-up issue for each event"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_and_the_same_body_again_do_nothing_and_name_the_earlier_verdicts() {
    let world = world().await;
    let first = accepted(&world, "delivery-1", 1).await;
    succeeded(&world, "delivery-1", "first arrival").await;
    let before = world.effects().await.len();
    for id in ["delivery-1", "delivery-2"] {
        let again = accepted(&world, id, 1).await;
        assert_eq!(again["duplicate"], true, "{again}");
        assert_eq!(
            again["runs"][0]["id"], first["runs"][0]["id"],
            "the earlier run is named"
        );
        assert_eq!(again["runs"][0]["status"], "succeeded", "with its present state");
    }
    let (status, event) = world.api("events/delivery-2").await;
    assert_eq!(
        (status, &event["id"]),
        (200, &json!("delivery-1")),
        "a dropped id leads to its original"
    );
    assert_eq!(world.effects().await.len(), before, "no second effect");
}

const READS_ITS_OWN: &str = r#"
description = "Opens an issue, and reads it at once"
on = "github.issues.opened"

[[action]]
id = "made"
tool = "github.create_issue"
arguments = { repo = "{{ event.repository.full_name }}", title = "About {{ event.issue.title }}", body = "See above." }
timeout = "2s"

[[action]]
tool = "github.get_issue"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ steps.made.number }}" }
timeout = "2s"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_made_and_is_not_found_yet_is_asked_for_again_and_what_is_not_there_is_not_for_long() {
    let missing = READS_ITS_OWN.replace("\"{{ steps.made.number }}\"", "999999");
    let rules = [("reads", READS_ITS_OWN), ("misses", missing.as_str())];
    let world = World::start(&rules, CONFIG).await;
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }],
                                "issues": [{ "repo": "acme/api", "number": 1, "title": "Issue 1" }] } }),
        )
        .await;
    let lag =
        json!([{ "match": { "operation": "create_issue" }, "times": 2, "kind": "lagging_reads", "ms": 250 }]);
    world.sandbox_post("faults", lag).await;
    accepted(&world, "d1", 1).await;
    for run in world.settled("d1").await {
        let status = run["status"].clone();
        let (_, run) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
        let steps = run["steps"].as_array().unwrap();
        let reads = steps.iter().find(|step| step["step"] == "get_issue").unwrap();
        let attempts = reads["attempts"].as_u64().unwrap();
        assert!(attempts > 1, "{run:#}");
        match run["rule"].as_str().unwrap() {
            "reads" => assert_eq!(status, "succeeded", "{run:#}"),
            _ => {
                assert_eq!(status, "dead", "{run:#}");
                assert!(attempts < 40, "{run:#}");
            }
        }
    }
}
