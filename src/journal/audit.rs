//! In: what somebody did, or was kept from doing. Out: the audit trail: entries that are added and never changed. Never: a
//! secret; whoever makes an entry has taken the values out of its arguments.
//!
//! What a run's call came to rides with the step's outcome, and a person's word with what it changes: one write, whole or
//! not at all. Entries have an order of their own, and go by age alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, EventKey, PAGE_MAX, Resolution, RunId, RunRecord};
use crate::clock::from_millis;

/// The longest entry, in bytes of its JSON: beyond that the arguments are left out, then texts are cut.
pub const AUDIT_BYTES_MAX: usize = 8_192;
/// What is left of a text in an entry that would be too long, in characters.
const TEXT_CHARS_LEFT: usize = 200;
/// How many entries one step of pruning deletes, at most.
pub const AUDIT_PRUNE_MAX: usize = 512;

/// One thing that somebody did, or was kept from doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Who: `reactor`, an agent's id, or the name of a person.
    pub who: String,
    /// What: a tool (`github.create_issue`), or a word (`run.approve`, `pause`, `agent.login`).
    pub what: String,
    /// What came of it, in one word: `done`, `forbidden`, `unknown_effect`, `approved`, …
    pub outcome: String,
    /// What it was done to: a repository, a service, a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventKey>,
    /// The run that made the call, or that the word was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The run's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The run's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The person whose leave the call needed and had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// SHA-256 of the arguments with sorted keys, in hexadecimal: equal arguments have equal hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_sha256: Option<String>,
    /// The arguments without what may be secret, and cut short.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// Why it failed, or what was said, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// The id of its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl AuditEntry {
    /// A person's word on the doubt about a run.
    pub(crate) fn resolved(who: &str, resolution: &Resolution, run: &RunRecord) -> Self {
        let outcome = match resolution {
            Resolution::Done { .. } => "done",
            Resolution::Repeat => "repeat",
            Resolution::GiveUp => "give_up",
        };
        Self::word(who, "run.resolve", outcome, run)
    }

    /// A person's word on a call.
    pub(crate) fn answered(answer: &Answer, run: &RunRecord) -> Self {
        let (what, outcome) = match answer.approved {
            true => ("run.approve", "approved"),
            false => ("run.reject", "rejected"),
        };
        Self {
            note: answer.why.clone(),
            ..Self::word(&answer.who, what, outcome, run)
        }
    }

    /// A run is ended before its time.
    pub(crate) fn cancelled(who: &str, run: &RunRecord) -> Self {
        Self::word(who, "run.cancel", "done", run)
    }

    /// A run is made again, as another one.
    pub(crate) fn retried(who: &str, run: &RunRecord, again: &RunId) -> Self {
        Self {
            note: Some(format!("run {again}")),
            ..Self::word(who, "run.retry", "done", run)
        }
    }

    fn word(who: &str, what: &str, outcome: &str, run: &RunRecord) -> Self {
        Self {
            who: who.into(),
            what: what.into(),
            outcome: outcome.into(),
            target: Some(run.id.0.clone()),
            event: Some(run.event.clone()),
            run: Some(run.id.clone()),
            rule: Some(run.rule.clone()),
            ..Self::default()
        }
    }

    /// Something is to stand still, or to go on.
    pub(crate) fn paused(who: &str, stands_still: bool, target: &str) -> Self {
        let what = if stands_still { "pause" } else { "resume" };
        Self {
            who: who.into(),
            what: what.into(),
            outcome: "done".into(),
            target: Some(target.into()),
            ..Self::default()
        }
    }

    /// The entry, no longer than an entry may be.
    pub(crate) fn bounded(mut self) -> Self {
        let bytes = |entry: &Self| serde_json::to_vec(entry).map_or(0, |json| json.len());
        if bytes(&self) <= AUDIT_BYTES_MAX {
            return self;
        }
        self.arguments = Value::Null;
        if bytes(&self) <= AUDIT_BYTES_MAX {
            return self;
        }
        let cut = |text: &mut String| *text = text.chars().take(TEXT_CHARS_LEFT).collect();
        [&mut self.who, &mut self.what, &mut self.outcome]
            .into_iter()
            .for_each(cut);
        [
            &mut self.target,
            &mut self.step,
            &mut self.rule,
            &mut self.approved_by,
            &mut self.arguments_sha256,
            &mut self.note,
            &mut self.trace,
        ]
        .into_iter()
        .flatten()
        .for_each(cut);
        if let Some(event) = &mut self.event {
            [&mut event.source, &mut event.id].into_iter().for_each(cut);
        }
        self
    }
}

/// An entry on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// Its place in the trail's own order, which begins at 1.
    pub seq: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// What happened.
    pub entry: AuditEntry,
}

impl AuditRecord {
    /// Its place, as a page begins behind it.
    pub fn place(&self) -> AuditPlace {
        AuditPlace {
            at: self.at,
            seq: self.seq,
        }
    }
}

/// A place in the trail: the cursor of a list. As text it is `<milliseconds>-<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// When the entry there was written down.
    pub at: Timestamp,
    /// Its place in the order.
    pub seq: u64,
}

impl std::fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at.as_millisecond().max(0), self.seq)
    }
}

impl AuditPlace {
    /// The place that a text names.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, seq) = text.split_once('-')?;
        let (at, seq): (u64, u64) = (at.parse().ok()?, seq.parse().ok()?);
        Some(Self {
            at: from_millis(i64::try_from(at).ok()?),
            seq,
        })
    }
}

/// What to find in the trail; newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Who, exactly.
    pub who: Option<String>,
    /// What: exactly, or with a `*` at its end the beginning of it.
    pub what: Option<String>,
    /// What came of it, exactly.
    pub outcome: Option<String>,
    /// About which run.
    pub run: Option<RunId>,
    /// Written down at or after.
    pub since: Option<Timestamp>,
    /// Only what is older than this place: the last one of the page before.
    pub before: Option<AuditPlace>,
    /// At most so many (1–500).
    pub limit: usize,
}

impl AuditQuery {
    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, PAGE_MAX)
    }

    /// Whether an entry is meant, its place aside.
    pub(crate) fn fits(&self, entry: &AuditEntry) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let what = self
            .what
            .as_ref()
            .is_none_or(|what| match what.strip_suffix('*') {
                Some(begin) => entry.what.starts_with(begin),
                None => entry.what == *what,
            });
        let run = self
            .run
            .as_ref()
            .is_none_or(|run| entry.run.as_ref() == Some(run));
        what && run && is(&self.who, &entry.who) && is(&self.outcome, &entry.outcome)
    }

    /// Whether a place lies in the part that is meant.
    pub(crate) fn reaches(&self, at: Timestamp, seq: u64) -> bool {
        self.since.is_none_or(|since| at >= since) && self.before.is_none_or(|before| seq < before.seq)
    }
}
