//! In: the clock and the monotonic clock, looked at again and again. Out: that the clock jumped forward. Never: a jump
//! back, which the journal sees by itself, even over a restart.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::in_words;

/// From which distance on it is a jump, in milliseconds.
const JUMP_MS: i64 = 5_000;
/// How long a jump is reported among the parts that do not work.
const REPORTED: Duration = Duration::from_secs(600);

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    last: Option<(Timestamp, Instant)>,
    jumped: Option<(Instant, String)>,
}

impl ClockWatch {
    /// Both clocks as they are: how far this one jumped forward since the last time, in milliseconds, if it did.
    pub(super) fn observe(&mut self, now: Timestamp, ticks: Instant) -> Option<i64> {
        let (then, before) = self.last.replace((now, ticks))?;
        let passed = ticks.saturating_duration_since(before).as_millis();
        let jump_ms =
            now.as_millisecond() - then.as_millisecond() - i64::try_from(passed).unwrap_or(i64::MAX);
        if jump_ms <= JUMP_MS {
            return None;
        }
        let why = format!(
            "at {now} the clock had jumped forward by {}, or the machine had slept: leases and waits ended that \
             much early; see to the machine's time synchronization",
            in_words(jump_ms)
        );
        self.jumped = Some((ticks, why));
        Some(jump_ms)
    }

    /// What is wrong, for some time after it was.
    pub(super) fn alarm(&self, ticks: Instant) -> Option<String> {
        let (at, why) = self.jumped.as_ref()?;
        (ticks.saturating_duration_since(*at) < REPORTED).then(|| why.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, after, from_millis};

    #[test]
    fn a_clock_that_jumps_forward_is_reported_for_ten_minutes_and_one_that_is_corrected_a_little_is_not() {
        let (start, ticks) = (from_millis(1_780_000_000_000), Clock::monotonic());
        let later = |seconds| ticks + Duration::from_secs(seconds);
        let mut watch = ClockWatch::default();
        assert_eq!(watch.observe(start, ticks), None);
        assert_eq!(watch.observe(after(start, 1_000 + JUMP_MS), later(1)), None);
        assert_eq!(watch.alarm(later(1)), None);
        assert_eq!(
            watch.observe(after(start, 3_601_000 + JUMP_MS), later(2)),
            Some(3_599_000)
        );
        assert!(
            watch
                .alarm(later(601))
                .expect("it is reported")
                .contains("59m 59s")
        );
        assert_eq!(watch.observe(after(start, 4_200_000 + JUMP_MS), later(601)), None);
        assert_eq!(watch.alarm(later(603)), None);
    }
}
