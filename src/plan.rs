//! In: a run, its pinned rule, its steps so far, the tools' facts, `now`. Out: the one next thing to do. Never: the
//! world. What is planned from the same arguments is the same, so a run taken over goes on where it stood.

mod items;
mod planner;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::hub::ToolFacts;
use crate::journal::{RunRecord, RunState, StepKey, StepRecord, StepState, StepWrite};
use crate::normalize::Event;
use crate::rules::{Action, Rule};

pub use items::ITEMS_MAX;
use planner::Planner;

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
    Doubt(Step, Box<StepRecord>),
    /// The action is done once for each of these items, opaque to the journal: journal them, then plan again.
    List(Step, Value),
    /// The call is not over: ask what became of it.
    Poll(Step, Box<StepRecord>),
    /// Find out what the call would come to, journal that, and wait for a person to approve of it.
    Ask(Step, Asking),
    /// Nobody has said anything yet about the call that waits for approval: wait on.
    Hold {
        /// Until when.
        until: Timestamp,
        /// What for, for a person.
        reason: String,
    },
    /// It was approved of: make exactly this call, if what it was made from still holds.
    Approved(Step, Box<StepRecord>),
    /// The step failed for good without a call.
    Fail(Step, String),
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
    /// The step's name within the run: the action's id, with `[<item key>]` for one item of a list.
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

/// A question to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// Who may answer.
    pub by: Vec<String>,
    /// Why it is asked.
    pub reason: Option<String>,
    /// How long it can be answered, in milliseconds.
    pub expires_ms: i64,
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

/// What an approval is given to: the digest of a call and of what it was made from.
pub fn digest(call: &Call, pinned: &Value) -> String {
    let whole = serde_json::json!([call.tool, call.arguments, pinned]).to_string();
    hex::encode(Sha256::digest(whole))
}

/// The id of the action that a step of this name belongs to: an item's key and the mark of a failing run taken off.
pub fn action_id(step: &str) -> &str {
    let own = match step
        .strip_prefix("on_failure[")
        .and_then(|rest| rest.split_once("]."))
    {
        Some((_, own)) => own,
        None => step,
    };
    own.split_once('[').map_or(own, |(id, _)| id)
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
    let results = rule
        .actions
        .iter()
        .filter_map(|action| Some((action.id.clone(), items::result_of(steps, &action.id)?)));
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
