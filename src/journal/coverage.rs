//! In: what was compared with a provider's own list of deliveries. Out: for which times each source is known to be whole.
//! Never: a claim about a time that was not looked at.
//!
//! The ledger is kept among the small values of the journal it is about, one value a source, so a journal that was lost
//! says nothing about itself.

mod lease;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KvKey, Store, StoreError, kv_all};

pub use lease::CoverageLease;

/// Where the ledger is among the small values.
const SPACE: &str = "coverage";
const SOURCES: &str = "source/";
const PASS: &str = "pass";

/// How many ranges are kept for a source; the oldest are joined.
const RANGES_MAX: usize = 64;
/// How many stretches of a source may wait to be looked at; the oldest is given up, and stays a hole.
const BACKLOG_MAX: usize = 8;
/// How many deliveries that nobody can fetch are named.
const UNREACHABLE_MAX: usize = 50;

/// What is known about one source of deliveries: a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// `github:acme/api:1`, `render:whk-…`.
    pub source: String,
    /// How the last comparison went.
    pub state: CoverageState,
    /// When it was compared last.
    pub checked_at: Timestamp,
    /// The times that were compared, in order, without overlap.
    pub ranges: Vec<Range>,
    /// Stretches that were begun, newest delivery first, and not finished.
    #[serde(default)]
    pub backlog: Vec<Stretch>,
    /// The newest deliveries that are missing and that the provider does not give any more.
    #[serde(default)]
    pub unreachable: Vec<Unreachable>,
}

/// How a comparison went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CoverageState {
    /// Up to date.
    Watched,
    /// The provider does not let us look.
    NoPermission {
        /// What it said, and what to do.
        why: String,
    },
    /// The provider asked us to wait, or its budget is nearly used up.
    Waiting {
        /// What for.
        why: String,
    },
    /// It could not be done; it is tried again.
    Failing {
        /// What went wrong.
        why: String,
    },
}

/// A stretch of time that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// From, inclusive.
    pub from: Timestamp,
    /// To, exclusive.
    pub until: Timestamp,
    /// What was found there.
    #[serde(flatten)]
    pub found: Found,
}

/// What a comparison found, in deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// They are in the journal.
    pub ok: u64,
    /// They were never acknowledged, and were not in the journal.
    pub failed: u64,
    /// They were acknowledged, and were not in the journal.
    pub missing: u64,
    /// Of these, so many were fetched and admitted.
    pub recovered: u64,
    /// Of the recovered, so many were too old for a rule that wanted them.
    pub stale: u64,
    /// They are older than the journal: left to a person.
    pub before_epoch: u64,
    /// Of these, so many had been acknowledged: by a journal that is gone, or by another installation.
    pub acknowledged_before_epoch: u64,
    /// They cannot be had any more.
    pub unreachable: u64,
}

impl Found {
    /// Whether everything that was delivered is in the journal now.
    pub fn is_whole(&self) -> bool {
        self.before_epoch == 0 && self.unreachable == 0
    }

    /// Whether there was nothing but what was there already.
    fn is_quiet(&self) -> bool {
        *self
            == Self {
                ok: self.ok,
                ..Self::default()
            }
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.missing += other.missing;
        self.recovered += other.recovered;
        self.stale += other.stale;
        self.before_epoch += other.before_epoch;
        self.acknowledged_before_epoch += other.acknowledged_before_epoch;
        self.unreachable += other.unreachable;
    }
}

/// A stretch that is still to be compared, from a cursor of the provider's list on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// From, inclusive.
    pub from: Timestamp,
    /// To, exclusive: what is newer was compared.
    pub until: Timestamp,
    /// Where in the provider's list to go on.
    pub cursor: Option<String>,
}

/// A delivery that is missing and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreachable {
    /// The delivery's id.
    pub id: String,
    /// When it was delivered.
    pub at: Timestamp,
    /// Why it cannot be had.
    pub why: String,
}

impl Coverage {
    /// A source of which nothing is known yet.
    pub fn new(source: &str, now: Timestamp) -> Self {
        Self {
            source: source.into(),
            state: CoverageState::Watched,
            checked_at: now,
            ranges: Vec::new(),
            backlog: Vec::new(),
            unreachable: Vec::new(),
        }
    }

