//! In: the fields that make something itself. Out: its id, and the word for it. Never: randomness or time: the same
//! thing always gets the same id, on every replica and after every crash.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Decision, DuplicateBy, EventKey, RunId, RunState, Stand, StepKey, StepState, WaitsFor};

impl RunId {
    /// The id of the run that `rule` makes of an event. The rule's *version* is not in it: editing a rule must not
    /// double an effect. `generation` is 0, and rises only by an explicit replay or retry.
    pub fn of(event: &EventKey, rule: &str, generation: u32) -> Self {
        Self(hash(
            "xmrt run 1",
            &[
                event.source.as_bytes(),
                event.id.as_bytes(),
                rule.as_bytes(),
                &generation.to_be_bytes(),
            ],
        ))
    }
}

impl StepKey {
    /// The idempotency key of a run's step. `item` is the item's key in a `for_each` action, and empty elsewhere.
    pub fn of(run: &RunId, step: &str, item: &str) -> Self {
        Self(hash(
            "xmrt step 1",
            &[run.0.as_bytes(), step.as_bytes(), item.as_bytes()],
        ))
    }
}

/// 32 hexadecimal digits of SHA-256. Every field goes in behind its length, so no two lists of fields can be confused.
fn hash(domain: &str, fields: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for field in std::iter::once(&domain.as_bytes()).chain(fields) {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    hex::encode(&sha.finalize()[..16])
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The word of each variant of a closed enum: as it is shown, stored and asked for.
macro_rules! words {
    ($kind:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $kind {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it: as it is shown, stored and asked for.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The one of this word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(RunState {
    Delayed = "delayed",
    Queued = "queued",
    Running = "running",
    Waiting = "waiting",
    Unknown = "unknown",
    Succeeded = "succeeded",
    Dead = "dead",
    Declined = "declined",
    Cancelled = "cancelled",
    Superseded = "superseded",
    Shadowed = "shadowed",
});

words!(StepState {
    Asked = "asked",
    Intent = "intent",
    Pending = "pending",
    Failed = "failed",
    Done = "done",
    Skipped = "skipped",
    Planned = "planned",
    Listed = "listed",
    Tolerated = "tolerated",
});

words!(WaitsFor {
    Retry = "retry",
    Look = "look",
    PendingCall = "pending_call",
    Approval = "approval",
    Group = "group",
    Pause = "pause",
    Worker = "worker",
});

words!(Stand {
    Apart = "apart",
    Queued = "queued",
    Holds = "holds",
});

words!(Decision {
    Fired = "fired",
    Suppressed = "suppressed",
    Stale = "stale",
    LoopCut = "loop_cut",
    Error = "error",
});

words!(DuplicateBy {
    Id = "id",
    Body = "body",
});
