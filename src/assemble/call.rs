//! One call of a tool for whoever runs the program: through the server that runs, or by this process itself. Either way
//! through a gateway, so that it is confirmed and logged like an agent's.

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult, MetaObject, RequestMetaObject};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::agents::{self, Unasked};
use super::{AssembleError, files, running_server};
use crate::config::Settings;
use crate::hub::{Face, Gateway, META_IDEMPOTENCY_KEY};
use crate::tools;

/// Bytes in flight each way between this process and its own gateway.
const PIPE_BYTES: usize = 1 << 20;

/// A call that somebody wants made.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `server.tool`, or as agents write it, `server_tool`.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// A name for the call, to find its effect by.
    pub key: Option<String>,
    /// The server to ask; else the one that runs on the data directory, or none.
    pub server: Option<String>,
}

/// Makes the call, and gives what the tool answered, its refusal included.
///
/// # Errors
/// When it could not be made, or it is not known whether it was: the text says which.
pub async fn call_tool(settings: &Settings, asked: Asked) -> Result<CallToolResult, AssembleError> {
    let name = asked.tool.replacen('.', "_", 1);
    let mut meta = Map::new();
    if let Some(key) = &asked.key {
        meta.insert(META_IDEMPOTENCY_KEY.to_owned(), json!(key));
    }
    if let Some(url) = asked.server.clone().or_else(|| running_server(settings)) {
        let token = files::admin_token(settings)?;
        let token = token.unwrap_or_else(|| SecretString::from(String::new()));
        let params = json!({ "name": name, "arguments": asked.arguments, "_meta": meta });
        let path = format!("{}/mcp?toolsets=all", url.trim_end_matches('/'));
        let answered = agents::request(&path, &token, "tools/call", &name, params).await;
        return answered.map_err(|why| {
            AssembleError::Other(match why {
                Unasked::Surely(why) | Unasked::Absent(why) => why,
                Unasked::Maybe(why) => format!("{why}; it is not known whether the call was made"),
            })
        });
    }
    let hub = agents::stdio_hub(settings, None).await?;
    hub.wake().await;
    hub.tried(agents::TRIED).await;
    let made = Box::pin(by_this_process(&hub, name, asked.arguments, meta)).await;
    hub.stop().await;
    made.map_err(AssembleError::Other)
}

async fn by_this_process(
    hub: &crate::hub::Hub,
    name: String,
    arguments: Map<String, Value>,
    meta: Map<String, Value>,
) -> Result<CallToolResult, String> {
    let gateway = Gateway::new(hub, Face::All, tools::toolsets()).map_err(|error| error.to_string())?;
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let serving = tokio::spawn(gateway.clone().serve(theirs));
    let client = ().serve(ours).await.map_err(|error| error.to_string())?;
    let mut request = CallToolRequestParams::new(name).with_arguments(arguments);
    if !meta.is_empty() {
        request.meta = Some(RequestMetaObject(MetaObject(meta)));
    }
    let called = client.call_tool(request).await;
    let _ = client.cancel().await;
    if let Ok(Ok(server)) = serving.await {
        let _ = server.cancel().await;
    }
    called.map_err(|error| match error {
        rmcp::service::ServiceError::McpError(refused) => refused.message.into_owned(),
        error => error.to_string(),
    })
}
