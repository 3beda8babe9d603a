//! In: commands from many tasks. Out: their answers, once they are durable. Never: two writers.
//!
//! One thread owns the one connection that writes. What waits in its queue is committed together: one fsync for many
//! commands. Each command has a savepoint of its own, so one that is refused leaves no trace and spoils no other; an
//! answer is given only after the commit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::schema;
use crate::clock::from_millis;
use crate::journal::StoreError;
use crate::journal::machine::whole;

/// How many commands share a commit at most.
const BATCH_MAX: usize = 256;

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
        };
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
    /// Does it, and says whether it is to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Gives the answer, now that its batch is durable or has failed.
    fn answer(self: Box<Self>, batch: Result<(), &Failure>);
}

struct Command<T, F> {
    work: Option<F>,
    done: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Command<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        // A command that panics must not take the one writer with it: nothing could be accepted any more.
        let work = self.work.take();
        match std::panic::catch_unwind(AssertUnwindSafe(|| work.map(|work| work(tx)))) {
            Ok(done) => self.done = done,
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

    /// Hands a command in and waits until it is durable, or refused.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Command {
            work: Some(work),
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

/// The writing thread's own.
pub(super) struct Desk {
    conn: Connection,
    order: Order,
    /// As of the last commit, for everybody to see.
    changes: Arc<AtomicU64>,
    swept: Timestamp,
}

impl Desk {
    /// A desk on the connection that writes.
    pub(super) fn new(conn: Connection) -> rusqlite::Result<Self> {
        let order = conn.query_row("SELECT last, seq FROM clock", [], |row| {
            Ok(Order {
                last: from_millis(row.get(0)?),
                seq: row.get::<_, i64>(1)? as u64,
                changes: 0,
            })
        })?;
        Ok(Self {
            conn,
            order,
            changes: Arc::default(),
            swept: Timestamp::MIN,
        })
    }

    /// Does one command on this thread, before others are let in.
    pub(super) fn first<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        let done = None;
        let work = Some(work);
        self.serve(vec![Box::new(Command { work, done, reply })]);
        answer.try_recv().map_err(|_| stopped())?
    }

    fn work(&mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = queue.try_recv()
            {
                batch.push(next);
            }
            self.serve(batch);
        }
    }

    fn serve(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let committed = self.commit(&mut batch);
        if let Err(failure) = &committed {
            tracing::error!(
                error = failure.what,
                "the journal could not be written; what was asked of it is refused"
            );
        }
        let is_full = committed.as_ref().is_err_and(|failure| failure.is_full);
        for job in batch {
            job.answer(committed.as_ref().copied());
        }
        if is_full {
            self.make_room();
        }
    }

    /// On a full disk the log before the checkpoint may be what fills it, and it would grow with the next command before it
    /// is cut: it is folded into the database now.
    fn make_room(&self) {
        // Whoever reads is not waited for: everybody else would wait, too. The next refusal tries again.
        let _ = self.conn.busy_timeout(Duration::ZERO);
        let folded = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        let _ = self.conn.busy_timeout(schema::BUSY_MAX);
        let file = self.conn.path().unwrap_or("the journal");
        match folded {
            Ok(0) => tracing::warn!(
                file,
                "the disk is full: the journal's log was folded in and cut to make room"
            ),
            Ok(_) => tracing::warn!(
                file,
                "the disk is full, and the journal's log is being read and was not cut: free space on the disk of this file"
            ),
            Err(error) => tracing::warn!(
                file,
                "the disk is full, also for folding in the journal's log ({error}): free space on the disk of this file"
            ),
        }
    }

    /// All of a batch, durably, or nothing of it.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let before = self.order;
        let committed = self.transact(batch, before);
        if committed.is_err() {
            self.order = before;
            self.swept = Timestamp::MIN;
            // On a full disk SQLite may have rolled back by itself; then there is nothing left to do.
            if !self.conn.is_autocommit() {
                self.conn.execute_batch("ROLLBACK")?;
            }
        }
        self.changes.store(self.order.changes, Ordering::Release);
        committed
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>], before: Order) -> Result<(), Failure> {
        let run = |sql: &str| self.conn.prepare_cached(sql)?.execute([]).map(drop);
        run("BEGIN")?;
        for job in batch {
            run("SAVEPOINT command")?;
            let mut tx = Tx {
                conn: &self.conn,
                order: self.order,
                swept: &mut self.swept,
            };
            let ran = job.run(&mut tx);
            let order = tx.order;
            match ran {
                Ran::Kept => self.order = order,
                // A full disk makes SQLite roll back by itself: then nothing of the batch is left.
                Ran::Failed(failure) if self.conn.is_autocommit() => return Err(failure),
                Ran::Refused | Ran::Failed(_) => run("ROLLBACK TO command")?,
            }
            run("RELEASE command")?;
        }
        if (self.order.last, self.order.seq) != (before.last, before.seq) {
            self.conn
                .prepare_cached("UPDATE clock SET last = ?1, seq = ?2")?
                .execute((self.order.last.as_millisecond(), self.order.seq as i64))?;
        }
        Ok(run("COMMIT")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_panics_leaves_no_trace_and_the_writer_goes_on() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE clock (last, seq); INSERT INTO clock VALUES (0, 0); CREATE TABLE t (a);",
        )
        .unwrap();
        for table in ["cooldowns", "rates", "causes", "kv"] {
            conn.execute_batch(&format!("CREATE TABLE {table} (until);"))
                .unwrap();
        }
        conn.execute_batch(
            "CREATE TABLE names (source, id, until); CREATE TABLE digests (source, digest, until);",
        )
        .unwrap();
        let writer = Writer::start(Desk::new(conn).unwrap()).unwrap();
        let outcome = writer
            .write(|tx| -> Result<(), Fault> {
                tx.next_seq();
                tx.conn.execute("INSERT INTO t VALUES (1)", [])?;
                std::panic::resume_unwind(Box::new("a bug"))
            })
            .await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        let after = writer.write(|tx| {
            let rows: i64 = tx
                .conn
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
            Ok((rows, tx.next_seq()))
        });
        assert_eq!(after.await.unwrap(), (0, 1));
    }
}
