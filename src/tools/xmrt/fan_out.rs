//! In: one tool that only reads, and many targets. Out: an answer or an error for each. Never: a write, or all lost
//! because one failed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::Parts;
use crate::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use crate::tools::toolbox::Ctx;

/// How many calls are under way at once.
const AT_ONCE: usize = 8;
/// How long one of them may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Which tool, and for what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FanOutArgs {
    /// A tool that only reads, by its full name: github.list_issues, render.check_health.
    tool: String,
    /// The arguments of each call, beyond those they share.
    #[schemars(length(min = 1, max = 100))]
    targets: Vec<Map<String, Value>>,
    /// Arguments that all calls share.
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// What came of it, in the order of the targets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FannedOut {
    tool: String,
    /// How many answered.
    ok: usize,
    /// How many did not.
    failed: usize,
    results: Vec<OfTarget>,
}

/// What came of one target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OfTarget {
    target: Map<String, Value>,
    /// The tool's result.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed>,
}

/// Why a target has no result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failed {
    class: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

pub(super) async fn fan_out(ctx: Ctx<Parts>, args: FanOutArgs) -> Result<FannedOut, ToolError> {
    let hub = ctx.parts.hub.hub().ok_or_else(|| {
        ToolError::new(
            ErrorClass::Unavailable,
            "the other tools cannot be reached from here",
        )
    })?;
    let facts = hub.tool(&args.tool).ok_or_else(|| {
        let message = format!("there is no tool `{}`", args.tool);
        ToolError::new(ErrorClass::NotFound, message).with_remedy("its full name is `server.tool`")
    })?;
    if !facts.read_only {
        let message = format!(
            "`{}` changes something; only tools that read are fanned out",
            args.tool
        );
        return Err(ToolError::new(ErrorClass::Forbidden, message).with_remedy("call it for each target"));
    }
    if args.tool == "xmrt.fan_out" {
        return Err(ToolError::new(ErrorClass::Invalid, "it does not fan out itself"));
    }
    let mut waiting = args.targets.iter().cloned().enumerate();
    let mut results: Vec<(usize, OfTarget)> = Vec::new();
    let mut calls = JoinSet::new();
    loop {
        while calls.len() < AT_ONCE
            && let Some((index, target)) = waiting.next()
        {
            let mut arguments = args.arguments.clone();
            arguments.extend(target.clone());
            let (hub, tool, who) = (hub.clone(), args.tool.clone(), ctx.who.clone());
            // What the caller may not ask one by one, it may not ask this way either.
            let meta = CallMeta {
                who,
                ..CallMeta::default()
            };
            calls.spawn(async move { (index, of_target(&hub, &tool, meta, target, arguments).await) });
        }
        match calls.join_next().await {
            None => break,
            Some(Ok(result)) => results.push(result),
            // A panic would have been the tool's; its target is missing from the results, and counted.
            Some(Err(error)) => tracing::error!("a call of a fan-out died: {error}"),
        }
    }
    results.sort_by_key(|(index, _)| *index);
    let results: Vec<OfTarget> = results.into_iter().map(|(_, result)| result).collect();
    let ok = results.iter().filter(|result| result.error.is_none()).count();
    Ok(FannedOut {
        tool: args.tool,
        ok,
        failed: args.targets.len() - ok,
        results,
    })
}

async fn of_target(
    hub: &Hub,
    tool: &str,
    meta: CallMeta,
    target: Map<String, Value>,
    arguments: Map<String, Value>,
) -> OfTarget {
    let called = hub.call(tool, Value::Object(arguments), meta, CALL_TIMEOUT).await;
    let error = match called {
        Ok(Reply::Done(result)) => {
            return OfTarget {
                target,
                result: Some(result),
                error: None,
            };
        }
        Ok(_) => ToolError::new(
            ErrorClass::Conflict,
            "it answered as if it had been asked to look",
        ),
        Err(error) => error,
    };
    let class = serde_json::to_value(&error.class).unwrap_or_default();
    OfTarget {
        target,
        result: None,
        error: Some(Failed {
            class: class
                .get("class")
                .and_then(Value::as_str)
                .unwrap_or("unavailable")
                .to_owned(),
            message: error.message,
            remedy: error.remedy,
        }),
    }
}
