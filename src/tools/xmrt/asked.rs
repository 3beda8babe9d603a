//! In: calls of tools that only read. Out: an answer or an error for each, in their order. Never: more rights than the caller has; all
//! lost because one failed.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::Parts;
use crate::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use crate::tools::toolbox::Ctx;

/// How many calls are under way at once.
const AT_ONCE: usize = 8;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The tool's full name.
    pub(super) tool: String,
    pub(super) arguments: Map<String, Value>,
}

/// The hub that the other tools are behind.
pub(super) fn hub(ctx: &Ctx<Parts>) -> Result<Hub, ToolError> {
    ctx.parts.hub.hub().ok_or_else(|| {
        ToolError::new(
            ErrorClass::Unavailable,
            "the other tools cannot be reached from here",
        )
    })
}

/// Asks them all, a few at once, each for at most `patience`.
pub(super) async fn ask(
    ctx: &Ctx<Parts>,
    hub: &Hub,
    questions: Vec<Question>,
    patience: Duration,
) -> Vec<Result<Value, ToolError>> {
    let died = || {
        Err(ToolError::new(
            ErrorClass::Unavailable,
            "the call ended without an answer",
        ))
    };
    // What a panic took with it stays this.
    let mut answers: Vec<Result<Value, ToolError>> = questions.iter().map(|_| died()).collect();
    let mut waiting = questions.into_iter().enumerate();
    let mut calls = JoinSet::new();
    loop {
        while calls.len() < AT_ONCE
            && let Some((index, question)) = waiting.next()
        {
            // What the caller may not ask one by one, it may not ask this way either.
            // By the key both have the same trace, so that the trail says what an answer was asked for.
            let meta = CallMeta {
                who: ctx.who.clone(),
                idempotency_key: ctx.key.clone(),
                ..CallMeta::default()
            };
            let hub = hub.clone();
            calls.spawn(async move { (index, answer(&hub, question, meta, patience).await) });
        }
        match calls.join_next().await {
            None => return answers,
            Some(Ok((index, answer))) => answers[index] = answer,
            Some(Err(_)) => tracing::error!("a call among many died; why, the line of its panic says"),
        }
    }
}

async fn answer(
    hub: &Hub,
    question: Question,
    meta: CallMeta,
    patience: Duration,
) -> Result<Value, ToolError> {
    let arguments = Value::Object(question.arguments);
    match hub.call(&question.tool, arguments, meta, patience).await? {
        Reply::Done(result) => Ok(result),
        _ => Err(ToolError::new(
            ErrorClass::Conflict,
            "it answered as if it had been asked to look",
        )),
    }
}

/// A result as the tool's own type has it.
pub(super) fn typed<T: DeserializeOwned>(tool: &str, result: Value) -> Result<T, ToolError> {
    serde_json::from_value(result).map_err(|error| {
        ToolError::new(
            ErrorClass::Unavailable,
            format!("{tool} answered with something else: {error}"),
        )
    })
}
