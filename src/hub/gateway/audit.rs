//! In: an agent's call and what came of it. Out: one line in the log, target `audit`. Never: an argument in clear.

use std::time::Instant;

use rmcp::model::{CallToolResponse, JsonObject};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::{ErrorClass, ToolError};
use crate::clock::Clock;

/// How much of a tool's name is logged, in characters; what there is, is shorter.
const NAME_CHARS_MAX: usize = 80;

/// A call under way. Dropped without an end (its connection went away), it is logged as abandoned.
pub(super) struct Line {
    agent: String,
    tool: String,
    arguments: String,
    begun: Instant,
    ended: bool,
}

impl Line {
    pub(super) fn begin(agent: &str, tool: &str, arguments: &JsonObject) -> Self {
        Self {
            agent: agent.to_owned(),
            tool: tool.chars().take(NAME_CHARS_MAX).collect(),
            arguments: hash(arguments),
            begun: Clock::monotonic(),
            ended: false,
        }
    }

    pub(super) fn end(mut self, outcome: &str) {
        self.write(outcome);
    }

    fn write(&mut self, outcome: &str) {
        self.ended = true;
        tracing::info!(
            target: "audit",
            agent = self.agent,
            tool = self.tool,
            arguments.sha256 = self.arguments,
            outcome,
            latency_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "agent call"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            self.write("abandoned");
        }
    }
}

/// One word for what came of a call: `done`, `dry_run`, or the class of the error.
pub(super) fn outcome(answer: &Result<CallToolResponse, ToolError>) -> &'static str {
    match answer {
        Err(error) => class(&error.class),
        Ok(CallToolResponse::Complete(result)) => {
            let content = result.structured_content.as_ref();
            let error = content.and_then(|content| content.get("error"));
            if result.is_error == Some(true) {
                let class_of = |error: &Value| serde_json::from_value::<ToolError>(error.clone()).ok();
                return error
                    .and_then(class_of)
                    .map_or("failed", |error| class(&error.class));
            }
            match content.and_then(|content| content.get("dry_run")) {
                Some(Value::Array(_)) => "dry_run",
                _ => "done",
            }
        }
        Ok(_) => "asked",
    }
}

fn class(class: &ErrorClass) -> &'static str {
    match class {
        ErrorClass::Invalid => "invalid",
        ErrorClass::NotFound => "not_found",
        ErrorClass::Forbidden => "forbidden",
        ErrorClass::Conflict => "conflict",
        ErrorClass::RateLimited { .. } => "rate_limited",
        ErrorClass::Unavailable => "unavailable",
        ErrorClass::UnknownEffect => "unknown_effect",
    }
}

/// SHA-256 of the arguments with sorted keys: equal arguments have equal hashes, and values stay private.
fn hash(arguments: &JsonObject) -> String {
    let text = serde_json::to_vec(arguments).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
