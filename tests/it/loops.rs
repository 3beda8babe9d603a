//! What counts as our own effect: exactly what a call did, and by whichever way it comes back.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const SHARED: &str = "[limits]\nsettle_ms = 100\n";
const OWN: &str = "[limits]\nsettle_ms = 100\n[github]\naccount = \"own\"\n";
/// The account that the server's token belongs to.
const LOGIN: &str = "xmrt-bot";

/// Labels a new issue and gives it another title.
const TIDIES: &str = r#"
description = "Tidies new issues"
on = "github.issues.opened"

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["Seen"] }

[[action]]
tool = "github.update_issue"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", title = "tidy" }
"#;

async fn world(rules: &[(&str, &str)], config: &str) -> World {
    let world = World::start(rules, config).await;
    let issues = json!([{ "repo": "acme/api", "number": 1, "title": "x", "user": "alice" }]);
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } }),
        )
        .await;
    world
        .sandbox_post("deliver_to", json!({ "url": world.server.url }))
        .await;
    world
}

/// The depth of the event of a type that fits.
async fn depth(world: &World, kind: &str, fits: impl Fn(&Value) -> bool) -> u64 {
    world
        .until(kind, async || {
            let (_, page) = world.api(&format!("events?type={kind}")).await;
            for event in page["events"].as_array()? {
                let (_, event) = world.api(&format!("events/{}", event["id"].as_str()?)).await;
                if fits(&event["payload"]) {
                    return event["depth"].as_u64();
                }
            }
            None
        })
        .await
}

async fn act(world: &World, what: Value) {
    world.sandbox_post("act", what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_shares_the_account_begins_a_chain_of_their_own() {
    let world = world(&[("tidies", TIDIES)], SHARED).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    world.settled("d-1").await;
    let labeled = |label: &'static str| move |payload: &Value| payload["label"]["name"] == label;
    assert_eq!(
        depth(&world, "github.issues.labeled", labeled("Seen")).await,
        1,
        "ours"
    );
    let by_hand =
        json!({ "do": "label_issue", "repo": "acme/api", "number": 1, "label": "urgent", "by": LOGIN });
    act(&world, by_hand).await;
    assert_eq!(
        depth(&world, "github.issues.labeled", labeled("urgent")).await,
        0,
        "theirs"
    );
    // An edit could be anybody's who uses the account, so it is not taken for ours.
    assert_eq!(depth(&world, "github.issues.edited", |_| true).await, 0);
    assert!(
        world.server_log().contains("a person's account"),
        "the log says so at the start"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_account_of_its_own_what_cannot_be_told_apart_is_ours_too() {
    let world = world(&[("tidies", TIDIES)], OWN).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    world.settled("d-1").await;
    assert_eq!(depth(&world, "github.issues.edited", |_| true).await, 1);
    // Somebody else's edit is somebody else's.
    let by_alice =
        json!({ "do": "edit_issue", "repo": "acme/api", "number": 1, "title": "y", "by": "alice" });
    act(&world, by_alice).await;
    let of_alice = |payload: &Value| payload["sender"]["login"] == "alice";
    assert_eq!(depth(&world, "github.issues.edited", of_alice).await, 0);
    assert!(!world.server_log().contains("a person's account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_starts_another_goes_on_with_its_chain_and_one_that_starts_itself_is_cut() {
    let first = r#"
description = "Starts another rule"
on = "github.issues.opened"

[[action]]
tool = "xmrt.trigger_rule"
arguments = { rule = "again", payload = { round = 1 } }
"#;
    let again = r#"
description = "Starts itself"
on = "manual"

[[action]]
tool = "xmrt.trigger_rule"
arguments = { rule = "again", payload = { round = "{{ event.round + 1 }}" } }
"#;
    let world = world(&[("first", first), ("again", again)], SHARED).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let cut = world
        .until("the chain to be cut", async || {
            let (_, page) = world.api("events?type=manual.again").await;
            for event in page["events"].as_array()? {
                let (_, event) = world.api(&format!("events/{}", event["id"].as_str()?)).await;
                let cut = event["decisions"]
                    .as_array()?
                    .iter()
                    .find(|made| made["decision"] == "loop_cut");
                if let Some(cut) = cut {
                    return Some((event["payload"]["round"].as_u64()?, cut["reason"].clone()));
                }
            }
            None
        })
        .await;
    assert_eq!(
        cut.0, 3,
        "three runs in a row, the first rule's among them: {cut:?}"
    );
    assert!(cut.1.as_str().unwrap().contains("first"), "{cut:?}");
    let (_, page) = world.api("events?type=manual.again").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(3));
    assert_eq!(page["events"][0]["actor"], "mcp");
    // A rule that may not be started, or is not there, is told so; the run does not go on.
    let (_, runs) = world.api("runs?rule=again").await;
    assert!(
        runs["runs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|run| run["state"] == "succeeded")
    );
}
