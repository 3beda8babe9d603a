//! In: the journal's operations. Out: their answers, from one SQLite database in a data directory. Never: a second
//! process in the same directory, a second log beside the database.

mod schema;
mod epoch;
mod writer;
mod rows;
mod admission;
mod work;
mod queue;
mod pauses;
mod find;
mod archive;
mod kv;
mod audit;
mod prune;
mod backup;
mod care;
mod readers;
mod refusal;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::journal::archive::{Export, Import};
use crate::journal::{
    Admission, Answer, AuditEntry, AuditQuery, AuditRecord, BookRecord, Claim, Epoch, EventKey, EventQuery,
    EventRecord, Fence, NewEvent, NewFiring, Notice, Pause, Pruned, Resolution, Retention, RuleText,
    RunHistory, RunId, RunQuery, RunRecord, Share, Size, Stats, StepWrite, Store, StoreError, Then, Verdict,
};

use crate::store::behind::Behind;
use crate::store::lock::{DataDir, Holder};

pub use backup::back_up;
pub use care::damage;
pub use refusal::OpenError;

const DATABASE: &str = "journal.db";

/// The journal in one SQLite database: every write durable before its answer, all of it in one directory.
#[derive(Debug)]
pub struct Embedded {
    /// Declared before the lock: fields are dropped in order, and the database is closed before it is given free.
    writer: writer::Writer,
    readers: readers::Readers,
    epochs: Mutex<epoch::Epochs>,
    dir: PathBuf,
    path: PathBuf,
    doorbell: Notify,
    /// Looked at when it is opened, and with every claim: workers ask for one all the time, and with the present time.
    behind: Behind,
    data_dir: DataDir,
}

impl Embedded {
    /// Whether there is a journal in `dir`.
    pub fn exists(dir: &Path) -> bool {
        dir.join(DATABASE).is_file()
    }

    /// Opens or makes the journal in `dir`, and takes the directory for this process. `now` is the time of the start:
    /// a new journal is as old as that, and all leases of former processes end then.
    ///
    /// Blocks for the time of some file accesses: call it before serving.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let io = |error: std::io::Error| OpenError::Io {
            path: dir.into(),
            what: error.to_string(),
        };
        let data_dir = DataDir::take(dir)?;
        let path = dir.join(DATABASE);
        let conn = schema::writer(&path)?;
        let refused = |error| schema::refused(&path, error);
        let copied_at = backup::copied_at(&conn).map_err(refused)?;
        let epochs = epoch::settle(&conn, dir, copied_at.is_some(), now).map_err(refused)?;
        let failed = |error: StoreError| OpenError::Database {
            path: path.clone(),
            what: error.to_string(),
        };
        let mut desk = writer::Desk::new(conn).map_err(refused)?;
        if let Some(copied_at) = &copied_at {
            let at = copied_at.clone();
            let held = desk.first(move |tx| tx.put_back(&at, now)).map_err(failed)?;
            tracing::error!(
                held,
                "the journal was put back as it was at {copied_at}: what came later is not in it, and what was under way \
                 waits for a person (`xmrt runs --state unknown`)"
            );
        }
        // Whoever held a lease held the lock of this directory, too, and is gone.
        let released = desk.first(move |tx| {
            tx.release("", true, now)?;
            Ok(tx.at(now))
        });
        let behind = Behind::default();
        behind.observe(now, released.map_err(failed)?);
        let writer = writer::Writer::start(desk).map_err(io)?;
        Ok(Self {
            writer,
            readers: readers::Readers::new(path.clone()),
            epochs: Mutex::new(epochs),
            dir: dir.into(),
            path,
            doorbell: Notify::new(),
            behind,
            data_dir,
        })
    }

    /// Who holds the data directory `dir` now, if a living process does. Its address is where to reach its server.
    pub fn holder(dir: &Path) -> Option<Holder> {
        DataDir::holder(dir)
    }

    /// Writes into the lock file where this process serves, and where its sandbox does if it has one, so that commands find them.
    pub fn announce(&self, address: &str, sandbox: Option<&str>) -> std::io::Result<()> {
        self.data_dir.announce(address, sandbox)
    }

    /// The identity of the journal that was here before, when this is another one: what that one knew is lost.
    pub fn former_epoch(&self) -> Option<Epoch> {
        self.epochs().former.clone()
    }

    fn epochs(&self) -> MutexGuard<'_, epoch::Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the journal that was here before was lost or replaced. To be said loudly.
    pub fn epoch_changed(&self) -> bool {
        self.epochs().former.is_some()
    }

    fn ring(&self) {
        self.doorbell.notify_waiters();
        self.doorbell.notify_one();
    }
}

