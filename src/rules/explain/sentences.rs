//! In: an [`Explanation`]. Out: its sentences: what came of it, and what would have to differ. Never: evaluating anything.

use std::fmt::Write;

use serde_json::Value;

use crate::rules::book::{self, Verdict};
use crate::rules::explain::{ConditionView, Explanation, OnRecord, Parts, PathView, Recorded, TestView};
use crate::rules::rule::Mode;

/// Longest value shown on a line, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// What would have to differ for the rule to act.
pub(super) fn differences(explanation: &Explanation, verdict: Option<&Verdict>) -> Vec<String> {
    let mut differences = Vec::new();
    if !explanation.listens {
        differences.push(format!(
            "the event would have to be {}; it is {}",
            explanation.on.join(" or "),
            explanation.event_type
        ));
    }
    if explanation.mode == Mode::Off {
        differences.push("the rule would have to be switched on (`mode`)".to_owned());
    }
    for condition in explanation.when.iter().filter(|condition| !condition.held()) {
        differences.push(difference(condition));
    }
    if let Some(condition) = &explanation.condition {
        if condition.held == Some(false) {
            untrue(
                &condition.text,
                &condition.mentions,
                &condition.parts,
                &mut differences,
            );
        } else if let Some(error) = &condition.error {
            differences.push(format!("the `if` would have to be decidable: {error}"));
        }
    }
    if let (Some(Verdict::Error(error)), true) = (verdict, differences.is_empty()) {
        differences.push(error.clone());
    }
    let held_back = explanation.recorded.last().filter(|newest| newest.run.is_none());
    if let (Some(newest), true) = (held_back, explanation.outcome == "fired") {
        let reason = newest.reason.as_deref().unwrap_or("no reason on record");
        differences.push(match newest.decision.as_str() {
            "suppressed" => format!("no earlier run would have to stand in the way: {reason}"),
            "stale" => format!("the event would have to be younger: {reason}"),
            "loop_cut" => format!("the chain of our own runs would have to be shorter: {reason}"),
            other => format!("`{other}`: {reason}"),
        });
    }
    differences
}

/// The parts of an expression that kept it from being true.
fn untrue(text: &str, mentions: &[PathView], parts: &Parts, differences: &mut Vec<String>) {
    match parts {
        Parts::And(parts) => {
            for part in parts.iter().filter(|part| part.held != Some(true)) {
                match &part.error {
                    Some(error) => {
                        differences.push(format!("`{}` would have to be decidable: {error}", part.text))
                    }
                    None => untrue(&part.text, &part.mentions, &part.parts, differences),
                }
            }
        }
        Parts::Or(parts) => {
            let texts: Vec<String> = parts.iter().map(|part| format!("`{}`", part.text)).collect();
            differences.push(format!(
                "{} would have to be true{}",
                texts.join(" or "),
                with(mentions)
            ));
        }
        Parts::None => differences.push(format!(
            "`{}` would have to be true{}",
            text.trim(),
            with(mentions)
        )),
    }
}

fn difference(condition: &ConditionView) -> String {
    match condition {
        ConditionView::Field { path, tests, .. } => {
            let failed: Vec<String> = tests
                .iter()
                .filter(|test| !test.held)
                .map(|test| format!("`{}`", demand(test)))
                .collect();
            format!(
                "`{path}` would have to satisfy {}; {}",
                failed.join(" and "),
                found(condition)
            )
        }
        ConditionView::Any { branches, .. } => {
            // Of two branches that lack as much, the one that asks more came nearer.
            let nearest = branches
                .iter()
                .enumerate()
                .min_by_key(|(_, branch)| (lacking(branch).count(), std::cmp::Reverse(branch.len())));
            let nearest = nearest.map_or_else(String::new, |(at, branch)| {
                format!("; branch {} is the nearest: {}", at + 1, all_of(branch))
            });
            format!(
                "one of the {} branches of `any` would have to hold{nearest}",
                branches.len()
            )
        }
        ConditionView::All { branches, .. } => {
            let failed = branches
                .iter()
                .enumerate()
                .filter(|(_, branch)| lacking(branch).count() > 0);
            let failed = failed.map(|(at, branch)| format!("branch {} of `all`: {}", at + 1, all_of(branch)));
            failed.collect::<Vec<_>>().join("; ")
        }
        ConditionView::Not { conditions, .. } => match conditions.as_slice() {
            [only @ ConditionView::Field { path, tests, .. }] => {
                let asked: Vec<String> = tests.iter().map(|test| format!("`{}`", demand(test))).collect();
                let all_of = if asked.len() > 1 { "not all of " } else { "not " };
                format!(
                    "`{path}` would have to satisfy {all_of}{}; {}",
                    asked.join(" and "),
                    found(only)
                )
            }
            several => format!(
                "one of the {} conditions inside `not` would have to fail",
                several.len()
            ),
        },
    }
}

fn lacking(branch: &[ConditionView]) -> impl Iterator<Item = &ConditionView> {
    branch.iter().filter(|condition| !condition.held())
}

