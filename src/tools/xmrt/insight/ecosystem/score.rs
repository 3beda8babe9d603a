//! In: what was looked at, and what speaks against it. Out: scores. Never: a look anywhere.
//!
//! Whatever is looked at begins with a hundred and loses 40 for what is bad and 15 for what is a warning, down to none. An area is the
//! mean of what was looked at in it, the whole the mean of the areas. What could not be read is in no mean.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What something loses.
const BAD: u32 = 40;
const WARNING: u32 = 15;
/// How many findings are given.
const FINDINGS_MAX: usize = 100;

/// What is judged by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Area {
    /// How repositories are kept: work, releases, people, protection.
    Repositories,
    /// Whether what is built is green.
    Workflows,
    /// Weaknesses and secrets that GitHub found.
    Alerts,
    /// Whether services serve.
    Services,
    /// Whether what is deployed goes live.
    Deploys,
    /// Whether agents are there and their tasks get done.
    Agents,
    /// Whether the reactor does what the rules ask for.
    Reactor,
}

impl Area {
    pub(super) const ALL: [Self; 7] = [
        Self::Repositories,
        Self::Workflows,
        Self::Alerts,
        Self::Services,
        Self::Deploys,
        Self::Agents,
        Self::Reactor,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Repositories => "Repositories",
            Self::Workflows => "Workflows",
            Self::Alerts => "Alerts",
            Self::Services => "Services",
            Self::Deploys => "Deploys",
            Self::Agents => "Agents",
            Self::Reactor => "Reactor",
        }
    }
}

/// How much something weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Weight {
    Bad,
    Warning,
}

/// What speaks against something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    pub(super) area: Area,
    /// What it is about: a repository, a service, an agent, the reactor.
    pub(super) subject: String,
    /// What it is, with numbers and times.
    pub(super) what: String,
}

/// An area's score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct AreaScore {
    pub(super) area: Area,
    /// From 0 to 100; null where nothing could be judged.
    pub(super) score: Option<u32>,
    /// How much that is more than a week ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<i64>,
    /// How many were looked at.
    pub(super) subjects: u32,
}

/// The scores of the areas that were judged.
pub(super) type Scores = BTreeMap<Area, u32>;

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    subjects: BTreeMap<Area, BTreeSet<String>>,
    findings: BTreeSet<Finding>,
    /// What could not be read, in words.
    pub(super) unread: Vec<String>,
}

impl Judged {
    /// That something was looked at.
    pub(super) fn looked(&mut self, area: Area, subject: &str) {
        self.subjects.entry(area).or_default().insert(subject.to_owned());
    }

    /// What speaks against something. It counts where that was looked at.
    pub(super) fn found(&mut self, area: Area, subject: &str, weight: Weight, what: impl Into<String>) {
        self.findings.insert(Finding {
            weight,
            area,
            subject: subject.to_owned(),
            what: what.into(),
        });
    }

    fn score_of(&self, area: Area, subject: &str) -> u32 {
        let lost = self
            .findings
            .iter()
            .filter(|one| one.area == area && one.subject == subject);
        let lost: u32 = lost
            .map(|finding| match finding.weight {
                Weight::Bad => BAD,
                Weight::Warning => WARNING,
            })
            .sum();
        100_u32.saturating_sub(lost)
    }

    /// The scores of the areas in which something was looked at.
    pub(super) fn scores(&self) -> Scores {
        let scores = self.subjects.iter().filter_map(|(area, subjects)| {
            let all = subjects.iter().map(|subject| self.score_of(*area, subject));
            Some((*area, total(all)?))
        });
        scores.collect()
    }

    /// All areas, against those of another time.
    pub(super) fn areas(&self, past: Option<&Scores>) -> Vec<AreaScore> {
        let scores = self.scores();
        let of = |area: Area| {
            let score = scores.get(&area).copied();
            let before = past.and_then(|past| past.get(&area).copied());
            AreaScore {
                area,
                score,
                change: score
                    .zip(before)
                    .map(|(now, before)| i64::from(now) - i64::from(before)),
                subjects: self
                    .subjects
                    .get(&area)
                    .map_or(0, |subjects| u32::try_from(subjects.len()).unwrap_or(u32::MAX)),
            }
        };
        Area::ALL.into_iter().map(of).collect()
    }

    /// What was found, the heaviest first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings.iter().take(FINDINGS_MAX).cloned().collect()
    }
}

