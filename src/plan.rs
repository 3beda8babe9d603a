//! In: a run, its pinned rule, its steps so far, the tools' facts, `now`. Out: the one next thing to do. Never: the
//! world. What is planned from the same arguments is the same, so a run taken over goes on where it stood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::hub::ToolFacts;
use crate::journal::{RunRecord, StepKey, StepRecord, StepState};
use crate::normalize::Event;
use crate::rules::{Action, Rule, Scope, meta_of};

/// A tool call with every value resolved. This is what the journal keeps as a step's intent, and what is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `server.tool`.
    pub tool: String,
    /// The resolved arguments, an object.
    pub arguments: Value,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: i64,
}

/// The next thing to do for a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Journal the intent, then make the call.
    Make(Step),
    /// An earlier attempt may have had its effect: find out first.
    Doubt(Step, StepRecord),
    /// The action's `if` does not hold: journal that, then plan again.
    Skip(Step, String),
    /// A shadow run would make this writing call: journal that, then plan again.
    Shadow(Step),
    /// A shadow run cannot know more: the next step needs what a write would have produced.
    Shadowed(String),
    /// A `require` does not hold.
    Declined(String),
    /// It cannot go on.
    Dead(String),
    /// All steps are settled.
    Succeeded,
}

/// A step about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The action's id.
    pub id: String,
    /// The action's place within the rule, from 0.
    pub index: u32,
    /// The idempotency key.
    pub key: StepKey,
    /// The resolved call; for a skipped step an empty one.
    pub call: Call,
    /// Whether the tool writes.
    pub writes: bool,
    /// How many attempts were begun before.
    pub attempts: u32,
}

/// Plans the next thing to do. `tools` lists what can be called now.
pub fn next(
    run: &RunRecord,
    rule: &Rule,
    event: &Event,
    steps: &[StepRecord],
    tools: &BTreeMap<String, ToolFacts>,
    now: Timestamp,
) -> Plan {
    let mut scope = Scope {
        event: event.payload.clone(),
        meta: meta_of(event),
        vars: run.pinned.get("vars").cloned().unwrap_or_else(|| json!({})),
        steps: json!({}),
        run: json!({ "id": run.id.0, "rule": run.rule, "generation": run.generation, "created_at": run.created_at }),
        now,
        result: None,
    };
    let mut results = Map::new();
    let mut unwritten: Option<&str> = None;
    for (index, action) in (0u32..).zip(&rule.actions) {
        let known = steps.iter().find(|step| step.step == action.id);
        match known.map(|step| (step, step.state)) {
            None => return fresh(run, action, index, &mut scope, results, unwritten, tools),
            Some((step, StepState::Intent)) => return resume(action, step, index, tools, true),
            Some((step, StepState::Failed)) => return resume(action, step, index, tools, false),
            Some((_, StepState::Skipped)) => {}
            Some((step, StepState::Planned)) => unwritten = Some(&step.step),
            Some((step, StepState::Done)) => {
                // The requirement is judged at the time the result came, so that judging it again says the same.
                scope.steps = Value::Object(results.clone());
                scope.result = Some(step.result.clone());
                scope.now = step.finished_at.unwrap_or(now);
                match action.requirement(&scope) {
                    Ok(Some(false)) => {
                        let text = action
                            .require_text()
                            .unwrap_or_default()
                            .split_whitespace()
                            .collect::<Vec<_>>()
                            .join(" ");
                        return Plan::Declined(format!(
                            "step `{}` requires `{text}`, which does not hold",
                            action.id
                        ));
                    }
                    Err(error) => return Plan::Dead(format!("step `{}`: `require`: {error}", action.id)),
                    Ok(_) => {}
                }
                scope.result = None;
                scope.now = now;
                results.insert(action.id.clone(), step.result.clone());
            }
        }
    }
    if run.shadow {
        Plan::Shadowed("every step was planned; none was written".into())
    } else {
        Plan::Succeeded
    }
}

/// Plans an action that was not begun yet.
fn fresh(
    run: &RunRecord,
    action: &Action,
    index: u32,
    scope: &mut Scope,
    results: Map<String, Value>,
    unwritten: Option<&str>,
    tools: &BTreeMap<String, ToolFacts>,
) -> Plan {
    scope.steps = Value::Object(results);
    let fail = |what: &str, error: &dyn std::fmt::Display| match unwritten {
        // What an earlier, unwritten call would have returned is not there: the shadow ends here, which is no error.
        Some(step) if run.shadow => Plan::Shadowed(format!(
            "stops at step `{}`, which may need what `{step}` would have returned",
            action.id
        )),
        _ => Plan::Dead(format!("step `{}`: {what}: {error}", action.id)),
    };
    let mut step = Step {
        id: action.id.clone(),
        index,
        key: StepKey::of(&run.id, &action.id, ""),
        call: Call {
            tool: action.tool.clone(),
            arguments: json!({}),
            timeout_ms: action.timeout_ms,
        },
        writes: tools.get(&action.tool).is_none_or(|facts| !facts.read_only),
        attempts: 0,
    };
    match action.condition(scope) {
        Ok(true) => {}
        Ok(false) => return Plan::Skip(step, "its `if` does not hold".into()),
        Err(error) => return fail("`if`", &error),
    }
    if !tools.contains_key(&action.tool) {
        return Plan::Dead(format!(
            "step `{}`: there is no tool `{}`",
            action.id, action.tool
        ));
    }
    match action.arguments(scope) {
        Ok(arguments) => step.call.arguments = arguments,
        Err(error) => return fail("`arguments`", &error),
    }
    if run.shadow && step.writes {
        Plan::Shadow(step)
    } else {
        Plan::Make(step)
    }
}

/// Goes on with an action that was begun: the call is the one on record, never rendered anew.
fn resume(
    action: &Action,
    step: &StepRecord,
    index: u32,
    tools: &BTreeMap<String, ToolFacts>,
    in_doubt: bool,
) -> Plan {
    let call: Call = match serde_json::from_value(step.call.clone()) {
        Ok(call) => call,
        Err(error) => {
            return Plan::Dead(format!(
                "step `{}`: the call on record cannot be read: {error}",
                action.id
            ));
        }
    };
    if !tools.contains_key(&call.tool) && !in_doubt {
        return Plan::Dead(format!(
            "step `{}`: there is no tool `{}` any more",
            action.id, call.tool
        ));
    }
    let next = Step {
        id: step.step.clone(),
        index,
        key: step.key.clone(),
        call,
        writes: step.writes,
        attempts: step.attempts,
    };
    // A read has no effect to be in doubt about.
    if in_doubt && step.writes {
        Plan::Doubt(next, step.clone())
    } else {
        Plan::Make(next)
    }
}