#[async_trait]
impl Store for Embedded {
    async fn admit(&self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError> {
        // Compressed here, by each caller for itself, and not by the one thread that everybody waits for.
        let packed = admission::Packed::of(&event);
        let admission = self
            .writer
            .write(move |tx| tx.admit(&event, &packed, now))
            .await?;
        // What made no run made nothing due.
        if admission.verdicts.iter().any(|verdict| verdict.run.is_some()) {
            self.ring();
        }
        Ok(admission)
    }

    async fn replay(
        &self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let (key, book) = (key.clone(), book.to_owned());
        let admission = self
            .writer
            .write(move |tx| tx.replay(&key, &book, firings.clone(), now))
            .await?;
        self.ring();
        Ok(admission)
    }

    async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        let worker = worker.to_owned();
        let (at, claims) = self
            .writer
            .write(move |tx| Ok((tx.at(now), tx.claim(&worker, max, lease_ms, now)?)))
            .await?;
        self.behind.observe(now, at);
        Ok(claims)
    }

    async fn renew(
        &self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let run = run.clone();
        self.writer
            .write(move |tx| tx.renew(&run, fence, lease_ms, now))
            .await
    }

    async fn advance(
        &self,
        run: &RunId,
        fence: Fence,
        writes: Vec<StepWrite>,
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let run = run.clone();
        let kept = matches!(then, Then::Keep);
        self.writer
            .write(move |tx| tx.advance(&run, fence, &writes, then.clone(), now))
            .await?;
        if !kept {
            self.ring();
        }
        Ok(())
    }

    async fn release(&self, worker: &str, others: bool, now: Timestamp) -> Result<u64, StoreError> {
        let worker = worker.to_owned();
        let released = self
            .writer
            .write(move |tx| tx.release(&worker, others, now))
            .await?;
        self.ring();
        Ok(released)
    }

    async fn answer(
        &self,
        run: &RunId,
        hash: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (run, hash) = (run.clone(), hash.to_owned());
        self.writer
            .write(move |tx| tx.answer(&run, &hash, &answer, now))
            .await?;
        self.ring();
        Ok(())
    }

    async fn resolve(
        &self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (run, who) = (run.clone(), who.to_owned());
        self.writer
            .write(move |tx| tx.resolve(&run, &who, resolution.clone(), now))
            .await?;
        self.ring();
        Ok(())
    }

    async fn retry(&self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError> {
        let (run, who) = (run.clone(), who.to_owned());
        let new = self.writer.write(move |tx| tx.retry(&run, &who, now)).await?;
        self.ring();
        Ok(new)
    }

    async fn pause(&self, what: &str, who: &str, now: Timestamp) -> Result<(), StoreError> {
        let (what, who) = (what.to_owned(), who.to_owned());
        self.writer.write(move |tx| tx.pause(&what, &who, now)).await
    }

    async fn resume(&self, what: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (what, who) = (what.to_owned(), who.to_owned());
        let ended = self.writer.write(move |tx| tx.resume(&what, &who, now)).await?;
        self.ring();
        Ok(ended)
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.readers.read(pauses::pauses).await
    }

    async fn audit(&self, entries: Vec<AuditEntry>, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |tx| tx.audit(&entries, now)).await
    }

