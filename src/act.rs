//! In: a [`Call`]. Out: its [`Outcome`], through the hub. Never: what follows from it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::agents::Who;
use crate::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
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
}

/// What came of looking for an earlier call's effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The effect is there; this is the result the call would have returned.
    Found(Value),
    /// It is not there (yet).
    Absent,
    /// Several things could be it.
    Ambiguous(String),
    /// Looking failed.
    Failed(ToolError),
}

/// Makes the call, once.
pub async fn make(hub: &Hub, call: &Call, key: &StepKey) -> Outcome {
    let meta = CallMeta {
        who: who(call),
        approved: false,
        idempotency_key: Some(key.0.clone()),
        look_for_since: None,
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await
    {
        Ok(Reply::Done(result)) => Outcome::Done(result),
        Ok(Reply::Absent | Reply::Ambiguous(_)) => Outcome::InDoubt(ToolError {
            class: ErrorClass::UnknownEffect,
            message: format!(
                "{} answered as if it had been asked to look, not to act",
                call.tool
            ),
            remedy: None,
        }),
        Err(error) if error.class == ErrorClass::UnknownEffect => Outcome::InDoubt(error),
        Err(error) => Outcome::Failed(error),
    }
}

/// Looks for the effect of an earlier attempt at the call, begun at or after `since`.
pub async fn look(hub: &Hub, call: &Call, key: &StepKey, since: Timestamp) -> Finding {
    let meta = CallMeta {
        who: who(call),
        approved: false,
        idempotency_key: Some(key.0.clone()),
        look_for_since: Some(since),
    };
    match hub
        .call(&call.tool, call.arguments.clone(), meta, timeout(call))
        .await
    {
        Ok(Reply::Done(result)) => Finding::Found(result),
        Ok(Reply::Absent) => Finding::Absent,
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

fn timeout(call: &Call) -> Duration {
    Duration::from_millis(u64::try_from(call.timeout_ms).unwrap_or_default())
}
