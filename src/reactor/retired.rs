//! In: the rules before and after a reload. Out: runs that were not begun of rules that are off or gone now, cancelled.
//! Never: a run that was begun; it pins its rule and goes on.

use super::Reactor;
use crate::journal::{PAGE_MAX, RunQuery, RunState, StoreError};
use crate::rules::{Mode, RuleBook};

impl Reactor {
    /// Cancels what was not begun of rules that acted in `before` and do not in the book in force. What is missed here
    /// ends when it is claimed.
    pub(super) async fn cancel_retired(&self, before: &RuleBook) {
        let book = self.book();
        for rule in before.rules().iter().filter(|rule| rule.mode != Mode::Off) {
            let who = match book.rule(&rule.id) {
                None => "the deletion of its rule",
                Some(now) if now.mode == Mode::Off => "switching its rule off",
                Some(_) => continue,
            };
            match self.cancel_unstarted(&rule.id, who).await {
                Ok(0) => {}
                Ok(cancelled) => {
                    tracing::info!(
                        rule.id,
                        cancelled,
                        "runs that were not begun were cancelled by {who}"
                    );
                }
                Err(error) => tracing::warn!(
                    rule.id,
                    "runs that were not begun are cancelled when they are claimed: {error}"
                ),
            }
        }
    }

    async fn cancel_unstarted(&self, rule: &str, who: &str) -> Result<usize, StoreError> {
        let mut cancelled = 0;
        for state in [RunState::Delayed, RunState::Queued, RunState::Waiting] {
            let mut before = None;
            loop {
                let query = RunQuery {
                    rule: Some(rule.into()),
                    state: Some(state),
                    before: before.take(),
                    limit: PAGE_MAX,
                    ..RunQuery::default()
                };
                let page = self.store.runs(&query).await?;
                for run in &page {
                    let begun = self.store.run(&run.id).await?;
                    if begun.is_none_or(|history| !history.steps.is_empty()) {
                        continue;
                    }
                    match self.store.cancel(&run.id, who, self.clock.now()).await {
                        Ok(()) => cancelled += 1,
                        // Somebody has it by now, or it is over.
                        Err(StoreError::WrongState { .. } | StoreError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                match page.last() {
                    Some(last) if page.len() == PAGE_MAX => before = Some((last.seq, last.id.clone())),
                    _ => break,
                }
            }
        }
        Ok(cancelled)
    }
}
