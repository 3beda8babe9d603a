//! In: a repository's recent issues with the labels people left on them, a vocabulary. Out: how far people agree with what
//! triage would say, label by label. Never: an issue that nobody labeled.
//!
//! This is how triage learns from what people change. Nothing is kept: it is counted anew each time, from the issues that
//! duplicates are looked for among. An issue with a label of the vocabulary was looked at by somebody; a label that triage
//! would give it and that is not there was taken away, or a person chose another. That holds for labels of the same sort
//! only: who says what an issue is has not said which part it is about. A label that triage set and nobody touched counts
//! as agreed.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::text::Prose;
use super::vocabulary::KINDS;
use super::{Issue, Vocabulary, labels, owners};

/// So many issues triage would give a label to before people's word on it counts.
const JUDGED_MIN: u32 = 6;

/// What people do with what triage would say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Habits {
    /// Issues that carry a label of the vocabulary.
    pub labeled: u32,
    /// Label by label.
    pub by_label: BTreeMap<String, Habit>,
    /// Issues that people labeled otherwise, in the order given.
    pub disagreements: Vec<Disagreement>,
}

/// What people do with one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    /// Issues triage would give it to and that have it.
    pub agreed: u32,
    /// Issues triage would give it to and that have others of its sort: kinds, or parts of the product.
    pub against: u32,
    /// Issues that have it and that triage would not give it to.
    pub added: u32,
}

impl Habit {
    /// Whether people leave it out more often than not.
    pub fn is_against(self) -> bool {
        self.agreed + self.against >= JUDGED_MIN && self.against > self.agreed
    }
}

/// An issue that people labeled otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disagreement {
    /// Its number.
    pub number: i64,
    /// Labels triage would give it and that it does not have.
    pub taken_away: Vec<String>,
    /// Labels of the vocabulary that it has and triage would not give it.
    pub added: Vec<String>,
}

/// What people do with each label of the vocabulary.
pub fn of(repo: &str, recent: &[Issue], vocabulary: &Vocabulary) -> Habits {
    let known = vocabulary.labels();
    let mut habits = Habits::default();
    for issue in recent {
        let has = |label: &str| issue.labels.iter().any(|given| given.eq_ignore_ascii_case(label));
        let given: BTreeSet<String> = known
            .iter()
            .filter(|label| has(label))
            .map(|label| (*label).to_owned())
            .collect();
        if given.is_empty() {
            continue;
        }
        habits.labeled += 1;
        // A repository that labels only kinds says nothing about a part of the product.
        let is_judged = |label: &String| given.iter().any(|one| is_kind(one) == is_kind(label));
        let mut said = said_of(repo, issue, vocabulary);
        said.retain(is_judged);
        for label in said.union(&given) {
            let habit = habits.by_label.entry(label.clone()).or_default();
            match (said.contains(label), given.contains(label)) {
                (true, true) => habit.agreed += 1,
                (true, false) => habit.against += 1,
                (false, _) => habit.added += 1,
            }
        }
        if said != given {
            habits.disagreements.push(Disagreement {
                number: i64::try_from(issue.number).unwrap_or(i64::MAX),
                taken_away: said.difference(&given).cloned().collect(),
                added: given.difference(&said).cloned().collect(),
            });
        }
    }
    habits
}

/// What triage would say of the issue if nobody had labeled it.
fn said_of(repo: &str, issue: &Issue, vocabulary: &Vocabulary) -> BTreeSet<String> {
    let prose = Prose::of(&issue.title, &issue.body);
    let paths = owners::paths_mentioned(repo, &issue.title, &issue.body);
    let labels = labels::conclude(issue, &[], &prose, &paths, vocabulary, &mut Vec::new());
    labels.new.into_iter().collect()
}

fn is_kind(label: &str) -> bool {
    KINDS.contains(&label)
}
