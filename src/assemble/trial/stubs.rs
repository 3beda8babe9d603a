//! In: what a test says tools of external servers answer. Out: servers that answer so. Never: the servers themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;

use crate::assemble::providers::SERVERS;
use crate::hub::HubBuilder;

/// The only key of an answer that says that the call failed.
const ERROR: &str = "error";

/// A server whose tools answer what they are told.
struct Stub(Arc<BTreeMap<String, Value>>);

/// Adds a server for each that the stubs name.
pub(super) fn served(mut builder: HubBuilder, stubs: &Value) -> Result<HubBuilder, String> {
    let mut servers: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for (name, answer) in stubs.as_object().into_iter().flatten() {
        let (server, tool) = name
            .split_once('.')
            .ok_or_else(|| format!("`stub` holds `{name}`; a tool's name is `server.tool`, in quotes"))?;
        if SERVERS.contains(&server) {
            return Err(format!(
                "`stub` holds `{name}`, a tool of our own: it is really called, and `state` says what it finds"
            ));
        }
        let tools = servers.entry(server.to_owned()).or_default();
        tools.insert(tool.to_owned(), answer.clone());
    }
    for (server, tools) in servers {
        builder = builder.serve(&server, Stub(Arc::new(tools)));
    }
    Ok(builder)
}

impl ServerHandler for Stub {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.0.keys().map(|name| {
            let mut anything = JsonObject::new();
            anything.insert("type".to_owned(), "object".into());
            Tool::new(name.clone(), "", anything)
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let answer = self.0.get(request.name.as_ref()).cloned().unwrap_or_default();
        let failure = answer
            .as_object()
            .filter(|fields| fields.len() == 1)
            .and_then(|fields| fields.get(ERROR)?.as_str());
        Ok(match (failure, &answer) {
            (Some(why), _) => CallToolResult::error(vec![ContentBlock::text(why)]),
            (None, Value::Object(_)) => CallToolResult::structured(answer),
            (None, Value::String(text)) => CallToolResult::success(vec![ContentBlock::text(text.clone())]),
            (None, other) => CallToolResult::success(vec![ContentBlock::text(other.to_string())]),
        }
        .into())
    }
}
