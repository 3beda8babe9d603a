//! A server made for the tests of the gateway, and an agent connected to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResult, MetaObject, ProtocolVersion, RequestMetaObject};
use rmcp::service::{ClientLifecycleMode, RoleClient, RunningService, ServiceError};
use rmcp::{ClientServiceExt, ServiceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use xmrt::hub::{Caller, Doubt, Face, Gateway, Hub, ToolError, Toolsets};
use xmrt::integrations::Request;
use xmrt::tools::toolbox::{Ctx, Effect, Look, Toolbox, reads, writes};

/// How long an answer may take.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What the handlers share with the test.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// The keys letters were written with.
    pub(super) written: Mutex<Vec<Option<String>>>,
    pub(super) reached: Notify,
    pub(super) dropped: Notify,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Letter {
    /// The text.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Issue {
    /// owner/name
    repo: String,
    /// Which.
    number: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Service {
    /// Which.
    service_id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Serialize, JsonSchema)]
pub(super) struct Told {
    pub(super) said: String,
}

pub(super) fn told(said: impl Into<String>) -> Told {
    Told { said: said.into() }
}

async fn read_letter(_: Ctx<Arc<Desk>>, letter: Letter) -> Result<Told, ToolError> {
    Ok(told(letter.text))
}

async fn write_letter(ctx: Ctx<Arc<Desk>>, letter: Letter) -> Result<Effect<Told>, ToolError> {
    if ctx.dry_run {
        let (method, path, body) = ("POST", "/letters".into(), None);
        return Ok(Effect::WouldSend(vec![Request { method, path, body }]));
    }
    ctx.parts.written.lock().unwrap().push(ctx.key);
    Ok(Effect::Done(told(letter.text)))
}

async fn look_for_letter(ctx: Ctx<Arc<Desk>>, _: Letter) -> Result<Look<Told>, ToolError> {
    let there = ctx.parts.written.lock().unwrap().contains(&ctx.key);
    Ok(if there {
        Look::Found(told("it is there"))
    } else {
        Look::Absent
    })
}

async fn close_issue(_: Ctx<Arc<Desk>>, issue: Issue) -> Result<Effect<Told>, ToolError> {
    Ok(Effect::Done(told(format!(
        "closed {}#{}",
        issue.repo, issue.number
    ))))
}

async fn stop_service(ctx: Ctx<Arc<Desk>>, service: Service) -> Result<Effect<Told>, ToolError> {
    if ctx.dry_run {
        return Ok(Effect::WouldSend(Vec::new()));
    }
    Ok(Effect::Done(told(format!("stopped {}", service.service_id))))
}

async fn burn(_: Ctx<Arc<Desk>>, _: Nothing) -> Result<Effect<Told>, ToolError> {
    Ok(Effect::Done(told("burnt")))
}

/// Tells the test when a handler's future is dropped.
struct Alarm(Arc<Desk>);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

async fn wait(ctx: Ctx<Arc<Desk>>, _: Nothing) -> Result<Told, ToolError> {
    let _alarm = Alarm(Arc::clone(&ctx.parts));
    ctx.parts.reached.notify_one();
    std::future::pending().await
}

pub(super) fn toolbox(desk: &Arc<Desk>) -> Toolbox<Arc<Desk>> {
    Toolbox::named("desk", "Letters.", Arc::clone(desk))
        .with(
            reads("read_letter", "Read", "Reads.")
                .untrusted(&["said"])
                .answers(read_letter),
        )
        .with(
            writes("write_letter", "Write", "Writes.", Doubt::Marker)
                .acts(write_letter)
                .looks(look_for_letter),
        )
        .with(
            writes("close_issue", "Close", "Closes.", Doubt::Idempotent)
                .destructive()
                .acts(close_issue),
        )
        .with(
            writes("stop_service", "Stop", "Stops.", Doubt::Idempotent)
                .destructive()
                .acts(stop_service),
        )
        .with(
            writes("burn", "Burn", "Burns.", Doubt::None)
                .destructive()
                .acts(burn),
        )
        .with(reads("wait", "Wait", "Waits for ever.").answers(wait))
}

pub(super) fn toolsets() -> Toolsets {
    Toolsets {
        sets: BTreeMap::from([
            (
                "desk.mail".to_owned(),
                vec!["desk.read_letter".to_owned(), "desk.write_letter".to_owned()],
            ),
            (
                "desk.fire".to_owned(),
                vec!["desk.burn".to_owned(), "desk.not_there".to_owned()],
            ),
        ]),
        default: vec!["desk.read_letter".to_owned()],
        ..Toolsets::default()
    }
}

/// An agent connected to a gateway.
pub(super) struct Agent {
    pub(super) hub: Hub,
    pub(super) gateway: Gateway,
    pub(super) client: RunningService<RoleClient, ()>,
}

impl Agent {
    pub(super) async fn of(desk: &Arc<Desk>, face: Face, name: &str) -> Self {
        let hub = Hub::builder().serve("desk", toolbox(desk)).start().await.unwrap();
        let gateway = Gateway::new(&hub, face, toolsets()).unwrap();
        let selection = gateway.toolsets().everything();
        let gateway = gateway.with_local(Caller {
            who: xmrt::agents::Who::Operator(name.into()),
            selection,
            paused: None,
            credential: None,
        });
        Self::at(hub, gateway).await
    }

    pub(super) async fn at(hub: Hub, gateway: Gateway) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let served = gateway.clone();
        tokio::spawn(async move { Box::pin(served.serve(far)).await.unwrap().waiting().await });
        let hello = ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        };
        let client = ().serve_with_lifecycle(near, hello).await.unwrap();
        Self { hub, gateway, client }
    }

    pub(super) async fn names(&self) -> Vec<String> {
        let tools = self.client.list_all_tools().await.unwrap();
        tools.into_iter().map(|tool| tool.name.into_owned()).collect()
    }

    pub(super) async fn call(&self, tool: &str, arguments: Value) -> CallToolResult {
        self.try_call(tool, arguments, json!({})).await.unwrap()
    }

    pub(super) async fn try_call(
        &self,
        tool: &str,
        arguments: Value,
        meta: Value,
    ) -> Result<CallToolResult, ServiceError> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = arguments.as_object().cloned();
        request.meta = Some(RequestMetaObject(MetaObject(meta.as_object().cloned().unwrap())));
        tokio::time::timeout(SOON, self.client.call_tool(request))
            .await
            .expect("an answer")
    }

    pub(super) async fn leave(self) {
        self.client.cancel().await.unwrap();
        self.hub.stop().await;
    }
}

/// `Ok` with what was said, or the error's class and remedy.
pub(super) fn outcome(result: &CallToolResult) -> Result<String, (String, String)> {
    let content = result.structured_content.as_ref().expect("structured content");
    if result.is_error == Some(true) {
        let text = |name: &str| content["error"][name].as_str().unwrap_or_default().to_owned();
        return Err((text("class"), text("remedy")));
    }
    Ok(content["said"]
        .as_str()
        .map_or_else(|| content.to_string(), str::to_owned))
}
