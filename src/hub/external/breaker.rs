//! In: how calls went, and the time. Out: whether the next one may be tried. Never: a call.

use std::time::{Duration, Instant};

/// So many failures in a row, and nobody is kept waiting for the next one.
const FAILURES_MAX: u32 = 5;
/// How long nothing is tried at first.
const PAUSE: Duration = Duration::from_secs(5);
/// How long nothing is tried at most: the pause doubles with each attempt that fails.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Keeps callers from a server that does not answer: after a few failures calls are refused at once for a while, then
/// one is let through, and how it goes decides.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    pause: Duration,
    /// One call is under way that decides.
    trying: bool,
}

impl Breaker {
    /// Whether a call may be made now; if not, for how long.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let left = open.until.saturating_duration_since(now);
        if open.trying || !left.is_zero() {
            return Err(left);
        }
        open.trying = true;
        Ok(())
    }

    /// A call was answered, with whatever.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call was given up by who made it: it says nothing.
    pub(super) fn given_up(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = false;
        }
    }

    /// A call was not answered. Gives whether this is what opened it.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures += 1;
        let pause = match &self.open {
            Some(open) => (open.pause * 2).min(PAUSE_MAX),
            None if self.failures >= FAILURES_MAX => PAUSE,
            None => return false,
        };
        let opened = self.open.is_none();
        self.open = Some(Open {
            until: now + pause,
            pause,
            trying: false,
        });
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_failures_in_a_row_calls_are_refused_then_one_decides() {
        let start = crate::clock::Clock::monotonic();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert!(breaker.admit(start).is_ok());
            assert!(!breaker.failed(start));
        }
        breaker.answered();
        for _ in 0..4 {
            assert!(!breaker.failed(start));
        }
        assert!(breaker.failed(start), "the fifth in a row opens it");
        assert_eq!(breaker.admit(at(1)), Err(Duration::from_secs(4)));
        assert!(breaker.admit(at(5)).is_ok(), "one is tried");
        assert!(breaker.admit(at(5)).is_err(), "and no other meanwhile");
        assert!(!breaker.failed(at(5)));
        assert_eq!(
            breaker.admit(at(6)),
            Err(Duration::from_secs(9)),
            "the pause doubles"
        );
        assert!(breaker.admit(at(15)).is_ok());
        breaker.given_up();
        assert!(
            breaker.admit(at(15)).is_ok(),
            "one that was given up decides nothing"
        );
        breaker.answered();
        assert!(breaker.admit(at(15)).is_ok() && breaker.admit(at(15)).is_ok());
    }
}
