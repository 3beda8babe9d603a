//! In: a run with its steps, what happens to it, `now`. Out: the run as it is then, or why that cannot be. Never:
//! where it is kept.
//!
//! The one state machine of a run. Every backend loads a [`RunHistory`], calls one of these, and keeps the outcome.

mod steps;

use jiff::Timestamp;
use serde_json::Value;

use crate::clock::after;

use super::{
    Answer, Decision, EventRecord, Fence, Group, GroupPlace, Resolution, RunHistory, RunId, RunRecord,
    RunState, Stand, StepRecord, StepState, StepWrite, StoreError, Then, Verdict, WaitsFor, gates, groups,
};
use steps::settle;

impl RunHistory {
    /// Takes or takes over the run for `worker` until `until`. The caller has seen that it is due.
    pub(crate) fn claim(&mut self, worker: &str, until: Timestamp, now: Timestamp) {
        let run = &mut self.run;
        run.state = RunState::Running;
        run.waits_for = None;
        run.reason = None;
        run.fence += 1;
        run.stalls += 1;
        run.worker = Some(worker.into());
        run.due_at = Some(until);
        run.updated_at = now;
    }

    /// Whether the lease of `fence` is still the run's.
    pub(crate) fn held(&self, fence: Fence) -> Result<(), StoreError> {
        if self.run.state == RunState::Running && self.run.fence == fence {
            return Ok(());
        }
        Err(StoreError::Fenced {
            run: self.run.id.clone(),
            fence,
        })
    }

    /// All of one `advance`: the lease is asked, steps are written, and what follows is done.
    pub(crate) fn advance(
        &mut self,
        fence: Fence,
        writes: &[StepWrite],
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.held(fence)?;
        if let Then::Wait {
            waits_for: WaitsFor::Group,
            ..
        } = then
        {
            return Err(self.refuse("only the journal lets a run wait for its group"));
        }
        for write in writes {
            if let (StepWrite::Intent { .. }, Some(newer)) = (write, self.has_to_make_way()) {
                let (run, newer) = (self.run.id.clone(), newer.clone());
                return Err(StoreError::MakeWay { run, newer });
            }
            self.write(write, now)?;
        }
        let answered = |write: &StepWrite| !matches!(write, StepWrite::Intent { .. } | StepWrite::Audited(_));
        if writes.iter().any(answered) || !matches!(then, Then::Keep) {
            self.run.stalls = 0;
        }
        self.run.updated_at = now;
        match then {
            Then::Keep => {}
            Then::Wait {
                until,
                waits_for,
                reason,
            } => {
                if let Some(newer) = self.has_to_make_way().cloned() {
                    self.end(RunState::Cancelled, Some(groups::made_way(&newer)), now);
                    return Ok(());
                }
                let lets_go = self.lets_go(waits_for);
                self.wait(waits_for, until, reason, now);
                if lets_go {
                    self.stand(Stand::Apart, None);
                }
            }
            Then::End { state, reason } => {
                if !state.is_terminal() && state != RunState::Unknown {
                    return Err(self.refuse("a run ends in a terminal state, or unknown"));
                }
                self.end(state, reason, now);
            }
        }
        Ok(())
    }

    /// Takes the lease away: the run is due now, and whoever held it is fenced off.
    pub(crate) fn release(&mut self, now: Timestamp) {
        let worker = self.run.worker.take().unwrap_or_default();
        let reason = format!("given back by {worker}");
        if self.steps.is_empty() {
            self.queue(reason, now);
        } else {
            self.wait(WaitsFor::Worker, now, reason, now);
        }
    }

    /// A person settles the doubt of an unknown run.
    pub(crate) fn resolve(
        &mut self,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.run.state != RunState::Unknown {
            return Err(self.refuse("only a run in doubt (unknown) is resolved"));
        }
        let doubt = self.steps.iter_mut().find(|step| step.state == StepState::Intent);
        match (resolution, doubt) {
            (Resolution::GiveUp, _) => {
                self.end(RunState::Dead, Some(format!("given up by {who}")), now);
            }
            (Resolution::Repeat, doubt) => {
                if let Some(step) = doubt {
                    step.state = StepState::Failed;
                    step.error = Some(format!("not there, says {who}: to be repeated"));
                }
                self.queue(format!("to be repeated, says {who}"), now);
            }
            (Resolution::Done { result }, Some(step)) => {
                settle(step, result, now);
                self.queue(format!("done, says {who}"), now);
            }
            (Resolution::Done { .. }, None) => {
                return Err(self.refuse("no step of it is in doubt: repeat it or give it up"));
            }
        }
        Ok(())
    }

