//! In: rules, and what came of their tests. Out: what no test exercised. Never: running anything.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::assemble::Trial;
use crate::rules::{self, ConditionView, Explanation, Rule, RuleBook};

/// Something that could be broken without any test noticing.
#[derive(Debug, Serialize)]
pub(super) struct Gap {
    /// The rule's id.
    pub(super) rule: String,
    /// What is not exercised, as a sentence.
    pub(super) what: String,
}

/// Rules that never act, and conditions of `[when]`, `if`, and of actions that never hold or never fail.
pub(super) fn gaps(book: &RuleBook, trials: &[Trial]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for rule in book.rules() {
        let own: Vec<&Trial> = trials.iter().filter(|trial| trial.rule == rule.id).collect();
        let mut missing = Vec::new();
        if !own
            .iter()
            .any(|trial| trial.calls.iter().any(|call| call["skipped"] == false))
        {
            missing.push("no test makes it act".to_owned());
        }
        conditions(rule, &own, &mut missing);
        steps(rule, &own, &mut missing);
        gaps.extend(missing.into_iter().map(|what| Gap {
            rule: rule.id.clone(),
            what,
        }));
    }
    gaps
}

/// A condition by its place, so that equal ones are told apart.
type Seen = BTreeSet<(usize, bool)>;

fn conditions(rule: &Rule, trials: &[&Trial], missing: &mut Vec<String>) {
    let explanations: Vec<Explanation> = trials
        .iter()
        .filter_map(|trial| trial.event.as_ref())
        .filter(|event| rule.listens_to(&event.kind.0))
        .map(|event| rules::explain(rule, event))
        .collect();
    let Some(first) = explanations.first() else {
        return;
    };
    let mut seen = Seen::new();
    let mut decided = BTreeSet::new();
    for explanation in &explanations {
        for (place, view) in explanation.when.iter().enumerate() {
            seen.insert((place, view.held()));
        }
        decided.extend(
            explanation
                .condition
                .as_ref()
                .and_then(|condition| condition.held),
        );
    }
    for (place, view) in first.when.iter().enumerate() {
        for held in [true, false] {
            if !seen.contains(&(place, held)) {
                missing.push(format!("no test makes {} {}", named(view), verb(held)));
            }
        }
    }
    if first.condition.is_some() {
        for held in [true, false] {
            if !decided.contains(&held) {
                missing.push(format!("no test makes its `if` {}", verb(held)));
            }
        }
    }
}

fn verb(held: bool) -> &'static str {
    if held { "hold" } else { "fail" }
}

fn named(view: &ConditionView) -> String {
    match view {
        ConditionView::Field { path, .. } => format!("the condition on `{path}`"),
        ConditionView::Any { .. } => "the group `any`".to_owned(),
        ConditionView::All { .. } => "the group `all`".to_owned(),
        ConditionView::Not { .. } => "the group `not`".to_owned(),
    }
}

/// Actions with an `if` are made and skipped; a `require` is met and not.
fn steps(rule: &Rule, trials: &[&Trial], missing: &mut Vec<String>) {
    for action in &rule.actions {
        let id = &action.id;
        let any = |skipped: bool| {
            let mut calls = trials.iter().flat_map(|trial| &trial.calls);
            calls.any(|call| call["step"] == id.as_str() && (call["skipped"] == true) == skipped)
        };
        if action.condition_text().is_some() {
            if !any(true) {
                missing.push(format!("no test makes the `if` of `{id}` fail"));
            }
            if !any(false) {
                missing.push(format!("no test makes the `if` of `{id}` hold"));
            }
        }
        if action.require_text().is_some() {
            // The run ended with this step's call.
            let refused = trials.iter().any(|trial| {
                trial.decision == "declined"
                    && trial.calls.last().is_some_and(|call| call["step"] == id.as_str())
            });
            if !refused {
                missing.push(format!("no test makes the `require` of `{id}` fail"));
            }
        }
    }
}
