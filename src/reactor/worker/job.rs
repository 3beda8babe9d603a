//! One claimed run, carried on step by step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Worker;
use super::trail::ended;
use crate::act::{self, Outcome};
use crate::agents::REACTOR;
use crate::clock::{self, Clock};
use crate::hub::{Doubt, ErrorClass, ToolFacts};
use crate::journal::{
    self, Approval, Claim, RunHistory, RunRecord, RunState, StepRecord, StepState, StepWrite, StoreError,
    Then, WaitsFor,
};
use crate::normalize::Event;
use crate::plan::{self, Failing, Plan, Step};
use crate::record::{self, History, Next};
use crate::rules::Rule;
use crate::telemetry::{Span, numbers};

/// How long a paused run waits before it looks by itself whether it may go on, in milliseconds. It is woken when the pause
/// ends; this is for a wake-up that was lost.
const PAUSE_LOOK_MS: i64 = 600_000;

/// A claimed run.
pub(super) struct Job<'w> {
    pub(super) worker: &'w Worker,
    /// The run and its steps, with what is decided and not yet journaled.
    pub(super) history: RunHistory,
    rule: Arc<Rule>,
    event: Event,
    /// Step writes that are decided and not yet journaled. They go with the next intent or the end: nothing is sent
    /// in between, so one round trip does for both.
    pub(super) writes: Vec<StepWrite>,
    /// The tools there were when it was claimed.
    tools: Arc<BTreeMap<String, ToolFacts>>,
    /// When the lease ends, on this process's monotonic clock.
    pub(super) lease_end: Instant,
}

/// Whether to plan on, or the run was let go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    LetGo,
}

impl<'w> Job<'w> {
    pub(super) fn new(
        worker: &'w Worker,
        claim: Claim,
        rule: Arc<Rule>,
        event: Event,
        lease_end: Instant,
    ) -> Self {
        let history = RunHistory {
            run: claim.run,
            steps: claim.steps,
        };
        Self {
            worker,
            history,
            tools: worker.reactor.tools_for(&rule),
            rule,
            event,
            writes: Vec::new(),
            lease_end,
        }
    }

    pub(super) fn event(&self) -> &Event {
        &self.event
    }

    /// What is on record of a step, and what is decided and not yet journaled.
    pub(super) fn step(&self, id: &str) -> Option<&StepRecord> {
        self.history.steps.iter().find(|step| step.step == id)
    }

    pub(super) fn run(&self) -> &RunRecord {
        &self.history.run
    }

    pub(super) fn now(&self) -> Timestamp {
        self.worker.now()
    }

    pub(super) fn tools(&self) -> Arc<BTreeMap<String, ToolFacts>> {
        Arc::clone(&self.tools)
    }

    /// How long an effect may stay invisible, where the settings say so, in milliseconds.
    pub(super) fn settle_ms(&self) -> Option<i64> {
        self.worker.reactor.settle_ms
    }

    /// Plans and acts until the run is let go. `off` is why it must not begin, if it must not.
    pub(super) async fn carry_on(
        &mut self,
        off: Option<String>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        if let Some(reason) = off {
            return self.end(RunState::Cancelled, Some(reason)).await;
        }
        loop {
            if *stop.borrow() {
                let reason = "given back while shutting down".into();
                return self
                    .flush(Then::Wait {
                        until: self.now(),
                        waits_for: WaitsFor::Worker,
                        reason,
                    })
                    .await;
            }
            let RunHistory { run, steps } = &self.history;
            let flow = match plan::next(run, &self.rule, &self.event, steps, &self.tools, self.now()) {
                Plan::Make(step) if self.may_be_done(&step) => self.make_doubtful(step).await?,
                Plan::Make(step) => self.make(step).await?,
                Plan::Doubt(step, on_record) => self.doubt(step, &on_record).await?,
                Plan::List(
                    Step {
                        id: step, index, key, ..
                    },
                    items,
                ) => {
                    self.note(StepWrite::Listed {
                        step,
                        index,
                        key,
                        items,
                    })?;
                    Flow::Continue
                }
                Plan::Skip(
                    Step {
                        id: step, index, key, ..
                    },
                    reason,
                ) => {
                    self.note(StepWrite::Skipped {
                        step,
                        index,
                        key,
                        reason,
                    })?;
                    Flow::Continue
                }
                Plan::Shadow(Step {
                    id: step,
                    index,
                    key,
                    call,
                    writes,
                    ..
                }) => {
                    let call = serde_json::to_value(call).unwrap_or_default();
                    self.note(StepWrite::Planned {
                        step,
                        index,
                        key,
                        call,
                        writes,
                    })?;
                    Flow::Continue
                }
                Plan::Poll(step, on_record) => self.poll(step, &on_record).await?,
                Plan::Ask(step, asking) => self.ask(step, asking).await?,
                Plan::Approved(step, on_record) => self.approved(step, &on_record).await?,
                Plan::Hold { until, reason } => {
                    return self.wait(until, WaitsFor::Approval, reason).await;
                }
                Plan::Fail(step, why) => self.give_up(&step, why).await?,
                Plan::Shadowed(why) => return self.end(RunState::Shadowed, Some(why)).await,
                Plan::Declined(why) => return self.end(RunState::Declined, Some(why)).await,
                Plan::Dead(why) => self.fail(RunState::Dead, why).await?,
                Plan::Failed(Failing { state, reason }) => return self.end(state, Some(reason)).await,
                Plan::Succeeded => return self.end(RunState::Succeeded, None).await,
            };
            if flow == Flow::LetGo {
                return Ok(());
            }
        }
    }

