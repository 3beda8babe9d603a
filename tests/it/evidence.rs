//! Equal calls of several runs, whose effects carry no key: each effect belongs to one step.

use serde_json::{Value, json};

use crate::harness::World;

const CONFIG: &str = "[limits]\nsettle_ms = 60\n";
const RULE: &str = r#"
description = "Deploys when an issue is locked"
on = "github.issues.locked"

[[action]]
id = "deploy"
tool = "render.trigger_deploy"
arguments = { service_id = "srv-a" }
timeout = "1s"
"#;

async fn world() -> World {
    let world = World::start(&[("deploys", RULE)], CONFIG).await;
    let seed = json!({ "render": { "services": [{ "id": "srv-a", "name": "api" }] } });
    world.sandbox_post("seed", seed).await;
    world
}

async fn locked(world: &World, id: &str, number: u64) {
    let payload = json!({
        "action": "locked", "issue": { "number": number, "title": "x" },
        "repository": { "full_name": "acme/api" }, "sender": { "login": "alice", "id": 1 },
    });
    world.github("issues", id, &payload).await.unwrap();
}

/// The deploy that an event's run came to.
async fn deploy_of(world: &World, event: &str) -> String {
    let runs = world.settled(event).await;
    let [run] = runs.as_slice() else {
        panic!("{runs:?}")
    };
    assert_eq!(run["status"], "succeeded", "{run}");
    let (_, run) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
    let id: &Value = &run["steps"][0]["result"]["id"];
    id.as_str().unwrap_or_else(|| panic!("{run}")).to_owned()
}

/// The next call hangs.
async fn hangs(world: &World, effect: bool) {
    let fault =
        json!({ "match": { "operation": "trigger_deploy" }, "times": 1, "kind": "hang", "effect": effect });
    world.sandbox_post("faults", fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_had_no_effect_does_not_take_anothers_effect_for_its_own() {
    let world = world().await;
    hangs(&world, false).await;
    locked(&world, "lost", 1).await;
    world.requested("trigger_deploy").await;
    locked(&world, "answered", 2).await;
    let (lost, answered) = (
        deploy_of(&world, "lost").await,
        deploy_of(&world, "answered").await,
    );
    assert_ne!(lost, answered);
    assert_eq!(world.count("trigger_deploy").await, 2, "one deploy for each run");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_an_earlier_run_had_leaves_nobody_in_doubt() {
    let world = world().await;
    locked(&world, "earlier", 1).await;
    let earlier = deploy_of(&world, "earlier").await;
    hangs(&world, true).await;
    locked(&world, "lost", 2).await;
    let lost = deploy_of(&world, "lost").await;
    assert_ne!(lost, earlier);
    assert_eq!(
        world.count("trigger_deploy").await,
        2,
        "what was lost was found, and not made again"
    );
}
