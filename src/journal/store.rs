//! The seam between the journal and what keeps it. One atomic, durable write per operation.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::archive::{Export, Import};
use super::audit::{AuditEntry, AuditQuery, AuditRecord};
use super::firing::NewFiring;
use super::kv::Kv;
use super::outbox::Notice;
use super::pauses::Pause;
use super::queries::*;
use super::records::*;
use super::retention::*;
use super::steps::*;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The lease was lost: somebody else holds the run, or it has ended. Whoever gets this stops working on it.
    #[error("run {run} is no longer held under fence {fence}")]
    Fenced {
        /// The run.
        run: RunId,
        /// The fence that is too old.
        fence: Fence,
    },
    /// There is no such event or run.
    #[error("no {what} `{id}` in the journal")]
    NotFound {
        /// `event`, `run`, `rule book`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The run is not in a state in which this can be done.
    #[error("run {run} is {state}: {hint}")]
    WrongState {
        /// The run.
        run: RunId,
        /// Its state.
        state: RunState,
        /// What can be done instead.
        hint: &'static str,
    },
    /// A newer run of its group is to go on instead of this one, which makes no further call.
    #[error("run {run} makes way for run {newer} of its group, which is newer")]
    MakeWay {
        /// The run.
        run: RunId,
        /// The newer one.
        newer: RunId,
    },
    /// A name or a value that the key-value part does not take.
    #[error("`{key}` cannot be kept so: {hint}")]
    Unfit {
        /// Space and name.
        key: String,
        /// What is wrong with it.
        hint: &'static str,
    },
    /// Nothing can be made durable now (disk full, store away). Nothing was stored; or, behind a network, only the answer
    /// may have been lost: asked for again, it is stored once.
    #[error("the journal cannot be written: {0}")]
    Unavailable(String),
    /// It would not be right, and will not be however often it is asked.
    #[error("{0}")]
    Refused(String),
}

