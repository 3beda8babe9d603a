//! In: names, values, and what must be there. Out: one atomic write. Never: what a value means.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::board::{Board, BoardError};
use crate::journal::{AuditEntry, KvBatch, KvChange, KvEntry, KvKey, KvQuery, StoreError, kv_all};

/// Whose these values are.
const SPACE: &str = "coordination";

/// A value as it was read.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

pub(super) fn name(name: &str) -> Result<KvKey, StoreError> {
    KvKey::new(SPACE, name)
}

fn unreadable(name: &str, error: &serde_json::Error) -> BoardError {
    BoardError::Store(StoreError::Unavailable(format!(
        "what is kept under {SPACE}/{name} cannot be read: {error}; a newer version of xmrt may have written it"
    )))
}

impl Board {
    /// What is kept under a name.
    pub(super) async fn read<T: DeserializeOwned>(&self, at: &str) -> Result<Option<Read<T>>, BoardError> {
        let Some(bytes) = self.store.kv_get(&name(at)?, self.clock.now()).await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&bytes).map_err(|error| unreadable(at, &error))?;
        Ok(Some(Read { value, bytes }))
    }

    /// One page of what is kept under names that begin so.
    pub(super) async fn page(
        &self,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<KvEntry>, Option<String>), BoardError> {
        let query = KvQuery {
            space: SPACE.into(),
            prefix: prefix.into(),
            after,
            limit,
        };
        let page = self.store.kv_list(&query, self.clock.now()).await?;
        Ok((page.entries, page.next))
    }

    /// Everything that is kept under names that begin so; `prefix` is off the names.
    pub(super) async fn all(&self, prefix: &str) -> Result<Vec<KvEntry>, BoardError> {
        let mut found = kv_all(self.store.as_ref(), SPACE, prefix, self.clock.now()).await?;
        for entry in &mut found {
            entry.name = entry.name.strip_prefix(prefix).unwrap_or_default().to_owned();
        }
        Ok(found)
    }

    /// Writes, if everything expected is so; gives whether it was.
    pub(super) async fn write(&self, writing: Writing) -> Result<bool, BoardError> {
        Ok(self.store.kv_batch(writing.0, self.clock.now()).await?)
    }
}

pub(super) fn parsed<T: DeserializeOwned>(entry: &KvEntry) -> Result<T, BoardError> {
    serde_json::from_slice(&entry.value).map_err(|error| unreadable(&entry.name, &error))
}

/// An atomic write that is being put together.
#[derive(Debug, Default)]
pub(super) struct Writing(KvBatch);

impl Writing {
    /// It must be as it was read.
    pub(super) fn expect<T>(&mut self, at: &str, read: &Read<T>) -> Result<&mut Self, BoardError> {
        self.0.expects.push((name(at)?, Some(read.bytes.clone())));
        Ok(self)
    }

    /// There must be nothing.
    pub(super) fn expect_none(&mut self, at: &str) -> Result<&mut Self, BoardError> {
        self.0.expects.push((name(at)?, None));
        Ok(self)
    }

    /// It holds this, for so long.
    pub(super) fn put(
        &mut self,
        at: &str,
        value: &impl Serialize,
        ttl_ms: Option<i64>,
    ) -> Result<&mut Self, BoardError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| BoardError::Store(StoreError::Refused(error.to_string())))?;
        let put = KvChange::Put(Bytes::from(bytes), ttl_ms);
        self.0.changes.push((name(at)?, put));
        Ok(self)
    }

    /// It holds nothing.
    pub(super) fn delete(&mut self, at: &str) -> Result<&mut Self, BoardError> {
        self.0.changes.push((name(at)?, KvChange::Delete));
        Ok(self)
    }

    /// Goes on record.
    pub(super) fn say(&mut self, who: &str, what: &str, target: &str, note: Option<String>) -> &mut Self {
        self.0.audit.push(AuditEntry {
            who: who.into(),
            what: what.into(),
            outcome: "done".into(),
            target: Some(target.into()),
            note,
            ..AuditEntry::default()
        });
        self
    }
}
