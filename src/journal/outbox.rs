//! In: a run before and after a change. Out: what is to be told of it. Never: telling it.
//!
//! A notice is stored in the same write as the change it is about. It stays until somebody says that it was told, so it is told
//! at least once; whoever makes an event of it gives that an id that follows from the notice, so it is one event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EventKey, Fence, RunId, RunRecord, RunState, WaitsFor};

/// The source of the events that are made of notices.
const SOURCE: &str = "xmrt";

/// Something that became of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// Of which run.
    pub run: RunId,
    /// The run's fence then: the same may become of a run twice, but not under one fence.
    pub fence: Fence,
    /// What, the last part of the event's type: `run_dead`.
    pub what: String,
    /// Why the run is in that state, for a person.
    pub reason: Option<String>,
}

impl Notice {
    /// The key of the event that is made of it.
    pub fn key(&self) -> EventKey {
        EventKey {
            source: SOURCE.into(),
            id: format!("{}-{}-{}", self.run, self.fence, self.what),
        }
    }
}

/// What a change of a run is to be told as.
pub(crate) fn notice(before: &RunRecord, after: &RunRecord) -> Option<Notice> {
    Some(Notice {
        at: after.updated_at,
        run: after.id.clone(),
        fence: after.fence,
        what: became(before, after)?.into(),
        reason: after.reason.clone(),
    })
}

fn became(before: &RunRecord, after: &RunRecord) -> Option<&'static str> {
    let asks = |run: &RunRecord| run.waits_for == Some(WaitsFor::Approval);
    if asks(after) && !asks(before) {
        return Some("approval_requested");
    }
    if before.state == after.state {
        return None;
    }
    match after.state {
        RunState::Succeeded => Some("run_succeeded"),
        RunState::Dead => Some("run_dead"),
        RunState::Unknown => Some("run_unknown"),
        RunState::Declined => Some("run_declined"),
        RunState::Cancelled => Some("run_cancelled"),
        RunState::Shadowed => Some("run_shadowed"),
        // Of one that a newer run replaced, the newer one is what there is to tell.
        RunState::Superseded => None,
        RunState::Queued | RunState::Delayed | RunState::Running | RunState::Waiting => None,
    }
}