/// Where the journal is kept. [`Model`](super::Model) is the specification of every operation.
///
/// `now` comes from the caller, and everything is kept in whole milliseconds. Time never runs backwards in a journal: an
/// operation happens at the latest of its `now` and the time of the last one that changed something. All lists are
/// bounded by their query's limit, which is taken into 1 to [`PAGE_MAX`]. What is refused leaves no
/// trace; every operation may answer [`StoreError::Unavailable`].
#[async_trait]
pub trait Store: Kv + Send + Sync + std::fmt::Debug {
    /// Admits one event: recognizes a known one, applies gates, stores event, decisions and runs. Durable on return.
    ///
    /// A duplicate stores only the fact of its arrival and answers with the original's verdicts and their runs' present
    /// states, except that a rule whose newest decision was [`Decision::Error`] and which fires now is decided again.
    /// Of several firings of one rule only the first counts.
    async fn admit(&self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError>;

    /// Evaluates a known event again: each firing becomes the next generation of its event × rule. Gates other than
    /// loop depth are neither asked nor charged: a person asked. `book` becomes the event's book. The answer holds the
    /// new verdicts only. [`StoreError::NotFound`] without such an event; an id of a duplicate leads to the original.
    async fn replay(
        &self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError>;

    /// Takes up to `max` due runs, oldest first: queued and waiting ones whose time has come, and running ones whose
    /// lease has run out. Each claim raises the run's fence.
    async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError>;

    /// Extends a lease to `now + lease_ms`, and gives its end. A lease that has run out is extended, too, as long as
    /// nobody else has taken the run; otherwise [`StoreError::Fenced`].
    async fn renew(
        &self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError>;

    /// Writes steps and what follows them, atomically, if the run is running under this fence; otherwise
    /// [`StoreError::Fenced`]. Writes that make no sense are refused whole, as [`StoreError::WrongState`]: an outcome
    /// without an open intent, an attempt at a settled step, an end in a state that is no end.
    ///
    /// Ending a run refunds its cooldown when the state is declined, cancelled, shadowed or dead and no step that
    /// writes was begun or planned; one that waited for a person's leave was not begun.
    async fn advance(
        &self,
        run: &RunId,
        fence: Fence,
        writes: Vec<StepWrite>,
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Gives every lease of `worker` back at once (drain), or of every worker but it when `others` (a new boot).
    /// The runs are due now, and whoever held them is fenced off. Returns how many.
    async fn release(&self, worker: &str, others: bool, now: Timestamp) -> Result<u64, StoreError>;

    /// Settles an unknown run by a person's word. Done and repeated, it is due now; a repeated step counts as failed
    /// without effect, so its next intent goes out under the same key.
    async fn resolve(
        &self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Runs a dead, declined or cancelled run again, as the next generation, reusing the results of its done and
    /// skipped steps and its lists; open intents come along under their old key, still in doubt, and pending calls are
    /// asked for again. Only the newest run of its event and rule is run again.
    async fn retry(&self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError>;

    /// Answers the question whether a run's call may be made, if it is still asked and is the one of `hash`; otherwise
    /// [`StoreError::WrongState`]. Approved, the run is due now; rejected, it ends declined. Whether `answer.who` may
    /// say so, and whether the question has expired, the caller has found out.
    async fn answer(&self, run: &RunId, hash: &str, answer: Answer, now: Timestamp)
    -> Result<(), StoreError>;

    /// Keeps something as paused; that it was already is fine. What that stops is for the worker to say: the journal keeps
    /// the words.
    async fn pause(&self, what: &str, who: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a pause, and says whether there was one. Whatever waits for the end of a pause is due now.
    async fn resume(&self, what: &str, who: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// All that is paused, by what it is.
    async fn pauses(&self) -> Result<Vec<Pause>, StoreError>;

    /// Ends a run that is queued or waiting and has no open intent; otherwise [`StoreError::WrongState`] with what can be
    /// done instead.
    async fn cancel(&self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Adds entries to the audit trail, in order. What is said in [`Store::resolve`], [`Store::retry`], [`Store::answer`],
    /// [`Store::cancel`], [`Store::pause`] and [`Store::resume`] is added by them, and [`StepWrite::Audited`] by
    /// [`Store::advance`], in the same write. An entry that is too long is cut.
    async fn audit(&self, entries: Vec<AuditEntry>, now: Timestamp) -> Result<(), StoreError>;

    /// Entries of the audit trail, newest first.
    async fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Deletes entries that were written down `kept_ms` ago or earlier, the oldest first and at most `max` (1 to
    /// [`AUDIT_PRUNE_MAX`](super::AUDIT_PRUNE_MAX)). The newest one of all stays: the order goes on behind it. Gives how many.
    async fn prune_audit(&self, kept_ms: i64, max: usize, now: Timestamp) -> Result<u64, StoreError>;

    /// What became of runs and was not told yet, oldest first, at most `max` (1–500). See [`Notice`].
    async fn notices(&self, max: usize) -> Result<Vec<Notice>, StoreError>;

    /// Forgets notices that were told, and those that nobody wants to hear of. What is not there is no matter.
    async fn told(&self, notices: &[Notice], now: Timestamp) -> Result<(), StoreError>;

    /// One event by id: the provider's id, or the id of a dropped duplicate, which leads to the original.
    async fn event(&self, key: &EventKey) -> Result<Option<EventRecord>, StoreError>;

    /// One event by id alone, whatever its source (ids of different providers do not collide in practice).
    async fn event_by_id(&self, id: &str) -> Result<Option<EventRecord>, StoreError>;

    /// The stored decisions of an event, in firing order, generation after generation.
    async fn verdicts(&self, key: &EventKey) -> Result<Vec<Verdict>, StoreError>;

    /// Events, newest first.
    async fn events(&self, query: &EventQuery) -> Result<Vec<EventRecord>, StoreError>;

    /// One run with its steps.
    async fn run(&self, id: &RunId) -> Result<Option<RunHistory>, StoreError>;

    /// Runs, newest first.
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError>;

    /// A number that rises with every change to the journal, so that whoever watches need not look at all of it. It may begin
    /// anew with the process.
    async fn changes(&self) -> Result<u64, StoreError>;

    /// Counts.
    async fn stats(&self) -> Result<Stats, StoreError>;

    /// When the next run is due, if any: queued, waiting, or leased.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Keeps a rule book, and makes it the last good one. Knowing it already is fine.
    async fn keep_book(&self, book: BookRecord, now: Timestamp) -> Result<(), StoreError>;

    /// A rule book by hash; `None` asks for the last good one.
    async fn book(&self, hash: Option<&str>) -> Result<Option<BookRecord>, StoreError>;

    /// A rule's text by content hash.
    async fn rule_text(&self, version: &str) -> Result<Option<RuleText>, StoreError>;

    /// The journal's identity.
    async fn epoch(&self) -> Result<Epoch, StoreError>;

    /// Looks at up to `max` (1 to [`PRUNE_MAX`]) events behind the place `from`, oldest first, and deletes those whose time
    /// is over, each with its decisions, runs and steps. An event with a run that is not at its end stays. Ids and
    /// digests of what is deleted are known for [`Retention::known_ms`] after it came: a repetition is a duplicate
    /// without verdicts.
    async fn prune(
        &self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, StoreError>;

    /// Deletes the rule books that no event refers to, which are not the last good one and were last kept more than
    /// `kept_ms` ago, with the rule texts that no other book lists. Returns how many books.
    async fn prune_books(&self, kept_ms: i64, now: Timestamp) -> Result<u64, StoreError>;

    /// How large the journal is. Quick: asked every few seconds.
    async fn size(&self) -> Result<Size, StoreError>;

    /// What takes how much of it. May take as long as reading all of it.
    async fn shares(&self) -> Result<Vec<Share>, StoreError>;

    /// Makes indexes again that somebody has reached into from outside, from what they lead to. Gives how many entries were
    /// missing. May take as long as looking at all of it; a store that nobody else reaches into has nothing to do.
    async fn reindex(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Returns when all that was acknowledged to this process would outlive a power failure of the store's machine. A
    /// store whose acknowledgment means that already returns at once; so does one that cannot know.
    async fn outlast_power(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Everything in the journal, read out record by record, each event in one piece with its decisions and runs. Work goes
    /// on meanwhile; whether the whole is of one moment is told at its end. Ends early when nobody takes the records.
    async fn export(&self) -> Result<Export, StoreError>;

    /// Fills the journal with another one, which keeps its identity, order, fences and memory. Whole or not at all; a
    /// journal that holds events is left alone unless it is to be replaced, as [`StoreError::Refused`]. Nobody else may be
    /// at work in it.
    async fn import(&self, import: Import) -> Result<(), StoreError>;

    /// How far the clock that this journal goes by is behind the journal's own time, when that is more than 5 s: it jumped
    /// back, and leases and waits last that much longer until it has caught up.
    fn clock_behind(&self) -> Option<Duration> {
        None
    }

    /// Returns when something may have become due, or at once if that is not known. Only a hint: polling alone is
    /// correct.
    async fn wait(&self);
}
