//! In: an agent's call and what came of it. Out: an entry of the audit trail, and a line in the log, target `audit`. Never: an
//! answer before its entry is on record; an argument in clear.

use std::sync::Arc;

use rmcp::model::{CallToolResponse, JsonObject};
use serde_json::Value;

use super::super::ToolError;
use crate::agents::{AuditEntry, Deed, Trail, trace_of};

/// A call under way. Dropped without an end (its connection went away), it is on record as abandoned.
pub(super) struct Line {
    deed: Option<Deed>,
    trail: Option<Arc<dyn Trail>>,
}

/// What came of a call: one word, and why, for a person.
pub(super) struct Ending {
    pub(super) outcome: &'static str,
    pub(super) note: Option<String>,
}

impl Ending {
    pub(super) fn of(outcome: &'static str, note: impl std::fmt::Display) -> Self {
        Self {
            outcome,
            note: Some(note.to_string()),
        }
    }
}

impl Line {
    pub(super) fn begin(
        trail: Option<&Arc<dyn Trail>>,
        who: &str,
        tool: &str,
        arguments: &JsonObject,
        traceparent: Option<&str>,
    ) -> Self {
        let mut deed = Deed::begin(who, tool, &Value::Object(arguments.clone()));
        deed.entry_mut().trace = traceparent.and_then(trace_of);
        Self {
            deed: Some(deed),
            trail: trail.cloned(),
        }
    }

    /// Gives what is on record then.
    pub(super) async fn end(mut self, ending: Ending) -> Option<AuditEntry> {
        let entry = self.deed.take()?.end(ending.outcome, ending.note.as_deref());
        log(&entry);
        if let Some(trail) = &self.trail {
            trail.note(entry.clone()).await;
        }
        Some(entry)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some(deed) = self.deed.take() else { return };
        let entry = deed.end("abandoned", Some("the connection went away before the answer"));
        log(&entry);
        // Nobody waits for this any more; where the process ends with it, the line in the log is what is left.
        if let (Some(trail), Ok(runtime)) = (self.trail.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { trail.note(entry).await });
        }
    }
}

fn log(entry: &AuditEntry) {
    tracing::info!(
        target: "audit",
        agent = entry.who,
        tool = entry.what,
        arguments.sha256 = entry.arguments_sha256.as_deref().unwrap_or_default(),
        outcome = entry.outcome,
        latency_ms = entry.latency_ms.unwrap_or_default(),
        "agent call"
    );
}

/// What came of a call: `done`, `dry_run`, `asked`, or the class of the error.
pub(super) fn ending(answer: &Result<CallToolResponse, ToolError>) -> Ending {
    let plain = |outcome| Ending { outcome, note: None };
    match answer {
        Err(error) => Ending::of(error.class.as_str(), error),
        Ok(CallToolResponse::Complete(result)) => {
            let content = result.structured_content.as_ref();
            if result.is_error == Some(true) {
                let error = content.and_then(|content| content.get("error"));
                let error =
                    error.and_then(|error: &Value| serde_json::from_value::<ToolError>(error.clone()).ok());
                return error.map_or(plain("failed"), |error| Ending::of(error.class.as_str(), &error));
            }
            match content.and_then(|content| content.get("dry_run")) {
                Some(Value::Array(_)) => plain("dry_run"),
                _ => plain("done"),
            }
        }
        Ok(_) => plain("asked"),
    }
}
