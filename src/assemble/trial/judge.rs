//! In: what a test expects, and what happened. Out: where they differ. Never: the world.

use serde_json::{Map, Value, json};

use super::{Outcome, Trial};
use crate::journal::{RunState, StepState};
use crate::plan::{self, Call};
use crate::rules::{Expected, RuleTest};

/// A call the rule made, or would have made in shadow mode, or skipped.
struct Made {
    /// The action's id.
    step: String,
    call: Call,
    skipped: bool,
}

/// Compares what happened with what the test expects.
pub(super) fn judge(rule: &str, test: &RuleTest, outcome: &Outcome, given: &[Outcome]) -> Trial {
    let made: Vec<Made> = outcome
        .runs
        .iter()
        .flat_map(|run| &run.steps)
        .filter_map(made)
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
        failures.push(format!(
            "the run ended `{decision}`{}",
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

/// `fired` stands for any run that was made.
fn same_decision(expected: &str, decision: &str, run: Option<RunState>) -> bool {
    expected == decision || (expected == "fired" && run.is_some())
}

fn made(step: &crate::journal::StepRecord) -> Option<Made> {
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
            tool: id.to_owned(),
            arguments: json!({}),
            timeout_ms: 0,
        },
        Err(_) => return None,
    };
    Some(Made {
        step: id.to_owned(),
        call,
        skipped,
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
                "call {} `{}` was not made (the rule's decision: {decision})",
                index + 1,
                expected.tool
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
        // A skipped step has no resolved call; it goes by its action's id, which defaults to the tool's own name.
        let tool = expected.tool.rsplit('.').next().unwrap_or(&expected.tool);
        let skipped = made
            .iter()
            .any(|made| made.skipped && (made.call.tool == expected.tool || made.call.tool == tool));
        if !skipped {
            failures.push(format!("`{}` was not skipped by its `if`", expected.tool));
        }
    }
    failures
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