/// What a branch lacks.
fn all_of(branch: &[ConditionView]) -> String {
    lacking(branch).map(difference).collect::<Vec<_>>().join(", and ")
}

pub(super) fn demand(test: &TestView) -> String {
    let case = if test.ignore_case { " (ignoring case)" } else { "" };
    format!("{} {}{case}", test.operator, short(&test.expected))
}

fn found(condition: &ConditionView) -> String {
    let ConditionView::Field { actual, count, .. } = condition else {
        return String::new();
    };
    match actual.as_slice() {
        [] => "it is absent".to_owned(),
        [one] if *count == 1 => format!("it is {}", short(one)),
        _ => format!("its values are {}", list(actual, *count)),
    }
}

pub(super) fn list(actual: &[Value], count: usize) -> String {
    let mut shown = actual.iter().map(short).collect::<Vec<_>>().join(", ");
    if count > actual.len() {
        let _ = write!(shown, ", … ({count} in all)");
    }
    shown
}

fn with(mentions: &[PathView]) -> String {
    let values: Vec<String> = mentions
        .iter()
        .map(|mention| format!("{} is {}", mention.path, value(mention)))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!("; {}", values.join(", "))
    }
}

pub(super) fn value(mention: &PathView) -> String {
    if mention.defined {
        short(&mention.value)
    } else {
        "undefined".to_owned()
    }
}

/// Which condition a place means, as it was kept when the event came.
pub(super) fn place(explanation: &Explanation, place: &str) -> String {
    if place == book::MISSED_AT_IF {
        return "its `if`".to_owned();
    }
    let condition = place.parse().ok().and_then(|at: usize| explanation.when.get(at));
    match condition {
        Some(ConditionView::Field { path, .. }) => format!("the condition on `{path}`"),
        Some(ConditionView::Any { .. }) => "the group `any`".to_owned(),
        Some(ConditionView::All { .. }) => "the group `all`".to_owned(),
        Some(ConditionView::Not { .. }) => "the group `not`".to_owned(),
        None => format!("condition {place}"),
    }
}

/// The outcome in a sentence: what happened where that is on record, else what the conditions say.
pub(super) fn sentence(
    explanation: &Explanation,
    verdict: Option<&Verdict>,
    record: Option<&OnRecord>,
) -> String {
    if let Some(newest) = explanation.recorded.last() {
        return happened(explanation, newest);
    }
    let rule = &explanation.rule;
    let kind = &explanation.event_type;
    match verdict {
        None => format!("{rule} does not listen to {kind}."),
        Some(Verdict::Off) => format!(
            "{rule} is off: {}.",
            explanation
                .off_reason
                .as_deref()
                .unwrap_or("no reason given")
                .trim_end_matches('.')
        ),
        Some(Verdict::Fired { .. }) if record.is_some_and(|record| !record.met) => format!(
            "{rule} would act on this {kind}, but it was not among the rules when the event came; `xmrt events replay {}` asks \
             the rules of today.",
            explanation.event
        ),
        Some(Verdict::Fired { key, .. }) if explanation.mode == Mode::Shadow => {
            format!("{rule} fires on this {kind} in shadow mode, and writes nothing (key: {key}).")
        }
        Some(Verdict::Fired { key, .. }) => format!("{rule} fires on this {kind} (key: {key})."),
        Some(Verdict::Error(error)) => format!("{rule} could not be decided on this {kind}: {error}."),
        Some(Verdict::Missed) => {
            let failed = explanation
                .when
                .iter()
                .filter(|condition| !condition.held())
                .count();
            match failed {
                0 => format!("{rule} does not fire on this {kind}: its `if` is false."),
                1 => format!("{rule} does not fire on this {kind}: a condition does not hold."),
                _ => format!("{rule} does not fire on this {kind}: {failed} conditions do not hold."),
            }
        }
    }
}

fn happened(explanation: &Explanation, newest: &Recorded) -> String {
    let (rule, kind) = (&explanation.rule, &explanation.event_type);
    let reason = newest
        .reason
        .as_deref()
        .unwrap_or("no reason on record")
        .trim_end_matches('.');
    let held_back =
        |what: &str| format!("{rule} did not act on this {kind}: its conditions hold, but {what}: {reason}.");
    match (newest.decision.as_str(), &newest.run) {
        (_, Some(run)) => {
            let state = newest.state.as_deref().unwrap_or("gone");
            let again = match newest.generation {
                0 => String::new(),
                generation => format!(", generation {generation}"),
            };
            format!("{rule} fired on this {kind}: run {run}{again} ({state}).")
        }
        ("suppressed", None) => held_back("a limit held it back"),
        ("stale", None) => held_back("the event was too old"),
        ("loop_cut", None) => held_back("it would have answered its own doing"),
        ("error", None) => format!("{rule} could not be decided on this {kind}: {reason}."),
        (other, None) => held_back(&format!("it was {other}")),
    }
}

/// A value on one line, not too long.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_CHARS_MAX - 1).collect();
    format!("{cut}…")
}
