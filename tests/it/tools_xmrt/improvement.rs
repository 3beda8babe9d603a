//! `xmrt.scan_repository`, `propose_improvement` and `improvement_status` over MCP, on GitHub as the sandbox has it, over HTTP.

mod proposals;
mod scanning;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, Hub, Reply, ToolError};
use xmrt::integrations::github::Client;
use xmrt::journal::{MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

use super::{NOW, SOON};
use crate::contract::{self, Witness};

/// The key that a rule's step would bring.
const KEY: &str = "0123456789abcdef0123456789abcdef";

struct Stage {
    hub: Hub,
    sandbox: Sandbox,
    clock: Clock,
    /// Ends the test if a request or an answer is not what GitHub describes.
    witness: Witness,
    running: Running,
}

async fn stage(github: Value) -> Stage {
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
    let hub = hub(&witness.url, &clock, Arc::new(MemoryStore::new(NOW))).await;
    Stage {
        hub,
        sandbox,
        clock,
        witness,
        running,
    }
}

/// The server behind a hub, over a journal.
async fn hub(github: &str, clock: &Clock, store: Arc<dyn Store>) -> Hub {
    let server = Server::new(XmrtParts {
        store,
        github: Some(Client::new(github, "token").unwrap()),
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        starter: Starter::default(),
        clock: clock.clone(),
        hub: Default::default(),
    });
    Hub::builder().serve("xmrt", server).start().await.unwrap()
}

impl Stage {
    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.called(tool, arguments, CallMeta::default()).await
    }

    /// As a step of a rule would, with a key.
    async fn step(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let meta = CallMeta {
            idempotency_key: Some(KEY.into()),
            ..CallMeta::default()
        };
        self.called(tool, arguments, meta).await
    }

    async fn called(&self, tool: &str, arguments: Value, meta: CallMeta) -> Result<Value, ToolError> {
        match self
            .hub
            .call(&format!("xmrt.{tool}"), arguments, meta, SOON)
            .await?
        {
            Reply::Done(result) => Ok(result),
            other => unreachable!("{other:?}"),
        }
    }

    /// What was written, by the sandbox's names.
    fn written(&self) -> Vec<String> {
        let effects = self.sandbox.effects();
        effects
            .iter()
            .map(|effect| effect["operation"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A question of the test's own, past the witness.
    async fn github(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.running.github_url());
        let answer = web().get(url).bearer_auth("token").send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn file(&self, repo: &str, branch: &str, path: &str) -> String {
        use base64::Engine;
        let found = self
            .github(&format!("/repos/{repo}/contents/{path}?ref={branch}"))
            .await;
        let packed: String = found["content"]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {found}"))
            .split_whitespace()
            .collect();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(packed).unwrap()).unwrap()
    }
}

/// GitHub refuses whoever does not say who they are.
fn web() -> reqwest::Client {
    reqwest::Client::builder().user_agent("test").build().unwrap()
}

/// Files of a repository, as the sandbox is told of them.
fn files(repo: &str, all: &[(&str, &str)]) -> Vec<Value> {
    all.iter()
        .map(|(path, content)| json!({"repo": repo, "path": path, "content": content}))
        .collect()
}

fn finding<'a>(scan: &'a Value, check: &str) -> &'a Value {
    let found = scan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["check"] == check);
    found.unwrap_or_else(|| panic!("no finding {check}: {scan:#}"))
}
