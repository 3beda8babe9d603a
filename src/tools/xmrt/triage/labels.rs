//! In: an issue's prose and paths, a vocabulary. Out: the labels they speak for, with the evidence. Never: guesses
//! without a word, a form's field or a path to point at.

use super::kinds::{self, Kinds};
use super::reading::Reading;
use super::text::Prose;
use super::vocabulary::{KINDS, Vocabulary};
use super::{Issue, areas, text};

/// The labels concluded.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    /// Those the issue has not yet.
    pub new: Vec<String>,
    /// What kind it is, by its present labels or the conclusion.
    pub kinds: Vec<&'static str>,
}

impl Labels {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }
}

/// How much speaks for one label, and what.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub label: &'a str,
    pub weight: u32,
    pub because: Vec<String>,
}

impl<'a> Evidence<'a> {
    pub(super) fn for_label(label: &'a str) -> Self {
        Self {
            label,
            weight: 0,
            because: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, weight: u32, because: String) {
        self.weight += weight;
        self.because.push(because);
    }
}

/// Concludes labels for an issue that has those `given`. A kind a person already gave stands: no other kind is added
/// beside it.
pub(super) fn conclude(
    issue: &Issue,
    given: &[String],
    prose: &Prose,
    paths: &[String],
    vocabulary: &Vocabulary,
    reasons: &mut Vec<String>,
) -> Labels {
    let reading = Reading::of(prose);
    let given_kinds = kinds_among(given);
    let seen = Kinds {
        prose,
        reading: &reading,
        paths,
        vocabulary,
    };
    let mut found = match given_kinds.is_empty() {
        true => kinds::conclude(&seen),
        false => Vec::new(),
    };
    let mut labels = Labels {
        new: Vec::new(),
        kinds: given_kinds,
    };
    labels.kinds.extend(
        KINDS
            .into_iter()
            .filter(|kind| found.iter().any(|evidence| evidence.label == *kind)),
    );
    found.extend(areas::conclude(issue, prose, &reading, paths, vocabulary));
    found.sort_by_key(|evidence| evidence.label);
    for evidence in found.into_iter().filter(|evidence| !has(given, evidence.label)) {
        reasons.push(format!(
            "label {}, because {}",
            evidence.label,
            text::list(&evidence.because)
        ));
        labels.new.push(evidence.label.to_owned());
    }
    labels
}

/// What kind another issue is, by its labels or its text.
pub(super) fn kinds_of(issue: &Issue, vocabulary: &Vocabulary) -> Vec<&'static str> {
    let given = kinds_among(&issue.labels);
    if !given.is_empty() {
        return given;
    }
    let prose = Prose::of(&issue.title, &issue.body);
    let found = kinds::conclude(&Kinds {
        prose: &prose,
        reading: &Reading::of(&prose),
        paths: &[],
        vocabulary,
    });
    found.into_iter().map(|evidence| evidence.label).collect()
}

/// Whether two issues may be of the same kind. One of which nothing is known may be of any.
pub(super) fn agree(a: &[&str], b: &[&str]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|kind| b.contains(kind))
}

fn kinds_among(labels: &[String]) -> Vec<&'static str> {
    KINDS.into_iter().filter(|kind| has(labels, kind)).collect()
}

fn has(labels: &[String], label: &str) -> bool {
    labels.iter().any(|l| l.eq_ignore_ascii_case(label))
}
