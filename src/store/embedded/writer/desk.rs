//! In: the commands that wait. Out: one commit for many of them. Never: a command's answer before it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::schema;
use super::{Command, Failure, Fault, Job, Order, Ran, Tx, once, stopped};
use crate::clock::from_millis;
use crate::journal::StoreError;

/// How many commands share a commit at most.
const BATCH_MAX: usize = 256;

/// How the commands of a batch are kept from each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Not at all: good as long as none fails half done.
    Not,
    /// Each has a savepoint.
    BySavepoint,
}

/// Why a batch was not committed.
enum Spoilt {
    /// A command failed half done, and what the others did cannot be told from what it did.
    HalfDone,
    /// The database failed.
    Failed(Failure),
}

impl From<rusqlite::Error> for Spoilt {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The writing thread's own.
pub(in super::super) struct Desk {
    conn: Connection,
    order: Order,
    /// As of the last commit, for everybody to see.
    pub(super) changes: Arc<AtomicU64>,
    swept: Timestamp,
}

impl Desk {
    /// A desk on the connection that writes.
    pub(in super::super) fn new(conn: Connection) -> rusqlite::Result<Self> {
        let order = conn.query_row("SELECT last, seq FROM clock", [], |row| {
            Ok(Order {
                last: from_millis(row.get(0)?),
                seq: row.get::<_, i64>(1)? as u64,
                changes: 0,
                events: 0,
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
    pub(in super::super) fn first<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        self.serve(vec![Box::new(Command {
            work: once(work),
            alone: true,
            done: None,
            reply,
        })]);
        answer.try_recv().map_err(|_| stopped())?
    }

    pub(super) fn work(&mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut next: Option<Box<dyn Job>> = None;
        while let Some(first) = next.take().or_else(|| queue.blocking_recv()) {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && !batch[0].is_alone()
                && let Ok(job) = queue.try_recv()
            {
                if job.is_alone() {
                    next = Some(job);
                    break;
                }
                batch.push(job);
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
        let committed = match self.try_commit(batch, Apart::Not) {
            // What is alone has spoilt nobody else's work.
            Err(Spoilt::HalfDone) if batch.len() == 1 => Ok(()),
            Err(Spoilt::HalfDone) => self.try_commit(batch, Apart::BySavepoint),
            committed => committed,
        };
        self.changes.store(self.order.changes, Ordering::Release);
        committed.map_err(|spoilt| match spoilt {
            Spoilt::Failed(failure) => failure,
            // Savepoints tell what a command did from what the others did.
            Spoilt::HalfDone => Failure {
                what: "a command failed half done; this is a bug in xmrt".into(),
                is_full: false,
            },
        })
    }

    fn try_commit(&mut self, batch: &mut [Box<dyn Job>], apart: Apart) -> Result<(), Spoilt> {
        let before = self.order;
        let committed = self.transact(batch, before, apart);
        if committed.is_err() {
            self.order = before;
            self.swept = Timestamp::MIN;
            // On a full disk SQLite may have rolled back by itself; then there is nothing left to do.
            if !self.conn.is_autocommit() {
                self.conn.execute_batch("ROLLBACK")?;
            }
        }
        committed
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>], before: Order, apart: Apart) -> Result<(), Spoilt> {
        let run = |sql: &str| self.conn.prepare_cached(sql)?.execute([]).map(drop);
        run("BEGIN")?;
        for job in batch {
            let changed = self.conn.total_changes();
            if apart == Apart::BySavepoint {
                run("SAVEPOINT command")?;
            }
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
                Ran::Failed(failure) if self.conn.is_autocommit() => return Err(Spoilt::Failed(failure)),
                Ran::Refused | Ran::Failed(_) if apart == Apart::BySavepoint => run("ROLLBACK TO command")?,
                Ran::Refused | Ran::Failed(_) if self.conn.total_changes() == changed => {}
                Ran::Refused | Ran::Failed(_) => return Err(Spoilt::HalfDone),
            }
            if apart == Apart::BySavepoint {
                run("RELEASE command")?;
            }
        }
        if (self.order.last, self.order.seq) != (before.last, before.seq) {
            self.conn
                .prepare_cached("UPDATE clock SET last = ?1, seq = ?2")?
                .execute((self.order.last.as_millisecond(), self.order.seq as i64))?;
        }
        if self.order.events != before.events {
            self.conn
                .prepare_cached("UPDATE counts SET count = count + ?1 WHERE what = 'events'")?
                .execute([(self.order.events - before.events) as i64])?;
        }
        Ok(run("COMMIT")?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    fn desk() -> Desk {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE clock (last, seq); INSERT INTO clock VALUES (0, 0); CREATE TABLE t (a);
             CREATE TABLE counts (what, count); INSERT INTO counts VALUES ('events', 0);",
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
        Desk::new(conn).unwrap()
    }

    type Reply = oneshot::Receiver<Result<u64, StoreError>>;
    type Failing = fn(&mut Tx<'_>) -> Result<u64, Fault>;

    fn command(
        work: impl FnMut(&mut Tx<'_>) -> Result<u64, Fault> + Send + 'static,
    ) -> (Box<dyn Job>, Reply) {
        let (reply, answer) = oneshot::channel();
        let command = Command {
            work,
            alone: false,
            done: None,
            reply,
        };
        (Box::new(command), answer)
    }

    /// Puts an event on record as its place in the order.
    fn put(tx: &mut Tx<'_>) -> Result<u64, Fault> {
        let seq = tx.next_seq();
        tx.conn.execute("INSERT INTO t VALUES (?1)", [seq as i64])?;
        tx.one_more_event();
        Ok(seq)
    }

    fn found(conn: &Connection) -> (Vec<i64>, i64, i64) {
        let mut rows = conn.prepare("SELECT a FROM t ORDER BY a").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        let one = |sql| conn.query_row(sql, [], |row| row.get(0)).unwrap();
        (
            rows.map(Result::unwrap).collect(),
            one("SELECT seq FROM clock"),
            one("SELECT count FROM counts"),
        )
    }

    #[test]
    fn what_a_command_did_before_it_failed_is_undone_and_its_neighbours_are_kept() {
        let failing: [Failing; 4] = [
            |tx| {
                put(tx)?;
                Err(Fault::Store(StoreError::Refused("no".into())))
            },
            |tx| {
                put(tx)?;
                tx.conn.execute("INSERT INTO nowhere VALUES (1)", [])?;
                Ok(0)
            },
            |tx| {
                put(tx)?;
                std::panic::resume_unwind(Box::new("a bug"))
            },
            // Nothing is to be undone.
            |tx| {
                tx.next_seq();
                Err(Fault::Store(StoreError::Refused("no".into())))
            },
        ];
        for (case, fails) in failing.into_iter().enumerate() {
            for place in 0..3 {
                let mut desk = desk();
                let (jobs, replies): (Vec<_>, Vec<_>) = (0..3)
                    .map(|at| if at == place { command(fails) } else { command(put) })
                    .unzip();
                desk.serve(jobs);
                let answers = replies.into_iter().map(|mut reply| reply.try_recv().unwrap());
                let kept: Vec<Option<u64>> = answers.map(Result::ok).collect();
                let mut expected = vec![Some(1), Some(2)];
                expected.insert(place, None);
                assert_eq!(kept, expected, "case {case}");
                assert_eq!(
                    found(&desk.conn),
                    (vec![1, 2], 2, 2),
                    "case {case}, failing at {place}"
                );
                assert_eq!(desk.order.seq, 2);
            }
        }
    }

    #[test]
    fn a_single_command_that_fails_half_done_leaves_no_trace() {
        let mut desk = desk();
        let mut runs = 0;
        let refused = desk.first(move |tx| {
            runs += 1;
            assert_eq!(runs, 1);
            put(tx)?;
            Err::<(), _>(Fault::Store(StoreError::Refused("no".into())))
        });
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
        assert_eq!(found(&desk.conn), (vec![], 0, 0));
    }

    #[tokio::test]
    async fn what_can_be_done_only_once_shares_no_commit() {
        let writer = Arc::new(Writer::start(desk()).unwrap());
        let mut others = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let other = Arc::clone(&writer);
            others.spawn(async move { other.write(put).await.map(|_| ()) });
            let refused = writer.write_alone(|tx| {
                put(tx)?;
                Err::<(), _>(Fault::Store(StoreError::Refused("no".into())))
            });
            assert!(matches!(refused.await, Err(StoreError::Refused(_))));
        }
        others.join_all().await.into_iter().for_each(|done| done.unwrap());
        let kept = writer.write(|tx| Ok(found(tx.conn))).await.unwrap();
        assert_eq!(kept, ((1..=20).collect(), 20, 20));
    }

    #[tokio::test]
    async fn a_command_that_panics_leaves_no_trace_and_the_writer_goes_on() {
        let writer = Writer::start(desk()).unwrap();
        let outcome = writer
            .write(|tx| -> Result<(), Fault> {
                put(tx)?;
                std::panic::resume_unwind(Box::new("a bug"))
            })
            .await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        let after = writer.write(|tx| Ok((found(tx.conn), tx.next_seq())));
        assert_eq!(after.await.unwrap(), ((vec![], 0, 0), 1));
    }
}
