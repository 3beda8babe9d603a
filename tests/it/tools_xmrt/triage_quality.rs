//! `xmrt.triage_quality` over MCP, with the labels that people left on the sandbox's issues.

use serde_json::{Value, json};

use super::stage::{Stage, stage};

/// Six crashes that people called questions, one they called a bug, one they did not look at, and a wish.
fn repository() -> Value {
    let crash = |number: u64, labels: &[&str]| {
        json!({"repo": "acme/game", "number": number, "title": "Crash in the beta",
               "body": "It crashes with an error, version 2.0.1.", "labels": labels})
    };
    let mut issues: Vec<Value> = (1..=6).map(|number| crash(number, &["question"])).collect();
    issues.push(crash(7, &["bug"]));
    issues.push(crash(8, &[]));
    issues.push(
        json!({"repo": "acme/game", "number": 9, "title": "Add a map", "labels": ["enhancement"],
                       "body": "It would be nice to have a map."}),
    );
    json!({ "issues": issues })
}

async fn called(stage: &Stage, tool: &str, arguments: Value) -> Value {
    stage.call(tool, arguments).await.unwrap()
}

#[tokio::test]
async fn it_says_how_far_people_agree_and_triage_follows_them() {
    let stage = stage(repository()).await;
    let quality = called(&stage, "triage_quality", json!({"repo": "acme/game"})).await;
    assert_eq!((&quality["issues"], &quality["labeled"]), (&json!(9), &json!(8)));
    assert_eq!(
        quality["labels"],
        json!([
            {"label": "bug", "agreed": 1, "taken_away": 6, "added": 0, "precision": 0.14, "recall": 1.0, "left_out": true},
            {"label": "enhancement", "agreed": 1, "taken_away": 0, "added": 0, "precision": 1.0, "recall": 1.0,
             "left_out": false},
            {"label": "question", "agreed": 0, "taken_away": 0, "added": 6, "precision": null, "recall": 0.0,
             "left_out": false},
        ])
    );
    assert_eq!(quality["disagreements"].as_array().unwrap().len(), 6);
    assert_eq!(
        quality["disagreements"][0],
        json!({"number": 6, "taken_away": ["bug"], "added": ["question"]})
    );
    let report = called(&stage, "triage_issue", json!({"repo": "acme/game", "number": 8})).await;
    assert_eq!(report["labels"], json!([]));
    let reasons = report["reasons"].to_string();
    assert!(
        reasons.contains("label bug is left out all the same: of 7 recent issues"),
        "{reasons}"
    );
    assert!(stage.written().is_empty());
}

#[tokio::test]
async fn a_vocabulary_without_the_label_does_not_judge_it() {
    let stage = stage(repository()).await;
    let own = json!({"repo": "acme/game", "labels": {"bug": [], "question": []}});
    let quality = called(&stage, "triage_quality", own).await;
    assert_eq!(quality["labeled"], 1);
    assert_eq!(quality["labels"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_pull_request_is_no_issue_to_judge() {
    let one = |number: u64, is_pull_request: bool| {
        json!({"repo": "acme/game", "number": number, "title": "Crash in the beta", "labels": ["bug"],
               "body": "It crashes with an error, version 2.0.1.", "pull_request": is_pull_request})
    };
    let stage = stage(json!({"issues": [one(1, false), one(2, true)]})).await;
    let quality = called(&stage, "triage_quality", json!({"repo": "acme/game"})).await;
    assert_eq!((&quality["issues"], &quality["labeled"]), (&json!(1), &json!(1)));
}