/// The whole's score. Agents and reactor alone are not everything: where nothing else could be judged there is none.
pub(super) fn whole(scores: &Scores) -> Option<u32> {
    let is_outside = |area: &Area| !matches!(area, Area::Agents | Area::Reactor);
    if !scores.keys().any(is_outside) {
        return None;
    }
    total(scores.values().copied())
}

/// The mean, to the nearest whole; none of nothing.
pub(super) fn total(scores: impl Iterator<Item = u32>) -> Option<u32> {
    let (sum, count) = scores.fold((0_u32, 0_u32), |(sum, count), score| (sum + score, count + 1));
    (count > 0).then(|| (sum + count / 2) / count)
}

/// How much the whole is more than it was, over the areas that were judged both times.
pub(super) fn change(now: &Scores, past: &Scores) -> Option<i64> {
    let of = |scores: &Scores, others: &Scores| {
        total(
            scores
                .iter()
                .filter(|(area, _)| others.contains_key(area))
                .map(|(_, score)| *score),
        )
    };
    Some(i64::from(of(now, past)?) - i64::from(of(past, now)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_loses_by_what_is_found_and_areas_are_means() {
        let mut judged = Judged::default();
        judged.looked(Area::Repositories, "acme/api");
        judged.looked(Area::Repositories, "acme/web");
        judged.looked(Area::Services, "srv-a");
        // What was not looked at has no score, whatever is said of it.
        judged.found(Area::Deploys, "srv-a", Weight::Bad, "failed");
        judged.found(Area::Repositories, "acme/web", Weight::Warning, "old");
        judged.found(Area::Repositories, "acme/web", Weight::Bad, "broken");
        // Said twice is found once.
        judged.found(Area::Repositories, "acme/web", Weight::Bad, "broken");
        for what in ["a", "b", "c"] {
            judged.found(Area::Services, "srv-a", Weight::Bad, what);
        }
        // 100 and 45; 100 - 120 is none.
        assert_eq!(
            judged.scores(),
            Scores::from([(Area::Repositories, 73), (Area::Services, 0)])
        );
        assert_eq!(total(judged.scores().values().copied()), Some(37));
        let weights: Vec<Weight> = judged.findings().iter().map(|one| one.weight).collect();
        assert!(weights.is_sorted(), "{weights:?}");
    }

    #[test]
    fn only_what_was_judged_both_times_is_compared() {
        let now = Scores::from([(Area::Repositories, 90), (Area::Alerts, 10)]);
        let past = Scores::from([(Area::Repositories, 100), (Area::Services, 0)]);
        assert_eq!(change(&now, &past), Some(-10));
        assert_eq!(change(&now, &Scores::from([(Area::Agents, 1)])), None);
        let mut judged = Judged::default();
        judged.looked(Area::Repositories, "acme/api");
        let areas = judged.areas(Some(&past));
        assert_eq!((areas[0].score, areas[0].change), (Some(100), Some(0)));
        // It was judged then, and is not now.
        assert_eq!(
            (areas[3].score, areas[3].change, areas[3].subjects),
            (None, None, 0)
        );
    }

    #[test]
    fn nothing_has_no_score() {
        assert_eq!(total([].into_iter()), None);
        assert_eq!(Judged::default().scores(), Scores::new());
        assert_eq!(
            whole(&Scores::from([(Area::Reactor, 100), (Area::Agents, 100)])),
            None
        );
        assert_eq!(
            whole(&Scores::from([(Area::Reactor, 100), (Area::Alerts, 0)])),
            Some(50)
        );
    }

    proptest::proptest! {
        /// One more finding never makes anything better, and one fewer never worse.
        #[test]
        fn a_finding_never_helps(found in proptest::collection::vec((0_usize..7, 0_u8..4, proptest::bool::ANY), 0..40)) {
            let mut judged = Judged::default();
            for area in Area::ALL {
                for subject in ["a", "b", "c", "d"] {
                    judged.looked(area, subject);
                }
            }
            let mut before = judged.scores();
            for (index, (area, subject, bad)) in found.into_iter().enumerate() {
                let weight = if bad { Weight::Bad } else { Weight::Warning };
                let subject = ["a", "b", "c", "d"][usize::from(subject)];
                judged.found(Area::ALL[area], subject, weight, index.to_string());
                let now = judged.scores();
                for (area, score) in &now {
                    proptest::prop_assert!(*score <= before[area] && *score <= 100);
                }
                before = now;
            }
        }
    }
}