    /// Up to when it was compared, if it ever was.
    pub fn until(&self) -> Option<Timestamp> {
        self.ranges.last().map(|range| range.until)
    }

    /// Everything that was found.
    pub fn total(&self) -> Found {
        let mut total = Found::default();
        self.ranges.iter().for_each(|range| total.add(&range.found));
        total
    }

    /// Enters a stretch that was compared; what was known of it before gives way.
    pub fn enter(&mut self, range: Range) {
        if range.from >= range.until {
            return;
        }
        let mut ranges = Vec::with_capacity(self.ranges.len() + 2);
        for old in std::mem::take(&mut self.ranges) {
            let (before, after) = (old.from < range.from, old.until > range.until);
            if before {
                let until = old.until.min(range.from);
                ranges.push(Range { until, ..old.clone() });
            }
            if after {
                let from = old.from.max(range.until);
                // The count stays with the earlier part.
                let found = if before { Found::default() } else { old.found };
                ranges.push(Range {
                    from,
                    until: old.until,
                    found,
                });
            }
        }
        ranges.push(range);
        ranges.sort_by_key(|range| range.from);
        self.ranges = joined(ranges);
    }

    /// From where on `since` has to be compared again where something is missing around it: from the beginning of the
    /// range it is in, so that what was counted there is counted anew.
    pub fn begin_of_doubt(&self, since: Timestamp) -> Option<Timestamp> {
        let around = |range: &&Range| range.from <= since && since < range.until;
        let range = self.ranges.iter().find(around);
        range
            .filter(|range| !range.found.is_quiet())
            .map(|range| range.from)
    }

    /// Leaves a stretch for later.
    pub fn postpone(&mut self, stretch: Stretch) {
        if stretch.from >= stretch.until {
            return;
        }
        if let Some(last) = self.backlog.last_mut()
            && last.until == stretch.from
            && last.cursor.is_none()
            && stretch.cursor.is_none()
        {
            last.until = stretch.until;
            return;
        }
        if self.backlog.len() == BACKLOG_MAX {
            self.backlog.remove(0);
        }
        self.backlog.push(stretch);
    }

    /// Names a delivery that cannot be had.
    pub fn lost(&mut self, one: Unreachable) {
        self.unreachable.retain(|known| known.id != one.id);
        if self.unreachable.len() == UNREACHABLE_MAX {
            self.unreachable.remove(0);
        }
        self.unreachable.push(one);
    }

    /// Nobody can have compared what is yet to come: whoever entered it went by a clock that was ahead, and when that was is
    /// not known. So what is known from `from` on, as far back as the provider can be asked, is forgotten.
    pub fn disbelieve(&mut self, from: Timestamp, now: Timestamp) {
        let ahead = self.ranges.iter().map(|range| range.until);
        let ahead = ahead.chain(self.backlog.iter().map(|stretch| stretch.until));
        if ahead.max().is_none_or(|until| until <= now) {
            return;
        }
        self.backlog.clear();
        for range in &mut self.ranges {
            range.until = range.until.min(from);
        }
        self.ranges.retain(|range| range.from < range.until);
        self.checked_at = self.checked_at.min(now);
    }

    /// What of it lies before `at` is forgotten.
    pub fn forget_before(&mut self, at: Timestamp) {
        self.unreachable.retain(|one| one.at >= at);
        self.backlog.retain(|stretch| stretch.until > at);
    }
}

/// Quiet neighbors become one; and of too many the oldest.
fn joined(ranges: Vec<Range>) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.until == range.from && last.found.is_quiet() && range.found.is_quiet() => {
                last.until = range.until;
                last.found.add(&range.found);
            }
            _ => joined.push(range),
        }
    }
    while joined.len() > RANGES_MAX {
        // A hole between them would be hidden by joining: then the older one is dropped.
        let oldest = joined.remove(0);
        if let Some(next) = joined.first_mut().filter(|next| next.from == oldest.until) {
            next.from = oldest.from;
            next.found.add(&oldest.found);
        }
    }
    joined
}

