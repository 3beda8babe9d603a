//! The journal's nouns. Bodies (`meta`, `pinned`, `call`, `result`) are opaque JSON: the journal stores them and never
//! looks inside.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GroupPlace, NewFiring, StepRecord, WaitsFor};

/// An event's identity: its source and the id the provider sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    /// `github`, `render`, …
    pub source: String,
    /// The provider's delivery id.
    pub id: String,
}

/// A run's identity: 32 hexadecimal digits of `SHA-256(source, event id, rule id, generation)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub String);

/// A step's identity and idempotency key: 32 hexadecimal digits of `SHA-256(run id, step id, item key)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepKey(pub String);

/// SHA-256 of a raw body.
pub type Digest = [u8; 32];

/// The attempt number of a lease. A write under an older fence than the run's present one is refused.
pub type Fence = u64;

/// One event on its way in, with what the rules want of it.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its identity.
    pub key: EventKey,
    /// A second dedupe key: another event with the same digest and source is the same event.
    pub digest: Option<Digest>,
    /// Dotted type, for finding.
    pub kind: String,
    /// Subject, for finding.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// The rest of its envelope, opaque.
    pub meta: Value,
    /// The payload's bytes.
    pub body: Bytes,
    /// The hash of the rule book it was matched with.
    pub book: String,
    /// Keys under which a write of ours would have announced it; see [`StepWrite::Intent`](super::StepWrite::Intent).
    pub causes: Vec<String>,
    /// The run of ours that it tells of: its chain goes on.
    pub after: Option<RunId>,
    /// What the rules want.
    pub firings: Vec<NewFiring>,
}

/// The answer to an admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The event on record: for a duplicate, the original.
    pub key: EventKey,
    /// Its place in the one order there is.
    pub seq: u64,
    /// Whether it was known, and by what.
    pub duplicate: Option<DuplicateBy>,
    /// One per firing; for a duplicate the earlier ones.
    pub verdicts: Vec<Verdict>,
}

impl Admission {
    /// Of a new event that no rule has to do with.
    pub fn of_silent(key: EventKey, seq: u64) -> Self {
        Self {
            key,
            seq,
            duplicate: None,
            verdicts: Vec::new(),
        }
    }
}

/// By what a duplicate was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateBy {
    /// The same source and id.
    Id,
    /// The same body under another id.
    Body,
}

/// What was decided for one rule, as stored with the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The rule's id.
    pub rule: String,
    /// The rule's content hash at the decision.
    pub version: String,
    /// Which generation of the event × rule it is: 0 unless replayed or run again.
    pub generation: u32,
    /// What was decided.
    pub decision: Decision,
    /// The run, where there is one.
    pub run: Option<RunId>,
    /// The run's present state, where there is one.
    pub state: Option<RunState>,
    /// Why, for a person: which gate, which error.
    pub reason: Option<String>,
}

/// A decision the journal stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A run was made.
    Fired,
    /// A cooldown or a rate refused it; the reason names the run that charged the gate.
    Suppressed,
    /// It happened too long ago.
    Stale,
    /// It is the effect of a chain of our own runs that is already as long as allowed.
    LoopCut,
    /// The rule could not be evaluated.
    Error,
}

/// A run's state. Terminal states are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its rule starts it later: after a `delay`, or when nothing newer has come (`debounce`).
    Delayed,
    /// Ready, not yet begun.
    Queued,
    /// A worker holds its lease.
    Running,
    /// It waits for a time or for a person: see [`WaitsFor`].
    Waiting,
    /// A write's result is unknown and cannot be found out: a person decides.
    Unknown,
    /// All steps done.
    Succeeded,
    /// It failed for good; it can be run again.
    Dead,
    /// A `require` did not hold.
    Declined,
    /// A person, or the rule being switched off, ended it.
    Cancelled,
    /// A newer run took its place before it was begun; the reason names it.
    Superseded,
    /// A shadow run reached its first write, or its end.
    Shadowed,
}

impl RunState {
    /// Whether nothing can follow.
    pub fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Delayed | Self::Queued | Self::Running | Self::Waiting | Self::Unknown
        )
    }
}

/// An event on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// Its identity.
    pub key: EventKey,
    /// Its place in the one order there is.
    pub seq: u64,
    /// Dotted type.
    pub kind: String,
    /// Subject.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// When it was admitted.
    pub received_at: Timestamp,
    /// The rest of its envelope, opaque.
    pub meta: Value,
    /// The payload's bytes.
    #[serde(with = "super::archive::body")]
    pub body: Bytes,
    /// The rule book it was matched with.
    pub book: String,
    /// How many runs of ours led to it: 0 for an event from outside.
    pub depth: u32,
    /// The run whose effect it is.
    pub caused_by: Option<RunId>,
    /// Ids under which it arrived again, newest last; at most [`DUPLICATES_KEPT`].
    pub duplicates: Vec<Duplicate>,
    /// How often it arrived again.
    pub duplicates_total: u64,
}

/// How many later arrivals of an event are kept with it; beyond that they are only counted.
pub const DUPLICATES_KEPT: usize = 16;

/// One later arrival of a known event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The id it came under.
    pub id: String,
    /// By what it was recognized.
    pub by: DuplicateBy,
    /// When.
    pub at: Timestamp,
}

/// A run on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Its identity.
    pub id: RunId,
    /// Its place in the one order there is: the admission's.
    pub seq: u64,
    /// The event it belongs to.
    pub event: EventKey,
    /// The rule's id.
    pub rule: String,
    /// The rule's content hash, pinned.
    pub version: String,
    /// 0, unless replayed or run again.
    pub generation: u32,
    /// Its state.
    pub state: RunState,
    /// What it waits for, while it waits.
    pub waits_for: Option<WaitsFor>,
    /// Why it is in that state, for a person.
    pub reason: Option<String>,
    /// Plan and record, write nothing.
    pub shadow: bool,
    /// Its place in its concurrency group. Shadow runs have none: they write nothing.
    pub group: Option<GroupPlace>,
    /// What it pinned, opaque.
    pub pinned: Value,
    /// How many of our own runs led to it, itself not counted.
    pub depth: u32,
    /// The present fence: how often it was claimed.
    pub fence: Fence,
    /// How often it was claimed since it last got on.
    pub stalls: u32,
    /// Who holds it.
    pub worker: Option<String>,
    /// When it is due: to be claimed, or its lease to be taken over. `None` once terminal or unknown.
    pub due_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A run with a lease on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The run, as of the claim.
    pub run: RunRecord,
    /// Its event.
    pub event: EventRecord,
    /// Its steps so far, by index.
    pub steps: Vec<StepRecord>,
    /// The lease's end.
    pub lease_until: Timestamp,
}

/// A journal's identity: made with it, kept in it. A new one means the old journal was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Random.
    pub id: String,
    /// When the journal was created.
    pub created_at: Timestamp,
}

impl Epoch {
    /// The identity of a journal made at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            created_at: crate::journal::machine::whole(now),
        }
    }
}

/// A rule's text, kept by content as long as events refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// The rule's id.
    pub rule: String,
    /// The content hash.
    pub version: String,
    /// The file's text.
    pub text: String,
}

/// A rule book on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookRecord {
    /// The book's hash.
    pub hash: String,
    /// Opaque settings the rules were loaded with (variables of `xmrt.toml`).
    pub settings: Value,
    /// Its rules.
    pub rules: Vec<RuleText>,
}
