//! In: everything a journal holds. Out: it as JSON Lines, and back. Never: a file; where a journal is kept.
//!
//! The first line says what it is, the last how many records there were and the SHA-256 of all before it, so that what
//! was cut off is known. Between them each line is one [`Record`]: rule texts, books, each event followed by its runs,
//! then what gates and loop guards remember. `docs/state.md` shows the lines.

mod bytes;
mod lines;
mod turned;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

pub(super) use bytes::body;
use bytes::digest;
pub use lines::{ArchiveError, Lines, Reader};
pub use turned::TurnBack;

use super::{
    AuditRecord, BookRecord, Digest, Epoch, EventKey, EventRecord, Notice, Pause, RuleText, RunHistory,
    RunId, StoreError, Verdict,
};

/// The version of the shape of the lines.
pub const FORMAT: u32 = 1;

/// How many records wait between whoever reads a journal and whoever writes them down.
const PIECES: usize = 64;

/// The first line: which journal, at which moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The journal's identity.
    pub epoch: Epoch,
    /// When something last changed in it.
    pub last: Timestamp,
    /// The last place given out in its one order.
    pub seq: u64,
    /// The hash of the last good rule book.
    pub last_good: Option<String>,
}

impl Head {
    /// The head of another journal than the one that went on, and as old.
    pub fn put_back(self) -> Self {
        let id = Epoch::new(self.last).id;
        let epoch = Epoch { id, ..self.epoch };
        Self { epoch, ..self }
    }

    /// The head of a journal's archive, written by this program.
    pub(crate) fn new(epoch: Epoch, last: Timestamp, seq: u64, last_good: Option<String>) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").into(),
            epoch,
            last,
            seq,
            last_good,
        }
    }
}

/// One thing a journal holds. Every kind of thing there is has its variant here: what a store keeps and no variant
/// carries would be lost on the way from one store to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A rule's text.
    RuleText(RuleText),
    /// A rule book.
    Book(ArchivedBook),
    /// What a deleted event is recognized by.
    Known(Known),
    /// An event with its decisions.
    Event(Box<ArchivedEvent>),
    /// A run with its steps; it follows its event.
    Run(Box<RunHistory>),
    /// A cooldown that was charged.
    Cooldown(GateCharge),
    /// A charge of a rate.
    Rate(GateCharge),
    /// A burst that waits for quiet.
    Burst(Burst),
    /// An effect that is expected of a write of ours.
    Cause(Cause),
    /// What became of a run and was not told yet.
    Notice(Notice),
    /// A small value by name.
    Value(NamedValue),
    /// Something that stands still.
    Pause(Pause),
    /// An entry of the audit trail.
    Audit(Box<AuditRecord>),
}

impl Record {
    /// What is not at its end waits for a person: its journal did more after `last`, when it was written down.
    pub fn hold(&mut self, last: Timestamp) {
        if let Self::Run(history) = self {
            let reason =
                format!("the journal was put back as it was at {last}: this may have been done since");
            history.hold(&reason, last);
        }
    }

    /// Its kind: the name of its line.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RuleText(_) => "rule_text",
            Self::Book(_) => "book",
            Self::Known(_) => "known",
            Self::Event(_) => "event",
            Self::Run(_) => "run",
            Self::Cooldown(_) => "cooldown",
            Self::Rate(_) => "rate",
            Self::Burst(_) => "burst",
            Self::Cause(_) => "cause",
            Self::Notice(_) => "notice",
            Self::Value(_) => "value",
            Self::Pause(_) => "pause",
            Self::Audit(_) => "audit",
        }
    }
}

/// A rule book; its texts have lines of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedBook {
    /// Its hash.
    pub hash: String,
    /// Opaque settings.
    pub settings: Value,
    /// Version and id of each of its rules.
    pub rules: Vec<(String, String)>,
    /// When it was last kept.
    pub kept_at: Timestamp,
}

impl ArchivedBook {
    /// A book without its texts.
    pub fn of(book: &BookRecord, kept_at: Timestamp) -> Self {
        let name = |rule: &RuleText| (rule.version.clone(), rule.rule.clone());
        Self {
            hash: book.hash.clone(),
            settings: book.settings.clone(),
            rules: book.rules.iter().map(name).collect(),
            kept_at,
        }
    }
}

