//! In: a run, its pinned rule, its steps so far, the tools' facts, `now`. Out: the one next thing to do. Never: the
//! world. What is planned from the same arguments is the same, so a run taken over goes on where it stood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::hub::ToolFacts;
use crate::journal::{RunRecord, RunState, StepKey, StepRecord, StepState, StepWrite};
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
    /// The agent it is made as; `None` is the reactor itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
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
    /// It failed before, and its `[[on_failure]]` steps are settled.
    Failed(Failing),
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

/// How a run is about to end, once its `[[on_failure]]` steps are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    /// Dead, or unknown.
    pub state: RunState,
    /// Why, for a person.
    pub reason: String,
}

impl Failing {
    /// The step that says so in the journal. It names the generation, because a retry takes settled steps along.
    pub fn mark(&self, run: &RunRecord, rule: &Rule) -> StepWrite {
        let step = mark_of(run);
        StepWrite::Skipped {
            key: StepKey::of(&run.id, &step, ""),
            step,
            index: u32::try_from(rule.actions.len()).unwrap_or(u32::MAX),
            reason: format!("{}: {}", self.state, self.reason),
        }
    }

    /// Whether the steps on failure were begun before. They are made once in a generation.
    pub fn was_marked(run: &RunRecord, steps: &[StepRecord]) -> bool {
        let mark = mark_of(run);
        steps.iter().any(|step| step.step == mark)
    }

    /// Whether the run is about to end. One that was unknown and that a person settled is not any more.
    pub fn of(run: &RunRecord, steps: &[StepRecord]) -> Option<Self> {
        let mark = mark_of(run);
        let (state, reason) = steps
            .iter()
            .find(|step| step.step == mark)?
            .error
            .as_deref()?
            .split_once(": ")?;
        let state = RunState::parse(state)?;
        let in_doubt = |step: &StepRecord| step.state == StepState::Intent && !step.step.starts_with(&mark);
        let holds = state != RunState::Unknown || steps.iter().any(in_doubt);
        holds.then(|| Self {
            state,
            reason: reason.to_owned(),
        })
    }
}

fn mark_of(run: &RunRecord) -> String {
    format!("on_failure[{}]", run.generation)
}

/// The action a step of this index belongs to: the rule's actions, the mark of a failing run, its steps on failure.
pub fn action_at(rule: &Rule, index: u32) -> Option<&Action> {
    let index = usize::try_from(index).ok()?;
    let on_failure = index.checked_sub(rule.actions.len() + 1);
    rule.actions
        .get(index)
        .or_else(|| rule.on_failure.get(on_failure?))
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
    let failing = Failing::of(run, steps);
    let planner = Planner {
        run,
        event,
        steps,
        tools,
        now,
        failing: failing.as_ref(),
    };
    let Some(failing) = &failing else {
        let names = rule.actions.iter().map(|action| (action.id.clone(), action));
        let ended = if run.shadow {
            Plan::Shadowed("every step was planned; none was written".into())
        } else {
            Plan::Succeeded
        };
        return planner.walk(names.zip(0u32..), Map::new()).unwrap_or(ended);
    };
    // What the actions returned is there for the steps on failure, which have names of their own in the journal.
    let done = |action: &Action| {
        steps
            .iter()
            .find(|step| step.step == action.id && step.state == StepState::Done)
    };
    let results = rule
        .actions
        .iter()
        .filter_map(|action| Some((action.id.clone(), done(action)?.result.clone())));
    let mark = mark_of(run);
    let names = rule
        .on_failure
        .iter()
        .map(|action| (format!("{mark}.{}", action.id), action));
    let first = u32::try_from(rule.actions.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let ended = Plan::Failed(failing.clone());
    planner
        .walk(names.zip(first..), results.collect())
        .unwrap_or(ended)
}

/// What planning looks at.
struct Planner<'a> {
    run: &'a RunRecord,
    event: &'a Event,
    steps: &'a [StepRecord],
    tools: &'a BTreeMap<String, ToolFacts>,
    now: Timestamp,
    failing: Option<&'a Failing>,
}

