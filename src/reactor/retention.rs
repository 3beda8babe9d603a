//! In: how long what is kept, and the passing of time. Out: a journal that stays within its bounds; deliveries refused
//! while it cannot. Never: a run that is not at its end, an id that may come again.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Reactor;
use super::intake::JOURNAL;
use crate::clock::after;
use crate::journal::{
    self, AUDIT_PRUNE_MAX, BOOK_MS_MIN, KNOWN_MS_MIN, KvKey, PRUNE_MAX, Retention, Size, StoreError,
};
use crate::telemetry::numbers;

/// How often the journal's size is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often what is too old is looked for, in milliseconds.
const ROUND_EVERY_MS: i64 = 10 * 60_000;
/// After how long without a look, and for how long then, nothing is deleted by age, in milliseconds.
const BELIEVED_MS: i64 = 24 * 3_600_000;
/// Where it is kept when was looked.
const SPACE: &str = "retention";
/// The name of this part among the degraded ones.
const PART: &str = "retention";
/// From how full a journal the oldest is deleted before its time, and down to how full, in percent of its bound.
const CROWDED_PERCENT: u64 = 90;
const ROOMY_PERCENT: u64 = 85;
/// How long an entry of the audit trail is kept at least, however full the journal is, in milliseconds.
const AUDIT_MS_MIN: i64 = 30 * 24 * 3_600_000;
/// How long deleting pauses between two steps, so that admissions come in between.
const STEP_PAUSE: Duration = Duration::from_millis(5);

/// How long what is kept, and how much.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Policy {
    /// How long an event that made no run is kept, in milliseconds.
    pub events_ms: i64,
    /// How long an event with runs is kept after the last change to one of them, in milliseconds.
    pub runs_ms: i64,
    /// How long an entry of the audit trail is kept, in milliseconds.
    pub audit_ms: i64,
    /// The size from which on deliveries are refused, in bytes.
    pub size_bytes_max: Option<u64>,
}

impl Policy {
    fn by_age(&self) -> Retention {
        Retention {
            events_ms: self.events_ms,
            runs_ms: self.runs_ms,
            known_ms: KNOWN_MS_MIN.max(self.events_ms),
        }
    }

    /// Everything that may go at all, the oldest first.
    fn by_size() -> Retention {
        Retention {
            events_ms: 0,
            runs_ms: 0,
            known_ms: KNOWN_MS_MIN,
        }
    }

    /// How full a journal of this size is, in percent of its bound; 0 without one.
    fn percent(&self, size: &Size) -> u64 {
        self.size_bytes_max
            .map_or(0, |max| size.bytes.saturating_mul(100) / max.max(1))
    }
}

/// What is known of the journal's size.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Why deliveries are refused.
    full: Option<String>,
    /// What it is kept within, where that is done here.
    policy: Option<Policy>,
    /// Whether it was nearly as large as it may be when it was looked at last.
    crowded: bool,
    /// Until when nothing is deleted by age.
    held_until: Option<Timestamp>,
}

/// When it was last looked for what is too old, and until when nothing is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Looked {
    at: Timestamp,
    held_until: Option<Timestamp>,
}

impl Looked {
    fn next(before: Option<&Self>, now: Timestamp) -> Self {
        let held_until = match before {
            Some(before) if after(before.at, BELIEVED_MS) < now => Some(after(now, BELIEVED_MS)),
            // A clock that was ahead has set an end that does not come.
            Some(before) => before
                .held_until
                .filter(|until| *until > now && *until <= after(now, BELIEVED_MS)),
            None => None,
        };
        Self { at: now, held_until }
    }
}

impl Reactor {
    /// Keeps the journal within its bounds until `stopped` says so.
    pub async fn retain(self: std::sync::Arc<Self>, policy: Policy, mut stopped: watch::Receiver<bool>) {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner).policy = Some(policy);
        let mut next_round = self.clock.now().as_millisecond();
        loop {
            let due = self.clock.now().as_millisecond() >= next_round;
            if due {
                next_round = self.clock.now().as_millisecond() + ROUND_EVERY_MS;
            }
            let work = async {
                if let Err(error) = self.keep_within(&policy, due).await {
                    tracing::warn!("the journal cannot be pruned: {error}");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                () = work => {}
            }
        }
    }

    async fn keep_within(&self, policy: &Policy, round: bool) -> Result<(), StoreError> {
        let believed = self.may_delete(round).await?;
        if round && self.is_ours().await? {
            // First: what no index leads to would never be too old, and its books would seem to be of no use.
            let whole = self.store.reindex().await;
            if let Err(error) = &whole {
                tracing::warn!(
                    "lost indexes cannot be looked for, and no rule books are deleted meanwhile: {error}"
                );
            }
            if believed {
                self.prune(&policy.by_age(), policy, None).await?;
                self.prune_audit(policy.audit_ms).await?;
                if whole.is_ok() {
                    self.store.prune_books(BOOK_MS_MIN, self.clock.now()).await?;
                }
            }
        }
        let mut size = self.store.size().await?;
        let crowded = believed && policy.percent(&size) >= CROWDED_PERCENT;
        if self.became_crowded(crowded) {
            tracing::warn!(
                bytes = size.bytes,
                "the journal is nearly as large as it may be: the oldest of it is deleted before its time"
            );
        }
        if crowded {
            self.prune(&Policy::by_size(), policy, Some(ROOMY_PERCENT))
                .await?;
            self.prune_audit(policy.audit_ms.min(AUDIT_MS_MIN)).await?;
            size = self.store.size().await?;
        }
        self.set_bounds(policy, &size);
        Ok(())
    }

