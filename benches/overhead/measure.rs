//! In: how many calls. Out: how long a call takes to a server over HTTP, made directly and through the integration layer.
//! Never: a figure of one without the other.
//!
//! Both ways go to the same server in this process, with the same kind of pooled client, in turns: what else the machine
//! does meanwhile slows both alike. The layer routes, checks the contract and the grant, counts, guards by its breaker and
//! its time-out, and makes spans.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{ClientLifecycleMode, RequestContext, RoleClient, RoleServer, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ClientServiceExt, ServerHandler};
use serde_json::{Value, json};
use xmrt::hub::{CallMeta, ExternalServer, Hub, Reach};

/// How long anything may take.
const SOON: Duration = Duration::from_secs(20);

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// The median of a call that goes to the server itself.
    pub(crate) direct: Duration,
    /// The median of a call that goes through the layer.
    pub(crate) layered: Duration,
}

impl Measured {
    /// How many times as long a call takes through the layer.
    pub(crate) fn ratio(&self) -> f64 {
        self.layered.as_secs_f64() / self.direct.as_secs_f64()
    }
}

/// A server that says what it is told.
#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let echo = Tool::new("echo", "Says what it is told.", std::sync::Arc::new(schema));
        Ok(ListToolsResult::with_all_items(vec![echo]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let told = Value::Object(request.arguments.unwrap_or_default());
        Ok(CallToolResult::structured(told).into())
    }
}

/// Where the server is.
async fn serve() -> String {
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let sessions = std::sync::Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(Echo), sessions, config);
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn connect(url: &str) -> RunningService<RoleClient, ()> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(http, config);
    let hello = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    ().serve_with_lifecycle(transport, hello)
        .await
        .expect("a connection")
}

async fn layer(url: &str) -> Hub {
    let server = ExternalServer {
        reach: Reach::Http {
            url: url.to_owned(),
            headers: Vec::new(),
            plain_http: false,
        },
        tools: None,
        overrides: BTreeMap::new(),
        believe_annotations: true,
        approve_by_hand: false,
        call_timeout: SOON,
        start_timeout: SOON,
        health_interval: Duration::from_secs(600),
        missing: None,
    };
    let hub = Hub::builder()
        .attach("echo", server)
        .start()
        .await
        .expect("a hub");
    hub.wake().await;
    hub.tried(SOON).await;
    hub
}

/// Makes so many calls each way, in turns.
pub(crate) async fn measure(calls: usize) -> Measured {
    let url = serve().await;
    let (direct, hub) = (connect(&url).await, layer(&url).await);
    let told = json!({ "text": "a text of some length, as an issue's title may have it" });
    let arguments = told.as_object().cloned().unwrap_or_default();
    let (mut straight, mut layered) = (Vec::new(), Vec::new());
    // The first ones open connections.
    for turn in 0..calls + calls / 10 {
        let begun = Instant::now();
        let request = CallToolRequestParams::new("echo").with_arguments(arguments.clone());
        let answer = direct.call_tool_once(request).await.expect("an answer");
        let took = begun.elapsed();
        let CallToolResponse::Complete(result) = answer else {
            unreachable!("a result")
        };
        assert_eq!(result.structured_content.as_ref(), Some(&told));
        let begun = Instant::now();
        let answer = hub
            .call("echo.echo", told.clone(), CallMeta::default(), SOON)
            .await;
        let through = begun.elapsed();
        assert_eq!(answer, Ok(xmrt::hub::Reply::Done(told.clone())));
        if turn >= calls / 10 {
            straight.push(took);
            layered.push(through);
        }
    }
    hub.stop().await;
    Measured {
        direct: median(straight),
        layered: median(layered),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