    /// Journals the intent and makes the call, again as long as that is what follows.
    pub(super) async fn make(&mut self, mut step: Step) -> Result<Flow, StoreError> {
        loop {
            if self.stands_still(&step).await? {
                return Ok(Flow::LetGo);
            }
            let tools = self.tools();
            let facts = tools.get(&step.call.tool);
            // Before the lease is secured: this may ask the provider, and take its time.
            let causes = self.causes(&step, facts).await;
            let only_the_intent_tells =
                step.writes && facts.is_none_or(|facts| is_told_by_intents(facts.promises.doubt));
            self.secure_lease(step.call.timeout_ms).await?;
            if self.intend(&mut step, causes).await? == Flow::LetGo {
                return Ok(Flow::LetGo);
            }
            if only_the_intent_tells {
                self.outlast_power().await?;
            }
            if self.lease_left_ms() <= step.call.timeout_ms {
                // Journaling took so long that the call could outlive the lease. It was not sent, so whoever claims the
                // run next need not be in doubt about it.
                let reason = String::from("the lease was nearly over");
                self.note(StepWrite::NotTried {
                    step: step.id.clone(),
                    error: format!("not sent: {reason}"),
                })?;
                self.wait(self.now(), WaitsFor::Worker, reason).await?;
                return Ok(Flow::LetGo);
            }
            let outcome = self.send(&step).await?;
            let outcome = self.own_effect(&step, outcome).await?;
            let now = self.now();
            let rule = Arc::clone(&self.rule);
            let mut history = history(&rule, &step, (0, now), facts, self.visibility());
            history.deadline = self.deadline(&step);
            history.first_intent_at = self.step(&step.id).map_or(now, |known| known.first_intent_at);
            let next = record::after_attempt(outcome, history, now);
            if let Some(flow) = self.follow(&step, next).await? {
                return Ok(flow);
            }
        }
    }

    /// Before each call it is looked whether somebody paused the run: then it is put back until that is over. A call that
    /// is in doubt is found out all the same.
    pub(super) async fn stands_still(&mut self, step: &Step) -> Result<bool, StoreError> {
        let reactor = &self.worker.reactor;
        let agent = step.call.agent.as_deref().unwrap_or(REACTOR);
        let Some(pause) = reactor.paused(&self.history.run, agent).await? else {
            return Ok(false);
        };
        let until = clock::after(self.now(), PAUSE_LOOK_MS);
        let reason = format!("paused: {}, by {} since {}", pause.what, pause.who, pause.since);
        self.flush(Then::Wait {
            until,
            waits_for: WaitsFor::Pause,
            reason,
        })
        .await?;
        Ok(true)
    }

    /// Under which keys the call's effect will come back to us as an event.
    pub(super) async fn causes(&self, step: &Step, facts: Option<&ToolFacts>) -> Vec<(String, i64)> {
        match facts {
            Some(facts) if step.writes => self.worker.reactor.causes(facts, step).await,
            _ => Vec::new(),
        }
    }

