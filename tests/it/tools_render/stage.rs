//! The `render` server behind a hub, over HTTP to the sandbox, at a time that stands still unless it is moved.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::clock::{self, Clock};
use xmrt::hub::{CallMeta, Hub, Reply, ToolError};
use xmrt::integrations::render::Client;
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::render::Server;

use crate::contract::{self, Witness};

/// When the tests play: 2027-01-15 08:00 UTC.
pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const SOON: Duration = Duration::from_secs(20);
const KEY: &str = "the-key";

pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    /// Ends the test if a request or an answer is not what Render describes.
    _witness: Witness,
    running: Running,
}

/// The server over a sandbox that holds `state` (`state.render` of a rule test).
pub(super) async fn stage(state: Value) -> Stage {
    staged(state, KEY).await
}

/// Likewise, with another API key than the sandbox takes.
pub(super) async fn stage_with_wrong_key(state: Value) -> Stage {
    staged(state, "another-key").await
}

async fn staged(state: Value, key: &str) -> Stage {
    let clock = Clock::virtual_at(NOW);
    let sandbox = Sandbox::new(Options {
        clock: clock.clone(),
        github_token: "token".into(),
        render_key: KEY.into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    });
    sandbox.seed(&json!({ "render": state })).unwrap();
    let running = sandbox.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let witness = Witness::before(&running.render_url(), &contract::RENDER).await;
    let client = Client::new(&witness.url, key.to_owned())
        .unwrap()
        .with_clock(clock.clone());
    let server = Server::new(Some(client)).with_clock(clock.clone());
    let hub = Hub::builder().serve("render", server).start().await.unwrap();
    Stage {
        hub,
        sandbox,
        clock,
        _witness: witness,
        running,
    }
}

impl Stage {
    /// Calls `render.<tool>` for its result.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        match self.reply(tool, arguments, CallMeta::default()).await? {
            Reply::Done(result) => Ok(result),
            other => unreachable!("{other:?}"),
        }
    }

    /// Looks for the effect of an earlier call, whose intent was at `since`.
    pub(super) async fn look(&self, tool: &str, arguments: Value, since: Timestamp) -> Reply {
        let meta = CallMeta {
            look_for_since: Some(since),
            ..CallMeta::default()
        };
        self.reply(tool, arguments, meta).await.unwrap()
    }

    /// The same, where these effects are other calls'.
    pub(super) async fn look_beside(&self, tool: &str, arguments: Value, taken: &[&str]) -> Reply {
        let meta = CallMeta {
            look_for_since: Some(NOW),
            taken: taken.iter().map(|&id| id.to_owned()).collect(),
            ..CallMeta::default()
        };
        self.reply(tool, arguments, meta).await.unwrap()
    }

    pub(super) async fn reply(
        &self,
        tool: &str,
        arguments: Value,
        meta: CallMeta,
    ) -> Result<Reply, ToolError> {
        self.hub
            .call(&format!("render.{tool}"), arguments, meta, SOON)
            .await
    }

    /// Where the sandbox's API is.
    pub(super) fn render_url(&self) -> String {
        self.running.render_url()
    }

    /// Lets something go wrong with one operation, once.
    pub(super) fn fault(&self, operation: &str, mut fault: Value) {
        fault["match"] = json!({ "operation": operation });
        fault["times"] = json!(1);
        self.sandbox.add_faults(&fault).unwrap();
    }

    /// Nothing goes wrong any more.
    pub(super) async fn clear_faults(&self) {
        let url = format!("http://{}/_sandbox/faults", self.running.addr());
        let cleared = reqwest::Client::new().delete(url).send().await.unwrap();
        assert!(cleared.status().is_success());
    }

    /// The writes that took effect: their operations, in order.
    pub(super) fn effects(&self) -> Vec<String> {
        let effects = self.sandbox.effects();
        effects
            .iter()
            .map(|effect| effect["operation"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Moves the time forward.
    pub(super) fn pass(&self, minutes: i64) {
        self.clock
            .advance_to(clock::after(self.clock.now(), minutes * 60_000));
        self.sandbox.tick();
    }
}

/// The ids of a list of deploys or services.
pub(super) fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}
