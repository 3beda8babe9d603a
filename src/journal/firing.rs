//! In: nothing; the nouns. Out: what a rule wants of an event, and what may hold it back. Never: how that is decided.

use serde_json::Value;

/// What one rule wants of an event.
#[derive(Clone, Debug)]
pub struct NewFiring {
    /// The rule's id.
    pub rule: String,
    /// The rule's content hash.
    pub version: String,
    /// A run, or only a decision on record.
    pub wish: Wish,
}

/// A run, or only a decision on record.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Start a run unless a gate is closed.
    Run {
        /// Plan and record, write nothing.
        shadow: bool,
        /// What may suppress it.
        gates: Gates,
        /// What the run pins (variables and the like), opaque.
        pinned: Value,
    },
    /// The rule could not be evaluated: keep the reason.
    Error {
        /// Why, for a person.
        reason: String,
    },
}

/// What may suppress a run or hold it back, in the order it is asked: age, loop depth, cooldown, rate, debounce, delay.
/// The first refusal charges nothing; what is charged is given back when the run ends without a write begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// The rendered gate key. The journal adds the rule's id, and keeps shadow runs apart.
    pub key: String,
    /// Refuse events that happened longer ago, in milliseconds.
    pub max_age_ms: Option<i64>,
    /// How many runs one outside event may cause in a row (3 by default).
    pub depth_max: u32,
    /// After one admitted run, suppress for the same key, in milliseconds.
    pub cooldown_ms: Option<i64>,
    /// How many runs of the same key are admitted in any stretch of time.
    pub rate: Option<Rate>,
    /// Wait for quiet, then run once with the newest event of the same key.
    pub debounce: Option<Debounce>,
    /// Start so many milliseconds later.
    pub delay_ms: Option<i64>,
    /// Runs of one group follow one another. This holds for replays, too.
    pub group: Option<Group>,
}

/// A concurrency group: of its runs only one makes calls at a time, in the order of their admission.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name, rendered. Groups are shared by all rules that name them.
    pub key: String,
    /// A newer run does not wait for the one that has the group: that one ends between two of its calls.
    pub cancel_in_progress: bool,
    /// Of those that wait and were not begun only the newest stays, of those that say so.
    pub latest: bool,
}

/// So many in any stretch of time of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many runs; at least 1.
    pub max: u32,
    /// The length, in milliseconds.
    pub window_ms: i64,
}

/// A pause without events that has to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debounce {
    /// How long nothing newer may have come, in milliseconds.
    pub quiet_ms: i64,
    /// The longest wait since the first event of a burst, in milliseconds.
    pub max_wait_ms: i64,
}
