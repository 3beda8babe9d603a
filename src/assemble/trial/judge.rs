//! In: what a test expects, and what happened. Out: where they differ. Never: the world.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Outcome, Trial};
use crate::journal::{Decision, RunState, StepState};
use crate::plan::{self, Call};
use crate::rules::{Action, Expected, RuleBook, RuleTest};

/// A call the rule made, or would have made in shadow mode, or skipped.
struct Made {
    /// The action's id.
    step: String,
    call: Call,
    skipped: bool,
    /// Its own `if`, as it is written.
    condition: Option<String>,
}

/// Compares what happened with what the test expects.
pub(super) fn judge(
    book: &RuleBook,
    rule: &str,
    test: &RuleTest,
    outcome: &Outcome,
    given: &[Outcome],
) -> Trial {
    let actions = actions_by_step(book, rule);
    let made: Vec<Made> = outcome
        .runs
        .iter()
        .flat_map(|run| &run.steps)
        .filter_map(|step| made(&actions, step))
        .collect();
    let became = Became::of(rule, outcome);
    let mut failures = Vec::new();
    failures.extend(became.differs(test.decision.as_deref()));
    for (index, (given, outcome)) in test.given.iter().zip(given).enumerate() {
        let differs = Became::of(rule, outcome).differs(given.decision.as_deref());
        failures.extend(differs.map(|how| format!("`given` event {}: {how}", index + 1)));
    }
    let Became {
        decision,
        reason,
        state,
    } = became;
    if let Some(expected) = &test.reason
        && !reason
            .as_deref()
            .is_some_and(|reason| reason.contains(expected.as_str()))
    {
        failures.push(format!(
            "the reason is {reason:?}, which does not contain {expected:?}"
        ));
    }
    if test.decision.is_none() && matches!(state, Some(RunState::Dead | RunState::Unknown)) {
        let because = because(reason.as_deref());
        let missing = reason.as_deref().and_then(not_in_the_sandbox).unwrap_or_default();
        failures.push(format!("the run ended `{decision}`{because}{missing}"));
    }
    // To leave something alone is to decide so; an error is no decision.
    if test.decision.is_none() && state.is_none() && decision == Decision::Error.to_string() {
        failures.push(format!(
            "the rule could not be decided{}",
            because(reason.as_deref())
        ));
    }
    if let Some(expected) = &test.expect {
        failures.extend(compare(expected, &made, &decision));
    }
    let calls = made
        .iter()
        .map(|made| json!({ "step": made.step, "tool": made.call.tool, "arguments": made.call.arguments, "skipped": made.skipped }))
        .collect();
    Trial {
        rule: rule.into(),
        test: test.name.clone(),
        failures,
        calls,
        decision,
        took_ms: 0,
        event: None,
    }
}

/// What became of an event for the rule.
struct Became {
    /// The state of its run, or why there was none.
    decision: String,
    reason: Option<String>,
    /// The state of its run, if there was one.
    state: Option<RunState>,
}

impl Became {
    fn of(rule: &str, outcome: &Outcome) -> Self {
        let verdict = outcome
            .admission
            .verdicts
            .iter()
            .find(|verdict| verdict.rule == rule);
        let run = outcome.runs.first().map(|history| &history.run);
        let decision = match (verdict, run) {
            (None, _) => "missed".to_owned(),
            (Some(_), Some(run)) => run.state.to_string(),
            (Some(verdict), None) => verdict.decision.to_string(),
        };
        let reason = run
            .and_then(|run| run.reason.clone())
            .or_else(|| verdict.and_then(|verdict| verdict.reason.clone()));
        Self {
            decision,
            reason,
            state: run.map(|run| run.state),
        }
    }

    /// How it differs from what was expected, if it does.
    fn differs(&self, expected: Option<&str>) -> Option<String> {
        let (expected, decision) = (expected?, &self.decision);
        let because = because(self.reason.as_deref());
        (!same_decision(expected, decision, self.state))
            .then(|| format!("the decision is `{decision}`, not `{expected}`{because}"))
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// A test's world holds only what was said: how to say more, when a provider's stand-in does not have something.
fn not_in_the_sandbox(reason: &str) -> Option<&'static str> {
    let of = |provider: &str| reason.contains(&format!("{provider} answered 404"));
    if of("GitHub") {
        Some(
            "; a test's sandbox holds what its event mentions and its `state` says, such as \
             `state.github.repos = [{ full_name = \"acme/api\" }]`",
        )
    } else if of("Render") {
        Some(
            "; a test's sandbox holds what its event mentions and its `state` says, such as \
             `state.render.services = [{ id = \"srv-a\" }]`",
        )
    } else {
        None
    }
}

/// `fired` stands for any run that was made.
fn same_decision(expected: &str, decision: &str, run: Option<RunState>) -> bool {
    expected == decision || (expected == "fired" && run.is_some())
}

/// A skipped step has no call on record; this says what it would have called.
fn actions_by_step<'b>(book: &'b RuleBook, rule: &str) -> BTreeMap<&'b str, &'b Action> {
    let steps = book
        .rule(rule)
        .into_iter()
        .flat_map(|rule| rule.actions.iter().chain(&rule.on_failure));
    steps.map(|step| (step.id.as_str(), step)).collect()
}

