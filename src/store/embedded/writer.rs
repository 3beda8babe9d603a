//! In: commands from many tasks. Out: their answers, once they are durable. Never: two writers.
//!
//! One thread owns the one connection that writes. What waits in its queue is committed together: one fsync for many
//! commands; an answer is given only after the commit. A command that is refused leaves no trace and spoils no other. Hardly any
//! is refused once it has written something, and a savepoint for each copies every page that it touches: so they are done without,
//! and if one fails half done, what was done is rolled back, and all of them are done again, each with a savepoint of its own.

mod desk;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::journal::StoreError;
use crate::journal::machine::whole;

pub(super) use desk::Desk;

/// How many commands may wait; beyond that the callers wait to hand theirs in.
const QUEUE_MAX: usize = 1024;

/// How often what has run out is deleted. Only space is at stake: what has run out is never looked at.
const SWEEP_EVERY_MS: i64 = 1000;

/// Why a command was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The journal refuses it.
    Store(StoreError),
    /// The database failed.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sql(error) => unavailable(&error),
        }
    }
}

/// A failure of the database, as the callers see it: nothing was stored, and it may go better later.
pub(super) fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// The journal's time and its one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    last: Timestamp,
    seq: u64,
    /// How many changes this process has made.
    changes: u64,
    /// How many events it has put on record.
    events: u64,
}

/// What a command works with: the connection, inside a transaction, and the journal's time.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    order: Order,
    swept: &'a mut Timestamp,
}

impl Tx<'_> {
    /// When an operation asked for at `now` happens.
    pub(super) fn at(&self, now: Timestamp) -> Timestamp {
        whole(now).max(self.order.last)
    }

    /// Something changes at `now`, a result of [`Tx::at`].
    pub(super) fn changes(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        self.order.last = now;
        self.order.changes += 1;
        if now.as_millisecond() - self.swept.as_millisecond() < SWEEP_EVERY_MS {
            return Ok(());
        }
        *self.swept = now;
        for sweep in [
            "DELETE FROM cooldowns WHERE until <= ?1",
            "DELETE FROM rates WHERE until <= ?1",
            "DELETE FROM causes WHERE until <= ?1",
            "DELETE FROM kv WHERE until <= ?1",
            "DELETE FROM names WHERE (source, id) IN (SELECT source, id FROM names WHERE until <= ?1 LIMIT 500)",
            "DELETE FROM digests WHERE (source, digest) IN
               (SELECT source, digest FROM digests WHERE until <= ?1 LIMIT 500)",
        ] {
            self.conn.prepare_cached(sweep)?.execute([now.as_millisecond()])?;
        }
        Ok(())
    }

    /// Goes on where another journal was: its last change, its last place in the order.
    pub(super) fn follow(&mut self, last: Timestamp, seq: u64) {
        self.order = Order {
            last,
            seq,
            changes: self.order.changes + 1,
            ..self.order
        };
    }

    /// An event was put on record: what counts them is written once for all of a commit.
    pub(super) fn one_more_event(&mut self) {
        self.order.events += 1;
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.order.seq += 1;
        self.order.seq
    }
}

/// How a command went.
enum Ran {
    /// Its changes are to be kept.
    Kept,
    /// The journal refused it.
    Refused,
    /// The database failed.
    Failed(Failure),
}

/// What the database said when it failed.
#[derive(Clone, Debug)]
struct Failure {
    what: String,
    /// There is no space left.
    is_full: bool,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&rusqlite::Error> for Failure {
    fn from(error: &rusqlite::Error) -> Self {
        Self {
            what: error.to_string(),
            is_full: error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
        }
    }
}

/// A command whose answer's type the writer does not know.
trait Job: Send {
    /// Does it, and says whether it is to be kept. What was done before is done again if the batch has to be.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Whether it cannot be done again, and so shares a commit with no other.
    fn is_alone(&self) -> bool;
    /// Gives the answer, now that its batch is durable or has failed.
    fn answer(self: Box<Self>, batch: Result<(), &Failure>);
}

struct Command<T, F> {
    work: F,
    alone: bool,
    done: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Command<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn is_alone(&self) -> bool {
        self.alone
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        // A command that panics must not take the one writer with it: nothing could be accepted any more.
        match std::panic::catch_unwind(AssertUnwindSafe(|| (self.work)(tx))) {
            Ok(done) => self.done = Some(done),
            Err(_panic) => {
                let what = "the command panicked; this is a bug in xmrt".to_owned();
                tracing::error!("a command of the journal was undone: {what}");
                self.done = Some(Err(Fault::Store(StoreError::Unavailable(what))));
            }
        }
        match &self.done {
            Some(Ok(_)) => Ran::Kept,
            Some(Err(Fault::Sql(error))) => Ran::Failed(error.into()),
            Some(Err(Fault::Store(_))) | None => Ran::Refused,
        }
    }

    fn answer(self: Box<Self>, batch: Result<(), &Failure>) {
        let answer = match (batch, self.done) {
            // Even a refusal may rest on what another command of the failed batch had done.
            (Err(failure), _) => Err(StoreError::Unavailable(failure.what.clone())),
            (Ok(()), Some(done)) => done.map_err(StoreError::from),
            (Ok(()), None) => Err(stopped()),
        };
        // Whoever no longer waits has given up on the answer, not on the write.
        let _ = self.reply.send(answer);
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("its writer has stopped".into())
}

fn once<T>(
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send,
) -> impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send {
    let mut work = Some(work);
    move |tx| match work.take() {
        Some(work) => work(tx),
        None => Err(Fault::Store(StoreError::Unavailable(
            "it cannot be done again; this is a bug in xmrt".into(),
        ))),
    }
}

/// The handle of the writing thread. Dropping it waits until what was handed in is committed.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    changes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(mut desk: Desk) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let changes = Arc::clone(&desk.changes);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || desk.work(queue))?;
        Ok(Self {
            jobs: Some(jobs),
            changes,
            thread: Some(thread),
        })
    }

    /// How many changes were committed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Hands a command in and waits until it is durable, or refused. It is done again if it shares a commit with one that failed
    /// half done.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.hand_in(work, false).await
    }

    /// The same for a command that can be done only once: it shares a commit with no other.
    pub(super) async fn write_alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.hand_in(once(work), true).await
    }

    async fn hand_in<T, F>(&self, work: F, alone: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Command {
            work,
            alone,
            done: None,
            reply,
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(command).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer had panicked");
        }
    }
}
