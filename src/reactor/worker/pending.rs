//! A call that had its effect and is not over: asked about until it is, or until its time is up.

use super::job::{Flow, Job};
use super::trail::ended;
use crate::act::{self, Outcome};
use crate::clock;
use crate::journal::{StepRecord, StoreError};
use crate::plan::{self, Step};
use crate::record::{self, Underway};

impl Job<'_> {
    /// Asks what became of the call, and does what follows. Asking changes nothing, so it may be done again after any crash.
    pub(super) async fn poll(&mut self, step: Step, on_record: &StepRecord) -> Result<Flow, StoreError> {
        self.secure_lease(step.call.timeout_ms).await?;
        let deed = self.deed(&step);
        let hub = &self.worker.reactor.hub;
        let outcome = act::poll(hub, &step.call, &step.key, &on_record.cursor).await;
        // That it is not over yet is asked often, and tells nothing new.
        if !matches!(outcome, Outcome::Pending(_)) {
            self.audit(ended(deed, &outcome))?;
        }
        let rule = self.rule();
        let within_ms = plan::action_at(&rule, step.index).and_then(|action| action.within_ms);
        let within_ms = within_ms.unwrap_or(record::PENDING_WITHIN_MS);
        let underway = Underway {
            cursor: &on_record.cursor,
            since: on_record.intent_at,
            deadline: clock::after(on_record.intent_at, within_ms),
            fresh_until: clock::after(on_record.intent_at, record::FRESH_MS),
        };
        let next = record::after_poll(outcome, underway, self.now());
        // It is never made again: nothing that follows a question says so.
        Ok(self.follow(&step, next).await?.unwrap_or(Flow::Continue))
    }
}
