//! A run whose lease we hold: how long it still lasts, and what is written under it.

use std::time::Duration;

use jiff::Timestamp;

use super::super::timed;
use super::job::Job;
use crate::clock::{self, Clock};
use crate::journal::{StepWrite, StoreError, Then, WaitsFor};

/// What a lease must still hold beyond a call's time-out when the call is sent, in milliseconds.
const LEASE_MARGIN_MS: i64 = 2_000;
/// How long to wait before a write to a journal that is away is tried again, in milliseconds.
const JOURNAL_AGAIN_MS: i64 = 250;

impl Job<'_> {
    /// Makes sure that the lease outlasts a call of `timeout_ms`.
    pub(super) async fn secure_lease(&mut self, timeout_ms: i64) -> Result<(), StoreError> {
        if self.lease_left_ms() > timeout_ms + LEASE_MARGIN_MS {
            return Ok(());
        }
        let lease_ms = self.worker.lease_ms.max(timeout_ms + 2 * LEASE_MARGIN_MS);
        let start = Clock::monotonic();
        let run = &self.history.run;
        self.worker
            .reactor
            .store
            .renew(&run.id, run.fence, lease_ms, self.now())
            .await?;
        self.lease_end = start + Duration::from_millis(lease_ms.unsigned_abs());
        Ok(())
    }

    pub(super) fn lease_left_ms(&self) -> i64 {
        if self.worker.reactor.clock.is_virtual() {
            // In virtual time calls take no time, and nobody else is there to take a run over.
            return i64::MAX;
        }
        let left = self.lease_end.saturating_duration_since(Clock::monotonic());
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
    }

    /// Decides a step write: seen by the next planning at once, journaled with the next flush.
    pub(super) fn note(&mut self, write: StepWrite) -> Result<(), StoreError> {
        let now = self.now();
        self.history.write(&write, now)?;
        self.writes.push(write);
        Ok(())
    }

    /// Waits until the intent would outlive a power failure. While the journal cannot say so this is tried until the
    /// lease is over: what was not sent is in no doubt.
    pub(super) async fn outlast_power(&self) -> Result<(), StoreError> {
        loop {
            let Err(error) = self.worker.reactor.store.outlast_power().await else {
                return Ok(());
            };
            if !self.outwaits(&error, "an intent is not safe yet").await {
                return Err(error);
            }
        }
    }

    /// Journals what was decided. While the journal is away this is tried until the lease is over: a result that is
    /// not journaled has to be found out again.
    pub(super) async fn flush(&mut self, then: Then) -> Result<(), StoreError> {
        loop {
            let run = &self.history.run;
            let store = &self.worker.reactor.store;
            let advanced = store.advance(&run.id, run.fence, self.writes.clone(), then.clone(), self.now());
            let Err(error) = timed::durably("advance", advanced).await else {
                self.writes.clear();
                return Ok(());
            };
            if !self.outwaits(&error, "the journal is away").await {
                return Err(error);
            }
        }
    }

    /// Waits a little where the journal is away and the lease lasts. Gives whether to try again.
    pub(super) async fn outwaits(&self, error: &StoreError, what: &str) -> bool {
        let StoreError::Unavailable(why) = error else {
            return false;
        };
        if self.lease_left_ms() <= LEASE_MARGIN_MS {
            return false;
        }
        tracing::warn!(run.id = self.history.run.id.0, "{what}, trying again: {why}");
        let again = clock::after(self.now(), JOURNAL_AGAIN_MS);
        self.worker.reactor.clock.sleep_until(again).await;
        true
    }

    pub(super) async fn wait(
        &mut self,
        until: Timestamp,
        waits_for: WaitsFor,
        reason: String,
    ) -> Result<(), StoreError> {
        self.flush(Then::Wait {
            until,
            waits_for,
            reason,
        })
        .await
    }
}
