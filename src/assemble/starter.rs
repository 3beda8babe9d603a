//! The way from a tool back to the reactor that calls it.

use std::sync::{Arc, Weak};

use crate::hub::{ErrorClass, ToolError};
use crate::reactor::{Reactor, TriggerError, Wish};
use crate::tools::xmrt::{Start, Triggered, Wanted};

/// Who asks, for the record, when a tool does.
const WHO: &str = "mcp";

/// Starts rules of this reactor, for as long as it lives.
pub(super) fn into(reactor: &Arc<Reactor>) -> Start {
    let reactor = Arc::downgrade(reactor);
    Box::new(move |wanted| {
        let reactor = Weak::clone(&reactor);
        Box::pin(async move {
            let reactor = reactor
                .upgrade()
                .ok_or_else(|| ToolError::new(ErrorClass::Unavailable, "the reactor is shutting down"))?;
            start(&reactor, wanted).await
        })
    })
}

/// In a test of one rule there are no others to be started: it is said to be done, and nothing is.
pub(super) fn nowhere() -> Start {
    Box::new(|wanted| {
        let event = format!("{}-in-a-test", wanted.rule);
        Box::pin(async move {
            Ok(Triggered {
                event,
                duplicate: false,
                runs: Vec::new(),
                reason: Some("a test starts no other rule".into()),
            })
        })
    })
}

async fn start(reactor: &Reactor, wanted: Wanted) -> Result<Triggered, ToolError> {
    let wish = Wish {
        rule: wanted.rule,
        payload: wanted.payload.into(),
        who: WHO.into(),
        key: wanted.key,
    };
    let admission = reactor.trigger(&wish).await.map_err(|error| {
        let class = match &error {
            TriggerError::NoRule(..) => ErrorClass::NotFound,
            TriggerError::NotManual(_) | TriggerError::Off(..) => ErrorClass::Forbidden,
            TriggerError::Malformed(_) => ErrorClass::Invalid,
            TriggerError::Reused(_) => ErrorClass::Conflict,
            TriggerError::Store(_) => ErrorClass::Unavailable,
        };
        ToolError::new(class, error.to_string())
    })?;
    let runs: Vec<String> = admission
        .verdicts
        .iter()
        .filter_map(|verdict| Some(verdict.run.as_ref()?.0.clone()))
        .collect();
    let refused = admission.verdicts.iter().find(|verdict| verdict.run.is_none());
    let reason = match refused {
        Some(verdict) => Some(
            verdict
                .reason
                .clone()
                .unwrap_or_else(|| verdict.decision.to_string()),
        ),
        None if runs.is_empty() => Some("the rule's conditions do not hold for this payload".to_owned()),
        None => None,
    };
    Ok(Triggered {
        event: admission.key.id,
        duplicate: admission.duplicate.is_some(),
        runs,
        reason,
    })
}
