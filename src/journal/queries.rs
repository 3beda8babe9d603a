//! In: what somebody wants to find. Out: the shape of the answer. Never: how it is found.

use jiff::Timestamp;
use serde::Serialize;

use super::{EventKey, RunId, RunRecord, RunState, StepRecord, WaitsFor};

/// The longest page of a list. A query's limit is taken into 1 to this.
pub const PAGE_MAX: usize = 500;

/// What to find among events; newest first.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// A type, or a dotted beginning of one.
    pub kind: Option<String>,
    /// An exact subject.
    pub subject: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Only those with a sequence number below this: the cursor of the page before.
    pub before: Option<u64>,
    /// At most so many (1–500).
    pub limit: usize,
}

/// What to find among runs; newest first.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// An exact rule id.
    pub rule: Option<String>,
    /// One state.
    pub state: Option<RunState>,
    /// One thing that is waited for.
    pub waits_for: Option<WaitsFor>,
    /// One event.
    pub event: Option<EventKey>,
    /// Only those before this place: `(seq, run id)` of the last one of the page before.
    pub before: Option<(u64, RunId)>,
    /// At most so many (1–500).
    pub limit: usize,
}

/// Everything on record about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHistory {
    /// The run.
    pub run: RunRecord,
    /// Its steps, by index.
    pub steps: Vec<StepRecord>,
}

/// Counts, for health and for knowing whether work is left over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Events on record.
    pub events: u64,
    /// Later arrivals of known events.
    pub duplicates: u64,
    /// Runs by state.
    pub delayed: u64,
    /// Runs by state.
    pub queued: u64,
    /// Runs by state.
    pub running: u64,
    /// Runs by state.
    pub waiting: u64,
    /// Runs by state.
    pub unknown: u64,
    /// Runs by state.
    pub succeeded: u64,
    /// Runs by state.
    pub dead: u64,
    /// Runs by state.
    pub declined: u64,
    /// Runs by state.
    pub cancelled: u64,
    /// Runs by state.
    pub superseded: u64,
    /// Runs by state.
    pub shadowed: u64,
}

impl Stats {
    /// The count of a state.
    pub fn of(&mut self, state: RunState) -> &mut u64 {
        match state {
            RunState::Delayed => &mut self.delayed,
            RunState::Queued => &mut self.queued,
            RunState::Running => &mut self.running,
            RunState::Waiting => &mut self.waiting,
            RunState::Unknown => &mut self.unknown,
            RunState::Succeeded => &mut self.succeeded,
            RunState::Dead => &mut self.dead,
            RunState::Declined => &mut self.declined,
            RunState::Cancelled => &mut self.cancelled,
            RunState::Superseded => &mut self.superseded,
            RunState::Shadowed => &mut self.shadowed,
        }
    }
}
