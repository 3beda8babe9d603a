//! A step whose effect is unknown: the attempt was cut off, or its reply was lost.

use super::job::{Flow, Job, history};
use crate::act;
use crate::journal::{StepRecord, StoreError};
use crate::plan::Step;
use crate::record::{self, Next};

impl Job<'_> {
    /// Finds out, as the tool's class of doubt says, and does what follows.
    pub(super) async fn doubt(&mut self, step: Step, on_record: &StepRecord) -> Result<Flow, StoreError> {
        let rule = self.rule();
        let history = history(
            &rule,
            &step,
            on_record.looks,
            on_record.intent_at,
            self.facts(&step),
        );
        let now = self.now();
        let mut next = record::in_doubt(history, now, "the last attempt was cut off or not answered");
        if let Next::Look { at, .. } = &next
            && *at <= now
        {
            self.secure_lease(step.call.timeout_ms).await?;
            let since = on_record.first_intent_at;
            let finding = act::look(&self.worker.reactor.hub, &step.call, &step.key, since).await;
            tracing::info!(
                run.id = self.run().id.0,
                step = step.id,
                ?finding,
                "looked for the effect of an earlier attempt"
            );
            next = record::after_look(finding, history, self.now());
        }
        match self.follow(&step, next).await? {
            Some(flow) => Ok(flow),
            // Made again, it must still be what was approved of.
            None => self.approved(step, on_record).await,
        }
    }
}
