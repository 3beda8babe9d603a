//! In: one write to one step, `now`. Out: the run's steps as they are then, or why that cannot be. Never: what follows.

use jiff::Timestamp;
use serde_json::Value;

use crate::journal::{RunHistory, StepKey, StepRecord, StepState, StepWrite, StoreError};

/// Which step is meant by a write that may be the first about it.
struct Meant<'a> {
    step: &'a str,
    index: u32,
    key: &'a StepKey,
}

impl RunHistory {
    /// One step write, as `advance` does it: whoever decided the write sees what it makes of the steps.
    pub(crate) fn write(&mut self, write: &StepWrite, now: Timestamp) -> Result<(), StoreError> {
        match write {
            StepWrite::Looked { step } => self.doubtful(step)?.looks += 1,
            StepWrite::Pending { step, cursor, error } => {
                let step = self.begun(step)?;
                step.state = StepState::Pending;
                step.cursor = cursor.clone();
                step.error = error.clone();
            }
            StepWrite::Done { step, result, .. } => settle(self.begun(step)?, result.clone(), now),
            StepWrite::NotTried { step, error } => {
                let step = self.doubtful(step)?;
                step.state = StepState::Failed;
                step.attempts = step.attempts.saturating_sub(1);
                step.error = Some(error.clone());
            }
            StepWrite::Failed { step, error } => {
                let step = self.doubtful(step)?;
                step.state = StepState::Failed;
                step.error = Some(error.clone());
            }
            StepWrite::Tolerated { step, error } => {
                let step = self.unsettled(step)?;
                step.state = StepState::Tolerated;
                step.error = Some(error.clone());
                step.finished_at = Some(now);
            }
            StepWrite::Audited(_) => {}
            first => return self.write_first(first, now),
        }
        Ok(())
    }

    /// A write that may be the first about its step.
    fn write_first(&mut self, write: &StepWrite, now: Timestamp) -> Result<(), StoreError> {
        let Some(meant) = meant(write) else { return Ok(()) };
        let step = match write {
            StepWrite::Intent { .. } => self.open(&meant, now)?,
            _ => self.without_effect(&meant, now)?,
        };
        match write {
            StepWrite::Intent { call, writes, .. } => {
                if step.state == StepState::Asked {
                    // Nothing can have come of it while it was only asked about.
                    step.first_intent_at = now;
                }
                step.state = StepState::Intent;
                step.call = call.clone();
                step.writes |= *writes;
                step.attempts += 1;
                step.looks = 0;
                step.intent_at = now;
            }
            StepWrite::Asked {
                call,
                writes,
                approval,
                ..
            } => {
                step.state = StepState::Asked;
                step.call = call.clone();
                step.writes |= *writes;
                step.approval = Some((**approval).clone());
            }
            StepWrite::Listed { items, .. } => {
                step.state = StepState::Listed;
                step.result = items.clone();
                step.finished_at = Some(now);
            }
            StepWrite::Skipped { reason, .. } => {
                step.state = StepState::Skipped;
                step.error = Some(reason.clone());
                step.finished_at = Some(now);
            }
            StepWrite::Planned { call, writes, .. } => {
                step.state = StepState::Planned;
                step.call = call.clone();
                step.writes |= *writes;
                step.finished_at = Some(now);
            }
            _ => {}
        }
        Ok(())
    }

    /// The step whose call is journaled and not yet answered.
    fn doubtful(&mut self, step: &str) -> Result<&mut StepRecord, StoreError> {
        self.in_state(step, |state| state == StepState::Intent)
    }

    /// The step whose call was sent, or may have been, and is not over.
    fn begun(&mut self, step: &str) -> Result<&mut StepRecord, StoreError> {
        self.in_state(step, |state| {
            matches!(state, StepState::Intent | StepState::Pending)
        })
    }

    fn unsettled(&mut self, step: &str) -> Result<&mut StepRecord, StoreError> {
        self.in_state(step, |state| !state.is_settled())
    }

    fn in_state(
        &mut self,
        step: &str,
        fits: impl Fn(StepState) -> bool,
    ) -> Result<&mut StepRecord, StoreError> {
        let refusal = self.refuse("a step's outcome follows its intent");
        self.steps
            .iter_mut()
            .find(|known| known.step == step && fits(known.state))
            .ok_or(refusal)
    }

    /// The step to be attempted (again): a new one, or one that is not settled and whose effect is not known to be there.
    fn open(&mut self, meant: &Meant<'_>, now: Timestamp) -> Result<&mut StepRecord, StoreError> {
        let refusal = self.refuse("a settled step is not attempted again");
        let place = match self.steps.iter().position(|known| known.step == meant.step) {
            Some(place) => place,
            None => self.insert(meant, now),
        };
        let known = &mut self.steps[place];
        match known.state {
            StepState::Asked | StepState::Intent | StepState::Failed => Ok(known),
            _ => Err(refusal),
        }
    }

    /// A step that certainly had no effect: never begun, or failed.
    fn without_effect(&mut self, meant: &Meant<'_>, now: Timestamp) -> Result<&mut StepRecord, StoreError> {
        let refusal = self.refuse("a call that may have been sent is not dealt with as one that was not");
        let step = self.open(meant, now)?;
        if step.state == StepState::Intent {
            return Err(refusal);
        }
        Ok(step)
    }

    /// Puts a new step in its place, as failed with no attempt: the state from which everything may follow.
    fn insert(&mut self, meant: &Meant<'_>, now: Timestamp) -> usize {
        let place = self.steps.partition_point(|known| known.index <= meant.index);
        let record = StepRecord {
            step: meant.step.into(),
            index: meant.index,
            key: meant.key.clone(),
            state: StepState::Failed,
            writes: false,
            call: Value::Null,
            result: Value::Null,
            error: None,
            attempts: 0,
            looks: 0,
            cursor: Value::Null,
            approval: None,
            first_intent_at: now,
            intent_at: now,
            finished_at: None,
        };
        self.steps.insert(place, record);
        place
    }

    /// How many steps of the same index were begun before this one: what a store needs to keep their order.
    pub(crate) fn rank(&self, step: &StepRecord) -> u32 {
        let before = self.steps.iter().take_while(|known| known.step != step.step);
        let count = before.filter(|known| known.index == step.index).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

fn meant(write: &StepWrite) -> Option<Meant<'_>> {
    match write {
        StepWrite::Listed { step, index, key, .. }
        | StepWrite::Asked { step, index, key, .. }
        | StepWrite::Intent { step, index, key, .. }
        | StepWrite::Skipped { step, index, key, .. }
        | StepWrite::Planned { step, index, key, .. } => Some(Meant {
            step,
            index: *index,
            key,
        }),
        _ => None,
    }
}

pub(super) fn settle(step: &mut StepRecord, result: Value, now: Timestamp) {
    step.state = StepState::Done;
    step.result = result;
    step.error = None;
    step.finished_at = Some(now);
}
