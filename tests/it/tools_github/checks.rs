//! The toolset `checks`: what is said of a commit.

use serde_json::json;
use xmrt::hub::ErrorClass;

use super::Stage;

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

#[tokio::test]
async fn what_is_said_of_a_commit_stands_there_the_newest_first() {
    let stage = Stage::new(json!({})).await;
    for (state, description) in [("pending", "Deploying"), ("success", "Live")] {
        let said = json!({
            "repo": "acme/api", "sha": SHA, "state": state, "context": "deploy/production", "description": description,
            "target_url": "https://dashboard.render.com/web/srv-a",
        });
        let made = stage.done("create_commit_status", said).await;
        assert_eq!(
            (&made["state"], &made["context"]),
            (&json!(state), &json!("deploy/production")),
            "{made}"
        );
    }
    let found = stage
        .done(
            "list_commit_statuses",
            json!({ "repo": "acme/api", "sha": SHA, "limit": 1 }),
        )
        .await;
    assert_eq!(found["statuses"][0]["state"], "success", "{found}");
    assert_eq!(found["statuses"][0]["creator"]["login"], "xmrt-bot");
    assert_eq!(found["next_cursor"], 2);
    stage.end().await;
}

#[tokio::test]
async fn one_whose_reply_was_lost_is_said_again() {
    let stage = Stage::new(json!({})).await;
    let said = json!({ "repo": "acme/api", "sha": SHA, "state": "failure", "context": "deploy" });
    let made = stage
        .repeated("create_commit_status", "create_commit_status", said)
        .await;
    assert_eq!(made["state"], "failure");
    stage.end().await;
}

#[tokio::test]
async fn what_github_or_we_refuse_is_said_with_its_class() {
    let stage = Stage::new(json!({})).await;
    let said = |more: serde_json::Value| {
        let mut said = json!({ "repo": "acme/api", "sha": SHA, "state": "success", "context": "deploy" });
        said.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        said
    };
    for (more, class, word) in [
        (json!({ "sha": "main" }), ErrorClass::Invalid, "sha"),
        (json!({ "sha": "z".repeat(40) }), ErrorClass::Invalid, "full SHA"),
        (json!({ "state": "done" }), ErrorClass::Invalid, "state"),
        (
            json!({ "target_url": "javascript:alert(1)" }),
            ErrorClass::Invalid,
            "target_url",
        ),
        (json!({ "repo": "acme/none" }), ErrorClass::NotFound, "404"),
    ] {
        let error = stage.fails("create_commit_status", said(more)).await;
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let long = said(json!({ "description": "ä".repeat(200) }));
    let made = stage.done("create_commit_status", long).await;
    let kept = made["description"].as_str().unwrap();
    assert!(kept.chars().count() == 140 && kept.ends_with('…'), "{kept}");
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_sends_nothing() {
    let stage = Stage::new(json!({})).await;
    let path = format!("POST /repos/acme/api/statuses/{SHA}");
    stage
        .dry_runs(&[(
            "create_commit_status",
            json!({ "repo": "acme/api", "sha": SHA, "state": "success", "context": "deploy" }),
            &path,
            json!({ "state": "success", "context": "deploy" }),
        )])
        .await;
    stage.end().await;
}
