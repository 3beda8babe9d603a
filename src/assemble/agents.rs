//! What agents connect to: the gateways of a running server, and the servers that `xmrt mcp` offers over stdio.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, ErrorData, GetPromptRequestParams, GetPromptResponse, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerConfig, SubscriptionFilter,
    Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt, SubscriptionContext};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::journal::Bare;
use super::providers::{Providers, SERVERS};
use super::{AssembleError, files, running_server};
use crate::agents::Who;
use crate::clock::Clock;
use crate::config::Settings;
use crate::hub::{
    Caller, ErrorClass, Face, Gateway, GatewayError, Hub, HubBuilder, LaterHub, META_IDEMPOTENCY_KEY,
    ToolError,
};
use crate::journal::{MemoryStore, Store};
use crate::tools;
use crate::tools::toolbox::{self, Print};

/// How long external servers are waited for before the first client is answered: it asks for the tools once.
pub(super) const TRIED: Duration = Duration::from_secs(5);
/// How long calls may finish after the end was asked for.
const FINISH: Duration = Duration::from_secs(4);
/// How often what a client watches is looked at, where nobody else tells of changes.
const LOOK: Duration = Duration::from_secs(5);

/// What `xmrt mcp` was asked for.
#[derive(Clone, Debug)]
pub struct StdioOptions {
    /// One of the built-in servers; `None`: all of them, behind one gateway.
    pub server: Option<String>,
    /// The toolsets to offer, separated by commas; `None`: all.
    pub toolsets: Option<String>,
    /// Offer no tool that changes anything.
    pub read_only: bool,
}

/// The gateways of a running server: all servers together first, then each alone.
pub(super) fn gateways(hub: &Hub) -> Result<Vec<Gateway>, GatewayError> {
    let faces = hub.servers().into_iter().map(Face::One);
    std::iter::once(Face::All)
        .chain(faces)
        .map(|face| Gateway::new(hub, face, tools::toolsets()))
        .collect()
}

/// What listing a toolset costs a model.
#[derive(Clone, Debug)]
pub struct ToolsetCost {
    /// Its name, as `?toolsets=` takes it.
    pub set: String,
    /// How many tools it has.
    pub tools: usize,
    /// About how many tokens its list has.
    pub tokens: usize,
}

/// Every toolset, the default one first and all of them last.
pub async fn toolset_costs(settings: &Settings) -> Result<Vec<ToolsetCost>, AssembleError> {
    /// Bytes of JSON in a token, about.
    const BYTES_PER_TOKEN: usize = 4;
    let hub = super::known_hub(settings, super::lent::LentPins::new(settings)).await?;
    let gateway = Gateway::new(&hub, Face::All, tools::toolsets()).map_err(|error| error.to_string())?;
    let toolsets = gateway.toolsets();
    let sets = toolsets.sets.keys().map(String::as_str);
    let cost = |set: &str, selection| {
        let listed = gateway.offered(&Caller {
            who: Who::Operator("local".to_owned()),
            selection,
            paused: None,
            credential: None,
        });
        let bytes = serde_json::to_vec(&listed).map_or(0, |bytes| bytes.len());
        ToolsetCost {
            set: set.to_owned(),
            tools: listed.len(),
            tokens: bytes / BYTES_PER_TOKEN,
        }
    };
    let mut costs = vec![cost("default", toolsets.by_default())];
    for set in sets.chain(["all"]) {
        costs.push(cost(set, toolsets.select(set)?));
    }
    hub.stop().await;
    Ok(costs)
}

/// Serves MCP on standard input and output until the input ends, or somebody asks for the end; then everything that
/// was started is stopped. Needs no variable, no network and no running server.
///
/// The journal's tools ask the running server where there is one.
pub async fn serve_stdio(settings: &Settings, options: &StdioOptions) -> Result<(), AssembleError> {
    let hub = stdio_hub(settings, options.server.as_deref()).await?;
    hub.wake().await;
    let served = tokio::select! {
        () = hub.tried(TRIED) => Box::pin(serve_hub(&hub, options)).await,
        () = super::stop_signal() => Ok(()),
    };
    hub.stop().await;
    served
}

async fn serve_hub(hub: &Hub, options: &StdioOptions) -> Result<(), AssembleError> {
    let face = options.server.clone().map_or(Face::All, Face::One);
    let gateway = Gateway::new(hub, face, tools::toolsets()).map_err(|error| error.to_string())?;
    let chosen = match &options.toolsets {
        Some(words) => gateway.toolsets().select(words)?,
        None => gateway.toolsets().everything(),
    };
    let gateway = gateway.with_local(Caller {
        who: Who::Operator("stdio".to_owned()),
        selection: chosen.read_only(options.read_only),
        paused: None,
        credential: None,
    });
    let stop = super::stop_signal();
    tokio::pin!(stop);
    let running = tokio::select! {
        // An input that ends before the first word is an end like any other.
        running = gateway.clone().serve(rmcp::transport::stdio_pipes()) => match running {
            Ok(running) => running,
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(AssembleError::Other(error.to_string())),
        },
        () = &mut stop => return Ok(()),
    };
    let end = running.cancellation_token();
    let waiting = running.waiting();
    tokio::pin!(waiting);
    tokio::select! {
        ended = &mut waiting => {
            ended.map_err(|error| error.to_string())?;
            return Ok(());
        }
        () = &mut stop => {}
    }
    let _ = tokio::time::timeout(FINISH, gateway.idle()).await;
    gateway.stop();
    end.cancel();
    let _ = tokio::time::timeout(FINISH, waiting).await;
    Ok(())
}

