//! How a run ends: what it does when it fails, and what is on record of its end.

use super::job::{Flow, Job};
use crate::journal::{RunHistory, RunState, StoreError, Then};
use crate::plan::Failing;
use crate::telemetry::numbers;

impl Job<'_> {
    /// The run is to end badly: first its `[[on_failure]]` steps are made, where it has any. What fails while it is
    /// failing ends it.
    pub(super) async fn fail(&mut self, state: RunState, reason: String) -> Result<Flow, StoreError> {
        let RunHistory { run, steps } = &self.history;
        if self.rule().on_failure.is_empty() || run.shadow || Failing::was_marked(run, steps) {
            let (state, reason) = match Failing::of(run, steps) {
                Some(first) => (
                    first.state,
                    format!("{}; then, on failure: {reason}", first.reason),
                ),
                None => (state, reason),
            };
            self.end(state, Some(reason)).await?;
            return Ok(Flow::LetGo);
        }
        let mark = Failing { state, reason }.mark(run, &self.rule());
        self.note(mark)?;
        Ok(Flow::Continue)
    }

    pub(super) async fn end(&mut self, state: RunState, reason: Option<String>) -> Result<(), StoreError> {
        self.flush(Then::End {
            state,
            reason: reason.clone(),
        })
        .await?;
        self.worker.reactor.something_to_tell.notify_one();
        let (id, rule) = (&self.run().id.0, &self.run().rule);
        numbers::RUNS_ENDED.count([rule, state.as_str()]);
        let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        match state {
            RunState::Dead | RunState::Unknown => {
                tracing::error!(run.id = id, rule.id = rule, "run {state}{because}");
            }
            _ => tracing::info!(run.id = id, rule.id = rule, "run {state}{because}"),
        }
        Ok(())
    }
}
