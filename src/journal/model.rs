//! In: the store's operations, one at a time. Out: their answers. Never: a disk, a lock, a clock, a surprise.
//!
//! The journal's specification: what every backend of [`Store`](super::Store) must answer, written to be read. Time in it
//! never runs backwards: an operation happens at the latest of its `now` and the time of the last operation that
//! changed something.

mod archive;
mod admission;
mod find;
mod pauses;
mod queue;
mod kv;
mod audit;
mod prune;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::machine::whole;
use super::outbox::{self, Notice};
use super::{
    AuditRecord, BookRecord, Digest, Epoch, EventKey, EventRecord, Fence, KvKey, Pause, RunHistory, RunId,
    RunState, StepWrite, StoreError, Verdict,
};

/// The journal in memory, as a plain state machine.
#[derive(Clone, Debug)]
pub struct Model {
    epoch: Epoch,
    /// When something last changed.
    last: Timestamp,
    /// How many changes there were.
    changed: u64,
    /// The last place given out in the one order there is.
    seq: u64,
    events: BTreeMap<u64, Entry>,
    /// Every id an event is known by: its own and those of its kept duplicates.
    names: BTreeMap<EventKey, Name>,
    digests: BTreeMap<(String, Digest), Mark>,
    runs: BTreeMap<RunId, RunHistory>,
    cooldowns: BTreeMap<GateKey, Charge>,
    /// The charges of rates, each with when it stops counting.
    rates: BTreeMap<(GateKey, RunId), Timestamp>,
    /// The run of a burst that waits for quiet, and when the burst began.
    pending: BTreeMap<GateKey, Pending>,
    /// What stands still.
    pauses: BTreeMap<String, Pause>,
    /// What our own writes are expected to cause, by cause key and run.
    causes: BTreeMap<(String, RunId), Cause>,
    /// What became of runs and was not told yet, in order.
    outbox: BTreeMap<(Timestamp, RunId, Fence, String), Notice>,
    books: BTreeMap<String, Shelved>,
    /// Rule texts by content hash and rule id.
    texts: BTreeMap<(String, String), String>,
    last_good: Option<String>,
    kv: BTreeMap<KvKey, kv::Kept>,
    /// What was done and by whom, by place.
    trail: BTreeMap<u64, AuditRecord>,
}

#[derive(Clone, Debug)]
struct Entry {
    record: EventRecord,
    digest: Option<Digest>,
    /// Without the runs' states, which are looked up when asked for.
    verdicts: Vec<Verdict>,
    /// The rule books it was evaluated with before its present one: its runs may be of theirs.
    former_books: BTreeSet<String>,
}

/// An id that an event is known by.
#[derive(Clone, Debug)]
struct Name {
    seq: u64,
    /// It is the id of a duplicate, not the event's own.
    alias: bool,
    gone: Option<Gone>,
}

/// A body that an event is known by.
#[derive(Clone, Debug)]
struct Mark {
    seq: u64,
    gone: Option<Gone>,
}

/// What is left of an event that was deleted.
#[derive(Clone, Debug)]
struct Gone {
    /// Its own id.
    key: EventKey,
    /// Until when it is recognized.
    until: Timestamp,
}

/// A rule book, and when it was last kept.
#[derive(Clone, Debug)]
struct Shelved {
    book: BookRecord,
    at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GateKey {
    rule: String,
    shadow: bool,
    key: String,
}

#[derive(Clone, Debug)]
struct Charge {
    run: RunId,
    until: Timestamp,
}

#[derive(Clone, Debug)]
struct Pending {
    run: RunId,
    first: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Cause {
    /// The depth of the run that wrote.
    depth: u32,
    until: Timestamp,
}

impl Model {
    /// An empty journal of this identity.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            last: whole(epoch.created_at),
            changed: 0,
            epoch,
            seq: 0,
            events: BTreeMap::new(),
            names: BTreeMap::new(),
            digests: BTreeMap::new(),
            runs: BTreeMap::new(),
            cooldowns: BTreeMap::new(),
            rates: BTreeMap::new(),
            pending: BTreeMap::new(),
            pauses: BTreeMap::new(),
            causes: BTreeMap::new(),
            outbox: BTreeMap::new(),
            books: BTreeMap::new(),
            texts: BTreeMap::new(),
            last_good: None,
            kv: BTreeMap::new(),
            trail: BTreeMap::new(),
        }
    }

    /// When an operation asked for at `now` happens.
    fn at(&self, now: Timestamp) -> Timestamp {
        whole(now).max(self.last)
    }

    /// Something changes at `now`, a result of [`Model::at`]. What has run out by then can never matter again.
    fn changes(&mut self, now: Timestamp) {
        self.last = now;
        self.changed += 1;
        self.causes.retain(|_, cause| cause.until > now);
        self.cooldowns.retain(|_, charge| charge.until > now);
        self.rates.retain(|_, until| *until > now);
        self.kv.retain(|_, kept| kept.lives(now));
        let lives = |gone: &Option<Gone>| gone.as_ref().is_none_or(|gone| gone.until > now);
        self.names.retain(|_, name| lives(&name.gone));
        self.digests.retain(|_, mark| lives(&mark.gone));
    }

    /// See [`Store::changes`](crate::journal::Store::changes).
    pub fn changed(&self) -> u64 {
        self.changed
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn history(&self, run: &RunId) -> Result<&RunHistory, StoreError> {
        self.runs.get(run).ok_or_else(|| StoreError::NotFound {
            what: "run",
            id: run.0.clone(),
        })
    }

    /// Keeps a changed run, with what is to be told of it: its charges are given back if it ended without effect, and a burst
    /// is over whose run has stopped waiting for quiet.
    fn keep(&mut self, history: RunHistory) {
        let run = &history.run.id;
        if history.refunds() {
            self.cooldowns.retain(|_, charge| charge.run != *run);
            self.rates.retain(|(_, charged), _| charged != run);
        }
        if history.run.state != RunState::Delayed {
            self.pending.retain(|_, pending| pending.run != *run);
        }
        let before = self.runs.get(&history.run.id).map(|before| &before.run);
        if let Some(notice) = before.and_then(|before| outbox::notice(before, &history.run)) {
            self.outbox.insert(Self::place(&notice), notice);
        }
        self.runs.insert(history.run.id.clone(), history);
    }

    fn place(notice: &Notice) -> (Timestamp, RunId, Fence, String) {
        (notice.at, notice.run.clone(), notice.fence, notice.what.clone())
    }

    /// Remembers what the calls among `writes` are expected to cause.
    fn expect(&mut self, run: &RunId, depth: u32, writes: &[StepWrite], now: Timestamp) {
        for write in writes {
            let (StepWrite::Intent { causes, .. } | StepWrite::Done { causes, .. }) = write else {
                continue;
            };
            for (key, within_ms) in causes {
                let until = crate::clock::after(now, *within_ms);
                let cause = self
                    .causes
                    .entry((key.clone(), run.clone()))
                    .or_insert(Cause { depth, until });
                cause.until = cause.until.max(until);
            }
        }
    }
}
