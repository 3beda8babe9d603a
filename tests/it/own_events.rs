//! Events of the reactor's own, through the real program: rules that are asked for by name, and what became of runs.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const CONFIG: &str = "[limits]\nsettle_ms = 100\nlease_ms = 5000\n";

/// Comments on the issue that the payload names.
const ASKED: &str = r#"
description = "Comments when asked to"
on = "manual"
if = "event.number > 0"

[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ event.number }}", body = "Asked by {{ meta.actor }}." }
"#;

/// Dies at its first step.
const FRAGILE: &str = r#"
description = "Reads an issue that is not there"
on = "github.issues.opened"

[[action]]
tool = "github.get_issue"
arguments = { repo = "acme/api", number = 404 }
"#;

/// A comment whose answer a kill took is looked for when its time-out is over: a short one, so that it is soon.
const TELLS: &str = r#"
description = "Says on an issue which run died"
on = "xmrt.run_dead"

[when]
run.rule = { not = "tells" }

[[action]]
tool = "github.create_comment"
timeout = "3s"
arguments = { repo = "acme/api", number = 1, body = "{{ event.run.rule }} died at {{ event.failed.tool }} on {{ meta.subject }}" }
"#;

async fn world(rules: &[(&str, &str)]) -> World {
    let world = World::start(rules, CONFIG).await;
    let issues = json!([{ "repo": "acme/api", "number": 1, "title": "x", "user": "alice" }]);
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } }),
        )
        .await;
    world
}

async fn comments(world: &World) -> usize {
    let effects = world.effects().await;
    effects
        .iter()
        .filter(|(done, _)| done == "create_comment")
        .count()
}

