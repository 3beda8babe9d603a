//! In: an agent's MCP requests. Out: the hub's tools, and what they answer. Never: a call without a line in the audit
//! log; a destructive one without the name of the thing.
//!
//! A rule's calls were reviewed when the rule was. An agent decides by itself, perhaps on a stranger's words; so here,
//! before the hub, is what only agents need: a choice of tools, a confirmation, an audit.

mod audit;
mod offered;
mod selection;

pub use selection::{Selection, Toolsets};

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    CallMeta, Doubt, ErrorClass, Hub, META_IDEMPOTENCY_KEY, META_LOOK_FOR, Passed, ToolError, nearest,
};
use crate::clock::{self, Clock};
use offered::Offered;

/// How long a client may keep the list of tools, in milliseconds. It changes only with the program.
const LIST_TTL_MS: u64 = 60_000;
/// The longest name a tool may have here: providers cap at 64, and clients add prefixes of their own.
const NAME_CHARS_MAX: usize = 40;
/// How long an agent's call may take. Tools that wait say so by progress; the agent may cancel.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);
/// How long looking for the effect of an earlier call may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// How far back the effect of an earlier call with the same key is looked for, in milliseconds.
const LOOK_BACK_MS: i64 = 24 * 60 * 60 * 1_000;
/// Progress reports on their way to the agent; more at once are dropped.
const REPORTS_MAX: usize = 16;
/// Keys of the caller's `_meta` that travel on to the tool's server.
const TRACE_KEYS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Which servers an endpoint shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// All of them; a tool is called `server_tool`.
    All,
    /// One; a tool keeps its own name.
    One(String),
}

/// Who makes a call, and which tools are offered to it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit.
    pub agent: String,
    /// The tools.
    pub selection: Selection,
}

/// Why the tools cannot be offered as they are called.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GatewayError {
    /// There is no such server.
    #[error("there is no MCP server `{0}`")]
    NoServer(String),
    /// A name would be too long for some provider.
    #[error(
        "the tool `{tool}` would be offered as `{name}`, which is longer than {NAME_CHARS_MAX} characters; give the server or the tool a shorter name"
    )]
    TooLong {
        /// `server.tool`.
        tool: String,
        /// The name agents would see.
        name: String,
    },
    /// Two tools would have one name.
    #[error("the tools `{0}` and `{1}` would both be offered as `{2}`; rename one of the servers")]
    Collision(String, String, String),
}

/// An MCP server that offers the tools of a [`Hub`] to agents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    face: Face,
    /// By the name agents see, which is also the order of the list.
    tools: BTreeMap<String, Offered>,
    toolsets: Toolsets,
    /// Who calls when the transport does not say.
    local: Caller,
    calls: watch::Sender<usize>,
    stop: CancellationToken,
}

impl Gateway {
    /// Offers the tools of `hub` that `face` shows. Fails where two tools would have one name, or one a name too long.
    pub fn new(hub: &Hub, face: Face, toolsets: Toolsets) -> Result<Self, GatewayError> {
        let mut tools: BTreeMap<String, Offered> = BTreeMap::new();
        for (tool, listed) in &hub.0.listed {
            let Some(name) = face.name(tool) else { continue };
            if name.len() > NAME_CHARS_MAX {
                let tool = tool.clone();
                return Err(GatewayError::TooLong { tool, name });
            }
            let Some(facts) = hub.tool(tool) else { continue };
            let offered = Offered::new(&name, listed, facts);
            if let Some(other) = tools.insert(name.clone(), offered) {
                return Err(GatewayError::Collision(other.tool, tool.clone(), name));
            }
        }
        if let Face::One(server) = &face
            && !hub.0.links.contains_key(server)
        {
            return Err(GatewayError::NoServer(server.clone()));
        }
        let toolsets = toolsets.completed(tools.values().map(|offered| offered.tool.as_str()));
        let local = Caller {
            agent: "local".to_owned(),
            selection: toolsets.everything(),
        };
        Ok(Self(Arc::new(Inner {
            hub: hub.clone(),
            face,
            tools,
            toolsets,
            local,
            calls: watch::Sender::new(0),
            stop: CancellationToken::new(),
        })))
    }

