//! In: names and bytes. Out: the same bytes, until they run out. Never: a value after its end.

use bytes::Bytes;
use jiff::Timestamp;

use super::Model;
use crate::clock::after;
use crate::journal::{KvBatch, KvChange, KvEntry, KvKey, KvPage, KvQuery, StoreError};

/// A value, and when its time is over.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) value: Bytes,
    pub(super) until: Option<Timestamp>,
}

impl Kept {
    pub(super) fn lives(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Model {
    /// See [`Kv::kv_get`](crate::journal::Kv::kv_get).
    pub fn kv_get(&self, key: &KvKey, now: Timestamp) -> Option<Bytes> {
        let now = self.at(now);
        let kept = self.kv.get(key).filter(|kept| kept.lives(now))?;
        Some(kept.value.clone())
    }

    /// See [`Kv::kv_put`](crate::journal::Kv::kv_put).
    pub fn kv_put(
        &mut self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        key.holds(&value)?;
        let now = self.at(now);
        self.changes(now);
        let until = ttl_ms.map(|ttl_ms| after(now, ttl_ms));
        self.kv.insert(key.clone(), Kept { value, until });
        Ok(())
    }

    /// See [`Kv::kv_put_if_absent`](crate::journal::Kv::kv_put_if_absent).
    pub fn kv_put_if_absent(
        &mut self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        key.holds(&value)?;
        let present = self.kv_get(key, now);
        if present.is_none() {
            self.kv_put(key, value, ttl_ms, now)?;
        }
        Ok(present)
    }

    /// See [`Kv::kv_cas`](crate::journal::Kv::kv_cas).
    pub fn kv_cas(
        &mut self,
        key: &KvKey,
        expected: &[u8],
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        key.holds(&value)?;
        let fits = self.kv_get(key, now).is_some_and(|present| present == expected);
        if fits {
            self.kv_put(key, value, ttl_ms, now)?;
        }
        Ok(fits)
    }

    /// See [`Kv::kv_incr`](crate::journal::Kv::kv_incr).
    pub fn kv_incr(
        &mut self,
        key: &KvKey,
        by: i64,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let now = self.at(now);
        let (count, until) = match self.kv.get(key).filter(|kept| kept.lives(now)) {
            Some(kept) => (key.counted(&kept.value, by)?, kept.until),
            None => (by, ttl_ms.map(|ttl_ms| after(now, ttl_ms))),
        };
        self.changes(now);
        let value = Bytes::from(count.to_string());
        self.kv.insert(key.clone(), Kept { value, until });
        Ok(count)
    }

    /// See [`Kv::kv_delete`](crate::journal::Kv::kv_delete).
    pub fn kv_delete(&mut self, key: &KvKey, now: Timestamp) -> bool {
        let there = self.kv_get(key, now).is_some();
        if there {
            let now = self.at(now);
            self.changes(now);
            self.kv.remove(key);
        }
        there
    }

    /// See [`Kv::kv_batch`](crate::journal::Kv::kv_batch).
    pub fn kv_batch(&mut self, batch: KvBatch, now: Timestamp) -> Result<bool, StoreError> {
        batch.check()?;
        if !batch
            .expects
            .iter()
            .all(|(key, value)| self.kv_get(key, now) == *value)
        {
            return Ok(false);
        }
        let now = self.at(now);
        self.changes(now);
        for (key, change) in batch.changes {
            match change {
                KvChange::Put(value, ttl_ms) => {
                    let until = ttl_ms.map(|ttl_ms| after(now, ttl_ms));
                    self.kv.insert(key, Kept { value, until });
                }
                KvChange::Delete => {
                    self.kv.remove(&key);
                }
            }
        }
        for entry in batch.audit {
            self.add(entry, now);
        }
        Ok(true)
    }

    /// See [`Kv::kv_list`](crate::journal::Kv::kv_list).
    pub fn kv_list(&self, query: &KvQuery, now: Timestamp) -> Result<KvPage, StoreError> {
        query.check()?;
        let now = self.at(now);
        let found = self
            .kv
            .iter()
            .filter(|(key, _)| key.space() == query.space && key.name().starts_with(&query.prefix))
            .filter(|(key, _)| query.after.as_deref().is_none_or(|after| key.name() > after))
            .filter(|(_, kept)| kept.lives(now))
            .map(|(key, kept)| KvEntry {
                name: key.name().into(),
                value: kept.value.clone(),
                until: kept.until,
            });
        Ok(query.page(found))
    }
}