/// An event with its decisions and its second dedupe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedEvent {
    /// The event.
    pub record: EventRecord,
    /// The digest by which it is recognized under another id.
    #[serde(with = "digest")]
    pub digest: Option<Digest>,
    /// The rule books it was evaluated with before its present one.
    pub former_books: BTreeSet<String>,
    /// Its decisions, with the states their runs had.
    pub verdicts: Vec<Verdict>,
}

/// What a deleted event is recognized by when it comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// How it was called.
    pub key: EventKey,
    /// Its place in the one order.
    pub seq: u64,
    /// The ids it is known by, its own among them, in order.
    pub ids: Vec<String>,
    /// The digest by which it is recognized under another id.
    #[serde(with = "digest")]
    pub digest: Option<Digest>,
    /// Until when.
    pub until: Timestamp,
}

/// A limit of a rule that was charged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateCharge {
    /// The rule's id.
    pub rule: String,
    /// Whether it is the one of shadow runs.
    pub shadow: bool,
    /// The rendered gate key.
    pub key: String,
    /// The run that charged it.
    pub run: RunId,
    /// When it is over.
    pub until: Timestamp,
}

/// A burst that waits for quiet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// The rule's id.
    pub rule: String,
    /// Whether it is the one of shadow runs.
    pub shadow: bool,
    /// The rendered gate key.
    pub key: String,
    /// The run that waits.
    pub run: RunId,
    /// When the burst began.
    pub first: Timestamp,
}

/// An effect that is expected of a write of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The cause key.
    pub key: String,
    /// The run that wrote.
    pub run: RunId,
    /// That run's depth.
    pub depth: u32,
    /// Until when the effect is expected.
    pub until: Timestamp,
}

/// A small value by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedValue {
    /// Whose it is.
    pub space: String,
    /// Its name there.
    pub name: String,
    /// Its bytes.
    #[serde(with = "body")]
    pub value: ::bytes::Bytes,
    /// When its time is over, if it ever is.
    pub until: Option<Timestamp>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many records there were.
    pub records: u64,
    /// And of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// Whether all of it is of one moment. Otherwise the journal was at work meanwhile, and only each event with its
    /// decisions and runs is of one moment.
    pub one_moment: bool,
    /// SHA-256 of all lines before this one, line feeds included, in hexadecimal.
    pub sha256: String,
}

/// A journal being read out.
#[derive(Debug)]
pub struct Export {
    /// The first line.
    pub head: Head,
    /// The records, in order. An error is the last thing to come.
    pub records: mpsc::Receiver<Result<Record, StoreError>>,
    /// Whether something changed while it was read; known when all records have come.
    pub moved: Arc<AtomicBool>,
}

/// Where a store puts the records it reads out.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) records: mpsc::Sender<Result<Record, StoreError>>,
    moved: Arc<AtomicBool>,
}

impl Export {
    /// An export, and where its records are to be put.
    pub(crate) fn new(head: Head) -> (Self, Outlet) {
        let (sender, records) = mpsc::channel(PIECES);
        let moved = Arc::new(AtomicBool::new(false));
        let outlet = Outlet {
            records: sender,
            moved: Arc::clone(&moved),
        };
        (Self { head, records, moved }, outlet)
    }
}

impl Outlet {
    /// Says that the journal changed while it was read.
    pub(crate) fn has_moved(&self) {
        self.moved.store(true, Ordering::Release);
    }
}

/// A journal to be filled.
#[derive(Debug)]
pub struct Import {
    /// The first line.
    pub head: Head,
    /// How many records will come: with fewer nothing is imported.
    pub total: u64,
    /// The records, in the order of an export.
    pub records: mpsc::Receiver<Record>,
    /// Whether what is in the journal now is to be deleted.
    pub replace: bool,
}

impl Import {
    /// Whether all records have come, when `records` have.
    pub(crate) fn came(&self, records: u64) -> Result<(), StoreError> {
        if records == self.total {
            return Ok(());
        }
        Err(StoreError::Refused(format!(
            "only {records} of {} records came: nothing was imported",
            self.total
        )))
    }
}

/// Whether an import may begin in a journal with so many events.
pub(crate) fn only_into_empty(events: u64) -> Result<(), StoreError> {
    if events == 0 {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "the journal holds {events} events already: import into an empty one, or with --replace, which deletes them"
    )))
}

/// Runs are told right behind their events.
pub(crate) fn follows_its_event(history: &RunHistory, event: Option<&EventKey>) -> Result<(), StoreError> {
    if event == Some(&history.run.event) {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "run {} does not follow its event {}",
        history.run.id, history.run.event
    )))
}