pub(super) async fn stdio_hub(settings: &Settings, only: Option<&str>) -> Result<Hub, AssembleError> {
    let providers = Providers::configured(settings)?;
    let clock = Clock::system();
    let mut builder = Hub::builder().with_trail(super::stdio_trail::StdioTrail::new(settings, &clock));
    for server in SERVERS {
        if only.is_none_or(|only| only == server) {
            builder = with_server(builder, server, settings, &providers, &clock);
        }
    }
    if only.is_none() {
        let pins = super::lent::LentPins::new(settings);
        builder = super::external::attached(builder, settings).pins(pins);
    }
    Ok(builder.start().await?)
}

fn with_server(
    builder: HubBuilder,
    server: &str,
    settings: &Settings,
    providers: &Providers,
    clock: &Clock,
) -> HubBuilder {
    let later = builder.later();
    match server {
        "github" => builder.serve(server, super::providers::github_server(providers, clock)),
        "render" => builder.serve(server, super::providers::render_server(providers, clock)),
        _ => builder.serve(
            server,
            Borrowed {
                settings: settings.clone(),
                providers: providers.clone(),
                clock: clock.clone(),
                listed: own_server(
                    providers,
                    Arc::new(MemoryStore::new(clock.now())),
                    clock,
                    later.clone(),
                ),
                later,
            },
        ),
    }
}

fn own_server(
    providers: &Providers,
    store: Arc<dyn Store>,
    clock: &Clock,
    hub: LaterHub,
) -> tools::xmrt::Server {
    super::providers::own_server(providers, store, clock, hub)
}

/// The `xmrt` server of a process that owns no journal: each call goes to the server running on the data directory, or
/// else opens the journal for its own duration. Holding it open would keep a server from starting.
struct Borrowed {
    settings: Settings,
    providers: Providers,
    clock: Clock,
    listed: tools::xmrt::Server,
    later: LaterHub,
}

