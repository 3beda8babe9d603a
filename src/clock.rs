//! In: nothing. Out: the time. Never: anybody else reads it; every other room is told.
#![expect(clippy::disallowed_methods, reason = "this is the one reader of time")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Where a process takes the time from: the system, or a hand that a rule test moves.
///
/// Cheap to clone; clones of a virtual clock show the same time. Every time is truncated to whole
/// milliseconds, the resolution of the journal, so that a stored time equals the one it was made from.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Hand>);

#[derive(Debug)]
enum Hand {
    System,
    Virtual(Mutex<Timestamp>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Arc::new(Hand::System))
    }

    /// A clock that stands at `start` and moves only when somebody sleeps on it or advances it.
    pub fn virtual_at(start: Timestamp) -> Self {
        Self(Arc::new(Hand::Virtual(Mutex::new(whole_millis(start)))))
    }

    /// The present time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Hand::System => whole_millis(Timestamp::now()),
            Hand::Virtual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits until `at`. On a virtual clock this is what moves the hand: it returns at once, at `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &*self.0 {
            Hand::System => {
                let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO);
                tokio::time::sleep(wait).await;
            }
            Hand::Virtual(_) => self.advance_to(at),
        }
    }

    /// Moves a virtual clock forward to `at`; a system clock and an earlier `at` are left alone.
    pub fn advance_to(&self, at: Timestamp) {
        if let Hand::Virtual(hand) = &*self.0 {
            let mut hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
            *hand = (*hand).max(whole_millis(at));
        }
    }

    /// Whether the hand is moved by its users rather than by the world.
    pub fn is_virtual(&self) -> bool {
        matches!(&*self.0, Hand::Virtual(_))
    }

    /// A reading of the monotonic clock, for measuring how long something took in this process.
    pub fn monotonic() -> Instant {
        Instant::now()
    }
}

/// `at` plus a number of milliseconds, saturating at the end of time.
pub fn after(at: Timestamp, millis: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(millis))
        .unwrap_or(if millis < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
}

/// So many milliseconds as a person says it, to the second: `719h 59m 57s`.
pub fn in_words(millis: i64) -> String {
    format!("{:#}", SignedDuration::from_secs(millis / 1_000))
}

/// From milliseconds since the Unix epoch; out-of-range values saturate.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn whole_millis(at: Timestamp) -> Timestamp {
    from_millis(at.as_millisecond())
}
