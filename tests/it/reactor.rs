//! The stages in order: rules are swapped whole, runs keep the version they began with.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const CONFIG: &str = "[limits]\nsettle_ms = 100\n";

const LABEL_NEW_ISSUES: &str = r#"
description = "Labels new issues"
on = "github.issues.opened"

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["seen"] }
"#;

pub(crate) async fn world(rules: &[(&str, &str)]) -> World {
    let world = World::start(rules, CONFIG).await;
    let issues: Vec<Value> = (1..=5)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": "x", "user": "alice" }))
        .collect();
    let seed = json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } });
    world.sandbox_post("seed", seed).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_refuses_claims_is_not_asked_without_a_pause() {
    let world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    let journal = rusqlite::Connection::open(world.folder.path().join("data/journal.db")).unwrap();
    journal
        .execute_batch(
            "PRAGMA busy_timeout = 5000;
             CREATE TRIGGER refuse BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
        )
        .unwrap();
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let refused = world.server_log().matches("no runs can be claimed").count();
    assert!((1..20).contains(&refused), "{refused} claims were refused");
    journal.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(world.settled("delivery-1").await[0]["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_replaced_whole_or_not_at_all() {
    let world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    let path = world.folder.path().join("rules/label-new-issues.toml");
    std::fs::write(
        &path,
        LABEL_NEW_ISSUES
            .replace("\"seen\"", "\"seen anew\"")
            .replace("tool =", "tol ="),
    )
    .unwrap();
    let (status, answer) = world.api_post("rules/reload", json!({})).await;
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer.to_string().contains("did you mean"),
        "the diagnostics are in the answer: {answer}"
    );
    let ready = world
        .client
        .get(format!("{}/readyz", world.server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200, "broken rules do not refuse deliveries");
    assert!(
        ready.text().await.unwrap().contains("rules"),
        "but they are said to be broken"
    );

    let (status, answer) = world
        .github("issues", "while-broken", &issue_opened(1))
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["runs"][0]["rule"]),
        (202, &json!("label-new-issues")),
        "the old rules hold: {answer}"
    );
    world.settled("while-broken").await;

    std::fs::write(&path, LABEL_NEW_ISSUES.replace("\"seen\"", "\"seen anew\"")).unwrap();
    let (status, answer) = world.api_post("rules/reload", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    world
        .github("issues", "after-mending", &issue_opened(2))
        .await
        .unwrap();
    world.settled("after-mending").await;
    let effects = world.sandbox_get("effects").await;
    let labels: Vec<&Value> = effects["effects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|effect| &effect["detail"]["labels"])
        .collect();
    assert_eq!(labels, [&json!(["seen"]), &json!(["seen anew"])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_file_is_noticed() {
    let world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    let another = world.folder.path().join("rules/another.toml");
    std::fs::write(another, LABEL_NEW_ISSUES.replace("Labels new", "Also labels new")).unwrap();
    world
        .until("the new rule", async || {
            let (_, rules) = world.api("rules").await;
            rules.to_string().contains("another").then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rules_folder_that_was_replaced_is_watched_as_the_former_was() {
    let world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    let rules = world.folder.path().join("rules");
    std::fs::remove_dir_all(&rules).unwrap();
    std::fs::create_dir(&rules).unwrap();
    for id in ["put-there-with-it", "put-there-later"] {
        std::fs::write(rules.join(format!("{id}.toml")), LABEL_NEW_ISSUES).unwrap();
        world
            .until(id, async || {
                let (_, rules) = world.api("rules").await;
                rules.to_string().contains(id).then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_broken_rules_runs_on_the_last_good_ones() {
    let mut world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    world.server.kill();
    std::fs::write(
        world.folder.path().join("rules/label-new-issues.toml"),
        "on = 3\n",
    )
    .unwrap();
    world.restart();
    let (status, answer) = world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["runs"][0]["rule"]),
        (202, &json!("label-new-issues")),
        "{answer}"
    );
    assert!(world.server_log().contains("last good"), "and says so loudly");
    world.server.kill();
    std::fs::remove_dir_all(world.folder.path().join("data")).unwrap();
    let (_, errors, code) = world.xmrt(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "without any good rules it does not start");
    assert!(errors.contains("label-new-issues.toml:1"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_with_the_version_of_the_rule_it_began_with() {
    let rule = r#"
description = "Two labels"
on = "github.issues.opened"
[[action]]
id = "first"
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["one"] }
retry = { attempts = 5, initial = "1s", max = "1s" }
[[action]]
id = "second"
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["old"] }
"#;
    let mut world = world(&[("two-labels", rule)]).await;
    let fault = json!([{ "match": { "operation": "add_labels" }, "times": 1, "kind": "status", "status": 429, "retry_after": 1 }]);
    world.sandbox_post("faults", fault).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world
        .until("the first attempt to fail", async || {
            let (_, event) = world.api("events/delivery-1").await;
            (event["runs"][0]["status"] == "waiting").then_some(())
        })
        .await;
    // The new version is in force after a restart, and the old one is only in the journal.
    world.server.kill();
    std::fs::write(
        world.folder.path().join("rules/two-labels.toml"),
        rule.replace("\"old\"", "\"new\""),
    )
    .unwrap();
    world.restart();
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "succeeded", "{}", world.server_log());
    let effects = world.sandbox_get("effects").await.to_string();
    assert!(
        effects.contains("\"old\"") && !effects.contains("\"new\""),
        "{effects}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_its_own_decision_and_is_judged_again_when_the_delivery_comes_again() {
    let rule = LABEL_NEW_ISSUES.replace("[[action]]", "[when]\nissue.state = \"open\"\n\n[[action]]");
    let broken = rule.replace("\non = ", "\nif = \"event.installation.id > 1\"\non = ");
    let world = world(&[("fragile", &broken)]).await;
    let (_, answer) = world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    assert_eq!(answer["decisions"][0]["decision"], "error", "{answer}");
    assert!(
        answer["decisions"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("event.installation"),
        "{answer}"
    );
    std::fs::write(world.folder.path().join("rules/fragile.toml"), rule).unwrap();
    assert_eq!(world.api_post("rules/reload", json!({})).await.0, 200);
    let (_, again) = world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    assert_eq!(again["duplicate"], true);
    assert_eq!(again["runs"][0]["rule"], "fragile", "{again}");
    world.settled("delivery-1").await;
    assert_eq!(world.count("add_labels").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_reads_plans_and_writes_nothing() {
    let rule = r#"
description = "Would comment"
on = "github.issues.opened"
mode = "shadow"
[[action]]
id = "look"
tool = "github.get_issue"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}" }
[[action]]
id = "say"
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ steps.look.number }}", body = "Hello." }
[[action]]
id = "after"
tool = "github.get_issue"
arguments = { repo = "acme/api", number = "{{ steps.say.id }}" }
"#;
    let world = world(&[("would-comment", rule)]).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "shadowed", "{runs:?}");
    let (_, run) = world
        .api(&format!("runs/{}", runs[0]["id"].as_str().unwrap()))
        .await;
    let steps: Vec<(&str, &str)> = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["state"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [("look", "done"), ("say", "planned")]);
    assert_eq!(run["steps"][1]["call"]["arguments"]["body"], "Hello.");
    assert!(run["reason"].as_str().unwrap().contains("`after`"), "{run}");
    assert!(world.effects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_run_gives_its_cooldown_back_and_a_writing_one_keeps_it() {
    let rule = r#"
description = "Labels once an hour"
on = "github.issues.opened"
[limits]
key = "all"
cooldown = "1h"
[[action]]
id = "look"
tool = "github.get_issue"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}" }
require = "result.number != 1"
[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", labels = ["seen"] }
"#;
    let world = world(&[("hourly", rule)]).await;
    let mut verdicts = Vec::new();
    for number in 1..=3 {
        let id = format!("delivery-{number}");
        let (_, answer) = world.github("issues", &id, &issue_opened(number)).await.unwrap();
        let runs = world.settled(&id).await;
        verdicts.push(match runs.first() {
            Some(run) => run["status"].as_str().unwrap().to_owned(),
            None => format!(
                "{}: {}",
                answer["decisions"][0]["decision"], answer["decisions"][0]["reason"]
            ),
        });
    }
    assert_eq!(verdicts[..2], ["declined", "succeeded"]);
    assert!(
        verdicts[2].contains("suppressed") && verdicts[2].contains("run"),
        "it names the run that suppressed it: {verdicts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_runs_again_as_the_next_generation() {
    let world = world(&[("label-new-issues", LABEL_NEW_ISSUES)]).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    world.settled("delivery-1").await;
    let (status, answer) = world.api_post("events/delivery-1/replay", json!({})).await;
    assert_eq!(status, 202, "{answer}");
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert_ne!(runs[0]["id"], runs[1]["id"]);
    assert_eq!(world.count("add_labels").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_which_condition_failed_with_the_actual_value() {
    let rule = LABEL_NEW_ISSUES.replace("[[action]]", "[when]\nissue.user.login = \"carol\"\n\n[[action]]");
    let world = world(&[("for-carol", &rule)]).await;
    let (_, answer) = world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    assert_eq!(answer["runs"], json!([]));
    let (text, errors, code) = world.xmrt(&["explain", "for-carol", "--event", "delivery-1"]);
    assert_eq!(code, 0, "{errors}");
    for part in ["issue.user.login", "carol", "alice"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let (status, json) = world.api("rules/for-carol/explain?event=delivery-1").await;
    assert_eq!(status, 200);
    assert!(json.to_string().contains("issue.user.login"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_runs_are_worked_on_at_once_than_the_settings_allow() {
    let world = World::start(
        &[("label-new-issues", LABEL_NEW_ISSUES)],
        "[limits]\nconcurrency = 2\n",
    )
    .await;
    let issues: Vec<Value> = (1..=6)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": "x" }))
        .collect();
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } }),
        )
        .await;
    world
        .sandbox_post(
            "faults",
            json!([{ "match": { "operation": "add_labels" }, "kind": "latency", "ms": 150 }]),
        )
        .await;
    for number in 1..=6 {
        world
            .github("issues", &format!("delivery-{number}"), &issue_opened(number))
            .await
            .unwrap();
    }
    let mut most = 0;
    world
        .until("all runs", async || {
            let (_, running) = world.api("runs?state=running").await;
            most = most.max(running["runs"].as_array().unwrap().len());
            let (_, done) = world.api("runs?state=succeeded").await;
            (done["runs"].as_array().unwrap().len() == 6).then_some(())
        })
        .await;
    assert_eq!(most, 2);
}