    async fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let query = query.clone();
        self.readers.read(move |conn| audit::audited(conn, &query)).await
    }

    async fn prune_audit(&self, kept_ms: i64, max: usize, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |tx| tx.prune_audit(kept_ms, max, now))
            .await
    }

    async fn cancel(&self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError> {
        let (run, who) = (run.clone(), who.to_owned());
        self.writer.write(move |tx| tx.cancel(&run, &who, now)).await?;
        // Another one of its group may have its turn.
        self.ring();
        Ok(())
    }

    async fn notices(&self, max: usize) -> Result<Vec<Notice>, StoreError> {
        self.readers.read(move |conn| find::notices(conn, max)).await
    }

    async fn told(&self, notices: &[Notice], _now: Timestamp) -> Result<(), StoreError> {
        let notices = notices.to_vec();
        self.writer.write(move |tx| tx.told(&notices)).await
    }

    async fn event(&self, key: &EventKey) -> Result<Option<EventRecord>, StoreError> {
        let key = key.clone();
        self.readers.read(move |conn| find::event(conn, &key)).await
    }

    async fn event_by_id(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        let id = id.to_owned();
        self.readers.read(move |conn| find::event_by_id(conn, &id)).await
    }

    async fn verdicts(&self, key: &EventKey) -> Result<Vec<Verdict>, StoreError> {
        let key = key.clone();
        self.readers.read(move |conn| find::verdicts(conn, &key)).await
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<EventRecord>, StoreError> {
        let query = query.clone();
        self.readers.read(move |conn| find::events(conn, &query)).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunHistory>, StoreError> {
        let id = id.clone();
        self.readers.read(move |conn| rows::history(conn, &id)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        let query = query.clone();
        self.readers.read(move |conn| find::runs(conn, &query)).await
    }

    async fn changes(&self) -> Result<u64, StoreError> {
        Ok(self.writer.changes())
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        self.readers.read(find::stats).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(find::next_due).await
    }

    async fn keep_book(&self, book: BookRecord, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |tx| {
                let now = tx.at(now);
                tx.changes(now)?;
                Ok(find::keep_book(tx.conn, &book, now)?)
            })
            .await
    }

    async fn book(&self, hash: Option<&str>) -> Result<Option<BookRecord>, StoreError> {
        let hash = hash.map(str::to_owned);
        self.readers
            .read(move |conn| find::book(conn, hash.as_deref()))
            .await
    }

    async fn rule_text(&self, version: &str) -> Result<Option<RuleText>, StoreError> {
        let version = version.to_owned();
        self.readers
            .read(move |conn| find::rule_text(conn, &version))
            .await
    }

    async fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.epochs().present.clone())
    }

    async fn prune(
        &self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, StoreError> {
        let retention = *retention;
        self.writer
            .write(move |tx| tx.prune(&retention, from, max, now))
            .await
    }

    async fn prune_books(&self, kept_ms: i64, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.write(move |tx| tx.prune_books(kept_ms, now)).await
    }

    async fn size(&self) -> Result<Size, StoreError> {
        self.readers.read(prune::size).await
    }

    async fn shares(&self) -> Result<Vec<Share>, StoreError> {
        self.readers.read(prune::shares).await
    }

    async fn export(&self) -> Result<Export, StoreError> {
        archive::export(self.path.clone()).await
    }

    async fn import(&self, import: Import) -> Result<(), StoreError> {
        let epoch = import.head.epoch.clone();
        self.writer.write_alone(move |tx| tx.import(import)).await?;
        *self.epochs() = epoch::follow(&self.dir, epoch);
        self.ring();
        Ok(())
    }

    fn clock_behind(&self) -> Option<Duration> {
        self.behind.alarming()
    }

    async fn wait(&self) {
        self.doorbell.notified().await;
    }
}
