//! In: a call, and who makes it. Out: whether it may be made now; what is heard of it, its key, its error as agents see them. Never: a choice of tools.

#![expect(deprecated, reason = "clients and servers of today still speak of logging")]

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, LoggingLevel};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use super::Caller;
use crate::hub::request::Passed;
use crate::hub::switchboard::{Heard, Listener};
use crate::hub::{ErrorClass, ToolError};

/// Keys of the caller's `_meta` that travel on to the tool's server.
pub(super) const TRACE_KEYS: [&str; 3] = ["traceparent", "tracestate", "baggage"];
/// `_meta` key of a request: from which severity on the client wants to hear what is said about it.
const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// What was heard of a call and is on its way to the agent; more at once is dropped.
const HEARD_MAX: usize = 64;

/// What travels along, and where what is heard of the call comes out, if the agent wants to hear of it.
pub(super) fn along(
    context: &RequestContext<RoleServer>,
    level: Option<LoggingLevel>,
) -> (Passed, Option<mpsc::Receiver<Heard>>) {
    let mut passed = Passed {
        capabilities: context.client_capabilities(),
        ..Passed::default()
    };
    for name in TRACE_KEYS {
        if let Some(value) = context.meta.get(name) {
            passed.meta.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(level) = level {
        passed.meta.insert(META_LOG_LEVEL.to_owned(), json!(level));
    }
    if level.is_none() && context.meta.get_progress_token().is_none() {
        return (passed, None);
    }
    let (ear, heard) = mpsc::channel(HEARD_MAX);
    passed.listener = Some(Listener { ear, level });
    (passed, Some(heard))
}

/// Awaits a call and passes on what is heard of it; progress as long as it rises: reports may overtake each other. `server` is whose call it is.
pub(super) async fn accompanied(
    call: impl Future<Output = Result<CallToolResponse, ToolError>>,
    mut heard: mpsc::Receiver<Heard>,
    server: &str,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ToolError> {
    let mut call = std::pin::pin!(call);
    let token = context.meta.get_progress_token();
    let mut last = f64::NEG_INFINITY;
    let mut pass_on = async |heard: Heard| match (heard, token.clone()) {
        (Heard::Progress(mut report), Some(token)) if report.progress > last => {
            last = report.progress;
            report.progress_token = token;
            // An agent that is gone is noticed by its transport.
            let _ = context.peer.notify_progress(report).await;
        }
        (Heard::Progress(_), _) => {}
        (Heard::Said(mut said), _) => {
            said.logger = Some(match said.logger {
                Some(logger) => format!("{server}/{logger}"),
                None => server.to_owned(),
            });
            said.meta = None;
            let _ = context.peer.notify_logging_message(said).await;
        }
    };
    let answer = loop {
        tokio::select! {
            biased;
            Some(heard) = heard.recv() => pass_on(heard).await,
            answer = &mut call => break answer,
        }
    };
    while let Ok(heard) = heard.try_recv() {
        pass_on(heard).await;
    }
    answer
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
