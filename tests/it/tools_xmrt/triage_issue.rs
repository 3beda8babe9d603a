//! `xmrt.triage_issue` over MCP, reading GitHub over HTTP from the sandbox.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, ToolError};

use super::stage::{Stage, stage};

fn repository() -> Value {
    let body = "Since 1.4.0 the proxy panics when proxy.toml exists but has no content.\n\n```\nthread 'main' panicked \
                at src/config.rs:88:14\n```";
    json!({
        "issues": [
            {"repo": "acme/proxy", "number": 1, "title": "Crash on startup when config file is empty", "body": body,
             "state": "closed"},
            {"repo": "acme/proxy", "number": 2, "title": "Add HTTP/3", "body": "Please add support for QUIC."},
            {"repo": "acme/proxy", "number": 3, "title": "Crash on startup with an empty config file", "body": body,
             "pull_request": true},
            {"repo": "acme/proxy", "number": 4, "title": "[Bug] Empty proxy.toml crashes proxy at startup",
             "body": "An empty proxy.toml makes the proxy panic:\n```\nthread 'main' panicked at src/config.rs:88:14\n```"},
        ],
        "contents": [{"repo": "acme/proxy", "path": "CODEOWNERS", "content": "* @acme/core\n/src/ @alice\n"}],
    })
}

impl Stage {
    async fn triage(&self, number: u64, more: Value) -> Result<Value, ToolError> {
        let mut arguments = json!({"repo": "acme/proxy", "number": number});
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.call("triage_issue", arguments).await
    }
}

#[tokio::test]
async fn an_issue_is_triaged_from_what_github_holds_and_nothing_is_written() {
    let stage = stage(repository()).await;
    let report = stage.triage(4, json!({})).await.unwrap();
    assert_eq!(report["labels"], json!(["bug"]));
    // The closed issue counts, the pull request does not.
    assert_eq!(report["duplicates"][0]["number"], 1);
    assert_eq!(report["duplicates"].as_array().unwrap().len(), 1);
    assert_eq!(report["owners"], json!(["@acme/core", "@alice"]));
    assert_eq!(report["missing"], json!(["the version (or commit) you use"]));
    assert!(
        report["conclusion"].as_str().unwrap().contains("the same as #1"),
        "{report}"
    );
    assert!(stage.written().is_empty());
}

#[tokio::test]
async fn a_rules_own_vocabulary_reaches_the_conclusion() {
    let stage = stage(repository()).await;
    let own = json!({"labels": {"area/config": ["toml"]}, "paths": {"area/runtime": ["src/**"]}, "limit": 0});
    let report = stage.triage(4, own).await.unwrap();
    assert_eq!(report["labels"], json!(["area/config", "area/runtime", "bug"]));
    assert_eq!(report["duplicates"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_triaged_says_why() {
    let stage = stage(repository()).await;
    assert_eq!(
        stage.triage(3, json!({})).await.unwrap_err().class,
        ErrorClass::Conflict
    );
    assert_eq!(
        stage.triage(99, json!({})).await.unwrap_err().class,
        ErrorClass::NotFound
    );
    let untaken = json!({"paths": {"area/runtime": ["src/**", "!src/main.rs"]}});
    let error = stage.triage(4, untaken).await.unwrap_err();
    assert_eq!(
        error.message,
        "argument `paths` for \"area/runtime\" has the glob \"!src/main.rs\", which cannot be taken"
    );
    assert!(error.remedy.unwrap().starts_with("globs are as in CODEOWNERS"));
    let fault = json!({"match": {"operation": "list_issues"}, "kind": "status", "status": 503});
    stage.sandbox.add_faults(&fault).unwrap();
    assert_eq!(
        stage.triage(4, json!({})).await.unwrap_err().class,
        ErrorClass::Unavailable
    );
}
