//! In: actions, each with its step's name and place, and what is on record of them. Out: the first that is not settled,
//! and what to do about it. Never: what follows from all being settled.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::items::{self, Item};
use super::{Asking, Call, Failing, Plan, Step};
use crate::hub::ToolFacts;
use crate::journal::{Approval, RunRecord, StepKey, StepRecord, StepState};
use crate::normalize::Event;
use crate::rules::{Action, ExprError, Scope, meta_of};

/// What planning looks at.
pub(super) struct Planner<'a> {
    pub(super) run: &'a RunRecord,
    pub(super) event: &'a Event,
    pub(super) steps: &'a [StepRecord],
    pub(super) tools: &'a BTreeMap<String, ToolFacts>,
    pub(super) now: Timestamp,
    pub(super) failing: Option<&'a Failing>,
}

/// One step to look at: an action, or one item of one.
struct Place<'r> {
    action: &'r Action,
    /// The step's name.
    name: String,
    key: StepKey,
    index: u32,
    item: Option<&'r Value>,
}

/// What is known before a step is looked at.
#[derive(Default)]
struct Sofar {
    /// The results by action.
    results: Map<String, Value>,
    /// The last call that a shadow run did not make.
    unwritten: Option<String>,
}

/// What is on record of a step says what to do, or that nothing is left to do and what came of it.
enum Seen {
    Next(Box<Plan>),
    Settled(Option<Value>),
}

impl Seen {
    fn next(plan: Plan) -> Self {
        Self::Next(Box::new(plan))
    }
}

