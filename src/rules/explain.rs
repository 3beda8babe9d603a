//! In: a rule, an event, and what is on record about the two. Out: why it fires or not, condition by condition, and what it
//! would do. Never: evaluating less than everything; asking the journal.

use jiff::Timestamp;
use serde::Serialize;

use crate::normalize::Event;
use crate::rules::book::{self, Verdict};
use crate::rules::rule::{Mode, Rule};

mod condition;
mod limits;
mod plan;
mod reason;
mod ranking;
mod sentences;
mod page;

pub use condition::{ConditionView, TestView};
pub use limits::LimitView;
pub use page::ranking_page;
pub use plan::PlanView;
pub use ranking::{Ranked, ranking};
pub use reason::{IfView, PartView, Parts, PathView};

/// What the journal knows of a rule and an event.
#[derive(Clone, Debug, Default)]
pub struct OnRecord {
    /// Its decisions, generation after generation.
    pub decisions: Vec<Recorded>,
    /// What the rule failed at when the event came, where that was kept: see [`crate::rules::Candidate::missed`].
    pub missed: Option<String>,
    /// How many of our own runs led to the event.
    pub depth: u32,
    /// Whether the event was matched with this version of the rule.
    pub met: bool,
    /// Whether this version is in force now.
    pub in_force: bool,
}

/// A decision on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// `fired`, `suppressed`, `stale`, …
    pub decision: String,
    /// 0, unless the event was replayed or the run made again.
    pub generation: u32,
    /// The rule's version that was decided about.
    pub version: String,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The run's present state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a rule fires on an event, or does not. All text forms are made from this.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The rule's id.
    pub rule: String,
    /// The version that is explained.
    pub version: String,
    /// Whether that version is in force; `None` when nothing is on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<bool>,
    /// Whether it acts.
    pub mode: Mode,
    /// Why it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_reason: Option<String>,
    /// The event's id.
    pub event: String,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// What came of it: the newest decision on record, or else [`Explanation::outcome`].
    pub decision: String,
    /// The outcome in a sentence.
    pub sentence: String,
    /// The event types the rule listens to.
    pub on: Vec<String>,
    /// Whether the event's type is among them.
    pub listens: bool,
    /// The `[when]`, group structure kept.
    pub when: Vec<ConditionView>,
    /// The `if`.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<IfView>,
    /// What the conditions say, evaluated now: `fired`, `missed`, `off`, `error`, or `not_listening`.
    pub outcome: String,
    /// What the limits are counted by, when the conditions hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What limits the rule, and which of it held it back.
    pub limits: Vec<LimitView>,
    /// What the rule does, as far as it can be told before the first call; empty unless the conditions hold.
    pub plan: Vec<PlanView>,
    /// What is on record.
    pub recorded: Vec<Recorded>,
    /// Where what is on record and what is evaluated now do not agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<String>,
    /// How many of its questions are answered no, and how many there are: `on`, each condition of `[when]`, each part of
    /// the `if` that `and` joins.
    pub failed: usize,
    /// How many questions there are.
    pub questions: usize,
    /// What would have to differ for it to act; empty when it does.
    pub would_have_to_differ: Vec<String>,
}

/// Evaluates everything, also what a decision would have skipped, and says what was found. Without `record` the event is
/// only supposed.
pub fn explain(rule: &Rule, event: &Event, record: Option<&OnRecord>) -> Explanation {
    let listens = rule.listens_to(&event.kind.0);
    let when = condition::views(&rule.when, &event.payload);
    let patterns_hold = when.iter().all(ConditionView::held);
    let names = book::names_of(event, &event.payload, &rule.vars);
    let condition = rule
        .condition
        .as_ref()
        .map(|expression| reason::if_view(expression, &names, listens && patterns_hold));
    let verdict = listens.then(|| book::verdict(rule, event, &mut None));
    let (outcome, key) = match &verdict {
        None => ("not_listening", None),
        Some(Verdict::Off) => ("off", None),
        Some(Verdict::Missed) => ("missed", None),
        Some(Verdict::Error(_)) => ("error", None),
        Some(Verdict::Fired { key, .. }) => ("fired", Some(key.clone())),
    };
    let recorded = record.map_or_else(Vec::new, |record| record.decisions.clone());
    let newest = recorded.last();
    let mut explanation = Explanation {
        rule: rule.id.clone(),
        version: rule.version.clone(),
        in_force: record.map(|record| record.in_force),
        mode: rule.mode,
        off_reason: rule.off_reason.clone(),
        event: event.id.0.clone(),
        event_type: event.kind.0.clone(),
        subject: event.subject.0.clone(),
        received_at: event.received_at,
        decision: newest.map_or_else(|| outcome.to_owned(), |newest| newest.decision.clone()),
        on: rule.on.clone(),
        listens,
        when,
        condition,
        outcome: outcome.to_owned(),
        key,
        limits: limits::views(rule, event, record),
        plan: if outcome == "fired" {
            plan::plan(rule, &names)
        } else {
            Vec::new()
        },
        recorded,
        contradiction: None,
        failed: 0,
        questions: 0,
        sentence: String::new(),
        would_have_to_differ: Vec::new(),
    };
    (explanation.failed, explanation.questions) = ranking::questions(&explanation);
    explanation.contradiction = record.and_then(|record| contradiction(&explanation, record));
    explanation.would_have_to_differ = sentences::differences(&explanation, verdict.as_ref());
    explanation.sentence = sentences::sentence(&explanation, verdict.as_ref(), record);
    explanation
}

/// Evaluating again what was evaluated before gives the same; if not, somebody should know.
fn contradiction(explanation: &Explanation, record: &OnRecord) -> Option<String> {
    // What another version did is no matter of this one.
    let about_this = |recorded: &&Recorded| recorded.version == explanation.version;
    if !record.met {
        return None;
    }
    let first = record.decisions.iter().find(about_this);
    let outcome = explanation.outcome.as_str();
    match (first, &record.missed) {
        (Some(first), _) if first.decision == "error" && outcome != "error" => Some(format!(
            "when the event came, the rule could not be decided ({}); now it can",
            first.reason.as_deref().unwrap_or("no reason on record")
        )),
        (Some(first), _) if first.decision != "error" && outcome != "fired" => Some(format!(
            "`{}` is on record, so its conditions held when the event came; evaluated now they do not",
            first.decision
        )),
        (None, Some(place)) => {
            let now = failing(explanation);
            (now.as_deref() != Some(place)).then(|| {
                format!(
                    "when the event came, {} did not hold; evaluated now, {}",
                    sentences::place(explanation, place),
                    now.map_or_else(
                        || "everything holds".to_owned(),
                        |now| format!("{} does not", sentences::place(explanation, &now))
                    )
                )
            })
        }
        (None, None) if outcome == "fired" => Some(
            "its conditions hold, evaluated now, and nothing is on record: the event was matched by another version of the program"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The first thing that does not hold, as [`crate::rules::Candidate::missed`] says it.
fn failing(explanation: &Explanation) -> Option<String> {
    let first = explanation.when.iter().position(|condition| !condition.held());
    match (first, &explanation.condition) {
        (Some(place), _) => Some(place.to_string()),
        (None, Some(condition)) if condition.held == Some(false) => Some(book::MISSED_AT_IF.to_owned()),
        _ => None,
    }
}

impl Explanation {
    /// For people: aligned columns, no color needed.
    pub fn to_text(&self) -> String {
        page::page(self)
    }
}
