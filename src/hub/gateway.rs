//! In: an agent's MCP requests. Out: the hub's tools, and what they answer. Never: a call without a line in the audit
//! log; a destructive one without the name of the thing.
//!
//! A rule's calls were reviewed when the rule was. An agent decides by itself, perhaps on a stranger's words; so here,
//! before the hub, is what only agents need: a choice of tools, a confirmation, an audit.

mod asked;
mod audit;
mod earlier;
mod introduction;
mod offered;
mod passing;
mod reading;
mod selection;
mod shown;

pub use selection::{Selection, Toolsets};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, ErrorData,
    GetPromptRequestParams, GetPromptResponse, Implementation, InputResponses, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    PromptsCapability, ReadResourceRequestParams, ReadResourceResponse, ResourcesCapability, ResultType,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{CallMeta, Doubt, ErrorClass, Hub, META_IDEMPOTENCY_KEY, META_LOOK_FOR, ToolError, nearest};
use crate::agents::Who;
use audit::Ending;
use offered::Offered;
use passing::{Counted, TRACE_KEYS, accompanied, along, check_moving, in_band, own_key};
use shown::Shown;

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
/// How often one call may ask its caller something.
const ROUNDS_MAX: usize = 10;

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
    /// What it may do depends on it, and the audit names it.
    pub who: Who,
    /// The tools.
    pub selection: Selection,
    /// Why it makes no calls for now, if somebody paused it.
    pub paused: Option<String>,
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
    /// The sets as they were given; those of one moment are completed by what there is.
    toolsets: Toolsets,
    shown: ArcSwap<Shown>,
    /// Who calls when the transport does not say.
    local: Caller,
    calls: watch::Sender<usize>,
    stop: CancellationToken,
}