impl Planner<'_> {
    /// Goes through actions to the first step that is not settled.
    pub(super) fn walk<'r>(
        &self,
        actions: impl Iterator<Item = ((String, &'r Action), u32)>,
        results: Map<String, Value>,
    ) -> Option<Plan> {
        let mut sofar = Sofar {
            results,
            unwritten: None,
        };
        for ((name, action), index) in actions {
            let seen = if action.is_list() {
                self.list(action, &name, index, &mut sofar)
            } else {
                let place = Place {
                    action,
                    key: StepKey::of(&self.run.id, &name, ""),
                    name,
                    index,
                    item: None,
                };
                self.look(place, &mut sofar)
            };
            match seen {
                Seen::Next(plan) => return Some(*plan),
                Seen::Settled(Some(result)) => {
                    sofar.results.insert(action.id.clone(), result);
                }
                Seen::Settled(None) => {}
            }
        }
        None
    }

    /// Looks at the items of a list, one after the other.
    fn list(&self, action: &Action, name: &str, index: u32, sofar: &mut Sofar) -> Seen {
        let Some(listed) = self.step(name) else {
            return Seen::next(self.begin_list(action, name, index, sofar));
        };
        let Ok(items) = serde_json::from_value::<Vec<Item>>(listed.result.clone()) else {
            return Seen::next(Plan::Dead(format!(
                "step `{}`: the items on record cannot be read",
                action.id
            )));
        };
        let mut results = Vec::new();
        for Item { key, item } in &items {
            let place = Place {
                action,
                name: items::name_of(name, key),
                key: StepKey::of(&self.run.id, name, key),
                index,
                item: Some(item),
            };
            match self.look(place, sofar) {
                Seen::Settled(result) => results.extend(result),
                next => return next,
            }
        }
        Seen::Settled(Some(Value::Array(results)))
    }

    fn begin_list(&self, action: &Action, name: &str, index: u32, sofar: &Sofar) -> Plan {
        let scope = self.scope(sofar.results.clone(), self.now);
        match items::of(action, scope) {
            Ok(items) => {
                let place = Place {
                    action,
                    name: name.to_owned(),
                    key: StepKey::of(&self.run.id, name, ""),
                    index,
                    item: None,
                };
                let items = items.unwrap_or_default();
                Plan::List(self.blank(place), json!(items))
            }
            Err(error) => self.broken(&action.id, sofar, "", &error),
        }
    }

    /// What is on record of one step, and what follows.
    fn look(&self, place: Place<'_>, sofar: &mut Sofar) -> Seen {
        let Some(step) = self.step(&place.name) else {
            return Seen::next(self.fresh(place, sofar));
        };
        match step.state {
            StepState::Intent => Seen::next(self.resume(&place, step, sofar, true)),
            StepState::Failed => Seen::next(self.resume(&place, step, sofar, false)),
            StepState::Asked => Seen::next(self.answered(&place, step)),
            StepState::Pending => Seen::next(match self.on_record(&place, step) {
                Ok(next) => Plan::Poll(next, Box::new(step.clone())),
                Err(why) => Plan::Dead(why),
            }),
            StepState::Skipped | StepState::Tolerated => Seen::Settled(None),
            StepState::Planned => {
                sofar.unwritten = Some(step.step.clone());
                Seen::Settled(None)
            }
            StepState::Done => match self.judge(&place, step, &sofar.results) {
                Some(refused) => Seen::next(refused),
                None => Seen::Settled(Some(step.result.clone())),
            },
            StepState::Listed => Seen::next(Plan::Dead(format!(
                "step `{}` was left in a state that its rule does not lead to",
                place.name
            ))),
        }
    }

    fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.step == name)
    }

    /// Whether a result is good enough to go on. It is judged at the time it came, so that judging it again says the
    /// same.
    fn judge(&self, place: &Place<'_>, step: &StepRecord, results: &Map<String, Value>) -> Option<Plan> {
        let (action, name) = (place.action, &place.name);
        let text = action.require_text()?;
        let mut scope = self.scope(results.clone(), step.finished_at.unwrap_or(self.now));
        scope.item = place.item.cloned();
        scope.result = Some(step.result.clone());
        match action.requirement(&scope) {
            Ok(Some(false)) => {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Some(Plan::Declined(format!(
                    "step `{name}` requires `{text}`, which does not hold"
                )))
            }
            Err(error) => Some(Plan::Dead(format!("step `{name}`: `require`: {error}"))),
            Ok(_) => None,
        }
    }

    fn scope(&self, results: Map<String, Value>, now: Timestamp) -> Scope {
        let run = self.run;
        Scope {
            event: (*self.event.payload).clone(),
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
            item: None,
            result: None,
        }
    }

    /// A part of an action that cannot be rendered.
    fn broken(&self, name: &str, sofar: &Sofar, what: &str, error: &dyn Display) -> Plan {
        match &sofar.unwritten {
            // What an earlier, unwritten call would have returned is not there: the shadow ends here, which is no
            // error.
            Some(step) if self.run.shadow => Plan::Shadowed(format!(
                "stops at step `{name}`, which may need what `{step}` would have returned"
            )),
            _ => Plan::Dead(format!("step `{name}`: {what}{error}")),
        }
    }

    /// A step that was not begun, without arguments.
    fn blank(&self, place: Place<'_>) -> Step {
        let tool = &place.action.tool;
        Step {
            key: place.key,
            id: place.name,
            index: place.index,
            call: Call {
                tool: tool.clone(),
                arguments: json!({}),
                timeout_ms: place.action.timeout_ms,
                agent: place.action.agent.clone(),
            },
            writes: self.tools.get(tool).is_none_or(|facts| !facts.read_only),
            attempts: 0,
        }
    }

    /// Plans a step that was not begun yet.
    fn fresh(&self, place: Place<'_>, sofar: &Sofar) -> Plan {
        let action = place.action;
        let mut scope = self.scope(sofar.results.clone(), self.now);
        scope.item = place.item.cloned();
        let name = match place.item {
            Some(_) => place.name.clone(),
            None => action.id.clone(),
        };
        let mut step = self.blank(place);
        match action.condition(&scope) {
            Ok(true) => {}
            Ok(false) => return Plan::Skip(step, "its `if` does not hold".into()),
            Err(error) => return self.broken(&name, sofar, "`if`: ", &error),
        }
        if !self.tools.contains_key(&action.tool) {
            return Plan::Dead(format!("step `{name}`: there is no tool `{}`", action.tool));
        }
        match action.arguments(&scope) {
            Ok(arguments) => step.call.arguments = arguments,
            Err(error) => return self.broken(&name, sofar, "`arguments`: ", &error),
        }
        if self.run.shadow && step.writes {
            return Plan::Shadow(step);
        }
        match self.asking(action, &scope) {
            Ok(None) => Plan::Make(step),
            Ok(Some(asking)) => Plan::Ask(step, asking),
            Err(error) => self.broken(&name, sofar, "`approval`: ", &error),
        }
    }

    /// What a person is to be asked before the call is made.
    fn asking(&self, action: &Action, scope: &Scope) -> Result<Option<Asking>, ExprError> {
        let Some(leave) = &action.approval else {
            return Ok(None);
        };
        Ok(Some(Asking {
            by: leave.by.clone(),
            reason: leave.reason(scope)?,
            expires_ms: leave.expires_ms,
        }))
    }

    /// A call that somebody was asked about.
    fn answered(&self, place: &Place<'_>, step: &StepRecord) -> Plan {
        let next = match self.on_record(place, step) {
            Ok(next) => next,
            Err(why) => return Plan::Dead(why),
        };
        let name = &place.name;
        let Some(approval) = &step.approval else {
            return Plan::Dead(format!("step `{name}`: what was asked is not on record"));
        };
        match &approval.answer {
            Some(answer) if answer.approved => Plan::Approved(next, Box::new(step.clone())),
            Some(answer) => Plan::Declined(format!("rejected by {}", answer.who)),
            None if self.now >= approval.expires_at => Plan::Fail(
                next,
                format!(
                    "nobody approved of it until {}; {} could have",
                    approval.expires_at,
                    approval.by.join(", ")
                ),
            ),
            None => Plan::Hold {
                until: approval.expires_at,
                reason: approval.waits(name),
            },
        }
    }

    /// Goes on with a step that was begun: the call is the one on record, never rendered anew.
    fn resume(&self, place: &Place<'_>, step: &StepRecord, sofar: &Sofar, in_doubt: bool) -> Plan {
        let next = match self.on_record(place, step) {
            Ok(next) => next,
            Err(why) => return Plan::Dead(why),
        };
        // A read has no effect to be in doubt about.
        if in_doubt && step.writes {
            return Plan::Doubt(next, Box::new(step.clone()));
        }
        if !self.tools.contains_key(&next.call.tool) {
            return Plan::Dead(format!(
                "step `{}`: there is no tool `{}` any more",
                place.name, next.call.tool
            ));
        }
        // Finding out what it would come to failed: nobody was asked yet.
        let asked = step.approval.as_ref().is_some_and(Approval::is_given);
        if asked {
            // However often it is tried: it must still be what was approved of.
            return Plan::Approved(next, Box::new(step.clone()));
        }
        if place.action.approval.is_some() {
            let mut scope = self.scope(sofar.results.clone(), self.now);
            scope.item = place.item.cloned();
            return match self.asking(place.action, &scope) {
                Ok(Some(asking)) => Plan::Ask(next, asking),
                Ok(None) => Plan::Make(next),
                Err(error) => self.broken(&place.name, sofar, "`approval`: ", &error),
            };
        }
        Plan::Make(next)
    }

    /// The step with the call that is on record of it; or why the run ends here.
    fn on_record(&self, place: &Place<'_>, step: &StepRecord) -> Result<Step, String> {
        let call: Call = serde_json::from_value(step.call.clone()).map_err(|error| {
            format!(
                "step `{}`: the call on record cannot be read: {error}",
                place.name
            )
        })?;
        Ok(Step {
            id: step.step.clone(),
            index: place.index,
            key: step.key.clone(),
            call,
            writes: step.writes,
            attempts: step.attempts,
        })
    }
}