    /// The same of what only the result tells.
    async fn causes_of_result(&self, step: &Step, result: &serde_json::Value) -> Vec<(String, i64)> {
        match self.tools.get(&step.call.tool) {
            Some(facts) if step.writes => {
                let reactor = &self.worker.reactor;
                reactor.causes_of_result(facts, step, result).await
            }
            _ => Vec::new(),
        }
    }

    /// Journals the call, and with it what it will cause. A run that has to make way for a newer one ends instead.
    pub(super) async fn intend(
        &mut self,
        step: &mut Step,
        causes: Vec<(String, i64)>,
    ) -> Result<Flow, StoreError> {
        self.note(StepWrite::Intent {
            step: step.id.clone(),
            index: step.index,
            key: step.key.clone(),
            call: serde_json::to_value(&step.call).unwrap_or_default(),
            writes: step.writes,
            causes,
        })?;
        step.attempts += 1;
        match self.flush(Then::Keep).await {
            Ok(()) => Ok(Flow::Continue),
            Err(StoreError::MakeWay { newer, .. }) => {
                // The call is not made. What was decided before it stays.
                self.writes.pop();
                let reason = journal::made_way(&newer);
                self.end(RunState::Cancelled, Some(reason)).await?;
                Ok(Flow::LetGo)
            }
            Err(error) => Err(error),
        }
    }

    async fn send(&mut self, step: &Step) -> Result<Outcome, StoreError> {
        let deed = self.deed(step);
        let started = Clock::monotonic();
        let given = |approval: &Option<Approval>| approval.as_ref().is_some_and(Approval::is_given);
        let mut on_record = self.history.steps.iter();
        let approved = on_record.any(|known| known.step == step.id && given(&known.approval));
        let span = step_span("step", step);
        let made = act::make(&self.worker.reactor.hub, &step.call, &step.key, approved);
        let outcome = span.within(made).await;
        let word = match &outcome {
            Outcome::Done(_) => "done",
            Outcome::Failed(_) => "failed",
            Outcome::InDoubt(_) => "in_doubt",
            Outcome::Pending(_) => "pending",
        };
        span.set("step.outcome", word);
        if let Outcome::Failed(error) | Outcome::InDoubt(error) = &outcome {
            span.failed(|| error.class.as_str().to_owned());
        }
        let took = Clock::monotonic().duration_since(started);
        numbers::STEP_SECONDS.took([&step.call.tool, word], took);
        let outcome = match outcome {
            // A read has no effect to be in doubt about.
            Outcome::InDoubt(mut error) if !step.writes => {
                error.class = ErrorClass::Unavailable;
                Outcome::Failed(error)
            }
            outcome => outcome,
        };
        self.audit(ended(deed, &outcome))?;
        Ok(outcome)
    }

    /// Does what follows. `None` means: make the call again.
    pub(super) async fn follow(&mut self, step: &Step, next: Next) -> Result<Option<Flow>, StoreError> {
        let id = step.id.clone();
        match next {
            Next::Done(result) => {
                let causes = self.causes_of_result(step, &result).await;
                self.note(StepWrite::Done {
                    step: id,
                    result,
                    causes,
                })?;
                return Ok(Some(Flow::Continue));
            }
            Next::Repeat => return Ok(None),
            Next::Retry { at, error, counted } => {
                let reason = match counted {
                    true => format!("step `{id}` is tried again: {error}"),
                    false => format!("step `{id}` waits for room: {error}"),
                };
                self.note(match counted {
                    true => StepWrite::Failed { step: id, error },
                    false => StepWrite::NotTried { step: id, error },
                })?;
                self.wait(at, WaitsFor::Retry, reason).await?;
            }
            Next::Look { at, reason, counted } => {
                let reason = format!("step `{id}`: {reason}");
                if counted {
                    self.note(StepWrite::Looked { step: id })?;
                }
                self.wait(at, WaitsFor::Look, reason).await?;
            }
            Next::Pending {
                at,
                cursor,
                note,
                error,
            } => {
                let reason = format!("step `{id}`: {note}");
                self.note(StepWrite::Pending {
                    step: id,
                    cursor,
                    error,
                })?;
                self.wait(at, WaitsFor::PendingCall, reason).await?;
            }
            Next::Dead(error) => {
                if !self.tolerates(step) {
                    self.note(StepWrite::Failed {
                        step: id,
                        error: error.clone(),
                    })?;
                }
                return self.give_up(step, error).await.map(Some);
            }
            Next::Undone(error) => {
                let pending = self.step(&id).filter(|known| known.state == StepState::Pending);
                if let Some(cursor) = pending.map(|known| known.cursor.clone()) {
                    self.note(StepWrite::Pending {
                        step: id,
                        cursor,
                        error: Some(error.clone()),
                    })?;
                }
                return self.give_up(step, error).await.map(Some);
            }
            Next::Unknown(why) => {
                let command = format!("xmrt runs resolve {} done|repeat|give-up", self.run().id);
                let reason = format!("step `{id}`: {why}. Look at the provider, then `{command}`");
                return self.fail(RunState::Unknown, reason).await.map(Some);
            }
        }
        Ok(Some(Flow::LetGo))
    }

