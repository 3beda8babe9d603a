//! In: one tool that only reads, and many targets. Out: an answer or an error for each. Never: a write, or all lost
//! because one failed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Parts;
use super::asked::{self, Question};
use crate::hub::{ErrorClass, ToolError};
use crate::tools::toolbox::Ctx;

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
    let hub = asked::hub(&ctx)?;
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
    let questions = args.targets.iter().map(|target| {
        let mut arguments = args.arguments.clone();
        arguments.extend(target.clone());
        Question {
            tool: args.tool.clone(),
            arguments,
        }
    });
    let answers = asked::ask(&ctx, &hub, questions.collect(), CALL_TIMEOUT).await;
    let results: Vec<OfTarget> = args.targets.into_iter().zip(answers).map(of_target).collect();
    let ok = results.iter().filter(|result| result.error.is_none()).count();
    Ok(FannedOut {
        tool: args.tool,
        ok,
        failed: results.len() - ok,
        results,
    })
}

fn of_target((target, answer): (Map<String, Value>, Result<Value, ToolError>)) -> OfTarget {
    let (result, error) = match answer {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    OfTarget {
        target,
        result,
        error: error.map(failed),
    }
}

fn failed(error: ToolError) -> Failed {
    let class = serde_json::to_value(&error.class).unwrap_or_default();
    Failed {
        class: class
            .get("class")
            .and_then(Value::as_str)
            .unwrap_or("unavailable")
            .to_owned(),
        message: error.message,
        remedy: error.remedy,
    }
}
