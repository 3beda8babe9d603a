//! In: an issue, the repository's recent issues, its CODEOWNERS, a vocabulary. Out: a [`Report`] that says what it
//! concluded and why. Never: the network, a clock, a language model.
//!
//! Everything here is a pure function, so that a maintainer who disagrees with a conclusion can repeat it.

mod areas;
mod conclusion;
pub mod duplicates;
pub mod habits;
mod kinds;
mod labels;
pub mod missing;
mod modules;
pub mod owners;
mod pull;
mod reading;
mod text;
mod vocabulary;

use schemars::JsonSchema;
use serde::Serialize;

pub use duplicates::Duplicate;
pub use pull::{
    Changed, Checks, Facts as PullFacts, Report as PullReport, Risk, Size, Stage, triage as triage_pull,
};
pub use vocabulary::{Keyword, UntakenGlob, Vocabulary};

/// One issue, as far as triage looks at it.
#[derive(Clone, Debug, Default)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its title: a stranger's text.
    pub title: String,
    /// Its body: a stranger's text, often made from a template.
    pub body: String,
    /// The labels it has.
    pub labels: Vec<String>,
}

/// What triage is done from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `owner/name`, so that links into the repository are recognized as paths.
    pub repo: &'a str,
    /// The issue.
    pub issue: &'a Issue,
    /// Other issues of the repository, in any order.
    pub recent: &'a [Issue],
    /// The text of the repository's CODEOWNERS, where it has one.
    pub codeowners: Option<&'a str>,
    /// Which words speak for which label.
    pub vocabulary: &'a Vocabulary,
    /// At most so many duplicates.
    pub duplicates_max: usize,
}

/// What was concluded, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Labels the issue should have and has not yet, without those that people here mostly take away.
    pub labels: Vec<String>,
    /// Older issues that say the same, most similar first.
    pub duplicates: Vec<Duplicate>,
    /// What somebody who looks into it will have to ask for; empty unless it is a bug or too slow.
    pub missing: Vec<String>,
    /// Code owners of the paths the issue mentions, as CODEOWNERS names them (`@user`, `@org/team`, an address).
    pub owners: Vec<String>,
    /// Paths of the repository the issue mentions.
    pub paths: Vec<String>,
    /// A comment a maintainer can post as it is: it pings nobody and quotes strangers safely.
    pub conclusion: String,
    /// Why, one sentence per conclusion.
    pub reasons: Vec<String>,
}

/// Concludes labels, duplicates, missing information and owners.
pub fn triage(facts: &Facts<'_>) -> Report {
    let prose = text::Prose::of(&facts.issue.title, &facts.issue.body);
    let paths = owners::paths_mentioned(facts.repo, &facts.issue.title, &facts.issue.body);
    let mut reasons = Vec::new();

    let mut labels = labels::conclude(
        facts.issue,
        &facts.issue.labels,
        &prose,
        &paths,
        facts.vocabulary,
        &mut reasons,
    );
    leave_out(&mut labels.new, facts, &mut reasons);
    let duplicates = twins(
        facts.issue,
        facts.recent,
        &labels.kinds,
        facts.vocabulary,
        facts.duplicates_max,
    );
    for twin in &duplicates {
        reasons.push(format!(
            "#{} is a likely duplicate: its text is {:.0}% similar (from {:.0}% on it counts), they share {}",
            twin.number,
            twin.score * 100.0,
            duplicates::SIMILARITY_MIN * 100.0,
            text::list(&twin.shared)
        ));
    }

    let (missing, reads_like) = match (labels.is("bug"), labels.is("performance")) {
        (true, _) => (missing::find(&prose), "a bug report"),
        (false, true) => (missing::find_in_measured(&prose), "a report about speed or size"),
        (false, false) => (Vec::new(), ""),
    };
    if !missing.is_empty() {
        reasons.push(format!(
            "it reads like {reads_like} and does not say: {}",
            missing.join("; ")
        ));
    }

    let found = owners::owners_of(facts.codeowners, &paths);
    for (path, owners) in &found.by_path {
        reasons.push(format!("CODEOWNERS gives {path} to {}", text::list(owners)));
    }

    let is_bug = labels.is("bug");
    let mut report = Report {
        labels: labels.new,
        duplicates,
        missing,
        owners: found.owners,
        paths,
        conclusion: String::new(),
        reasons,
    };
    if report.reasons.is_empty() {
        report
            .reasons
            .push("nothing in it matches the vocabulary, resembles an earlier issue or names a path".into());
    }
    report.conclusion = conclusion::write(&report, is_bug);
    report
}

/// Older issues that say the same, most similar first, at most `max`.
pub fn repeated(issue: &Issue, recent: &[Issue], vocabulary: &Vocabulary, max: usize) -> Vec<Duplicate> {
    twins(
        issue,
        recent,
        &labels::kinds_of(issue, vocabulary),
        vocabulary,
        max,
    )
}

/// The same for an issue of known kinds.
fn twins(
    issue: &Issue,
    recent: &[Issue],
    kinds: &[&str],
    vocabulary: &Vocabulary,
    max: usize,
) -> Vec<Duplicate> {
    let is_of_kind = |other: &Issue| labels::agree(kinds, &labels::kinds_of(other, vocabulary));
    duplicates::find(issue, recent, max, is_of_kind)
}

/// Takes out what people in this repository mostly take away.
fn leave_out(labels: &mut Vec<String>, facts: &Facts<'_>, reasons: &mut Vec<String>) {
    if labels.is_empty() {
        return;
    }
    let habits = habits::of(facts.repo, facts.recent, facts.vocabulary);
    labels.retain(|label| {
        let habit = habits.by_label.get(label).copied().unwrap_or_default();
        if habit.is_against() {
            reasons.push(format!(
                "label {label} is left out all the same: of {} recent issues that would be given it, people here left it on {}",
                habit.agreed + habit.against,
                habit.agreed
            ));
        }
        !habit.is_against()
    });
}
