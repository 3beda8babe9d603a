//! In: agents that call a tool over MCP. Out: calls a second through the program, next to the SDK's bare server. Never: an answer
//! that is no result.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};

use super::options::Options;
use super::process::Process;
use super::report::Spread;
use super::setting::{self, Setting};

const AT_ONCE: usize = 16;
const REVISION: &str = "2026-07-28";
const TOKEN: &str = "of the bench, and of nobody else: 0123456789";
/// A tool that reads what is in memory, and its answer is about as long as the bare server's.
const TOOL: &str = "xmrt_list_rules";

/// Both in turns.
pub(super) fn measure(options: &Options) -> Result<Value, String> {
    let setting = Setting {
        rules: 1,
        variables: vec![("XMRT_ADMIN_TOKEN".into(), TOKEN.into())],
        ..Setting::default()
    };
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let command = setting::program(folder.path(), &setting, false, None)?;
    let (_program, layered) = Process::that_tells("xmrt", command)?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(["--receive", "mcp"]);
    let (_bare, direct) = Process::that_tells("the bare MCP server", command)?;
    let (mut bare, mut through) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        bare.push(together(direct, TOOL, options.seconds)?);
        through.push(together(layered, TOOL, options.seconds)?);
    }
    let ratio = Spread::of(through.iter().zip(&bare).map(|(through, bare)| through / bare));
    let found = json!({ "at_once": AT_ONCE, "over_bare": ratio, "bare": Spread::of(bare), "through": Spread::of(through) });
    println!(
        "\ntools/call, {AT_ONCE} at once: {ratio} of the bare server's calls a second (goal ≥ 0.9)\n{found:#}"
    );
    Ok(found)
}

/// Calls a second of so many at once.
fn together(address: SocketAddr, tool: &'static str, seconds: f64) -> Result<f64, String> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let callers: Vec<_> = (0..AT_ONCE)
        .map(|_| std::thread::spawn(move || caller(address, tool, end)))
        .collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.join().map_err(|_| "a caller died")??;
    }
    Ok(f64::from(calls) / seconds)
}

fn caller(address: SocketAddr, tool: &str, end: Instant) -> Result<u32, String> {
    let told = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect(address).map_err(told)?;
    stream.set_nodelay(true).map_err(told)?;
    let mut to = stream.try_clone().map_err(told)?;
    let mut from = BufReader::new(stream);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": {}, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: {REVISION}\r\nmcp-method: tools/call\r\n\
         mcp-name: {tool}\r\nx-mcp-toolsets: reactor\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut calls = 0;
    while Instant::now() < end {
        to.write_all(request.as_bytes()).map_err(told)?;
        let answer = answer(&mut from).map_err(told)?;
        let message: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if !message["result"]["structuredContent"].is_object() {
            return Err(format!("{address} answered {}", String::from_utf8_lossy(&answer)));
        }
        calls += 1;
    }
    Ok(calls)
}

/// The body of one answer, whichever way its length is told.
fn answer(from: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let (mut length, mut chunked) = (0, false);
    loop {
        let line = line(from)?;
        if line.is_empty() {
            break;
        }
        if let Some(found) = line.strip_prefix("content-length:") {
            length = found.trim().parse().unwrap_or(0);
        }
        chunked |= line
            .strip_prefix("transfer-encoding:")
            .is_some_and(|how| how.trim() == "chunked");
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    while chunked {
        let length = usize::from_str_radix(&line(from)?, 16).unwrap_or(0);
        let filled = body.len();
        body.resize(filled + length, 0);
        from.read_exact(&mut body[filled..])?;
        line(from)?;
        chunked = length > 0;
    }
    Ok(body)
}

fn line(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end().to_ascii_lowercase())
}

/// The SDK's server with one tool that answers what `xmrt_list_rules` does, more or less.
#[derive(Clone)]
struct Bare;

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object" })
            .as_object()
            .cloned()
            .unwrap_or_default();
        Ok(ListToolsResult::with_all_items(vec![Tool::new(
            TOOL,
            "Lists rules.",
            Arc::new(schema),
        )]))
    }

    async fn call_tool(
        &self,
        _request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let rule = json!({
            "id": "rule-0", "description": "The one that fires", "on": ["github.issues.opened"], "mode": "live",
            "version": "0".repeat(64), "actions": [{ "id": "notify", "tool": "xmrt.notify" }],
        });
        Ok(CallToolResult::structured(json!({ "book": "0".repeat(64), "rules": [rule] })).into())
    }
}

/// Serves it.
pub(super) async fn serve() -> Result<(), String> {
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let service = StreamableHttpService::new(|| Ok(Bare), Arc::new(LocalSessionManager::default()), config);
    let router = axum::Router::new().nest_service("/mcp", service);
    super::floors::listen(router).await
}
