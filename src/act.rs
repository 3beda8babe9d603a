//! In: a [`Call`]. Out: its [`Outcome`], through the hub. Never: what follows from it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::agents::Who;
use crate::hub::{CallMeta, ErrorClass, Hub, Patience, Pending, Reply, Resolved, ToolError};
use crate::journal::StepKey;
use crate::plan::Call;

/// What came of one attempt at a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done; this is the result.
    Done(Value),
    /// It failed, and certainly had no effect.
    Failed(ToolError),
    /// It may have had its effect.
    InDoubt(ToolError),
    /// It had its effect and is not over.
    Pending(Pending),
}

/// What came of looking for an earlier call's effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The effect is there; this is the result the call would have returned.
    Found(Value),
    /// The effect is there, and not over.
    Pending(Pending),
    /// It is not there (yet).
    Absent,
    /// Several things could be it.
    Ambiguous(String),
    /// Looking failed.
    Failed(ToolError),
}

impl Finding {
    /// In a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Pending(_) => "pending",
            Self::Absent => "absent",
            Self::Ambiguous(_) => "ambiguous",
            Self::Failed(_) => "failed",
        }
    }
}

/// Makes the call, once; `approved` says that a person approved of it.
pub async fn make(hub: &Hub, call: &Call, key: &StepKey, approved: bool) -> Outcome {
    let pending = hub.tool(&call.tool).is_some_and(|facts| facts.promises.pending);
    let meta = CallMeta {
        who: who(call),
        on_record: true,
        approved,
        idempotency_key: Some(key.0.clone()),
        patience: if pending {
            Patience::AsksAgain
        } else {
            Patience::Waits
        },
        ..CallMeta::default()
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await
    {
        Ok(Reply::Done(result)) => Outcome::Done(result),
        Ok(Reply::Pending(pending)) => Outcome::Pending(pending),
        Ok(Reply::Absent | Reply::Ambiguous(_) | Reply::Resolved(_)) => Outcome::InDoubt(ToolError {
            class: ErrorClass::UnknownEffect,
            ..misunderstood(call, "look", "act")
        }),
        Err(error) if error.class == ErrorClass::UnknownEffect => Outcome::InDoubt(error),
        Err(error) => Outcome::Failed(error),
    }
}

/// Looks for the effect of an earlier attempt at the call, begun at or after `since`, that is none of the `taken` ones.
pub async fn look(hub: &Hub, call: &Call, key: &StepKey, since: Timestamp, taken: Vec<String>) -> Finding {
    let meta = CallMeta {
        who: who(call),
        on_record: true,
        idempotency_key: Some(key.0.clone()),
        look_for_since: Some(since),
        taken,
        ..CallMeta::default()
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await
    {
        Ok(Reply::Done(result)) => Finding::Found(result),
        Ok(Reply::Pending(pending)) => Finding::Pending(pending),
        Ok(Reply::Absent) => Finding::Absent,
        Ok(Reply::Resolved(_)) => Finding::Failed(misunderstood(call, "resolve", "look")),
        Ok(Reply::Ambiguous(why)) => Finding::Ambiguous(why),
        Err(error) => Finding::Failed(error),
    }
}

/// On whose behalf the call is made.
fn who(call: &Call) -> Who {
    match &call.agent {
        Some(agent) => Who::Agent(agent.clone()),
        None => Who::Reactor,
    }
}

/// Asks what became of a call that was not over. This changes nothing, so nothing of it is ever in doubt.
pub async fn poll(hub: &Hub, call: &Call, key: &StepKey, cursor: &Value) -> Outcome {
    let meta = CallMeta {
        who: who(call),
        on_record: true,
        idempotency_key: Some(key.0.clone()),
        patience: Patience::Asks(cursor.clone()),
        ..CallMeta::default()
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await
    {
        Ok(Reply::Done(result)) => Outcome::Done(result),
        Ok(Reply::Pending(pending)) => Outcome::Pending(pending),
        Ok(_) => Outcome::Failed(misunderstood(call, "look", "say what became of a call")),
        Err(mut error) => {
            if error.class == ErrorClass::UnknownEffect {
                error.class = ErrorClass::Unavailable;
            }
            Outcome::Failed(error)
        }
    }
}

/// Asks what the call would come to. A tool that cannot say takes its arguments as they are.
pub async fn resolve(hub: &Hub, call: &Call) -> Result<Resolved, ToolError> {
    if !hub.tool(&call.tool).is_some_and(|facts| facts.promises.resolves) {
        return Ok(Resolved {
            arguments: call.arguments.clone(),
            pinned: Value::Null,
            shows: String::new(),
        });
    }
    let meta = CallMeta {
        who: who(call),
        on_record: true,
        resolve: true,
        ..CallMeta::default()
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await?
    {
        Reply::Resolved(resolved) => Ok(resolved),
        _ => Err(misunderstood(call, "act", "resolve")),
    }
}

fn misunderstood(call: &Call, answered: &str, asked: &str) -> ToolError {
    ToolError::new(
        ErrorClass::Conflict,
        format!(
            "{} answered as if it had been asked to {answered}, not to {asked}",
            call.tool
        ),
    )
}

fn timeout(call: &Call) -> Duration {
    Duration::from_millis(u64::try_from(call.timeout_ms).unwrap_or_default())
}