/// When the last comparison of all sources was, and when the next is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveragePass {
    /// When it ended.
    pub at: Timestamp,
    /// When the next one is due.
    pub next_at: Timestamp,
    /// Why a provider is not compared at all, by provider.
    pub unwatched: std::collections::BTreeMap<String, String>,
}

fn key(name: &str) -> Result<KvKey, StoreError> {
    KvKey::new(SPACE, name)
}

fn bytes(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

/// What is known of one source.
pub async fn coverage_of(
    store: &dyn Store,
    source: &str,
    now: Timestamp,
) -> Result<Option<Coverage>, StoreError> {
    let kept = store.kv_get(&key(&format!("{SOURCES}{source}"))?, now).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

/// Everything that is known, by source.
pub async fn all_coverage(store: &dyn Store, now: Timestamp) -> Result<Vec<Coverage>, StoreError> {
    let kept = kv_all(store, SPACE, SOURCES, now).await?;
    let read = |value: &Bytes| serde_json::from_slice(value).ok();
    Ok(kept.iter().filter_map(|entry| read(&entry.value)).collect())
}

/// The last comparison of all sources.
pub async fn coverage_pass(store: &dyn Store, now: Timestamp) -> Result<Option<CoveragePass>, StoreError> {
    let kept = store.kv_get(&key(PASS)?, now).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn range(from: i64, until: i64, found: Found) -> Range {
        Range {
            from: at(from),
            until: at(until),
            found,
        }
    }

    fn ok(ok: u64) -> Found {
        Found {
            ok,
            ..Found::default()
        }
    }

    fn told(coverage: &Coverage) -> Vec<(i64, i64, u64, u64)> {
        let second = |time: Timestamp| time.as_second() - 1_800_000_000;
        let told = |range: &Range| {
            let found = &range.found;
            (
                second(range.from),
                second(range.until),
                found.ok,
                found.before_epoch,
            )
        };
        coverage.ranges.iter().map(told).collect()
    }

    #[test]
    fn quiet_neighbors_are_one_range_and_a_hole_stays_a_hole() {
        let mut coverage = Coverage::new("github:acme/api:1", at(0));
        coverage.enter(range(0, 10, ok(1)));
        coverage.enter(range(10, 20, ok(2)));
        coverage.enter(range(30, 40, ok(3)));
        assert_eq!(told(&coverage), [(0, 20, 3, 0), (30, 40, 3, 0)]);
        coverage.enter(range(20, 30, ok(0)));
        assert_eq!(told(&coverage), [(0, 40, 6, 0)]);
    }

    #[test]
    fn what_is_compared_again_replaces_what_was_known() {
        let mut coverage = Coverage::new("github:acme/api:1", at(0));
        let old = Found {
            before_epoch: 2,
            ..Found::default()
        };
        coverage.enter(range(0, 10, old));
        coverage.enter(range(10, 20, ok(5)));
        coverage.enter(range(2, 10, ok(2)));
        assert_eq!(told(&coverage), [(0, 2, 0, 2), (2, 20, 7, 0)]);
        coverage.enter(range(0, 20, ok(9)));
        assert_eq!(told(&coverage), [(0, 20, 9, 0)]);
        coverage.enter(range(
            5,
            6,
            Found {
                failed: 1,
                recovered: 1,
                ..Found::default()
            },
        ));
        assert_eq!(told(&coverage), [(0, 5, 9, 0), (5, 6, 0, 0), (6, 20, 0, 0)]);
    }

    #[test]
    fn of_too_many_ranges_the_oldest_are_joined() {
        let mut coverage = Coverage::new("github:acme/api:1", at(0));
        for n in 0..200 {
            let found = Found {
                failed: 1,
                recovered: 1,
                ..Found::default()
            };
            coverage.enter(range(n, n + 1, found));
        }
        assert_eq!(coverage.ranges.len(), RANGES_MAX);
        assert_eq!(coverage.ranges[0].from, at(0));
        assert_eq!(coverage.total().recovered, 200);
    }
}
