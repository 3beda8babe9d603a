//! In: a server. Out: a client connected to it, and its orderly end. Never: what is said over the connection.

#![expect(deprecated, reason = "clients and servers of today still speak of logging")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResponse, CancelledNotificationParam, ClientCapabilities,
    ClientRequest, LoggingLevel, ProtocolVersion, RequestId, RequestMetaObject, ServerResult,
    SetLevelRequestParams, Tool,
};
use rmcp::service::{
    ClientLifecycleMode, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError, ServiceExt,
};
use rmcp::{ClientServiceExt, ServerHandler};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::HubError;
use super::switchboard::{Listener, Switchboard};

/// Bytes in flight each way before a writer has to wait for its reader.
const PIPE_BYTES: usize = 1 << 20;
/// How long a server may take to say hello.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to list its tools.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to settle on what it says.
const LEVEL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long what a server said about a call may take to be heard once the call is answered.
const GRACE: Duration = Duration::from_millis(20);
/// How long each end may take to close.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A way to talk to a server.
#[derive(Debug)]
pub(super) struct Wire {
    /// Sends requests; cloned freely, usable from any task.
    pub(super) peer: Peer<RoleClient>,
    pub(super) switchboard: Switchboard,
    /// From which severity on a server of an older revision says what it does.
    level: AtomicU8,
}

/// The connection to a server in this process.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) wire: Arc<Wire>,
    ends: Mutex<Option<Ends>>,
}

/// What must be closed in the end.
#[derive(Debug)]
struct Ends {
    client: RunningService<RoleClient, Switchboard>,
    server: JoinHandle<()>,
}

/// Serves `handler` in this process and connects to it.
pub(super) async fn in_process<H: ServerHandler + 'static>(
    name: String,
    handler: H,
) -> Result<Link, HubError> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let hello = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    // In a task of its own from the start: a server settles on a protocol version only with the first real request.
    let served = name.clone();
    let server = tokio::spawn(async move {
        let ended = match handler.serve(far).await {
            Ok(running) => running.waiting().await.err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = ended {
            tracing::error!(mcp.server = served, error, "an MCP server died");
        }
    });
    let switchboard = Switchboard::default();
    let greeting = switchboard.clone().serve_with_lifecycle(near, hello);
    let greeted = tokio::time::timeout(START_TIMEOUT, greeting).await;
    let client = match greeted {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(failed(name, error.to_string())),
        Err(_elapsed) => return Err(failed(name, format!("no hello within {START_TIMEOUT:?}"))),
    };
    Ok(Link {
        wire: Arc::new(Wire::new(client.peer().clone(), switchboard)),
        ends: Mutex::new(Some(Ends { client, server })),
    })
}

fn failed(server: String, problem: String) -> HubError {
    HubError::Start { server, problem }
}

impl Wire {
    pub(super) fn new(peer: Peer<RoleClient>, switchboard: Switchboard) -> Self {
        Self {
            peer,
            switchboard,
            level: AtomicU8::new(u8::MAX),
        }
    }

    /// Whether the server speaks the revision in which every request says for itself what its client can do and wants.
    pub(super) fn is_modern(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_some_and(|info| info.protocol_version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
    }

    /// Whether the server says what it does to who wants to hear of it.
    fn logs(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_some_and(|info| info.capabilities.logging.is_some())
    }

    /// What a server of an older revision is told once for all calls. That it does not want to know is no reason not to make
    /// one.
    async fn set_level(&self, level: LoggingLevel) {
        if self.is_modern() || level as u8 >= self.level.load(Ordering::Relaxed) {
            return;
        }
        let asked = self.peer.set_level(SetLevelRequestParams::new(level));
        match tokio::time::timeout(LEVEL_TIMEOUT, asked).await {
            Ok(Ok(_)) => self.level.store(level as u8, Ordering::Relaxed),
            Ok(Err(error)) => tracing::debug!("a server does not take a logging level: {error}"),
            Err(_elapsed) => tracing::debug!("a server does not answer to a logging level"),
        }
    }

    /// Calls a tool, for a client that can do what `capabilities` say. Dropped before the answer, it sends the server a cancellation.
    pub(super) async fn call(
        &self,
        request: CallToolRequestParams,
        listener: Option<Listener>,
        capabilities: Option<ClientCapabilities>,
    ) -> Result<CallToolResponse, ServiceError> {
        let level = listener.as_ref().and_then(|listener| listener.level);
        let level = level.filter(|_| self.logs());
        if let Some(level) = level {
            self.set_level(level).await;
        }
        if listener.is_none() && capabilities.is_none() {
            return self.peer.call_tool_once(request).await;
        }
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(request));
        let mut options = PeerRequestOptions::no_options();
        if let Some(capabilities) = capabilities {
            let mut meta = RequestMetaObject::default();
            meta.set_client_capabilities(capabilities);
            options = options.with_meta(meta);
        }
        let send = || self.peer.send_cancellable_request(request, options);
        let (handle, _line) = match listener {
            Some(listener) => {
                let (handle, line) = self.switchboard.connected(listener, send).await?;
                (handle, Some(line))
            }
            None => (send().await?, None),
        };
        let mut hangup = Hangup {
            peer: &self.peer,
            id: Some(handle.id.clone()),
        };
        let answer = handle.await_response().await;
        hangup.id = None;
        if level.is_some() {
            // What was said just before the answer is handed out beside it, and nothing tells when that is over.
            tokio::time::sleep(GRACE).await;
        }
        match answer? {
            ServerResult::CallToolResult(result) => Ok(CallToolResponse::Complete(result)),
            ServerResult::InputRequiredResult(result) => Ok(CallToolResponse::InputRequired(result)),
            ServerResult::CreateTaskResult(result) => Ok(CallToolResponse::Task(result)),
            _ => Err(ServiceError::UnexpectedResponse),
        }
    }

    /// What the server says it is for.
    pub(super) fn instructions(&self) -> Option<String> {
        self.peer.peer_info()?.instructions.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.switchboard.end();
    }
}

impl Link {
    /// Every tool the server has, all pages.
    pub(super) async fn list(&self) -> Result<Vec<Tool>, ServiceError> {
        tokio::time::timeout(LIST_TIMEOUT, self.wire.peer.list_all_tools())
            .await
            .unwrap_or(Err(ServiceError::Timeout {
                timeout: LIST_TIMEOUT,
            }))
    }

    /// Closes the client; the server notices the end of its input, finishes and is awaited. Twice does no harm.
    pub(super) async fn stop(&self) {
        let Some(mut ends) = self.ends.lock().await.take() else {
            return;
        };
        if let Err(error) = ends.client.close_with_timeout(STOP_TIMEOUT).await {
            tracing::warn!(%error, "an MCP client did not close in order");
        }
        if tokio::time::timeout(STOP_TIMEOUT, &mut ends.server)
            .await
            .is_err()
        {
            ends.server.abort();
        }
    }
}

/// Tells the server when a call is given up before its answer.
struct Hangup<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Hangup<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let peer = self.peer.clone();
        let canceled = CancelledNotificationParam::new(Some(id), Some("the caller gave up".to_owned()));
        tokio::spawn(async move { peer.notify_cancelled(canceled).await });
    }
}