async fn trigger(world: &World, rule: &str, key: Option<&str>, body: Value) -> (u16, Value) {
    let url = format!("{}/api/v1/rules/{rule}/trigger", world.server.url);
    let mut request = world
        .client
        .post(url)
        .bearer_auth(crate::harness::ADMIN_TOKEN)
        .json(&body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_asked_for_by_name_runs_once_for_each_key() {
    let off = "description = \"d\"\non = \"manual\"\nmode = \"off\"\noff_reason = \"not now\"\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"x\" }\n";
    let world = world(&[("asked", ASKED), ("fragile", FRAGILE), ("resting", off)]).await;
    let (status, first) = trigger(&world, "asked", Some("k1"), json!({ "number": 1 })).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(
        (first["duplicate"].as_bool(), first["runs"][0]["rule"].as_str()),
        (Some(false), Some("asked"))
    );
    let (status, again) = trigger(&world, "asked", Some("k1"), json!({ "number": 1 })).await;
    assert_eq!(status, 202);
    assert_eq!(
        (again["duplicate"].as_bool(), &again["event"]),
        (Some(true), &first["event"])
    );
    let (status, reused) = trigger(&world, "asked", Some("k1"), json!({ "number": 2 })).await;
    assert_eq!(status, 409, "{reused}");
    assert!(
        reused["detail"].as_str().unwrap().contains("another payload"),
        "{reused}"
    );

    // The rule's own condition holds for it as for any other event.
    let (status, missed) = trigger(&world, "asked", None, json!({ "number": 0 })).await;
    assert_eq!(
        (status, missed["runs"].as_array().map(Vec::len)),
        (202, Some(0)),
        "{missed}"
    );

    let event = first["event"].as_str().unwrap();
    world.settled(event).await;
    assert_eq!(comments(&world).await, 1);
    let (_, shown) = world.api(&format!("events/{event}")).await;
    assert_eq!(
        (
            &shown["type"],
            &shown["origin"],
            &shown["actor"],
            &shown["subject"]
        ),
        (
            &json!("manual.asked"),
            &json!("manual"),
            &json!("api"),
            &json!("asked")
        ),
        "who asked is on record"
    );

    for (rule, status, word) in [
        ("askd", 404, "did you mean \\\"asked\\\""),
        ("fragile", 409, "add \\\"manual\\\""),
        ("resting", 409, "not now"),
    ] {
        let (found, problem) = trigger(&world, rule, None, json!({})).await;
        assert_eq!(found, status, "{problem}");
        assert!(problem.to_string().contains(word), "{problem}");
    }
    let (status, problem) = trigger(&world, "asked", None, json!([1])).await;
    assert_eq!(status, 400, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_asked_for_at_the_terminal_too() {
    let world = world(&[("asked", ASKED)]).await;
    let payload = world.folder.path().join("payload.json");
    std::fs::write(&payload, r#"{"number": 1, "actor": "somebody else"}"#).unwrap();
    let path = payload.to_str().unwrap();
    let (out, err, code) = world.xmrt(&["trigger", "asked", "--payload", path, "--key", "k1", "--json"]);
    assert_eq!(code, 0, "{err}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let event = answer["event"].as_str().unwrap();
    world.settled(event).await;
    let (_, shown) = world.api(&format!("events/{event}")).await;
    assert_eq!(shown["actor"], "api", "the payload does not say who asks");
    let (out, _, code) = world.xmrt(&["trigger", "asked", "--payload", path, "--key", "k1"]);
    assert_eq!(code, 0);
    assert!(out.contains("used before"), "{out}");
    assert_eq!(comments(&world).await, 1);
    let (_, err, code) = world.xmrt(&["trigger", "nobody"]);
    assert_eq!(code, 2);
    assert!(err.contains("there is no rule"), "{err}");
}

async fn told(world: &World, kind: &str) -> Vec<Value> {
    let (_, page) = world.api(&format!("events?type=xmrt.{kind}")).await;
    page["events"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_hears_of_a_run_that_died_and_the_chain_goes_on() {
    let world = world(&[("fragile", FRAGILE), ("tells", TELLS)]).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let event = world
        .until("the death is told", async || {
            let event = told(&world, "run_dead").await.first().cloned()?;
            (comments(&world).await == 1).then_some(event)
        })
        .await;
    assert_eq!(
        (&event["depth"], &event["origin"]),
        (&json!(1), &json!("derived"))
    );
    assert_eq!(
        event["subject"], "acme/api#1",
        "the subject of what the run was about"
    );
    let id = event["id"].as_str().unwrap();
    let (_, shown) = world.api(&format!("events/{id}")).await;
    let payload = &shown["payload"];
    assert_eq!(payload["run"]["rule"], "fragile");
    assert_eq!(payload["run"]["state"], "dead");
    assert_eq!(payload["run"]["id"], event["caused_by"]);
    assert_eq!(payload["event"]["id"], "d-1");
    assert_eq!(payload["failed"]["tool"], "github.get_issue");
    let (_, page) = world.api("runs?rule=tells").await;
    let run = page["runs"][0]["id"].as_str().unwrap();
    let (_, run) = world.api(&format!("runs/{run}")).await;
    assert_eq!(
        run["steps"][0]["call"]["arguments"]["body"],
        "fragile died at github.get_issue on acme/api#1"
    );
    // Nobody listens to successes: none was made into an event.
    assert!(told(&world, "run_succeeded").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_dies_of_hearing_of_its_own_death_is_cut() {
    let rule = r#"
description = "Fails at telling of failures, its own included"
on = ["github.issues.opened", "xmrt.run_dead"]

[[action]]
tool = "github.get_issue"
arguments = { repo = "acme/api", number = 404 }
"#;
    let world = world(&[("spiral", rule)]).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let cut = world
        .until("the chain is cut", async || {
            for event in told(&world, "run_dead").await {
                let (_, event) = world.api(&format!("events/{}", event["id"].as_str()?)).await;
                let cut = event["decisions"]
                    .as_array()?
                    .iter()
                    .find(|made| made["decision"] == "loop_cut");
                if let Some(cut) = cut {
                    return Some(cut.clone());
                }
            }
            None
        })
        .await;
    assert!(cut["reason"].as_str().unwrap().contains("spiral"), "{cut}");
    assert_eq!(told(&world, "run_dead").await.len(), 3);
}

/// Killed again and again while runs die: each death is told exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_runs_is_told_once_whatever_is_killed() {
    const DELIVERIES: usize = 24;
    let mut world = world(&[("fragile", FRAGILE), ("tells", TELLS)]).await;
    for n in 0..DELIVERIES {
        let (status, _) = world
            .github("issues", &format!("d-{n}"), &issue_opened(n as u64 + 1))
            .await
            .unwrap();
        assert_eq!(status, 202);
        if n % 4 == 3 {
            world.server.kill();
            world.restart();
        }
    }
    let events = world
        .until("every death is told", async || {
            let events = told(&world, "run_dead").await;
            let (_, page) = world.api("runs?rule=tells&state=succeeded&limit=100").await;
            (page["runs"].as_array()?.len() == DELIVERIES).then_some(events)
        })
        .await;
    assert_eq!(events.len(), DELIVERIES);
    let about: std::collections::BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event["caused_by"].as_str())
        .collect();
    assert_eq!(about.len(), DELIVERIES, "each of another run");
    assert_eq!(comments(&world).await, DELIVERIES);
}