impl ServerHandler for Borrowed {
    fn get_info(&self) -> ServerConfig {
        self.listed.get_info()
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.listed.list_tools(page, context).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.listed.get_tool(name)
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.listed.list_resources(page, context).await
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.listed.list_resource_templates(page, context).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if let Some(url) = running_server(&self.settings) {
            let read = self.read(&url, &request.uri).await;
            return Ok(read.map_err(protocol)?.into());
        }
        let (server, _open) = self.server().await.map_err(protocol)?;
        server.read_resource(request, context).await
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.listed.accepted_subscription_filter(wanted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let looks = AtomicU64::new(0);
        // Nobody here knows whether anything has changed without looking at it.
        let marker = || std::future::ready(Some(looks.fetch_add(1, Ordering::Relaxed)));
        toolbox::tell(&context, LOOK, marker, |uri| self.seen(uri)).await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.listed.list_prompts(page, context).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.listed.get_prompt(request, context).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if let Some(url) = running_server(&self.settings) {
            let params = json!({ "ref": request.r#ref, "argument": request.argument });
            return self
                .asked(&url, "completion/complete", "", params)
                .await
                .map_err(protocol);
        }
        let (server, _open) = self.server().await.map_err(protocol)?;
        server.complete(request, context).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(url) = running_server(&self.settings) {
            let asked = tokio::select! {
                asked = self.ask(&url, &request) => asked,
                () = context.ct.cancelled() => Err(Unasked::Maybe("the call was canceled".into())),
            };
            return Ok(asked.unwrap_or_else(|why| self.failed(&request.name, why)).into());
        }
        match self.server().await {
            Ok((server, _open)) => server.call_tool(request, context).await,
            Err(why) => Ok(self.failed(&request.name, why).into()),
        }
    }
}

impl Borrowed {
    async fn read(&self, url: &str, uri: &str) -> Result<ReadResourceResult, Unasked> {
        self.asked(url, "resources/read", uri, json!({ "uri": uri }))
            .await
    }

    /// What is at an address, as far as it matters to whoever watches it.
    async fn seen(&self, uri: String) -> Print {
        match running_server(&self.settings) {
            Some(url) => match self.read(&url, &uri).await {
                Ok(read) => toolbox::print(Some(json!(read.contents).to_string())),
                Err(Unasked::Absent(_)) => toolbox::print(None),
                Err(_) => None,
            },
            None => self.server().await.ok()?.0.print(uri).await,
        }
    }

    /// The server over the journal, opened for as long as this lives. Where nothing was ever received there is none,
    /// which is an answer, too.
    async fn server(&self) -> Result<(tools::xmrt::Server, Option<Bare>), Unasked> {
        let journal = Bare::existing(&self.settings).await;
        let journal = journal.map_err(|error| Unasked::Surely(error.to_string()))?;
        let server = match &journal {
            Some(journal) => own_server(&self.providers, journal.kept(), &self.clock, self.later.clone()),
            None => self.listed.clone(),
        };
        Ok((server, journal))
    }

    /// Makes the call at the running server.
    async fn ask(&self, url: &str, request: &CallToolRequestParams) -> Result<CallToolResult, Unasked> {
        let arguments = request.arguments.clone().unwrap_or_default();
        let mut params = json!({ "name": request.name, "arguments": arguments, "_meta": {} });
        let key = request
            .meta
            .as_ref()
            .and_then(|meta| meta.get(META_IDEMPOTENCY_KEY));
        if let Some(key) = key {
            params["_meta"][META_IDEMPOTENCY_KEY] = key.clone();
        }
        self.asked(url, "tools/call", &request.name, params).await
    }

    /// Asks the running server.
    async fn asked<T: DeserializeOwned>(
        &self,
        url: &str,
        method: &str,
        name: &str,
        params: Value,
    ) -> Result<T, Unasked> {
        let token = files::admin_token(&self.settings).map_err(Unasked::Surely)?;
        let token = token.unwrap_or_else(|| SecretString::from(String::new()));
        request(
            &format!("{url}/mcp/xmrt?toolsets=all"),
            &token,
            method,
            name,
            params,
        )
        .await
    }

    fn failed(&self, tool: &str, why: Unasked) -> CallToolResult {
        let hints = self.listed.get_tool(tool).and_then(|tool| tool.annotations);
        let reads = hints.is_some_and(|hints| hints.read_only_hint == Some(true));
        let (class, why) = match why {
            Unasked::Maybe(why) if !reads => (ErrorClass::UnknownEffect, why),
            Unasked::Maybe(why) | Unasked::Surely(why) | Unasked::Absent(why) => {
                (ErrorClass::Unavailable, why)
            }
        };
        let error = ToolError::new(class, format!("the reactor's records cannot be reached: {why}"))
            .with_remedy(
                "see that XMRT_DATA_DIR (or --data-dir) and XMRT_ADMIN_TOKEN are the running server's",
            );
        let mut result = CallToolResult::error(vec![ContentBlock::text(error.to_string())]);
        result.structured_content = Some(json!({ "error": error }));
        result
    }
}

/// Asks the MCP endpoint of a server, in one plain request.
pub(super) async fn request<T: DeserializeOwned>(
    endpoint: &str,
    token: &SecretString,
    method: &str,
    name: &str,
    mut params: Value,
) -> Result<T, Unasked> {
    let version = rmcp::model::ProtocolVersion::V_2026_07_28;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version.as_str());
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Unasked::Surely(error.to_string()))?;
    let sent = client
        .post(endpoint)
        .bearer_auth(token.expose_secret())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", version.as_str())
        .header("mcp-method", method)
        .header("mcp-name", name)
        .json(&body)
        .send()
        .await
        .map_err(|error| match error.is_connect() {
            true => Unasked::Surely(error.to_string()),
            false => Unasked::Maybe(error.to_string()),
        })?;
    let status = sent.status();
    let unclear = |error: String| Unasked::Maybe(format!("{endpoint} answered {status}: {error}"));
    let answer: Value = sent.json().await.map_err(|error| unclear(error.to_string()))?;
    match answer.get("result") {
        Some(result) => serde_json::from_value(result.clone()).map_err(|error| unclear(error.to_string())),
        None => {
            let said = answer.pointer("/error/message").or_else(|| answer.get("detail"));
            let said = said.and_then(Value::as_str).unwrap_or("no result");
            let why = format!("{endpoint} answered {status}: {said}");
            // The server's own word for an address where nothing is.
            match answer.pointer("/error/data/uri") {
                Some(_) => Err(Unasked::Absent(why)),
                None => Err(Unasked::Surely(why)),
            }
        }
    }
}

fn protocol(why: Unasked) -> ErrorData {
    let (Unasked::Surely(why) | Unasked::Absent(why) | Unasked::Maybe(why)) = why;
    ErrorData::internal_error(format!("the reactor's records cannot be reached: {why}"), None)
}

/// Why a call got no answer: with or without the server having heard it.
pub(super) enum Unasked {
    Surely(String),
    /// What was asked for is not there.
    Absent(String),
    Maybe(String),
}
