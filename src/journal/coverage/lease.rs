//! In: a wish to compare. Out: the right to, of one process at a time, and the ledger as it writes it. Never: a ledger written
//! without it.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Coverage, CoveragePass, PASS, SOURCES, bytes, key};
use crate::journal::{KvBatch, KvChange, Store, StoreError};

/// The right to compare, which one process at a time has. Only under it is the ledger written, and in the same write it is looked
/// whether it still holds: whoever stood still for longer than that must not write over what another has found since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageLease {
    token: Bytes,
    ms: i64,
}

impl CoverageLease {
    /// The right to compare for `ms` at a time, not taken yet. It has a name from the beginning, so that it can be given
    /// back even by whoever does not know whether it was taken.
    pub fn new(ms: i64) -> Self {
        let token = Bytes::from(uuid::Uuid::new_v4().to_string());
        Self { token, ms }
    }

    /// Takes it. `false`: somebody else has it.
    pub async fn take(&self, store: &dyn Store, now: Timestamp) -> Result<bool, StoreError> {
        let held = store
            .kv_put_if_absent(&key("lease")?, self.token.clone(), Some(self.ms), now)
            .await?;
        // An answer that was lost on the way may have been ours.
        Ok(held.is_none_or(|held| held == self.token))
    }

    /// Extends it. `false`: it is over, and somebody else may have it.
    pub async fn renew(&self, store: &dyn Store, now: Timestamp) -> Result<bool, StoreError> {
        let token = self.token.clone();
        store
            .kv_cas(&key("lease")?, token.clone(), token, Some(self.ms), now)
            .await
    }

    /// Keeps what is known of one source. `false`: the right is over, and nothing was kept; so with the two below.
    pub async fn keep(
        &self,
        store: &dyn Store,
        coverage: &Coverage,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let name = format!("{SOURCES}{}", coverage.source);
        self.write(store, &name, KvChange::Put(bytes(coverage), None), now)
            .await
    }

    /// Forgets a source.
    pub async fn forget(&self, store: &dyn Store, source: &str, now: Timestamp) -> Result<bool, StoreError> {
        let name = format!("{SOURCES}{source}");
        self.write(store, &name, KvChange::Delete, now).await
    }

    /// Keeps when the comparison was.
    pub async fn keep_pass(
        &self,
        store: &dyn Store,
        pass: &CoveragePass,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(store, PASS, KvChange::Put(bytes(pass), None), now)
            .await
    }

    async fn write(
        &self,
        store: &dyn Store,
        name: &str,
        change: KvChange,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let batch = KvBatch {
            expects: vec![(key("lease")?, Some(self.token.clone()))],
            changes: vec![(key(name)?, change)],
            audit: Vec::new(),
        };
        store.kv_batch(batch, now).await
    }

    /// Gives it back; nothing happens if it was not taken.
    pub async fn give_back(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let token = self.token.clone();
        store
            .kv_cas(&key("lease")?, token.clone(), token, Some(0), now)
            .await?;
        Ok(())
    }
}
