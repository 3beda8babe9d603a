//! Every tool of `github` against a GitHub that refuses and fails, and every one that may be repeated against lost answers.

use serde_json::{Value, json};
use xmrt::hub::{Doubt, ErrorClass};

use super::Stage;
use crate::sweep;

/// What a tool wants besides what its schema requires, because it checks more than a schema can say.
fn more(tool: &str) -> Value {
    match tool {
        "update_issue" | "update_pull_request" | "update_discussion" => json!({ "title": "Another" }),
        "create_review" => json!({ "event": "COMMENT", "body": "Seen." }),
        "commit_files" => json!({ "files": [{ "path": "a.txt", "text": "a" }] }),
        "respond_to_invitation" => json!({ "repo": "acme/api" }),
        "update_webhook" => json!({ "repo": "acme/api", "active": true }),
        "request_reviewers" => json!({ "reviewers": ["mona"] }),
        "add_sub_issue" => json!({ "sub_issue": 8 }),
        "create_webhook" | "list_deliveries" | "ping_webhook" | "delete_webhook" | "redeliver"
        | "get_delivery" => json!({ "repo": "acme/api" }),
        "get_job_logs" => json!({ "job_id": 7 }),
        "search_code" | "search_issues" => json!({ "query": "crash" }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn every_tool_says_what_github_refused_and_that_github_failed() {
    let stage = Stage::new(json!({})).await;
    let mut wrong = Vec::new();
    let tools = stage.hub.tools();
    assert!(tools.len() >= 90, "{} tools", tools.len());
    for facts in tools {
        let name = facts.name.strip_prefix("github.").unwrap();
        // Only an App makes check runs; without one it is not sent.
        if name == "create_check_run" {
            continue;
        }
        for (status, classes) in sweep::expected(&facts) {
            stage
                .sandbox
                .add_faults(&json!({ "match": { "provider": "github" }, "kind": "status", "status": status }))
                .unwrap();
            let arguments = sweep::arguments(&facts, &more(name));
            match stage.call(name, arguments.clone()).await {
                Err(error) if classes.contains(&error.class) && error.message.contains("GitHub answered") => {
                }
                other => wrong.push(format!("{name} {arguments} {status}: {other:?}")),
            }
            stage.clear_faults().await;
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    stage.end().await;
}

/// Calls whose answer is lost after they had their effect, and that are therefore made again.
fn repeated() -> Vec<(&'static str, Value)> {
    let issue = |more: Value| {
        let mut arguments = json!({ "repo": "acme/api", "number": 7 });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        arguments
    };
    let pull = |more: Value| {
        let mut arguments = issue(more);
        arguments["number"] = json!(8);
        arguments
    };
    vec![
        ("add_labels", issue(json!({ "labels": ["bug"] }))),
        ("set_labels", issue(json!({ "labels": ["bug"] }))),
        ("remove_label", issue(json!({ "label": "old" }))),
        ("assign_issue", issue(json!({ "assignees": ["mona"] }))),
        ("update_issue", issue(json!({ "title": "Another" }))),
        ("lock_issue", issue(json!({}))),
        (
            "update_comment",
            json!({ "repo": "acme/api", "comment_id": 70, "body": "Another" }),
        ),
        ("update_pull_request", pull(json!({ "title": "Another" }))),
        ("request_reviewers", pull(json!({ "reviewers": ["mona"] }))),
    ]
}

#[tokio::test]
async fn a_call_that_may_be_repeated_is_done_the_second_time_when_its_first_answer_was_lost() {
    let mut wrong = Vec::new();
    for (tool, arguments) in repeated() {
        let stage = Stage::new(json!({
            "branches": [{ "repo": "acme/api", "name": "fix", "sha": "f".repeat(40) }],
            "issues": [{ "number": 7, "title": "t", "labels": ["old"] }],
            "comments": [{ "number": 7, "id": 70, "body": "x", "user": "xmrt-bot" }],
            "pulls": [{ "number": 8, "title": "p", "head": "fix" }],
        }))
        .await;
        let facts = stage.hub.tool(&format!("github.{tool}")).unwrap();
        assert_eq!(facts.promises.doubt, Doubt::Idempotent, "{tool}");
        let written = match tool {
            "remove_label" => "DELETE",
            "lock_issue" | "set_labels" => "PUT",
            "update_issue" | "update_comment" | "update_pull_request" => "PATCH",
            _ => "POST",
        };
        stage.fault(json!({ "match": { "method": written }, "kind": "reply_lost", "times": 1 }));
        let lost = stage.call(tool, arguments.clone()).await;
        let again = stage.call(tool, arguments).await;
        let class = lost.as_ref().err().map(|error| error.class.clone());
        if class != Some(ErrorClass::UnknownEffect) || again.is_err() {
            wrong.push(format!("{tool}: {lost:?}, then {again:?}"));
        }
        stage.end().await;
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
