//! In: the caller's time and the server's. Out: how far they are apart, said aloud when that is too far. Never: a
//! correction of either.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

use super::reply::Reply;
use crate::clock::after;

/// From how far apart two clocks are said to be.
const ALARM_MS: i64 = 5_000;

/// What is known of the clocks.
#[derive(Debug, Default)]
pub(super) struct Skew {
    /// The server's clock minus ours, in milliseconds.
    ahead_ms: AtomicI64,
    said_apart: AtomicBool,
    said_back: AtomicBool,
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
        // The journal's time does not run backwards: it stands still until the clock has caught up.
        let back = between(reply.at, reply.clock);
        if say_once(&self.said_back, back > ALARM_MS) {
            tracing::error!("Redis's clock jumped back by {back} ms; leases and waits last that much longer");
        }
    }

    /// A time of the server's clock on ours.
    pub(super) fn ours(&self, at: Timestamp) -> Timestamp {
        after(at, -self.ahead_ms.load(Ordering::Relaxed))
    }
}

/// Whether to say now what `is` so: once each time it becomes so.
fn say_once(said: &AtomicBool, is: bool) -> bool {
    is && !said.swap(is, Ordering::Relaxed) || {
        said.store(is, Ordering::Relaxed);
        false
    }
}
