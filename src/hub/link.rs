//! In: a server. Out: a client connected to it, and its orderly end. Never: what is said over the connection.

use std::time::Duration;

use rmcp::model::{ProtocolVersion, Tool};
use rmcp::service::{ClientLifecycleMode, Peer, RoleClient, RunningService, ServiceError, ServiceExt};
use rmcp::{ClientServiceExt, ServerHandler};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::HubError;

/// Bytes in flight each way before a writer has to wait for its reader.
const PIPE_BYTES: usize = 1 << 20;
/// How long a server may take to say hello.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to list its tools.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each end may take to close.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection to one server.
#[derive(Debug)]
pub(super) struct Link {
    /// Sends requests; cloned freely, usable from any task.
    pub(super) peer: Peer<RoleClient>,
    ends: Mutex<Option<Ends>>,
}

/// What must be closed in the end.
#[derive(Debug)]
struct Ends {
    client: RunningService<RoleClient, ()>,
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
    let greeted = tokio::time::timeout(START_TIMEOUT, ().serve_with_lifecycle(near, hello)).await;
    let client = match greeted {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(failed(name, error.to_string())),
        Err(_elapsed) => return Err(failed(name, format!("no hello within {START_TIMEOUT:?}"))),
    };
    Ok(Link {
        peer: client.peer().clone(),
        ends: Mutex::new(Some(Ends { client, server })),
    })
}

fn failed(server: String, problem: String) -> HubError {
    HubError::Start { server, problem }
}

impl Link {
    /// Every tool the server has, all pages.
    pub(super) async fn list(&self) -> Result<Vec<Tool>, ServiceError> {
        tokio::time::timeout(LIST_TIMEOUT, self.peer.list_all_tools())
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