    /// A person says whether the call that waits for it may be made. Whether they may say so, and still may, was found
    /// out by the caller.
    pub(crate) fn answer(&mut self, hash: &str, answer: &Answer, now: Timestamp) -> Result<(), StoreError> {
        match self.run.state {
            RunState::Waiting => {}
            RunState::Running => return Err(self.refuse("it is being worked on: look again in a moment")),
            RunState::Delayed | RunState::Queued | RunState::Unknown => {
                return Err(self.refuse("it asks for no approval"));
            }
            _ => return Err(self.refuse("it has ended already")),
        }
        let refusal = self.refuse("it asks for no approval");
        let other = self.refuse("it asks about another call than the one that was shown: look at it again");
        let asked = self.steps.iter_mut().find(|step| step.state == StepState::Asked);
        let approval = asked.and_then(|step| step.approval.as_mut()).ok_or(refusal)?;
        if approval.hash != hash {
            return Err(other);
        }
        approval.answer = Some(answer.clone());
        let why = answer
            .why
            .as_ref()
            .map_or(String::new(), |why| format!(": {why}"));
        if answer.approved {
            self.queue(format!("approved by {}{why}", answer.who), now);
        } else {
            let reason = format!("rejected by {}{why}", answer.who);
            self.end(RunState::Declined, Some(reason), now);
        }
        Ok(())
    }

    /// The journal is a copy, and what was done after it was made is not known: what is not at its end waits for a
    /// person. Whether it does.
    pub(crate) fn hold(&mut self, reason: &str, now: Timestamp) -> bool {
        if self.run.state.is_terminal() || self.run.state == RunState::Unknown {
            return false;
        }
        if !self.holds() {
            // Nobody is to wait for one that only had its place in a queue.
            self.stand(Stand::Apart, None);
        }
        self.end(RunState::Unknown, Some(reason.into()), now);
        true
    }

    /// Ends a run nobody is working on.
    pub(crate) fn cancel(&mut self, who: &str, now: Timestamp) -> Result<(), StoreError> {
        match self.run.state {
            RunState::Delayed | RunState::Queued | RunState::Waiting => {}
            RunState::Running => return Err(self.refuse("it is being worked on: cancel it when it waits")),
            RunState::Unknown => return Err(self.refuse("resolve it: done, repeat or give up")),
            _ => return Err(self.refuse("it has ended already")),
        }
        if self.steps.iter().any(|step| step.state == StepState::Intent) {
            return Err(self.refuse("a call of it may have been sent: its outcome is found out first"));
        }
        self.end(RunState::Cancelled, Some(format!("cancelled by {who}")), now);
        Ok(())
    }

    /// Ends a run that was not begun, because `newer` takes its place.
    pub(crate) fn supersede(&mut self, newer: &RunId, now: Timestamp) {
        self.end(RunState::Superseded, Some(gates::superseded(newer)), now);
    }

    /// The run that does this one again. What was done is not done again, and what may have been done keeps its key,
    /// so that it is looked for under the name it was sent with. `verdicts` are all of its event.
    pub(crate) fn next_generation(
        &self,
        verdicts: &[Verdict],
        seq: u64,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let state = self.run.state;
        if !matches!(state, RunState::Dead | RunState::Declined | RunState::Cancelled) {
            return Err(self.refuse(match state {
                RunState::Unknown => "resolve it: done, repeat or give up",
                RunState::Succeeded | RunState::Shadowed => "it has done its work: replay its event instead",
                RunState::Superseded => {
                    "a newer run took its place: replay its event to have it all the same"
                }
                _ => "it has not ended yet",
            }));
        }
        let newer = |verdict: &Verdict| {
            verdict.rule == self.run.rule && verdict.generation > self.run.generation && verdict.run.is_some()
        };
        if verdicts.iter().any(newer) {
            return Err(self.refuse("a newer run of the same rule and event exists: retry that one"));
        }
        let generation = next_generation(verdicts, &self.run.rule);
        let mut run = self.run.clone();
        run.id = RunId::of(&run.event, &run.rule, generation);
        run.generation = generation;
        run.seq = seq;
        run.state = RunState::Queued;
        run.waits_for = None;
        run.reason = None;
        run.group = run.group.map(|place| GroupPlace::apart(place.group));
        run.fence = 0;
        run.stalls = 0;
        run.worker = None;
        run.due_at = Some(now);
        run.created_at = now;
        run.updated_at = now;
        let kept = |step: &&StepRecord| {
            matches!(
                step.state,
                StepState::Done
                    | StepState::Skipped
                    | StepState::Listed
                    | StepState::Intent
                    | StepState::Pending
            )
        };
        let mut steps: Vec<StepRecord> = self.steps.iter().filter(kept).cloned().collect();
        for step in steps.iter_mut().filter(|step| step.state == StepState::Pending) {
            // What it waits for may take as long again.
            step.intent_at = now;
        }
        Ok(Self { run, steps })
    }

