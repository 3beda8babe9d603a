//! In: the store's operations, from many tasks. Out: what the [`Model`] answers. Never: anything that outlives the
//! process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::archive::{Export, Import};
use super::*;

/// A journal for as long as the process lives: for rule tests, and as the oracle of the other stores.
#[derive(Debug)]
pub struct MemoryStore {
    /// A `std` mutex: no operation waits for anything while it holds it.
    model: Mutex<Model>,
    doorbell: Notify,
}

impl MemoryStore {
    /// An empty journal, made at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            model: Mutex::new(Model::new(Epoch::new(now))),
            doorbell: Notify::new(),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation after which a run may be due.
    fn ring<T>(&self, operation: impl FnOnce(&mut Model) -> T) -> T {
        let answer = operation(&mut self.model());
        self.doorbell.notify_waiters();
        self.doorbell.notify_one();
        answer
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn admit(&self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError> {
        self.ring(|model| model.admit(event, now))
    }

    async fn replay(
        &self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.ring(|model| model.replay(key, book, firings, now))
    }

    async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        Ok(self.model().claim(worker, max, lease_ms, now))
    }

    async fn renew(
        &self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        self.model().renew(run, fence, lease_ms, now)
    }

    async fn advance(
        &self,
        run: &RunId,
        fence: Fence,
        writes: Vec<StepWrite>,
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if matches!(then, Then::Keep) {
            return self.model().advance(run, fence, &writes, then, now);
        }
        self.ring(|model| model.advance(run, fence, &writes, then, now))
    }

    async fn release(&self, worker: &str, others: bool, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.ring(|model| model.release(worker, others, now)))
    }

    async fn resolve(
        &self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.ring(|model| model.resolve(run, who, resolution, now))
    }

    async fn answer(
        &self,
        run: &RunId,
        hash: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.ring(|model| model.answer(run, hash, &answer, now))
    }

    async fn retry(&self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError> {
        self.ring(|model| model.retry(run, who, now))
    }

    async fn pause(&self, what: &str, who: &str, now: Timestamp) -> Result<(), StoreError> {
        self.model().pause(what, who, now);
        Ok(())
    }

    async fn resume(&self, what: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.ring(|model| model.resume(what, who, now)))
    }

    async fn audit(&self, entries: Vec<AuditEntry>, now: Timestamp) -> Result<(), StoreError> {
        self.model().audit(entries, now);
        Ok(())
    }

    async fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.model().audited(query))
    }

    async fn prune_audit(&self, kept_ms: i64, max: usize, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.model().prune_audit(kept_ms, max, now))
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        Ok(self.model().pauses())
    }

    async fn cancel(&self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError> {
        self.ring(|model| model.cancel(run, who, now))
    }

    async fn notices(&self, max: usize) -> Result<Vec<Notice>, StoreError> {
        Ok(self.model().notices(max))
    }

    async fn told(&self, notices: &[Notice], _now: Timestamp) -> Result<(), StoreError> {
        self.model().told(notices);
        Ok(())
    }

    async fn event(&self, key: &EventKey) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.model().event(key))
    }

    async fn event_by_id(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.model().event_by_id(id))
    }

    async fn verdicts(&self, key: &EventKey) -> Result<Vec<Verdict>, StoreError> {
        Ok(self.model().verdicts(key))
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<EventRecord>, StoreError> {
        Ok(self.model().events(query))
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunHistory>, StoreError> {
        Ok(self.model().run(id))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.model().runs(query))
    }

    async fn changes(&self) -> Result<u64, StoreError> {
        Ok(self.model().changed())
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        Ok(self.model().stats())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.model().next_due())
    }

    async fn keep_book(&self, book: BookRecord, now: Timestamp) -> Result<(), StoreError> {
        self.model().keep_book(book, now);
        Ok(())
    }

    async fn book(&self, hash: Option<&str>) -> Result<Option<BookRecord>, StoreError> {
        Ok(self.model().book(hash))
    }

    async fn rule_text(&self, version: &str) -> Result<Option<RuleText>, StoreError> {
        Ok(self.model().rule_text(version))
    }

    async fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.model().epoch())
    }

    async fn prune(
        &self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, StoreError> {
        Ok(self.model().prune(retention, from, max, now))
    }

    async fn prune_books(&self, kept_ms: i64, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.model().prune_books(kept_ms, now))
    }

    async fn size(&self) -> Result<Size, StoreError> {
        Ok(self.model().size())
    }

    async fn shares(&self) -> Result<Vec<Share>, StoreError> {
        Ok(self.model().shares())
    }

    async fn export(&self) -> Result<Export, StoreError> {
        let (head, records) = self.model().export();
        let (export, outlet) = Export::new(head);
        tokio::spawn(async move {
            for record in records {
                if outlet.records.send(Ok(record)).await.is_err() {
                    return;
                }
            }
        });
        Ok(export)
    }

    async fn import(&self, mut import: Import) -> Result<(), StoreError> {
        let mut records = Vec::new();
        while let Some(record) = import.records.recv().await {
            records.push(record);
        }
        import.came(records.len() as u64)?;
        self.ring(|model| model.import(import.head, records, import.replace))
    }

    async fn wait(&self) {
        self.doorbell.notified().await;
    }
}

#[async_trait]
impl Kv for MemoryStore {
    async fn kv_get(&self, key: &KvKey, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        Ok(self.model().kv_get(key, now))
    }

    async fn kv_put(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.model().kv_put(key, value, ttl_ms, now)
    }

    async fn kv_put_if_absent(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        self.model().kv_put_if_absent(key, value, ttl_ms, now)
    }

    async fn kv_cas(
        &self,
        key: &KvKey,
        expected: Bytes,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.model().kv_cas(key, &expected, value, ttl_ms, now)
    }

    async fn kv_incr(
        &self,
        key: &KvKey,
        by: i64,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.model().kv_incr(key, by, ttl_ms, now)
    }

    async fn kv_delete(&self, key: &KvKey, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.model().kv_delete(key, now))
    }

    async fn kv_batch(&self, batch: KvBatch, now: Timestamp) -> Result<bool, StoreError> {
        self.model().kv_batch(batch, now)
    }

    async fn kv_list(&self, query: &KvQuery, now: Timestamp) -> Result<KvPage, StoreError> {
        self.model().kv_list(query, now)
    }
}
