//! A run that is about to end dead or unknown makes its steps on failure first, once.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};
use crate::reactor::world;

/// Comments, and says so when it cannot; the comment's tool is in doubt by marker, the deploy's by evidence.
const TELLS_ITS_FAILURE: &str = r#"
description = "Tells when it fails"
on = "github.issues.opened"

[[action]]
id = "look"
tool = "github.get_issue"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}" }

[[action]]
id = "deploy"
tool = "render.trigger_deploy"
arguments = { service_id = "srv-a" }

[[action]]
id = "after"
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["deployed"] }

[[on_failure]]
id = "tell"
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ steps.look.number }}", body = "Not deployed: {{ run.reason }}" }
"#;

async fn steps(world: &World, run: &Value) -> Vec<(String, String)> {
    let (_, run) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
    let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (text(step, "step"), text(step, "state")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_makes_its_steps_on_failure_once_whatever_is_killed_and_ends_dead() {
    let mut world = world(&[("tells-its-failure", TELLS_ITS_FAILURE)]).await;
    let faults =
        json!([{ "match": { "operation": "create_comment" }, "times": 1, "kind": "hang", "effect": true }]);
    world.sandbox_post("faults", faults).await;
    // There is no service `srv-a`: the deploy fails for good.
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world
        .until("the comment", async || {
            (world.count("create_comment").await == 1).then_some(())
        })
        .await;
    world.server.kill();
    world.restart();
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "dead", "{}", world.server_log());
    assert_eq!(world.count("create_comment").await, 1);
    let effects = world.sandbox_get("effects").await;
    let body = effects["effects"][0]["detail"]["body"].as_str().unwrap();
    assert!(body.starts_with("Not deployed: step `deploy`"), "{body}");
    let (_, run) = world
        .api(&format!("runs/{}", runs[0]["id"].as_str().unwrap()))
        .await;
    assert!(
        run["reason"].as_str().unwrap().starts_with("step `deploy`"),
        "the run ends with what failed first: {run}"
    );
    let (shown, _, code) = world.xmrt(&["runs", "show", runs[0]["id"].as_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(shown.contains("\n  on_failure[0] · begun\n"), "{shown}");
    assert!(!shown.contains("·  ·") && !shown.contains("skipped"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_run_tells_and_goes_on_when_a_person_settles_it() {
    let world = world(&[("tells-its-failure", TELLS_ITS_FAILURE)]).await;
    world
        .sandbox_post(
            "seed",
            json!({ "render": { "services": [{ "id": "srv-a", "name": "api" }] } }),
        )
        .await;
    let faults = json!([
        { "match": { "operation": "trigger_deploy" }, "times": 1, "kind": "foreign_writer" },
        { "match": { "operation": "trigger_deploy" }, "times": 1, "kind": "reply_lost" },
    ]);
    world.sandbox_post("faults", faults).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "unknown", "{}", world.server_log());
    assert_eq!(world.count("create_comment").await, 1, "somebody was told");
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    let (status, answer) = world
        .api_post(
            &format!("runs/{id}/resolve"),
            json!({ "resolution": "done", "result": {} }),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    let ended = world
        .until("the run to end", async || {
            let (_, run) = world.api(&format!("runs/{id}")).await;
            (run["state"] == "succeeded").then_some(run)
        })
        .await;
    let made = steps(&world, &ended).await;
    assert!(made.contains(&("after".into(), "done".into())), "{made:?}");
    assert_eq!(world.count("create_comment").await, 1, "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_failure_ends_the_run_with_both_reasons_and_a_retry_begins_anew() {
    let rule = TELLS_ITS_FAILURE.replace(
        "repo = \"acme/api\", number = \"{{ steps.look.number }}\"",
        "repo = \"acme/api\", number = 99",
    );
    let world = world(&[("tells-its-failure", &rule)]).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    let runs = world.settled("delivery-1").await;
    let id = runs[0]["id"].as_str().unwrap();
    let (_, run) = world.api(&format!("runs/{id}")).await;
    let reason = run["reason"].as_str().unwrap();
    assert!(
        reason.contains("step `deploy`") && reason.contains("on failure: step `on_failure[0].tell`"),
        "{reason}"
    );
    world
        .sandbox_post(
            "seed",
            json!({ "render": { "services": [{ "id": "srv-a", "name": "api" }] } }),
        )
        .await;
    let (status, answer) = world.api_post(&format!("runs/{id}/retry"), json!({})).await;
    assert!(status == 200 || status == 202, "{status} {answer}");
    let runs = world.settled("delivery-1").await;
    assert!(
        runs.iter().any(|run| run["status"] == "succeeded"),
        "{runs:?} {}",
        world.server_log()
    );
}
