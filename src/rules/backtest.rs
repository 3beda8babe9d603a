//! In: two sets of rules, and events in order. Out: where they differ. Never: calls, or a clock: the events' own times are
//! what gates are counted by.

mod gates;

use std::collections::BTreeMap;

use gates::{Answer, Gates};
use jiff::Timestamp;
use serde::Serialize;

use super::book::{RuleBook, Verdict};
use crate::normalize::Event;

/// What a comparison leaves out, whoever asks.
pub const NOT_SIMULATED: &[&str] = &[
    "steps: an action's `if`, a `require` that declines, and the refund of the limits that follows",
    "`limits.depth`, and the events that runs would have caused",
];

/// One set of rules.
#[derive(Debug)]
pub struct Side {
    /// For people.
    pub name: String,
    /// Rules that were kept each with variables of their own are a book each.
    books: Vec<RuleBook>,
}

impl Side {
    /// Rules under a name.
    pub fn new(name: String, books: Vec<RuleBook>) -> Self {
        Self { name, books }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Rules that fired on either side, or could not be decided; by id.
    pub rules: Vec<RuleChange>,
}

/// One rule on both sides. Firings are those that would have become runs.
#[derive(Debug, Serialize)]
pub struct RuleChange {
    /// Its id.
    pub rule: String,
    /// How often it fired.
    pub before: usize,
    /// How often it would have.
    pub after: usize,
    /// Where it would have, and did not.
    pub gained: Vec<Firing>,
    /// Where it did, and would not have.
    pub lost: Vec<Firing>,
    /// Firings that the rule's own gates would have held back, on each side.
    pub held_back_before: usize,
    /// The same of the candidate.
    pub held_back_after: usize,
    /// Events on which the candidate could not be decided.
    pub errors: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// The first of the reasons.
    pub first_error: Option<String>,
}

/// An event on which a rule fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// The event's id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it came.
    pub received_at: Timestamp,
    #[serde(skip)]
    place: usize,
}

impl Comparison {
    /// How many firings there are that were not there before.
    pub fn gained(&self) -> usize {
        self.rules.iter().map(|rule| rule.gained.len()).sum()
    }

    /// How many there are no more.
    pub fn lost(&self) -> usize {
        self.rules.iter().map(|rule| rule.lost.len()).sum()
    }
}

impl RuleChange {
    /// What else is to be said of it, in words; empty if nothing is.
    pub fn note(&self) -> String {
        let mut notes = Vec::new();
        if self.held_back_before > 0 || self.held_back_after > 0 {
            notes.push(format!(
                "held back by limits: {} before, {} after",
                self.held_back_before, self.held_back_after
            ));
        }
        if let Some(error) = &self.first_error {
            notes.push(format!("{} could not be decided: {error}", self.errors));
        }
        notes.join("; ")
    }
}

/// What one rule did on one side.
#[derive(Default)]
struct Record {
    fired: Vec<Firing>,
    held_back: usize,
    errors: usize,
    first_error: Option<String>,
}

/// `events` in the order they were received.
pub fn compare(before: &Side, after: &Side, events: &[Event]) -> Comparison {
    let (before, mut after) = (play(before, events), play(after, events));
    let mut rules: Vec<RuleChange> = Vec::new();
    for (rule, old) in &before {
        let new = after.remove(rule).unwrap_or_default();
        rules.push(change(rule, old, new));
    }
    for (rule, new) in after {
        rules.push(change(&rule, &Record::default(), new));
    }
    rules.retain(|rule| {
        rule.before + rule.after + rule.errors + rule.held_back_before + rule.held_back_after > 0
    });
    rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    Comparison { rules }
}

fn change(rule: &str, old: &Record, new: Record) -> RuleChange {
    let missing_in = |from: &[Firing], other: &[Firing]| -> Vec<Firing> {
        from.iter()
            .filter(|firing| {
                other
                    .binary_search_by_key(&firing.place, |known| known.place)
                    .is_err()
            })
            .cloned()
            .collect()
    };
    RuleChange {
        rule: rule.to_owned(),
        before: old.fired.len(),
        after: new.fired.len(),
        gained: missing_in(&new.fired, &old.fired),
        lost: missing_in(&old.fired, &new.fired),
        held_back_before: old.held_back,
        held_back_after: new.held_back,
        errors: new.errors,
        first_error: new.first_error,
    }
}

fn play(side: &Side, events: &[Event]) -> BTreeMap<String, Record> {
    let mut records: BTreeMap<String, Record> = BTreeMap::new();
    let mut gates = Gates::default();
    for (place, event) in events.iter().enumerate() {
        for evaluation in side.books.iter().flat_map(|book| book.evaluate(event)) {
            let rule = &evaluation.rule;
            let record = records.entry(rule.id.clone()).or_default();
            match evaluation.verdict {
                Verdict::Missed | Verdict::Off => {}
                Verdict::Error(error) => {
                    record.errors += 1;
                    record.first_error.get_or_insert(error);
                }
                Verdict::Fired { key, .. } => {
                    match gates.ask(&rule.limits, (rule.id.clone(), key), event, place) {
                        Answer::Refused => record.held_back += 1,
                        Answer::Admitted { superseded } => {
                            if let Some(superseded) = superseded {
                                record.fired.retain(|firing| firing.place != superseded);
                                record.held_back += 1;
                            }
                            record.fired.push(Firing {
                                id: event.id.0.clone(),
                                kind: event.kind.0.clone(),
                                received_at: event.received_at,
                                place,
                            });
                        }
                    }
                }
            }
        }
    }
    records
}