    /// Whether what the run charged is given back: it ended without anything done, and nothing that writes was begun.
    pub(crate) fn refunds(&self) -> bool {
        matches!(
            self.run.state,
            RunState::Declined
                | RunState::Cancelled
                | RunState::Superseded
                | RunState::Shadowed
                | RunState::Dead
        ) && !self.wrote()
    }

    /// The refusal of something the run's state does not allow.
    fn refuse(&self, hint: &'static str) -> StoreError {
        StoreError::WrongState {
            run: self.run.id.clone(),
            state: self.run.state,
            hint,
        }
    }

    fn queue(&mut self, reason: String, now: Timestamp) {
        self.park(RunState::Queued, now, reason, now);
    }

    pub(super) fn wait(&mut self, waits_for: WaitsFor, until: Timestamp, reason: String, now: Timestamp) {
        self.park(RunState::Waiting, until, reason, now);
        self.run.waits_for = Some(waits_for);
    }

    fn park(&mut self, state: RunState, until: Timestamp, reason: String, now: Timestamp) {
        if let Some(place) = &mut self.run.group {
            place.behind = None;
        }
        self.run.state = state;
        self.run.waits_for = None;
        self.run.due_at = Some(whole(until));
        self.run.reason = Some(reason);
        self.run.worker = None;
        self.run.updated_at = now;
    }

    pub(super) fn end(&mut self, state: RunState, reason: Option<String>, now: Timestamp) {
        let awaited = state == RunState::Unknown && self.holds();
        if state.is_terminal() {
            self.stand(Stand::Apart, None);
        }
        self.run.state = state;
        self.run.waits_for = None;
        self.run.due_at = awaited.then(|| after(now, groups::UNRESOLVED_MS));
        self.run.reason = reason;
        self.run.worker = None;
        self.run.updated_at = now;
    }
}

/// The generation that comes next for a rule among an event's verdicts.
pub(crate) fn next_generation(verdicts: &[Verdict], rule: &str) -> u32 {
    verdicts
        .iter()
        .filter(|verdict| verdict.rule == rule)
        .map(|verdict| verdict.generation + 1)
        .max()
        .unwrap_or(0)
}

/// Where a rule's newest verdict is, if that is an error: what a second arrival may decide again.
pub(crate) fn erred(verdicts: &[Verdict], rule: &str) -> Option<usize> {
    let place = verdicts.iter().rposition(|verdict| verdict.rule == rule)?;
    (verdicts[place].decision == Decision::Error).then_some(place)
}

/// The verdict that a retry of `old` puts on record.
pub(crate) fn retried(new: &RunRecord, old: &RunId, who: &str) -> Verdict {
    Verdict {
        rule: new.rule.clone(),
        version: new.version.clone(),
        generation: new.generation,
        decision: Decision::Fired,
        run: Some(new.id.clone()),
        state: None,
        reason: Some(format!("run {old} again, says {who}")),
    }
}

/// The run a firing makes: ready now, nothing begun.
pub(crate) fn fresh(
    event: &EventRecord,
    verdict: &Verdict,
    shadow: bool,
    group: Option<Group>,
    pinned: Value,
    seq: u64,
    now: Timestamp,
) -> RunRecord {
    RunRecord {
        id: RunId::of(&event.key, &verdict.rule, verdict.generation),
        seq,
        event: event.key.clone(),
        rule: verdict.rule.clone(),
        version: verdict.version.clone(),
        generation: verdict.generation,
        state: RunState::Queued,
        waits_for: None,
        reason: None,
        shadow,
        group: group.filter(|_| !shadow).map(GroupPlace::apart),
        pinned,
        depth: event.depth,
        fence: 0,
        stalls: 0,
        worker: None,
        due_at: Some(now),
        created_at: now,
        updated_at: now,
    }
}

/// A run that its rule begins later.
pub(crate) fn delayed(run: RunRecord, until: Timestamp, reason: String) -> RunRecord {
    RunRecord {
        state: RunState::Delayed,
        due_at: Some(until),
        reason: Some(reason),
        ..run
    }
}

/// A time in whole milliseconds, the journal's resolution.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    crate::clock::from_millis(at.as_millisecond())
}
