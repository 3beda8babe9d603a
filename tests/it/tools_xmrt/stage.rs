//! The `xmrt` server on GitHub as the sandbox has it, over HTTP and past a witness, with a journal in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, Hub, Reply, ToolError};
use xmrt::integrations::github::Client;
use xmrt::integrations::render;
use xmrt::journal::{MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};
use xmrt::tools::{github as on_github, render as on_render};

use super::{NOW, SOON};
use crate::contract::{self, Witness};

/// The key that a rule's step would bring.
pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    /// Ends the test if a request or an answer is not what GitHub describes.
    pub(super) witness: Witness,
    /// The same for Render.
    pub(super) render_witness: Witness,
    pub(super) running: Running,
}

/// Over a sandbox whose GitHub holds this.
pub(super) async fn stage(github: Value) -> Stage {
    stage_of(json!({ "github": github })).await
}

/// Over a sandbox that holds this.
pub(super) async fn stage_of(seed: Value) -> Stage {
    let clock = Clock::virtual_at(NOW);
    let sandbox = Sandbox::new(Options {
        clock: clock.clone(),
        github_token: "token".into(),
        render_key: "key".into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    });
    sandbox.seed(&seed).unwrap();
    let running = sandbox.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let witness = Witness::before(&running.github_url(), &contract::GITHUB).await;
    let render_witness = Witness::before(&running.render_url(), &contract::RENDER).await;
    let urls = [witness.url.as_str(), render_witness.url.as_str()];
    let hub = hub(urls, &clock, Arc::new(MemoryStore::new(NOW))).await;
    Stage {
        hub,
        sandbox,
        clock,
        witness,
        render_witness,
        running,
    }
}

/// The server behind a hub, over a journal, with those of both providers beside it.
pub(super) async fn hub([github, render]: [&str; 2], clock: &Clock, store: Arc<dyn Store>) -> Hub {
    let github = Client::new(github, "token").unwrap();
    let render = render::Client::new(render, "key")
        .unwrap()
        .with_clock(clock.clone());
    let builder = Hub::builder();
    let server = Server::new(XmrtParts {
        store,
        github: Some(github.clone()),
        render: Some(render.clone()),
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        starter: Starter::default(),
        clock: clock.clone(),
        hub: builder.later(),
    });
    let on_github = on_github::Server::new(Some(github)).with_clock(clock.clone());
    let on_render = on_render::Server::new(Some(render)).with_clock(clock.clone());
    builder
        .serve("github", on_github)
        .serve("render", on_render)
        .serve("xmrt", server)
        .start()
        .await
        .unwrap()
}

impl Stage {
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.called(tool, arguments, CallMeta::default()).await
    }

    /// As a step of a rule would, with a key.
    pub(super) async fn step(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
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
    pub(super) fn written(&self) -> Vec<String> {
        let effects = self.sandbox.effects();
        effects
            .iter()
            .map(|effect| effect["operation"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How often one of these was written.
    pub(super) fn times(&self, operation: &str) -> usize {
        self.written().iter().filter(|name| *name == operation).count()
    }
}
