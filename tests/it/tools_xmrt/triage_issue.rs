//! `xmrt.triage_issue` over MCP, reading GitHub over HTTP from the sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use xmrt::integrations::github::Client;
use xmrt::journal::MemoryStore;
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

use super::{NOW, SOON};
use crate::contract::{self, Witness};

pub(super) struct Stage {
    hub: Hub,
    sandbox: Sandbox,
    /// Ends the test if a request or an answer is not what GitHub describes.
    _witness: Witness,
    _running: Running,
}

async fn stage() -> Stage {
    stage_with(repository()).await
}

/// Over a sandbox that holds these.
pub(super) async fn stage_with(github: Value) -> Stage {
    let clock = Clock::virtual_at(NOW);
    let sandbox = Sandbox::new(Options {
        clock: clock.clone(),
        github_token: "token".into(),
        render_key: "key".into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    });
    sandbox.seed(&json!({ "github": github })).unwrap();
    let running = sandbox.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let witness = Witness::before(&running.github_url(), &contract::GITHUB).await;
    let server = Server::new(XmrtParts {
        store: Arc::new(MemoryStore::new(NOW)),
        github: Some(Client::new(&witness.url, "token").unwrap()),
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        starter: Starter::default(),
        clock,
        hub: Default::default(),
    });
    Stage {
        hub: Hub::builder().serve("xmrt", server).start().await.unwrap(),
        sandbox,
        _witness: witness,
        _running: running,
    }
}

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
        self.call("xmrt.triage_issue", arguments).await
    }

    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        match self.hub.call(tool, arguments, CallMeta::default(), SOON).await? {
            Reply::Done(report) => Ok(report),
            other => unreachable!("{other:?}"),
        }
    }

    /// How much was written.
    pub(super) fn effects(&self) -> usize {
        self.sandbox.effects().len()
    }
}

#[tokio::test]
async fn an_issue_is_triaged_from_what_github_holds_and_nothing_is_written() {
    let stage = stage().await;
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
    assert_eq!(stage.sandbox.effects().len(), 0);
}

#[tokio::test]
async fn a_rules_own_vocabulary_reaches_the_conclusion() {
    let stage = stage().await;
    let own = json!({"labels": {"area/config": ["toml"]}, "paths": {"area/runtime": ["src/**"]}, "limit": 0});
    let report = stage.triage(4, own).await.unwrap();
    assert_eq!(report["labels"], json!(["area/config", "area/runtime", "bug"]));
    assert_eq!(report["duplicates"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_triaged_says_why() {
    let stage = stage().await;
    assert_eq!(
        stage.triage(3, json!({})).await.unwrap_err().class,
        ErrorClass::Conflict
    );
    assert_eq!(
        stage.triage(99, json!({})).await.unwrap_err().class,
        ErrorClass::NotFound
    );
    let fault = json!({"match": {"operation": "list_issues"}, "kind": "status", "status": 503});
    stage.sandbox.add_faults(&fault).unwrap();
    assert_eq!(
        stage.triage(4, json!({})).await.unwrap_err().class,
        ErrorClass::Unavailable
    );
}
