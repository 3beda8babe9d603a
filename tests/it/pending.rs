//! A call that is not over when it is answered: waited for without a lease, through kills, and never made again.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const CONFIG: &str = "[limits]\nsettle_ms = 60\nlease_ms = 3000\nconcurrency = 4\n";

fn rolls_back(within: &str) -> String {
    format!(
        r#"
description = "Rolls back, and watches"
on = "github.issues.opened"

[[action]]
id = "back"
tool = "render.rollback_deploy"
arguments = {{ service_id = "srv-a", to = "last_known_good", healthy_for = "1s" }}
timeout = "2s"
within = "{within}"

[[action]]
tool = "github.create_comment"
arguments = {{ repo = "acme/api", number = "{{{{ event.issue.number }}}}", body = "{{{{ steps.back.report }}}}" }}

[[on_failure]]
id = "tell"
tool = "xmrt.notify"
arguments = {{ to = "log", text = "{{{{ run.reason }}}}" }}
"#
    )
}

/// A service whose deploys take so long.
async fn seeded(within: &str, build_ms: u64) -> World {
    let world = World::start(&[("rolls-back", &rolls_back(within))], CONFIG).await;
    let deploy = |id: &str, status: &str, finished: &str| json!({ "id": id, "service_id": "srv-a", "status": status, "finished": finished });
    let seed = json!({
        "github": {
            "repos": [{ "full_name": "acme/api" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": "x", "user": "alice" }],
        },
        "render": {
            "services": [{ "id": "srv-a", "name": "api" }],
            "deploys": [deploy("dep-4", "live", "-7m"), deploy("dep-1", "deactivated", "-2d")],
        },
    });
    world.sandbox_post("seed", seed).await;
    let pace = json!({ "queue_ms": 10, "build_ms": build_ms, "update_ms": build_ms });
    world.sandbox_post("pace", pace).await;
    world
}

/// Likewise, and the issue is opened.
async fn world(within: &str, build_ms: u64) -> World {
    let world = seeded(within, build_ms).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world
}

async fn the_run(world: &World) -> Value {
    let (_, page) = world.api("runs?event=delivery-1").await;
    let id = page["runs"][0]["id"].as_str().unwrap_or_default().to_owned();
    world.api(&format!("runs/{id}")).await.1
}

async fn ended(world: &World) -> Value {
    world.settled("delivery-1").await;
    the_run(world).await
}

async fn pending(world: &World) -> Value {
    world
        .until("the run to wait for its call", async || {
            let run = the_run(world).await;
            (run["waits_for"] == "pending_call").then_some(run)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_rollback_is_watched_it_is_watched_on_and_not_made_again() {
    let mut world = world("1h", 9_000).await;
    let run = pending(&world).await;
    assert_eq!((&run["state"], &run["worker"]), (&json!("waiting"), &Value::Null));
    assert_eq!(run["steps"][0]["state"], "pending");
    for _ in 0..3 {
        world.server.kill();
        world.restart();
        pending(&world).await;
    }
    let run = ended(&world).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(run["steps"][0]["result"]["verdict"], "healthy", "{run}");
    assert_eq!(world.count("rollback_deploy").await, 1);
    assert_eq!(world.count("create_comment").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_rollback_was_answered_it_is_found_and_watched() {
    let mut world = seeded("1h", 100).await;
    let hang =
        json!([{ "match": { "operation": "rollback_deploy" }, "times": 1, "kind": "hang", "effect": true }]);
    world.sandbox_post("faults", hang).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world
        .until("the rollback", async || {
            (world.count("rollback_deploy").await == 1).then_some(())
        })
        .await;
    world.server.kill();
    world.restart();
    let run = ended(&world).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(run["steps"][0]["result"]["verdict"], "healthy", "{run}");
    assert_eq!(world.count("rollback_deploy").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_not_over_in_time_fails_with_the_reason_and_run_again_is_asked_about_not_made() {
    let world = world("1500ms", 2_500).await;
    let run = ended(&world).await;
    assert_eq!(run["state"], "dead", "{run}");
    let reason = run["reason"].as_str().unwrap();
    assert!(
        reason.contains("step `back`: not over within") && reason.contains("is under way"),
        "{reason}"
    );
    let tell = run["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(tell["call"]["arguments"]["text"], reason, "somebody was told");
    world
        .until("a retry to come through", async || {
            let (_, page) = world.api("runs?event=delivery-1").await;
            let newest = page["runs"][0].clone();
            if newest["state"] == "dead" {
                let path = format!("runs/{}/retry", newest["id"].as_str().unwrap());
                world.api_post(&path, json!({})).await;
            }
            (newest["state"] == "succeeded").then_some(())
        })
        .await;
    assert_eq!(world.count("rollback_deploy").await, 1);
    assert_eq!(world.count("create_comment").await, 1);
}