impl Planner<'_> {
    /// Goes through actions, each with its step's name and place, to the first that is not settled.
    fn walk<'r>(
        &self,
        actions: impl Iterator<Item = ((String, &'r Action), u32)>,
        mut results: Map<String, Value>,
    ) -> Option<Plan> {
        let mut unwritten: Option<&str> = None;
        for ((name, action), index) in actions {
            let known = self.steps.iter().find(|step| step.step == name);
            match known.map(|step| (step, step.state)) {
                None => return Some(self.fresh(name, action, index, results, unwritten)),
                Some((step, StepState::Intent)) => return Some(self.resume(action, step, index, true)),
                Some((step, StepState::Failed)) => return Some(self.resume(action, step, index, false)),
                Some((_, StepState::Skipped)) => {}
                Some((step, StepState::Planned)) => unwritten = Some(&step.step),
                Some((step, StepState::Done)) => {
                    if let Some(refused) = self.judge(action, step, &results) {
                        return Some(refused);
                    }
                    results.insert(action.id.clone(), step.result.clone());
                }
            }
        }
        None
    }

    /// Whether a result is good enough to go on. It is judged at the time it came, so that judging it again says the
    /// same.
    fn judge(&self, action: &Action, step: &StepRecord, results: &Map<String, Value>) -> Option<Plan> {
        let text = action.require_text()?;
        let mut scope = self.scope(results.clone(), step.finished_at.unwrap_or(self.now));
        scope.result = Some(step.result.clone());
        match action.requirement(&scope) {
            Ok(Some(false)) => {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Some(Plan::Declined(format!(
                    "step `{}` requires `{text}`, which does not hold",
                    action.id
                )))
            }
            Err(error) => Some(Plan::Dead(format!("step `{}`: `require`: {error}", action.id))),
            Ok(_) => None,
        }
    }

    fn scope(&self, results: Map<String, Value>, now: Timestamp) -> Scope {
        let run = self.run;
        Scope {
            event: self.event.payload.clone(),
            meta: meta_of(self.event),
            vars: run.pinned.get("vars").cloned().unwrap_or_else(|| json!({})),
            steps: Value::Object(results),
            run: json!({
                "id": run.id.0,
                "rule": run.rule,
                "generation": run.generation,
                "created_at": run.created_at,
                "reason": self.failing.map(|failing| &failing.reason),
            }),
            now,
            result: None,
        }
    }

    /// Plans an action that was not begun yet.
    fn fresh(
        &self,
        name: String,
        action: &Action,
        index: u32,
        results: Map<String, Value>,
        unwritten: Option<&str>,
    ) -> Plan {
        let run = self.run;
        let scope = self.scope(results, self.now);
        let fail = |what: &str, error: &dyn std::fmt::Display| match unwritten {
            // What an earlier, unwritten call would have returned is not there: the shadow ends here, which is no
            // error.
            Some(step) if run.shadow => Plan::Shadowed(format!(
                "stops at step `{}`, which may need what `{step}` would have returned",
                action.id
            )),
            _ => Plan::Dead(format!("step `{}`: {what}: {error}", action.id)),
        };
        let mut step = Step {
            key: StepKey::of(&run.id, &name, ""),
            id: name,
            index,
            call: Call {
                tool: action.tool.clone(),
                arguments: json!({}),
                timeout_ms: action.timeout_ms,
                agent: action.agent.clone(),
            },
            writes: self.tools.get(&action.tool).is_none_or(|facts| !facts.read_only),
            attempts: 0,
        };
        match action.condition(&scope) {
            Ok(true) => {}
            Ok(false) => return Plan::Skip(step, "its `if` does not hold".into()),
            Err(error) => return fail("`if`", &error),
        }
        if !self.tools.contains_key(&action.tool) {
            return Plan::Dead(format!(
                "step `{}`: there is no tool `{}`",
                action.id, action.tool
            ));
        }
        match action.arguments(&scope) {
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
    fn resume(&self, action: &Action, step: &StepRecord, index: u32, in_doubt: bool) -> Plan {
        let call: Call = match serde_json::from_value(step.call.clone()) {
            Ok(call) => call,
            Err(error) => {
                return Plan::Dead(format!(
                    "step `{}`: the call on record cannot be read: {error}",
                    action.id
                ));
            }
        };
        if !self.tools.contains_key(&call.tool) && !in_doubt {
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
}
