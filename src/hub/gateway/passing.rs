//! In: a call, and who makes it. Out: whether it may be made now; its progress, its key, its error as agents see them. Never: a choice of tools.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use super::Caller;
use crate::hub::request::Passed;
use crate::hub::{ErrorClass, ToolError};

/// Keys of the caller's `_meta` that travel on to the tool's server.
pub(super) const TRACE_KEYS: [&str; 3] = ["traceparent", "tracestate", "baggage"];
/// Progress reports on their way to the agent; more at once are dropped.
const REPORTS_MAX: usize = 16;

/// What travels along, and where progress comes out if the agent wants to hear of it.
pub(super) fn along(
    context: &RequestContext<RoleServer>,
) -> (
    Passed,
    Option<mpsc::Receiver<rmcp::model::ProgressNotificationParam>>,
) {
    let mut passed = Passed {
        capabilities: context.client_capabilities(),
        ..Passed::default()
    };
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

/// Awaits a call and passes its progress on, as long as it rises: reports may overtake each other.
pub(super) async fn accompanied(
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

/// Refuses whom somebody paused. Nothing to try again by itself: when the pause ends is up to a person.
pub(super) fn check_moving(caller: &Caller) -> Result<(), ToolError> {
    match &caller.paused {
        None => Ok(()),
        Some(why) => Err(ToolError::new(ErrorClass::Forbidden, why).with_remedy(
            "`xmrt pause` lists what is paused, and a person ends it with `xmrt resume`; stop, and do not try again before",
        )),
    }
}

/// The key a write is found by. Hashed with the agent's name, so that no agent can pass for another, or for a rule.
pub(super) fn own_key(agent: &str, tool: &str, key: &str) -> String {
    let digest = Sha256::digest(json!([agent, tool, key]).to_string());
    hex::encode(&digest[..16])
}

/// In band, because clients show such an error to whoever can act on it and hide the protocol's own.
pub(super) fn in_band(error: &ToolError) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(error.to_string())]);
    result.structured_content = Some(Value::from_iter([("error", json!(error))]));
    result
}

/// Counts a call as long as it lasts.
pub(super) struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    pub(super) fn new(calls: &'a watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}
