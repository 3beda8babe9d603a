//! In: what the clock shows, and the journal's time. Out: how far the clock is behind, said aloud when that is far. Never:
//! a correction of either: the journal's time stands still until the clock has caught up.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::in_words;
use crate::telemetry::numbers;

/// From how far apart two times are said to be, in milliseconds.
pub(super) const ALARM_MS: i64 = 5_000;

/// What is known of a clock that jumped back.
#[derive(Debug, Default)]
pub(super) struct Behind {
    ms: AtomicI64,
    said: AtomicBool,
}

impl Behind {
    /// An operation happened at `journal` when `clock` showed this.
    pub(super) fn observe(&self, clock: Timestamp, journal: Timestamp) {
        let ms = journal.as_millisecond().saturating_sub(clock.as_millisecond());
        self.ms.store(ms, Ordering::Relaxed);
        if say_once(&self.said, ms > ALARM_MS) {
            numbers::CLOCK_JUMPS.count(["back"]);
            tracing::error!(
                "the clock jumped back by {}, or had been ahead; leases, waits and cooldowns last that much longer, until it has \
                 caught up; docs/state.md (Time) says how to turn the journal back",
                in_words(ms)
            );
        }
    }

    /// How far the clock was behind the journal's time when it was looked at last; nothing while that is no alarm.
    pub(super) fn alarming(&self) -> Option<Duration> {
        let ms = self.ms.load(Ordering::Relaxed);
        (ms > ALARM_MS).then(|| Duration::from_millis(ms.unsigned_abs()))
    }
}

/// Whether to say now what `is` so: once each time it becomes so.
pub(super) fn say_once(said: &AtomicBool, is: bool) -> bool {
    is && !said.swap(is, Ordering::Relaxed) || {
        said.store(is, Ordering::Relaxed);
        false
    }
}
