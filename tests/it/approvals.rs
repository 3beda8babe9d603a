//! A call that waits for a person: asked about when it is reached, made exactly as it was shown, once, or not at all.

use serde_json::{Value, json};
use xmrt::assemble::run_tests;
use xmrt::rules::SourceFile;

use crate::harness::{World, issue_opened};

const CONFIG: &str = "[limits]\nsettle_ms = 60\nlease_ms = 3000\nconcurrency = 4\n";

/// A rollback that somebody must approve of.
const ROLLS_BACK: &str = r#"
description = "Rolls back when somebody says so"
on = "github.issues.opened"

[[action]]
id = "back"
tool = "render.rollback_deploy"
arguments = { service_id = "srv-a", to = "last_known_good", healthy_for = "0s" }
timeout = "2s"
approval = { by = ["role:release", "alice"], expires = "1h", reason = "Issue {{ event.issue.number }} says that it fails" }

[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", body = "{{ steps.back.report }}" }
"#;

async fn world() -> World {
    let world = World::start(&[("rolls-back", ROLLS_BACK)], CONFIG).await;
    let deploy = |id: &str, status: &str, finished: &str| json!({ "id": id, "service_id": "srv-a", "status": status, "finished": finished });
    let seed = json!({
        "github": {
            "repos": [{ "full_name": "acme/api" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": "x", "user": "alice" }],
        },
        "render": {
            "services": [{ "id": "srv-a", "name": "api" }],
            "deploys": [
                deploy("dep-4", "live", "-7m"), deploy("dep-3", "deactivated", "-10m"), deploy("dep-1", "deactivated", "-2d"),
            ],
        },
    });
    world.sandbox_post("seed", seed).await;
    world
}

/// Opens the issue, and gives what is asked about then.
async fn asked(world: &World) -> Value {
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world
        .until("the question", async || {
            let (_, page) = world.api("approvals").await;
            page["approvals"].get(0).cloned()
        })
        .await
}

async fn ended(world: &World) -> Value {
    let runs = world.settled("delivery-1").await;
    let (_, run) = world
        .api(&format!("runs/{}", runs[0]["id"].as_str().unwrap()))
        .await;
    run
}

fn run_of(question: &Value) -> &str {
    question["run"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_what_is_sent_and_only_who_is_named_can_say_so() {
    let world = world().await;
    let question = asked(&world).await;
    assert_eq!(
        question["arguments"]["to"], "dep-1",
        "what is symbolic is an id: {question}"
    );
    assert_eq!(question["reason"], "Issue 1 says that it fails");
    assert!(question["shows"].as_str().unwrap().contains("back from dep-4"));
    let id = run_of(&question);
    let (_, run) = world.api(&format!("runs/{id}")).await;
    assert_eq!(
        (&run["state"], &run["waits_for"]),
        (&json!("waiting"), &json!("approval"))
    );
    let approve = format!("runs/{id}/approve");
    for body in [
        json!({}),
        json!({ "as": "bob" }),
        json!({ "as": "bob", "roles": ["triage"] }),
    ] {
        let (status, answer) = world.api_post(&approve, body).await;
        assert_eq!(status, 403, "{answer}");
        assert!(
            answer["detail"]
                .as_str()
                .unwrap()
                .contains("role:release or alice"),
            "{answer}"
        );
    }
    let (status, answer) = world
        .api_post(&approve, json!({ "as": "alice", "hash": "another" }))
        .await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(world.count("rollback_deploy").await, 0);
    let body = json!({ "as": "bob", "roles": ["release"], "why": "seen", "hash": question["hash"] });
    let (status, answer) = world.api_post(&approve, body).await;
    assert_eq!(status, 200, "{answer}");
    let run = ended(&world).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    let step = &run["steps"][0];
    assert_eq!(
        step["call"]["arguments"], question["arguments"],
        "exactly what was shown"
    );
    assert_eq!(step["approval"]["answer"]["who"], "bob");
    assert_eq!(step["approval"]["answer"]["why"], "seen");
    assert_eq!(world.count("rollback_deploy").await, 1);
    let (status, answer) = world.api_post(&approve, json!({ "as": "alice" })).await;
    assert_eq!(status, 409, "it has ended: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_given_while_the_server_is_down_is_done_once_after_its_start() {
    let mut world = world().await;
    let question = asked(&world).await;
    let id = run_of(&question).to_owned();
    world.server.kill();
    let (listed, errors, code) = world.xmrt(&["approvals"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        listed.contains(&id) && listed.contains("back from dep-4"),
        "{listed}"
    );
    let (_, errors, code) = world.xmrt(&["approvals", "approve", &id, "--as", "bob"]);
    assert_eq!(code, 2, "nobody named bob can: {errors}");
    let (shown, errors, code) =
        world.xmrt(&["approvals", "approve", &id, "--as", "alice", "--because", "go"]);
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains("alice"), "{shown}");
    assert_eq!(world.count("rollback_deploy").await, 0, "nobody works yet");
    world.restart();
    let run = ended(&world).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(world.count("rollback_deploy").await, 1);
    assert_eq!(world.count("create_comment").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_an_approved_call_is_under_way_it_is_found_out_and_not_made_again() {
    for effect in [false, true] {
        let mut world = world().await;
        let question = asked(&world).await;
        let fault = json!([{ "match": { "operation": "rollback_deploy" }, "times": 1, "kind": "hang", "effect": effect }]);
        world.sandbox_post("faults", fault).await;
        let approve = format!("runs/{}/approve", run_of(&question));
        let (status, answer) = world.api_post(&approve, json!({ "as": "alice" })).await;
        assert_eq!(status, 200, "{answer}");
        world.requested("rollback_deploy").await;
        if effect {
            world
                .until("the rollback", async || {
                    (world.count("rollback_deploy").await == 1).then_some(())
                })
                .await;
        }
        world.server.kill();
        world.restart();
        let run = ended(&world).await;
        assert_eq!(run["state"], "succeeded", "effect {effect}: {run}");
        assert_eq!(world.count("rollback_deploy").await, 1, "effect {effect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_ends_the_run_declined_and_says_who_and_why() {
    let world = world().await;
    let question = asked(&world).await;
    let reject = format!("runs/{}/reject", run_of(&question));
    let (status, answer) = world
        .api_post(&reject, json!({ "as": "alice", "why": "not on a Friday" }))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["state"], "declined");
    assert_eq!(answer["reason"], "rejected by alice: not on a Friday");
    let (_, page) = world.api("approvals").await;
    assert_eq!(page["approvals"], json!([]));
    assert_eq!(world.count("rollback_deploy").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_approved_of_any_more_is_not_done() {
    let world = world().await;
    let question = asked(&world).await;
    // Somebody deploys a fix meanwhile: the deploy that was to be rolled back from is not live any more.
    let act = json!({ "do": "deploy", "service_id": "srv-a", "commit": "f1xf1xf1x", "trigger": "manual" });
    world
        .sandbox_post("pace", json!({ "queue_ms": 1, "build_ms": 1, "update_ms": 1 }))
        .await;
    world.sandbox_post("act", act).await;
    world
        .until("the fix to be live", async || {
            let state = world.sandbox_get("state").await;
            let deploys = state["render"]["services"][0]["deploys"].as_array().cloned();
            let deploys = deploys.unwrap_or_default();
            deploys
                .iter()
                .any(|deploy| deploy["id"] == "dep-4" && deploy["status"] == "deactivated")
                .then_some(())
        })
        .await;
    let approve = format!("runs/{}/approve", run_of(&question));
    let (status, answer) = world.api_post(&approve, json!({ "as": "alice" })).await;
    assert_eq!(status, 200, "{answer}");
    let run = ended(&world).await;
    assert_eq!(run["state"], "declined", "{run}");
    let reason = run["reason"].as_str().unwrap();
    assert!(
        reason.contains("changed before it was done") && reason.contains("`live` was \"dep-4\""),
        "{reason}"
    );
    assert_eq!(world.count("rollback_deploy").await, 0);
}

/// A deploy that somebody must approve of, with what happens when nobody does, and one test of it.
async fn failures(more: &str, test: &str) -> Vec<String> {
    let text = format!(
        r#"
description = "d"
on = "github.push"

[[action]]
id = "deploy"
tool = "render.trigger_deploy"
arguments = {{ service_id = "srv-a", commit_id = "c0ffee0" }}
approval = {{ by = "alice", expires = "2h" }}
{more}

[[action]]
tool = "xmrt.notify"
arguments = {{ to = "log", text = "deployed" }}

[[on_failure]]
id = "alarm"
tool = "xmrt.notify"
arguments = {{ to = "log", text = "{{{{ run.reason }}}}" }}

[[test]]
name = "t"
event = {{ on = "github.push" }}
state.render.services = [{{ id = "srv-a", name = "api" }}]
{test}
"#
    );
    let file = SourceFile {
        path: "rules/sample.toml".into(),
        text,
        unreadable: None,
    };
    run_tests(&file, &json!({}), &std::sync::Arc::default())
        .await
        .unwrap()
        .remove(0)
        .failures
}

#[tokio::test]
async fn in_a_test_people_say_what_they_say_when_they_say_it() {
    let none: Vec<String> = Vec::new();
    let deployed = "expect = [{ tool = \"render.trigger_deploy\" }, { tool = \"xmrt.notify\" }]";
    let approved = format!("approvals = [{{ as = \"alice\", after = \"90m\" }}]\n{deployed}");
    assert_eq!(failures("", &approved).await, none);
    let rejected = "approvals = [{ as = \"alice\", reject = true, because = \"no\" }]\nexpect = []\n\
                    decision = \"declined\"\nreason = \"rejected by alice: no\"";
    assert_eq!(
        failures("", rejected).await,
        none,
        "and nothing is done on failure"
    );
    let nobody =
        "expect = [{ tool = \"xmrt.notify\" }]\ndecision = \"dead\"\nreason = \"nobody approved of it\"";
    assert_eq!(
        failures("", nobody).await,
        none,
        "it expires, and somebody is told"
    );
    let too_late = format!("approvals = [{{ as = \"alice\", after = \"3h\" }}]\n{deployed}");
    let told = failures("", &too_late).await;
    assert!(told[0].contains("never asked for"), "{told:?}");
    let other = format!("approvals = [{{ as = \"bob\" }}]\n{deployed}");
    let told = failures("", &other).await;
    assert!(
        told[0].contains("bob cannot say this") && told[0].contains("alice can"),
        "{told:?}"
    );
    let tolerant =
        "decision = \"succeeded\"\nexpect = [{ tool = \"xmrt.notify\", arguments.text = \"deployed\" }]";
    assert_eq!(failures("continue_on_error = true", tolerant).await, none);
}