    /// Whether this instance is the one that deletes this time: one is enough, and looking through a journal is work.
    async fn is_ours(&self) -> Result<bool, StoreError> {
        let key = KvKey::new(SPACE, "round")?;
        let taken = self
            .store
            .kv_put_if_absent(&key, Bytes::new(), Some(ROUND_EVERY_MS / 2), self.clock.now())
            .await?;
        Ok(taken.is_none())
    }

    /// Whether time may be believed as far as to delete by it: what is deleted is gone, with the memory of what must not be done
    /// again. Not while the journal's time is ahead of the clock; and after more than a day without a look not for a day, for
    /// then the clock may be ahead.
    async fn may_delete(&self, round: bool) -> Result<bool, StoreError> {
        let now = self.clock.now();
        if round {
            let key = KvKey::new(SPACE, "looked")?;
            let kept = self.store.kv_get(&key, now).await?;
            let kept: Option<Looked> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let looked = Looked::next(kept.as_ref(), now);
            let value = Bytes::from(serde_json::to_vec(&looked).unwrap_or_default());
            self.store.kv_put(&key, value, None, now).await?;
            self.bounds
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .held_until = looked.held_until;
        }
        let held = self
            .bounds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held_until;
        let held = held.filter(|until| *until > now);
        let why = held.map(|until| {
            format!(
                "nothing that is old is deleted until {until}: the journal was not looked at for more than a day, or the clock \
                 jumped ahead; see that this machine's time is right"
            )
        });
        self.set_degraded(PART, why);
        if self.store.clock_behind().is_none() {
            return Ok(held.is_none());
        }
        // Kept for when the clock has caught up.
        journal::ahead(self.store.as_ref(), now).await?;
        Ok(false)
    }

    /// Deletes what is over, step by step; until the journal is roomy again, if that is given.
    async fn prune(
        &self,
        retention: &Retention,
        policy: &Policy,
        until_percent: Option<u64>,
    ) -> Result<(), StoreError> {
        let (mut from, mut events, mut runs) = (0, 0, 0);
        loop {
            let now = self.clock.now();
            let pruned = self.store.prune(retention, from, PRUNE_MAX, now).await?;
            events += pruned.events;
            runs += pruned.runs;
            let roomy = match until_percent {
                Some(percent) => policy.percent(&self.store.size().await?) < percent,
                None => false,
            };
            match pruned.next {
                Some(next) if !roomy => from = next,
                _ => break,
            }
            tokio::time::sleep(STEP_PAUSE).await;
        }
        if events > 0 {
            numbers::PRUNED.add([], events);
            tracing::info!(events, runs, "old events were deleted");
        }
        Ok(())
    }

    /// Deletes entries of the audit trail that are older than that, step by step.
    async fn prune_audit(&self, kept_ms: i64) -> Result<(), StoreError> {
        let (mut entries, mut gone) = (0, AUDIT_PRUNE_MAX as u64);
        while gone == AUDIT_PRUNE_MAX as u64 {
            let now = self.clock.now();
            gone = self.store.prune_audit(kept_ms, AUDIT_PRUNE_MAX, now).await?;
            entries += gone;
            tokio::time::sleep(STEP_PAUSE).await;
        }
        if entries > 0 {
            tracing::info!(entries, "old entries of the audit trail were deleted");
        }
        Ok(())
    }

    /// Whether it is so now and was not before: what stays so for hours is said once.
    fn became_crowded(&self, is: bool) -> bool {
        let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut bounds.crowded, is) && is
    }

    fn set_bounds(&self, policy: &Policy, size: &Size) {
        numbers::JOURNAL_BYTES.set_count([], size.bytes);
        let full = policy
            .size_bytes_max
            .filter(|max| size.bytes >= *max)
            .map(|max| {
                format!(
                    "the journal takes {} MiB and may take {} ([retention] size): what is left of it is still needed; \
                     raise the bound, or end the runs that wait",
                    size.bytes >> 20,
                    max >> 20
                )
            });
        let was_full = {
            let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut bounds.full, full.clone()).is_some()
        };
        if full.is_some() || was_full {
            self.set_degraded(JOURNAL, full);
        }
    }

    /// What the journal is kept within, where that is done by this process.
    pub fn policy(&self) -> Option<Policy> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner).policy
    }

    /// Why nothing more may be admitted, if so.
    pub(super) fn full(&self) -> Option<String> {
        let bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        bounds.full.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    #[test]
    fn after_a_jump_of_more_than_a_day_nothing_is_deleted_for_a_day_and_a_clock_set_back_ends_that() {
        let at = |hours: i64| from_millis(1_780_000_000_000 + hours * 3_600_000);
        let look = |before: &Looked, hours| Looked::next(Some(before), at(hours));
        let first = Looked::next(None, at(0));
        assert_eq!(first.held_until, None);
        let day = look(&first, 24);
        assert_eq!(day.held_until, None);
        let jumped = look(&day, 24 * 400);
        assert_eq!(jumped.held_until, Some(at(24 * 401)));
        assert_eq!(look(&jumped, 24 * 400 + 23).held_until, Some(at(24 * 401)));
        assert_eq!(look(&look(&jumped, 24 * 400 + 23), 24 * 401).held_until, None);
        assert_eq!(look(&jumped, 25).held_until, None);
    }
}