    /// The same gateway for callers the transport says nothing of.
    pub fn with_local(self, local: Caller) -> Self {
        let Inner {
            hub,
            face,
            tools,
            toolsets,
            ..
        } = &*self.0;
        Self(Arc::new(Inner {
            hub: hub.clone(),
            face: face.clone(),
            tools: tools.clone(),
            toolsets: toolsets.clone(),
            local,
            calls: watch::Sender::new(0),
            stop: CancellationToken::new(),
        }))
    }

    /// Which servers it shows.
    pub fn face(&self) -> &Face {
        &self.0.face
    }

    /// The toolsets among whose tools a caller can choose.
    pub fn toolsets(&self) -> &Toolsets {
        &self.0.toolsets
    }

    /// Waits until no call is under way.
    pub async fn idle(&self) {
        let mut calls = self.0.calls.subscribe();
        // The sender lives as long as this gateway.
        let _ = calls.wait_for(|calls| *calls == 0).await;
    }

    /// Ends the calls under way, and later ones, with an answer that says so.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        let parts = context.extensions.get::<http::request::Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        caller.unwrap_or(&self.0.local).clone()
    }

    fn find(&self, name: &str, caller: &Caller) -> Result<&Offered, ErrorData> {
        let refuse = |message: String| Err(ErrorData::invalid_params(message, None));
        let Some(offered) = self.0.tools.get(name) else {
            let meant = nearest(name, self.0.tools.keys().map(String::as_str))
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            return refuse(format!("there is no tool `{name}`{meant}"));
        };
        match caller.selection.refusal(offered, &self.0.toolsets) {
            Some(why) => refuse(format!("`{name}` {why}")),
            None => Ok(offered),
        }
    }

    async fn pass_on(
        &self,
        offered: &Offered,
        mut arguments: JsonObject,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ToolError> {
        let key = offered.take_key(&mut arguments)?.or_else(|| {
            let key = context.meta.get(META_IDEMPOTENCY_KEY)?.as_str()?;
            Some(key.to_owned())
        });
        offered.check_confirmed(&mut arguments)?;
        let meta = CallMeta {
            idempotency_key: key.map(|key| own_key(&caller.agent, &offered.tool, &key)),
            ..CallMeta::default()
        };
        let recognizable = meta.idempotency_key.is_some() && offered.doubt == Doubt::Marker;
        if recognizable
            && !offered.is_dry_run(&arguments)
            && let Some(earlier) = self.earlier(offered, arguments.clone(), &meta).await?
        {
            return Ok(earlier);
        }
        let (passed, reports) = self.passed(context);
        let call = self
            .0
            .hub
            .forward(&offered.tool, arguments, &meta, passed, CALL_TIMEOUT);
        match reports {
            Some(reports) => accompanied(call, reports, context).await,
            None => call.await,
        }
    }

    /// What an earlier call with the same key came to, if its effect is there.
    async fn earlier(
        &self,
        offered: &Offered,
        arguments: JsonObject,
        meta: &CallMeta,
    ) -> Result<Option<CallToolResponse>, ToolError> {
        let look = CallMeta {
            look_for_since: Some(clock::after(Clock::system().now(), -LOOK_BACK_MS)),
            ..meta.clone()
        };
        let (hub, tool) = (&self.0.hub, &offered.tool);
        let found = hub
            .forward(tool, arguments, &look, Passed::default(), LOOK_TIMEOUT)
            .await?;
        match super::answer::of_response(tool, found.clone(), false)? {
            super::Reply::Done(_) => Ok(Some(found)),
            // It is there, and not over: the call itself, made again, would be another one.
            super::Reply::Pending(pending) => Err(ToolError::new(
                ErrorClass::Conflict,
                format!(
                    "this was done before under this key, and is not over: {}",
                    pending.note
                ),
            )),
            super::Reply::Absent | super::Reply::Resolved(_) => Ok(None),
            super::Reply::Ambiguous(why) => Err(ToolError::new(
                ErrorClass::Conflict,
                format!("it cannot be told whether this was done before under this key: {why}"),
            )
            .with_remedy("look at the thing, and use another key if it is to be done again")),
        }
    }

    /// What travels along, and where progress comes out if the agent wants to hear of it.
    fn passed(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> (
        Passed,
        Option<mpsc::Receiver<rmcp::model::ProgressNotificationParam>>,
    ) {
        let mut passed = Passed::default();
        for name in TRACE_KEYS {
            if let Some(value) = context.meta.get(name) {
                passed.meta.insert(name.to_owned(), value.clone());
            }
        }
        if context.meta.get_progress_token().is_none() {
            return (passed, None);
        }
        let (listener, reports) = mpsc::channel(REPORTS_MAX);
        passed.listener = Some(listener);
        (passed, Some(reports))
    }
}

/// Awaits a call and passes its progress on, as long as it rises: reports may overtake each other.
async fn accompanied(
    call: impl Future<Output = Result<CallToolResponse, ToolError>>,
    mut reports: mpsc::Receiver<rmcp::model::ProgressNotificationParam>,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ToolError> {
    let mut call = std::pin::pin!(call);
    let token = context.meta.get_progress_token();
    let mut last = f64::NEG_INFINITY;
    loop {
        tokio::select! {
            biased;
            Some(mut report) = reports.recv() => {
                let Some(token) = token.clone() else { continue };
                if report.progress > last {
                    last = report.progress;
                    report.progress_token = token;
                    // An agent that is gone is noticed by its transport.
                    let _ = context.peer.notify_progress(report).await;
                }
            }
            answer = &mut call => return answer,
        }
    }
}

/// The key a write is found by. Hashed with the agent's name, so that no agent can pass for another, or for a rule.
fn own_key(agent: &str, tool: &str, key: &str) -> String {
    let digest = Sha256::digest(json!([agent, tool, key]).to_string());
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Face {
    /// What `server.tool` is called here, if it is shown.
    fn name(&self, tool: &str) -> Option<String> {
        let (server, name) = tool.split_once('.')?;
        match self {
            Self::All => Some(format!("{server}_{name}")),
            Self::One(shown) => (shown == server).then(|| name.to_owned()),
        }
    }
}

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let links = &self.0.hub.0.links;
        let (name, instructions) = match &self.0.face {
            Face::One(server) => {
                let said = links.get(server).and_then(|link| link.instructions());
                (format!("xmrt-{server}"), said.unwrap_or_default())
            }
            Face::All => {
                let said = links
                    .iter()
                    .filter_map(|(name, link)| Some(format!("{name}_*: {}", link.instructions()?)));
                ("xmrt".to_owned(), said.collect::<Vec<_>>().join("\n"))
            }
        };
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(name, env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let selection = self.caller(&context).selection;
        let tools = self.0.tools.values();
        let tools = tools.filter_map(|offered| selection.shown(offered)).collect();
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools.get(name).map(|offered| offered.described.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context);
        let arguments = request.arguments.unwrap_or_default();
        let tool = self.0.tools.get(request.name.as_ref());
        let tool = tool.map_or(request.name.as_ref(), |offered| &offered.tool);
        let line = audit::Line::begin(&caller.agent, tool, &arguments);
        let offered = match self.find(&request.name, &caller) {
            Ok(offered) => offered,
            Err(error) => {
                line.end("refused");
                return Err(error);
            }
        };
        if context.meta.get(META_LOOK_FOR).is_some() {
            line.end("refused");
            let message = format!("`_meta` {META_LOOK_FOR} is for the reactor's own calls");
            return Err(ErrorData::invalid_params(message, None));
        }
        let _counted = Counted::new(&self.0.calls);
        let lost = |why: &str| Err(super::answer::lost(!offered.read_only, why.to_owned()));
        let answer = tokio::select! {
            biased;
            () = context.ct.cancelled() => lost("the call was canceled"),
            () = self.0.stop.cancelled() => lost("the server is shutting down"),
            answer = self.pass_on(offered, arguments, &caller, &context) => answer,
        };
        if context.ct.is_cancelled() {
            line.end("canceled");
        } else {
            line.end(audit::outcome(&answer));
        }
        Ok(answer.unwrap_or_else(|error| in_band(&error).into()))
    }
}

/// In band, because clients show such an error to whoever can act on it and hide the protocol's own.
fn in_band(error: &ToolError) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(error.to_string())]);
    result.structured_content = Some(Value::from_iter([("error", json!(error))]));
    result
}

/// Counts a call as long as it lasts.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(calls: &'a watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}