    /// The step failed for good: the run goes on without it, if its rule says so, and ends otherwise.
    pub(super) async fn give_up(&mut self, step: &Step, error: String) -> Result<Flow, StoreError> {
        let id = step.id.clone();
        if !self.tolerates(step) {
            return self.fail(RunState::Dead, format!("step `{id}`: {error}")).await;
        }
        tracing::warn!(
            run.id = self.run().id.0,
            step = id,
            "failed, and its rule says to go on: {error}"
        );
        self.note(StepWrite::Tolerated { step: id, error })?;
        Ok(Flow::Continue)
    }

    /// When the rule wants the step over with: counted from its first call, in this run.
    fn deadline(&self, step: &Step) -> Option<Timestamp> {
        let within_ms = plan::action_at(&self.rule, step.index)?.within_ms?;
        let begun = self.step(&step.id)?.first_intent_at.max(self.run().created_at);
        Some(clock::after(begun, within_ms))
    }

    /// Whether the run goes on when the step fails for good.
    fn tolerates(&self, step: &Step) -> bool {
        plan::action_at(&self.rule, step.index).is_some_and(|action| action.continue_on_error)
    }

    /// The rule, at the version the run pinned.
    pub(super) fn rule(&self) -> Arc<Rule> {
        Arc::clone(&self.rule)
    }
}

/// What is done about a step, as a part of its run.
pub(super) fn step_span(what: &'static str, step: &Step) -> Span {
    let span = Span::part(|| format!("{what} {}", step.id).into());
    span.set("step.id", step.id.clone());
    span.set("step.key", step.key.0.clone());
    span.set("step.attempt", i64::from(step.attempts));
    span.set("mcp.tool", step.call.tool.clone());
    span
}

/// What `record` needs to know of a step.
pub(super) fn history<'a>(
    rule: &'a Rule,
    step: &Step,
    (looks, intent_at): (u32, Timestamp),
    facts: Option<&ToolFacts>,
    (settle_ms, fresh_until): (Option<i64>, Timestamp),
) -> History<'a> {
    let action = plan::action_at(rule, step.index);
    History {
        attempts: step.attempts,
        looks,
        first_intent_at: intent_at,
        intent_at,
        deadline: None,
        fresh_until,
        doubt: facts.map_or(Doubt::None, |facts| facts.promises.doubt),
        timeout_ms: step.call.timeout_ms,
        settle_ms: settle_ms.unwrap_or_else(|| facts.map_or(0, |facts| facts.promises.settle_ms)),
        retry: action.map_or(&record::NO_RETRY, |action| &action.retry),
        jitter: jitter(&step.key.0, step.attempts + looks),
    }
}

/// A number in `[0, 1)` that differs from step to step and attempt to attempt, without a source of randomness.
fn jitter(key: &str, attempt: u32) -> f64 {
    let hash = key
        .bytes()
        .chain(attempt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    #[expect(clippy::cast_precision_loss, reason = "53 bits are plenty")]
    let unit = (hash >> 11) as f64 / (1u64 << 53) as f64;
    unit
}

/// Whether nothing but the journaled intent tells that a call may have been made: its effect carries no key, and cannot
/// be told from another's.
fn is_told_by_intents(doubt: Doubt) -> bool {
    match doubt {
        Doubt::Evidence | Doubt::None => true,
        Doubt::Idempotent | Doubt::Marker | Doubt::GoalState | Doubt::MayDouble => false,
    }
}
