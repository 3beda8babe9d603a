//! What the page of a run says of what came after it: the run that took its place, and what people said.

use serde_json::json;

use super::{Browser, csrf};
use crate::harness::{self, World, issue_opened};

const LABELS: &str = r#"
description = "Labels new issues"
on = "github.issues.opened"

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = 1, labels = ["bug"] }
"#;

const ASKS: &str = r#"
description = "Asks before it says something"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "seen" }
approval = { by = ["github:mona"] }
"#;

async fn signed_in(world: &World) -> Browser {
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    browser
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_that_was_made_again_names_the_new_one_and_wants_nobody_any_more() {
    let world = World::start(&[("labels", LABELS)], "").await;
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }] } }),
        )
        .await;
    let refused =
        json!({ "match": { "operation": "add_labels" }, "times": 1, "kind": "status", "status": 403 });
    world.sandbox_post("faults", refused).await;
    world
        .at_github(
            http::Method::POST,
            "repos/acme/api/issues",
            Some(json!({ "title": "t" })),
        )
        .await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let dead = text(&world.settled("d-1").await[0]["id"]);
    let (_, run) = world.api(&format!("runs/{dead}")).await;
    assert_eq!(
        (&run["state"], &run["made_again"]),
        (&json!("dead"), &json!(null)),
        "{run}"
    );

    let mut browser = signed_in(&world).await;
    let now = browser.get("/").await.text;
    assert!(now.contains("<h2>Dead") && now.contains("class=\"bad\""), "{now}");
    let page = browser.get(&format!("/runs/{dead}")).await.text;
    let form = format!("csrf={}", csrf(&page));
    let retried = browser.post(&format!("/runs/{dead}/retry"), form.clone()).await;
    assert_eq!(retried.status, 303);
    let again = retried
        .header("location")
        .split(['/', '?'])
        .nth(2)
        .unwrap()
        .to_owned();
    assert_ne!(again, dead);
    world
        .until("the new run to succeed", async || {
            let (_, run) = world.api(&format!("runs/{again}")).await;
            (run["state"] == "succeeded").then_some(())
        })
        .await;

    // The old one stays dead, and says where it went on.
    let page = browser.get(&format!("/runs/{dead}")).await.text;
    assert!(
        page.contains(&format!("made again as <a href=\"/runs/{again}\">")),
        "{page}"
    );
    assert!(
        page.contains("which is succeeded") && !page.contains(">Retry<"),
        "{page}"
    );
    let refused = browser.post(&format!("/runs/{dead}/retry"), form).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains(&again), "{}", refused.text);
    let now = browser.get("/").await.text;
    assert!(
        !now.contains("<h2>Dead") && !now.contains("class=\"bad\""),
        "{now}"
    );
    let list = browser.get("/runs?state=dead").await.text;
    assert!(list.contains("made again"), "{list}");

    let (_, run) = world.api(&format!("runs/{dead}")).await;
    assert_eq!(
        run["made_again"],
        json!({ "run": again, "generation": 1, "state": "succeeded" })
    );
    let ids = async |query: &str| {
        let (_, page) = world.api(&format!("runs?{query}")).await;
        let runs = page["runs"].as_array().unwrap().clone();
        runs.iter().map(|run| text(&run["id"])).collect::<Vec<_>>()
    };
    assert_eq!(ids("state=dead&made_again=false").await, Vec::<String>::new());
    assert_eq!(ids("state=dead&made_again=true").await, [dead.as_str()]);
    assert_eq!(ids("made_again=false").await, [again.as_str()]);

    let (out, _, _) = world.xmrt(&["runs", "show", &dead]);
    assert!(
        out.contains(&format!("made again as run {again}, which is succeeded")),
        "{out}"
    );
    let (out, _, code) = world.xmrt(&["runs", "--state", "dead", "--not-again", "--quiet"]);
    assert_eq!((out.as_str(), code), ("", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ended_a_run_and_for_whom_somebody_spoke_is_on_its_page() {
    let world = World::start(&[("asks", ASKS)], "").await;
    let mut browser = signed_in(&world).await;
    for number in 1..=2 {
        let id = format!("d-{number}");
        world.github("issues", &id, &issue_opened(number)).await.unwrap();
    }
    let waiting = world
        .until("both to be asked about", async || {
            let asked = world.api("approvals").await.1["approvals"].as_array()?.clone();
            (asked.len() == 2).then_some(asked)
        })
        .await;
    let (first, second) = (text(&waiting[0]["run"]), text(&waiting[1]["run"]));

    // A form that does not say what it is about is on nothing.
    let page = browser.get("/approvals").await.text;
    let word = format!("csrf={}&answer=approve&as=github:mona", csrf(&page));
    let refused = browser.post(&format!("/approvals/{first}"), word.clone()).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("does not say which call"),
        "{}",
        refused.text
    );
    assert_eq!(world.api(&format!("runs/{first}")).await.1["state"], "waiting");

    // Who has the token may speak for a person; it is not on record as if that person had.
    let with_hash = format!("{word}&hash={}", text(&waiting[0]["hash"]));
    assert_eq!(
        browser
            .post(&format!("/approvals/{first}"), with_hash)
            .await
            .status,
        303
    );
    let (_, run) = world.api(&format!("runs/{first}")).await;
    assert_eq!(
        run["steps"][0]["approval"]["answer"]["who"],
        "github:mona, says admin"
    );
    let audited = world.api("audit?what=run.approve").await.1;
    assert_eq!(audited["audit"][0]["who"], "github:mona, says admin", "{audited}");

    world.api_post(&format!("runs/{second}/cancel"), json!({})).await;
    let (_, run) = world.api(&format!("runs/{second}")).await;
    assert_eq!(run["said"][0]["what"], "run.cancel", "{run}");
    assert_eq!(run["said"][0]["who"], "api", "{run}");
    let page = browser.get(&format!("/runs/{second}")).await.text;
    assert!(page.contains("<dt>Cancelled</dt><dd>by api"), "{page}");
    let (out, _, _) = world.xmrt(&["runs", "show", &second]);
    assert!(out.contains("cancelled, by api at"), "{out}");
}
