//! In: how long things are wanted. Out: what that means, and what came of it. Never: which things there are.

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::after;

/// How many events one step of pruning looks at, at most: everybody else waits that long.
pub const PRUNE_MAX: usize = 64;

/// How long ids and bodies of events are known at least, whatever else is deleted: Render sends again for 33 hours,
/// GitHub's deliveries can be sent again for three days. In milliseconds.
pub const KNOWN_MS_MIN: i64 = 8 * 24 * 3_600_000;

/// How long a rule book is kept after it was last in force at a start or a reload, if no event refers to it: an
/// instance may be at work on it and have seen no event. In milliseconds.
pub const BOOK_MS_MIN: i64 = 8 * 24 * 3_600_000;

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// An event that made no run, with its decisions: so long after it came, in milliseconds.
    pub events_ms: i64,
    /// An event with runs, with its decisions, runs and steps: so long after the last change to one of them, in
    /// milliseconds. A run that is not at its end keeps its event however old it is.
    pub runs_ms: i64,
    /// How long after it came an event is recognized when it comes again, kept or not, in milliseconds.
    pub known_ms: i64,
}

impl Retention {
    /// What came later than this cannot be deleted yet.
    pub(crate) fn newest(&self, now: Timestamp) -> Timestamp {
        after(now, -self.events_ms.min(self.runs_ms))
    }
}

/// What a step of pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events that were deleted, with their decisions.
    pub events: u64,
    /// Their runs.
    pub runs: u64,
    /// The place to go on from; `None` when all that could be deleted has been looked at.
    pub next: Option<u64>,
}

/// How large a journal is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Size {
    /// What it takes, in bytes: of the file, without what is free in it; or of the server's memory, others' included.
    pub bytes: u64,
    /// What is free in its file and used next, in bytes.
    pub free_bytes: u64,
}

/// How much of one kind there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// `events`, `decisions`, `runs`, `steps`, `dedupe`, `gates`, `books`, …
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What they take with their indexes, in bytes; an estimate where it cannot be known without reading all of it.
    pub bytes: u64,
}
