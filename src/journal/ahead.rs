//! In: that the journal's time was ahead of the clock. Out: which times on record are not to be believed, remembered
//! after the clock has caught up. Never: a correction of them.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KvKey, Store, StoreError};
use crate::clock::after;

/// Where it is among the small values.
const SPACE: &str = "clock";
const NAME: &str = "ahead";

/// For how long before the clock was seen to be wrong a call may have been made whose time is not to be believed, in
/// milliseconds: calls that are under way longer than that are a person's matter.
const BEFORE_MS: i64 = 24 * 3_600_000;
/// How long it is remembered, in milliseconds: longer than any call is in doubt.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// When the clock showed `clock`, the journal's time was `journal`: what is on record between the two may have been earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// What the clock showed when that was seen first.
    pub clock: Timestamp,
    /// The latest time of the journal's that was ahead of it.
    pub journal: Timestamp,
}

impl Ahead {
    /// From when on the effect of a call can be there that was made at `at`, by what is on record.
    pub fn earliest(&self, at: Timestamp) -> Timestamp {
        match self.clock <= at && at <= self.journal {
            true => after(self.clock, -BEFORE_MS),
            false => at,
        }
    }

    fn with(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier.filter(|earlier| after(earlier.journal, KEPT_MS) > self.clock) else {
            return self;
        };
        Self {
            clock: self.clock.min(earlier.clock),
            journal: self.journal.max(earlier.journal),
        }
    }
}

/// What is known of a clock that was ahead: kept from when the journal notices it, at `now`.
pub async fn ahead(store: &dyn Store, now: Timestamp) -> Result<Option<Ahead>, StoreError> {
    let key = KvKey::new(SPACE, NAME)?;
    let kept = store.kv_get(&key, now).await?;
    let kept: Option<Ahead> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(behind) = store.clock_behind() else {
        return Ok(kept);
    };
    let ahead_ms = i64::try_from(behind.as_millis()).unwrap_or(i64::MAX);
    let (clock, journal) = (now, after(now, ahead_ms));
    let known = Ahead { clock, journal }.with(kept);
    // The two are looked at at different moments; some seconds more or less are no news.
    let news =
        kept.is_none_or(|kept| known.clock < kept.clock || known.journal > after(kept.journal, 60_000));
    if news {
        let known = Ahead {
            journal: after(known.journal, 60_000),
            ..known
        };
        let value = Bytes::from(serde_json::to_vec(&known).unwrap_or_default());
        store.kv_put(&key, value, None, now).await?;
        return Ok(Some(known));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn what_was_noted_while_the_clock_was_ahead_is_looked_for_from_before_that_and_other_times_are_believed()
    {
        let at = |hours: i64| from_millis(1_780_000_000_000 + hours * HOUR);
        let ahead = Ahead {
            clock: at(100),
            journal: at(200),
        };
        assert_eq!(ahead.earliest(at(99)), at(99));
        assert_eq!(ahead.earliest(at(150)), at(76));
        assert_eq!(ahead.earliest(at(201)), at(201));
        let again = Ahead {
            clock: at(210),
            journal: at(220),
        };
        assert_eq!(
            again.with(Some(ahead)),
            Ahead {
                clock: at(100),
                journal: at(220)
            }
        );
        let much_later = Ahead {
            clock: at(200 + 90 * 24),
            journal: at(9_000),
        };
        assert_eq!(much_later.with(Some(ahead)), much_later);
    }
}
