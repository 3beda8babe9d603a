//! In: what was concluded and what was expected. Out: precision and recall. Never: a threshold.

use std::collections::{BTreeMap, BTreeSet};

/// How often it was right, wrong, and silent where it should have spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub right: u32,
    pub wrong: u32,
    pub missed: u32,
}

impl Score {
    /// Of what was said, how much is right.
    pub fn precision(self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    /// Of what should have been said, how much was.
    pub fn recall(self) -> f64 {
        ratio(self.right, self.right + self.missed)
    }

    /// The harmonic mean of both.
    pub fn f1(self) -> f64 {
        ratio(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    match whole {
        0 => 1.0,
        whole => f64::from(part) / f64::from(whole),
    }
}

/// Scores of one measure, in all and by label.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    pub all: Score,
    pub by_label: BTreeMap<String, Score>,
}

impl Measure {
    /// Counts one issue's labels.
    pub fn count(&mut self, concluded: &BTreeSet<String>, expected: &BTreeSet<String>) {
        for label in concluded.union(expected) {
            let by_label = self.by_label.entry(label.clone()).or_default();
            for score in [&mut self.all, by_label] {
                match (concluded.contains(label), expected.contains(label)) {
                    (true, true) => score.right += 1,
                    (true, false) => score.wrong += 1,
                    (false, _) => score.missed += 1,
                }
            }
        }
    }
}
