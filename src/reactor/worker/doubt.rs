//! A step whose effect is unknown: the attempt was cut off, or its reply was lost.

use jiff::Timestamp;

use super::job::{Flow, Job, history, step_span};
use super::trail::looked;
use crate::clock;
use crate::journal::{self, StepRecord, StoreError};
use crate::plan::Step;
use crate::record::{self, Next};
use crate::telemetry::numbers;

impl Job<'_> {
    /// Whether a step that was not begun here may have been done before: its event was recovered and may have been acted
    /// on by a journal that is lost. Its absence from this one proves nothing.
    pub(super) fn may_be_done(&self, step: &Step) -> bool {
        let doubtful = self.event().fetch().is_some_and(|fetch| fetch.doubtful);
        doubtful && step.writes && step.attempts == 0 && self.run().generation == 0
    }

    /// Journals the intent, and looks for the effect before anything is sent.
    pub(super) async fn make_doubtful(&mut self, mut step: Step) -> Result<Flow, StoreError> {
        if self.stands_still(&step).await? {
            return Ok(Flow::LetGo);
        }
        let tools = self.tools();
        let causes = self.causes(&step, tools.get(&step.call.tool)).await;
        self.secure_lease(step.call.timeout_ms).await?;
        if self.intend(&mut step, causes).await? == Flow::LetGo {
            return Ok(Flow::LetGo);
        }
        match self.step(&step.id).cloned() {
            Some(on_record) => self.doubt(step, &on_record).await,
            None => self.make(step).await,
        }
    }

    /// Until when what the event told of, or a step of this run made, may not be visible yet; and for how long an effect may
    /// stay invisible, where that is set.
    pub(super) fn visibility(&self) -> (Option<i64>, Timestamp) {
        let settle_ms = self.settle_ms();
        let steps = self.history.steps.iter().filter(|step| step.writes);
        let made = steps.filter_map(|step| step.finished_at).max();
        // A run that was put off begins long after its event came, and one that is made again after the first.
        let told = self.event().received_at;
        let since = made.map_or(told, |made| made.max(told));
        let fresh_ms = settle_ms.map_or(record::FRESH_MS, |ms| ms.saturating_mul(5).min(record::FRESH_MS));
        (settle_ms, clock::after(since, fresh_ms))
    }

    /// From when on an effect can be the step's. For an event that may have been acted on before, from its delivery on;
    /// where the clock was wrong when the call was made, from well before.
    async fn effect_since(&self, on_record: &StepRecord) -> Result<Timestamp, StoreError> {
        let store = self.worker.reactor.store.as_ref();
        let first = match journal::ahead(store, self.now()).await? {
            Some(ahead) => ahead.earliest(on_record.first_intent_at),
            None => on_record.first_intent_at,
        };
        Ok(match self.event().fetch() {
            Some(fetch) if fetch.doubtful => fetch.delivered_at.min(first),
            _ => first,
        })
    }

    /// Finds out, as the tool's class of doubt says, and does what follows.
    pub(super) async fn doubt(&mut self, step: Step, on_record: &StepRecord) -> Result<Flow, StoreError> {
        let (rule, tools) = (self.rule(), self.tools());
        let history = history(
            &rule,
            &step,
            (on_record.looks, on_record.intent_at),
            tools.get(&step.call.tool),
            self.visibility(),
        );
        let now = self.now();
        let mut next = record::in_doubt(history, now, "the last attempt was cut off or not answered");
        if let Next::Look { at, .. } = &next
            && *at <= now
        {
            self.secure_lease(step.call.timeout_ms).await?;
            let deed = self.deed(&step);
            let span = step_span("look for", &step);
            let since = self.effect_since(on_record).await?;
            let looking = self.look(&step, since);
            let finding = span.within(looking).await?;
            span.set("step.found", finding.as_str());
            numbers::LOOKS.count([&step.call.tool, finding.as_str()]);
            drop(span);
            tracing::info!(
                run.id = self.run().id.0,
                step = step.id,
                ?finding,
                "looked for the effect of an earlier attempt"
            );
            self.audit(looked(deed, &finding))?;
            next = record::after_look(finding, history, self.now());
        }
        match self.follow(&step, next).await? {
            Some(flow) => Ok(flow),
            // Made again, it must still be what was approved of.
            None => self.approved(step, on_record).await,
        }
    }
}
