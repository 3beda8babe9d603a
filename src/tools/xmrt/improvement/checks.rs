//! In: the facts of a repository. Out: one finding per check, with evidence. Never: the network, the clock; what could not be
//! read is unknown, never failed.

mod automation;
mod care;
mod files;
mod people;

use schemars::JsonSchema;
use serde::Serialize;

use super::QUOTED_BYTES_MAX;
use super::facts::{Facts, Part};
use super::kinds::Kind;
use crate::tools::quote::quote;

/// How many pieces of evidence one finding shows.
const EVIDENCE_MAX: usize = 10;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Failed,
    Unknown,
    Passed,
    NotApplicable,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Evidence {
    /// A file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// Its line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    /// Where people see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// What is to be seen there.
    pub(super) seen: String,
}

impl Evidence {
    /// A line of a Markdown list, strangers' words quoted.
    pub(super) fn told(&self) -> String {
        let words = quote(&self.seen, QUOTED_BYTES_MAX);
        let place = self.path.as_deref().map(|path| {
            let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{} ", quote(&format!("{path}{line}"), QUOTED_BYTES_MAX))
        });
        format!("- {}{words}", place.unwrap_or_default())
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Finding {
    /// The check.
    pub(super) check: &'static str,
    /// How it came out.
    pub(super) outcome: Outcome,
    /// What was found, in a sentence.
    pub(super) what: String,
    /// What that rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) evidence: Vec<Evidence>,
    /// Why it matters.
    pub(super) why: &'static str,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<&'static str>,
    /// What propose_improvement can open a pull request for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proposal: Option<Kind>,
}

/// A check: what it is called, why it is made, what mends it.
pub(super) struct Check {
    id: &'static str,
    why: &'static str,
    remedy: &'static str,
    mends: Option<Kind>,
    judge: fn(&Facts) -> Part<Verdict>,
}

/// What a check says when it could read what it needs.
#[derive(Debug)]
pub(super) struct Verdict {
    outcome: Outcome,
    what: String,
    evidence: Vec<Evidence>,
}

impl Verdict {
    fn passed(what: impl Into<String>) -> Self {
        Self::new(Outcome::Passed, what)
    }

    fn failed(what: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, what)
    }

    fn not_applicable(what: impl Into<String>) -> Self {
        Self::new(Outcome::NotApplicable, what)
    }

    fn new(outcome: Outcome, what: impl Into<String>) -> Self {
        Self {
            outcome,
            what: what.into(),
            evidence: Vec::new(),
        }
    }

    fn seen_in(mut self, facts: &Facts, path: &str, line: Option<u64>, seen: impl Into<String>) -> Self {
        self.evidence.push(in_file(facts, path, line, seen));
        self
    }

    fn seen_at(mut self, url: &str, seen: impl Into<String>) -> Self {
        self.evidence.push(Evidence {
            path: None,
            line: None,
            url: Some(url.to_owned()),
            seen: seen.into(),
        });
        self
    }

    /// Many things of one kind, the first of them shown.
    fn with(mut self, evidence: Vec<Evidence>) -> Self {
        self.evidence = evidence;
        self
    }
}

/// Evidence in a file.
fn in_file(facts: &Facts, path: &str, line: Option<u64>, seen: impl Into<String>) -> Evidence {
    Evidence {
        path: Some(path.to_owned()),
        line,
        url: Some(facts.page_of(path, line)),
        seen: seen.into(),
    }
}

/// Every check, in the order in which somebody would read them.
pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    [people::CHECKS, automation::CHECKS, care::CHECKS, files::CHECKS]
        .into_iter()
        .flatten()
}

/// What every check finds.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    all().map(|check| check.finds(facts)).collect()
}

impl Check {
    /// What it is called.
    pub(super) fn id(&self) -> &'static str {
        self.id
    }

    fn finds(&self, facts: &Facts) -> Finding {
        let verdict = (self.judge)(facts).unwrap_or_else(|why| Verdict::new(Outcome::Unknown, why));
        let (failed, mut evidence) = (verdict.outcome == Outcome::Failed, verdict.evidence);
        evidence.truncate(EVIDENCE_MAX);
        Finding {
            check: self.id,
            outcome: verdict.outcome,
            what: verdict.what,
            evidence,
            why: self.why,
            remedy: failed.then_some(self.remedy),
            proposal: self.mends.filter(|_| failed && !facts.archived),
        }
    }
}

#[cfg(test)]
mod table;
