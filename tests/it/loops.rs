//! What counts as our own effect: exactly what a call did, and by whichever way it comes back. And what that is for: a rule that
//! answers itself is cut.

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
    world.close_the_loop().await;
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

/// Waits until some event has a decision of this kind for the rule, and returns its reason.
async fn decision(world: &World, kind: &str, rule: &str, decision: &str) -> String {
    world
        .until(&format!("the decision {decision}"), async || {
            let (_, page) = world.api(&format!("events?type={kind}")).await;
            for event in page["events"].as_array().into_iter().flatten() {
                let (_, event) = world
                    .api(&format!("events/{}", event["id"].as_str().unwrap()))
                    .await;
                for made in event["decisions"].as_array().into_iter().flatten() {
                    if made["rule"] == rule && made["decision"] == decision {
                        return Some(made["reason"].as_str().unwrap_or_default().to_owned());
                    }
                }
            }
            None
        })
        .await
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

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_answers_its_own_comments_is_cut_after_three() {
    let rule = r#"
description = "Answers every comment"
on = "github.issue_comment.created"
[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", body = "Indeed." }
"#;
    let world = world(&[("echo", rule)], SHARED).await;
    let act = json!({ "do": "comment", "repo": "acme/api", "number": 1, "body": "Is it?", "by": "alice" });
    world.sandbox_post("act", act).await;
    let reason = decision(&world, "github.issue_comment.created", "echo", "loop_cut").await;
    assert!(reason.contains("echo"), "the reason names the chain: {reason}");
    assert_eq!(world.count("create_comment").await, 3);

    // A person who quotes our comment, marker and all, is not our effect: a new chain begins.
    let (_, page) = world.api("runs?rule=echo").await;
    let (_, run) = world
        .api(&format!("runs/{}", page["runs"][0]["id"].as_str().unwrap()))
        .await;
    let key = run["steps"][0]["key"].as_str().unwrap();
    let quote = format!("> Indeed.\n> <!-- xmrt:{key} -->\n\nReally?");
    let act = json!({ "do": "comment", "repo": "acme/api", "number": 1, "body": quote, "by": "bob" });
    world.sandbox_post("act", act).await;
    world
        .until("a new chain", async || {
            (world.count("create_comment").await == 6).then_some(())
        })
        .await;
}

/// Somebody labels an issue; what the rule makes of that is cut once this was done three times.
async fn is_cut_after_three(action: &str, operation: &str) {
    let rule = format!(
        "description = \"Answers every label\"\non = \"github.issues.labeled\"\n[[action]]\n{action}\n"
    );
    let world = world(&[("spiral", &rule)], SHARED).await;
    let act =
        json!({ "do": "label_issue", "repo": "acme/api", "number": 1, "label": "first", "by": "alice" });
    world.sandbox_post("act", act).await;
    decision(&world, "github.issues.labeled", "spiral", "loop_cut").await;
    assert_eq!(world.count(operation).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_labels_because_it_labeled_is_cut_after_three_however_it_writes_the_repository() {
    for repo in ["acme/api", "Acme/API"] {
        let action = format!(
            r#"tool = "github.add_labels"
arguments = {{ repo = "{repo}", number = "{{{{ event.issue.number }}}}", labels = ["n{{{{ event.issue.labels | length }}}}"] }}"#
        );
        is_cut_after_three(&action, "add_labels").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_opens_labeled_issues_because_an_issue_was_labeled_is_cut_after_three() {
    let action = r#"tool = "github.create_issue"
arguments = { repo = "acme/api", title = "About {{ event.label.name }}", labels = ["follow-up"] }"#;
    is_cut_after_three(action, "create_issue").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_reruns_what_failed_is_cut_when_the_reruns_fail_too() {
    let rule = r#"
description = "Re-runs every failure"
on = "github.workflow_run.completed"
[when]
workflow_run.conclusion = "failure"
[[action]]
tool = "github.rerun_failed_jobs"
arguments = { repo = "acme/api", run_id = "{{ event.workflow_run.id }}" }
"#;
    let world = world(&[("again", rule)], SHARED).await;
    let fail = async |by: &str| {
        let act = json!({ "do": "complete_workflow_run", "repo": "acme/api", "id": 7, "conclusion": "failure", "by": by });
        world.sandbox_post("act", act).await;
    };
    fail("alice").await;
    for reruns in 1..=3 {
        world
            .until("the re-run", async || {
                let (_, runs) = world.api("runs?rule=again").await;
                let ended = runs.to_string().matches("\"succeeded\"").count();
                (world.count("rerun_failed_jobs").await == reruns && ended == reruns).then_some(())
            })
            .await;
        // GitHub names who began the attempt.
        fail("xmrt-bot").await;
    }
    decision(&world, "github.workflow_run.completed", "again", "loop_cut").await;
    assert_eq!(world.count("rerun_failed_jobs").await, 3);
}
