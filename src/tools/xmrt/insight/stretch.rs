//! In: times and durations. Out: a stretch of time, its weeks, how long things took in it. Never: what the things are.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of a list of durations, the share below which `longest_but_tenth` lies.
const NINTH_TENTH: usize = 9;

/// A time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Spread {
    /// How many there were.
    pub(super) count: u32,
    /// In seconds; of an even number the mean of the two in the middle.
    pub(super) median_seconds: u64,
    /// Nine of ten took at most so long.
    pub(super) p90_seconds: u64,
    pub(super) longest_seconds: u64,
}

impl Window {
    pub(super) fn holds(self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// The one of the same length before it.
    pub(super) fn before(self) -> Self {
        Self {
            since: self.since - self.until.duration_since(self.since),
            until: self.since,
        }
    }

    /// So many weeks up to its end, the oldest first.
    pub(super) fn weeks(self, count: u32) -> Vec<Self> {
        let week = SignedDuration::from_hours(24 * 7);
        (0..count)
            .rev()
            .map(|back| {
                let until = self.until - week * i32::try_from(back).unwrap_or(i32::MAX);
                Self {
                    since: until - week,
                    until,
                }
            })
            .collect()
    }
}

impl Spread {
    pub(super) fn of(mut seconds: Vec<u64>) -> Option<Self> {
        seconds.sort_unstable();
        let longest = *seconds.last()?;
        let middle = seconds.len() / 2;
        let median = match seconds.len() % 2 {
            0 => (seconds[middle - 1] + seconds[middle]) / 2,
            _ => seconds[middle],
        };
        // Nearest rank: the smallest that nine of ten do not exceed.
        let rank = (seconds.len() * NINTH_TENTH).div_ceil(10);
        Some(Self {
            count: u32::try_from(seconds.len()).unwrap_or(u32::MAX),
            median_seconds: median,
            p90_seconds: seconds[rank - 1],
            longest_seconds: longest,
        })
    }
}

/// None is before the other: clocks of two providers differ.
pub(super) fn seconds(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_secs()).unwrap_or(0)
}

pub(super) fn count<T>(all: impl Iterator<Item = T>) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}

/// With one decimal.
pub(super) fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
