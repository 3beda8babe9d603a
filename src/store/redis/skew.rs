//! In: the caller's time and the server's. Out: how far they are apart, said aloud when that is too far. Never: a
//! correction of either.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::reply::Reply;
use crate::clock::after;
use crate::store::behind::{ALARM_MS, Behind, say_once};

/// What is known of the clocks.
#[derive(Debug, Default)]
pub(super) struct Skew {
    /// The server's clock minus ours, in milliseconds.
    ahead_ms: AtomicI64,
    said_apart: AtomicBool,
    behind: Behind,
}

impl Skew {
    /// An operation that was asked for at `now` was answered.
    pub(super) fn observe(&self, now: Timestamp, reply: &Reply) {
        let between = |a: Timestamp, b: Timestamp| a.as_millisecond().saturating_sub(b.as_millisecond());
        let ahead = between(reply.clock, now);
        self.ahead_ms.store(ahead, Ordering::Relaxed);
        if say_once(&self.said_apart, ahead.abs() > ALARM_MS) {
            tracing::warn!("Redis's clock is {ahead} ms ahead of this machine's; runs go by Redis's");
        }
        self.behind.observe(reply.clock, reply.at);
    }

    /// How far the server's clock is behind the journal's time, when that is far.
    pub(super) fn behind(&self) -> Option<Duration> {
        self.behind.alarming()
    }

    /// A time of the server's clock on ours.
    pub(super) fn ours(&self, at: Timestamp) -> Timestamp {
        after(at, -self.ahead_ms.load(Ordering::Relaxed))
    }
}