fn made(actions: &BTreeMap<&str, &Action>, step: &crate::journal::StepRecord) -> Option<Made> {
    // The mark of a failing run is no call.
    if step.step.starts_with("on_failure[") && !step.step.contains('.') {
        return None;
    }
    let skipped = step.state == StepState::Skipped;
    // What waited for an approval that never came was not called.
    if !skipped && step.attempts == 0 && step.state != StepState::Planned {
        return None;
    }
    let id = plan::action_id(&step.step);
    let call = match serde_json::from_value(step.call.clone()) {
        Ok(call) => call,
        Err(_) if skipped => Call {
            tool: actions
                .get(id)
                .map_or(id, |action| action.tool.as_str())
                .to_owned(),
            arguments: json!({}),
            timeout_ms: 0,
            agent: None,
        },
        Err(_) => return None,
    };
    Some(Made {
        step: id.to_owned(),
        call,
        skipped,
        condition: actions
            .get(id)
            .and_then(|action| action.condition_text())
            .map(str::to_owned),
    })
}

/// The exact list of calls in order, each expected argument a part of the made one.
fn compare(expected: &[Expected], made: &[Made], decision: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let visible: Vec<&Made> = made.iter().filter(|made| !made.skipped).collect();
    let wanted: Vec<&Expected> = expected.iter().filter(|expected| !expected.if_skipped).collect();
    for (index, expected) in wanted.iter().enumerate() {
        match visible.get(index) {
            None => failures.push(format!(
                "call {} `{}` was not made{}",
                index + 1,
                expected.tool,
                skipped(expected, made).unwrap_or_else(|| format!(" (the rule's decision: {decision})"))
            )),
            Some(made) if made.call.tool != expected.tool => {
                failures.push(format!(
                    "call {} is `{}`, not `{}`",
                    index + 1,
                    made.call.tool,
                    expected.tool
                ));
            }
            Some(made) => {
                let mut places = Vec::new();
                differences(
                    &expected.arguments,
                    &made.call.arguments,
                    "arguments",
                    &mut places,
                );
                failures.extend(
                    places
                        .into_iter()
                        .map(|place| format!("call {} `{}`: {place}", index + 1, expected.tool)),
                );
            }
        }
    }
    for made in visible.iter().skip(wanted.len()) {
        failures.push(format!(
            "`{}` was called, which is not expected; its arguments: {}",
            made.call.tool, made.call.arguments
        ));
    }
    for expected in expected.iter().filter(|expected| expected.if_skipped) {
        let skipped = made
            .iter()
            .any(|made| made.skipped && made.call.tool == expected.tool);
        if !skipped {
            failures.push(format!("`{}` was not skipped by its `if`", expected.tool));
        }
    }
    failures
}

/// Why a call that was expected was not made, when its step was skipped.
fn skipped(expected: &Expected, made: &[Made]) -> Option<String> {
    let step = made
        .iter()
        .find(|made| made.skipped && made.call.tool == expected.tool)?;
    let condition = step.condition.as_deref()?;
    Some(format!(
        ": the step `{}` was skipped, for its `if` did not hold (`{condition}`); with `if_skipped = true` that is expected",
        step.step
    ))
}

/// Where `actual` does not hold what `expected` says. Objects may hold more; lists and scalars must be equal.
fn differences(expected: &Value, actual: &Value, place: &str, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                let place = format!("{place}.{name}");
                match actual.get(name) {
                    Some(actual) => differences(value, actual, &place, found),
                    None => found.push(format!(
                        "{place} is not set; expected {value}; set are {}",
                        names(actual)
                    )),
                }
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{place} is {actual}; expected {expected}")),
    }
}

fn names(object: &Map<String, Value>) -> String {
    object.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
