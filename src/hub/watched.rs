//! In: a call, and how it ended. Out: a span of it, and that it is counted. Never: its arguments or its result.

use rmcp::model::CallToolResponse;

use super::request::{Passed, TRACEPARENT};
use super::{CallMeta, ToolError};
use crate::agents::Who;
use crate::telemetry::{Span, numbers};

/// A call under way.
pub(super) struct Call<'a> {
    tool: &'a str,
    caller: &'static str,
    span: Span,
}

impl<'a> Call<'a> {
    /// Begins one, as a part of what the caller names, or of what is under way here. `tool` is one there is.
    pub(super) fn begun(tool: &'a str, meta: &CallMeta, passed: &Passed) -> Self {
        let caller = match &meta.who {
            Who::Reactor => "reactor",
            Who::Operator(_) => "operator",
            Who::Agent(_) => "agent",
        };
        let parent = passed.meta.get(TRACEPARENT).and_then(|trace| trace.as_str());
        let span = Span::under(parent, || format!("call {tool}").into());
        span.set("mcp.tool", tool.to_owned());
        span.set("mcp.caller", caller);
        Self { tool, caller, span }
    }

    /// What is begun while this is awaited is a part of the call.
    pub(super) fn within<F: Future>(&self, what: F) -> impl Future<Output = F::Output> + use<F> {
        self.span.within(what)
    }

    /// How it ended.
    pub(super) fn ended(self, answer: &Result<CallToolResponse, ToolError>) {
        let outcome = match answer {
            Ok(CallToolResponse::Complete(result)) if result.is_error == Some(true) => "error",
            Ok(_) => "ok",
            Err(error) => error.class.as_str(),
        };
        numbers::CALLS.count([self.tool, self.caller, outcome]);
        if outcome != "ok" {
            self.span.failed(|| outcome.to_owned());
        }
    }
}