impl Gateway {
    /// Offers the tools of `hub` that `face` shows. Fails where two tools would have one name, or one a name too long.
    pub fn new(hub: &Hub, face: Face, toolsets: Toolsets) -> Result<Self, GatewayError> {
        if let Face::One(server) = &face
            && !hub.servers().contains(server)
        {
            return Err(GatewayError::NoServer(server.clone()));
        }
        let shown = Shown::of(hub, &hub.0.listing(), &face, &toolsets)?;
        let local = Caller {
            who: Who::Operator("local".to_owned()),
            selection: shown.toolsets.everything(),
            paused: None,
        };
        Ok(Self(Arc::new(Inner {
            hub: hub.clone(),
            face,
            toolsets,
            shown: ArcSwap::from_pointee(shown),
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
            toolsets,
            shown,
            ..
        } = &*self.0;
        Self(Arc::new(Inner {
            hub: hub.clone(),
            face: face.clone(),
            toolsets: toolsets.clone(),
            shown: ArcSwap::new(shown.load_full()),
            local,
            calls: watch::Sender::new(0),
            stop: CancellationToken::new(),
        }))
    }

    /// Which servers it shows.
    pub fn face(&self) -> &Face {
        &self.0.face
    }

    /// The toolsets among whose tools a caller can choose at the moment.
    pub fn toolsets(&self) -> Arc<Toolsets> {
        Arc::clone(&self.shown().toolsets)
    }

    /// The tools as they are listed for somebody who chose some: those that they may use.
    pub fn offered(&self, caller: &Caller) -> Vec<Tool> {
        let shown = self.shown();
        let directory = self.0.hub.directory();
        let tools = shown.tools.values();
        tools
            .filter(|offered| directory.may_use(&caller.who, &offered.tool))
            .filter_map(|offered| caller.selection.shown(offered))
            .collect()
    }

    /// What there is now.
    fn shown(&self) -> Arc<Shown> {
        let Inner {
            hub,
            face,
            toolsets,
            shown,
            ..
        } = &*self.0;
        let (was, listing) = (shown.load_full(), hub.0.listing());
        if was.as_of == listing.as_of {
            return was;
        }
        match Shown::of(hub, &listing, face, toolsets) {
            Ok(now) => {
                let now = Arc::new(now);
                shown.store(Arc::clone(&now));
                now
            }
            // Our own tools are the same as when this gateway was made.
            Err(_) => was,
        }
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

    fn find<'s>(&self, shown: &'s Shown, name: &str, caller: &Caller) -> Result<&'s Offered, ErrorData> {
        let refuse = |message: String| Err(ErrorData::invalid_params(message, None));
        let Some(offered) = shown.tools.get(name) else {
            let meant = nearest(name, shown.tools.keys().map(String::as_str))
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            return refuse(format!("there is no tool `{name}`{meant}"));
        };
        match caller.selection.refusal(offered, &shown.toolsets) {
            Some(why) => refuse(format!("`{name}` {why}")),
            None => Ok(offered),
        }
    }

    async fn pass_on(
        &self,
        offered: &Offered,
        mut arguments: JsonObject,
        input: (Option<InputResponses>, Option<String>),
        caller: &Caller,
        (context, fault): (&RequestContext<RoleServer>, &Arc<OnceLock<ErrorData>>),
    ) -> Result<CallToolResponse, ToolError> {
        check_moving(caller)?;
        // Before anything is asked of the caller: who may not make the call is not told how to confirm it.
        self.0
            .hub
            .check_grant(&offered.tool, &arguments, &caller.who, false)?;
        let key = offered.take_key(&mut arguments)?.or_else(|| {
            let key = context.meta.get(META_IDEMPOTENCY_KEY)?.as_str()?;
            Some(key.to_owned())
        });
        offered.check_confirmed(&mut arguments)?;
        let meta = CallMeta {
            who: caller.who.clone(),
            idempotency_key: key.map(|key| own_key(&caller.who.to_string(), &offered.tool, &key)),
            ..CallMeta::default()
        };
        let recognizable = meta.idempotency_key.is_some() && offered.doubt == Doubt::Marker;
        if recognizable
            && !offered.is_dry_run(&arguments)
            && let Some(earlier) = self.earlier(offered, arguments.clone(), &meta).await?
        {
            return Ok(earlier);
        }
        let mut input = input;
        for _ in 0..ROUNDS_MAX {
            let (mut passed, reports) = along(context);
            passed.input = input;
            passed.fault = Arc::clone(fault);
            let arguments = arguments.clone();
            let call = self
                .0
                .hub
                .forward(&offered.tool, arguments, &meta, passed, CALL_TIMEOUT);
            let answer = match reports {
                Some(reports) => accompanied(call, reports, context).await,
                None => call.await,
            }?;
            // A client of an older revision cannot be answered with a question; it is asked.
            match answer {
                CallToolResponse::InputRequired(wanted) if asked::is_to_be_asked(context) => {
                    input = asked::answers(&offered.tool, wanted, context).await?;
                }
                CallToolResponse::Complete(mut result) => {
                    // A server of an older revision does not say so; whoever spoke the newer one with us must hear it.
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    return Ok(result.into());
                }
                answer => return Ok(answer),
            }
        }
        let message = format!("`{}` asked {ROUNDS_MAX} times, and was not done", offered.tool);
        Err(ToolError::new(ErrorClass::Conflict, message))
    }

    /// A call begins that is to be on record.
    fn line(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: &JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> audit::Line {
        let traceparent = context
            .meta
            .get(TRACE_KEYS[0])
            .and_then(serde_json::Value::as_str);
        let (trail, who) = (self.0.hub.0.trail.as_ref(), caller.who.to_string());
        audit::Line::begin(trail, &who, tool, arguments, traceparent)
    }
}

fn read_ending<T>(read: &Result<T, ErrorData>) -> Ending {
    match read {
        Ok(_) => Ending {
            outcome: "done",
            note: None,
        },
        Err(error) => Ending::of("refused", &error.message),
    }
}

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let (name, instructions) = self.introduction();
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        capabilities.resources = self.has_resources().then(ResourcesCapability::default);
        capabilities.prompts = self.has_prompts().then(PromptsCapability::default);
        capabilities.completions = self.has_completions().then(JsonObject::default);
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(name, env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(
            ListToolsResult::with_all_items(self.offered(&self.caller(&context)))
                .with_ttl_ms(LIST_TTL_MS)
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.check_reading(&self.caller(&context))?;
        let listed = self.resources().await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let listed = self.templates().await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let mut asked = JsonObject::new();
        asked.insert("uri".to_owned(), request.uri.clone().into());
        let caller = self.caller(&context);
        let line = self.line(&caller, "resources/read", &asked, &context);
        let read = match self.check_reading(&caller) {
            Ok(()) => self.page(request).await,
            Err(error) => Err(error),
        };
        line.end(read_ending(&read)).await;
        read
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let listed = self.prompts().await?;
        Ok(listed.with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let mut asked = JsonObject::new();
        asked.insert("name".to_owned(), request.name.clone().into());
        let caller = self.caller(&context);
        let line = self.line(&caller, "prompts/get", &asked, &context);
        let read = match self.check_reading(&caller) {
            Ok(()) => self.prompt(request).await,
            Err(error) => Err(error),
        };
        line.end(read_ending(&read)).await;
        read
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.check_reading(&self.caller(&context))?;
        self.completion(request).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shown()
            .tools
            .get(name)
            .map(|offered| offered.described.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context);
        let arguments = request.arguments.unwrap_or_default();
        let shown = self.shown();
        let tool = shown.tools.get(request.name.as_ref());
        let tool = tool.map_or(request.name.as_ref(), |offered| &offered.tool);
        let line = self.line(&caller, tool, &arguments, &context);
        let offered = match self.find(&shown, &request.name, &caller) {
            Ok(offered) => offered,
            Err(error) => {
                line.end(Ending::of("refused", &error.message)).await;
                return Err(error);
            }
        };
        if context.meta.get(META_LOOK_FOR).is_some() {
            let message = format!("`_meta` {META_LOOK_FOR} is for the reactor's own calls");
            line.end(Ending::of("refused", &message)).await;
            return Err(ErrorData::invalid_params(message, None));
        }
        let _counted = Counted::new(&self.0.calls);
        let fault = Arc::new(OnceLock::new());
        let hands_back = request.request_state.is_some();
        let lost = |why: &str| Err(super::answer::lost(!offered.read_only, why.to_owned()));
        let answer = tokio::select! {
            biased;
            () = context.ct.cancelled() => lost("the call was canceled"),
            () = self.0.stop.cancelled() => lost("the server is shutting down"),
            answer = self.pass_on(offered, arguments, (request.input_responses, request.request_state), &caller, (&context, &fault)) => answer,
        };
        if context.ct.is_cancelled() {
            line.end(Ending::of("canceled", "the agent canceled it")).await;
        } else {
            line.end(audit::ending(&answer)).await;
        }
        // What the protocol says of the client itself is for the client, and in the protocol's own words.
        if let Some(fault) = fault
            .get()
            .filter(|fault| asked::is_for_the_client(fault, hands_back))
        {
            return Err(fault.clone());
        }
        Ok(answer.unwrap_or_else(|error| in_band(&error).into()))
    }
}
