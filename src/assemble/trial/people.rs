//! In: the answers to approvals that a test has people give. Out: runs carried on, and the answers given when the test says so.
//! Never: the world's time.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::history;
use crate::journal::{self, Approver, RunQuery, WaitsFor, Word};
use crate::reactor::{Reactor, Worker};
use crate::rules::{RuleTest, Said};

/// What people still have to say.
pub(super) struct People(VecDeque<Said>);

impl People {
    pub(super) fn of(test: &RuleTest) -> Self {
        Self(test.approvals.iter().cloned().collect())
    }

    /// An answer that nobody was asked for.
    pub(super) fn left(&self) -> Option<String> {
        let left = self.0.len();
        (left > 0).then(|| format!("{left} of `approvals` were never asked for"))
    }

    /// Carries on every run, to its end or up to `until`; it is that time afterwards. People answer on the way.
    pub(super) async fn meanwhile(
        &mut self,
        reactor: &Arc<Reactor>,
        worker: &Arc<Worker>,
        until: Option<Timestamp>,
    ) -> Result<(), String> {
        let clock = reactor.clock();
        loop {
            let (_, due) = worker.run_due().await.map_err(|error| error.to_string())?;
            let end = match (due, until) {
                (Some(due), Some(until)) => Some(due.min(until)),
                (due, until) => due.or(until),
            };
            let Some(next) = end else { return Ok(()) };
            if self.answer_before(reactor, next).await? {
                continue;
            }
            clock.sleep_until(next).await;
            if due.is_none_or(|due| due > next) {
                return Ok(());
            }
        }
    }

    /// Gives the next answer, if it comes before `next`. Whoever is too late says nothing.
    async fn answer_before(&mut self, reactor: &Arc<Reactor>, next: Timestamp) -> Result<bool, String> {
        let (store, clock) = (reactor.store(), reactor.clock());
        let Some(answer) = self.0.front() else {
            return Ok(false);
        };
        let asking = RunQuery {
            waits_for: Some(WaitsFor::Approval),
            limit: 1,
            ..RunQuery::default()
        };
        let asking = store.runs(&asking).await.map_err(|error| error.to_string())?;
        let Some(run) = asking.first() else {
            return Ok(false);
        };
        let history = history(reactor, &run.id).await?;
        let Some((_, approval)) = history.question() else {
            return Ok(false);
        };
        let at = crate::clock::after(approval.asked_at, answer.after_ms);
        if at >= next {
            return Ok(false);
        }
        clock.sleep_until(at).await;
        let word = Word {
            who: Approver {
                name: answer.who.clone(),
                roles: answer.roles.clone(),
                known_as: None,
                vouched_by: None,
            },
            approved: answer.approved,
            why: answer.because.clone(),
            hash: None,
        };
        self.0.pop_front();
        journal::say(store.as_ref(), &run.id, word, clock.now())
            .await
            .map_err(|error| format!("`approvals`: {error}"))?;
        Ok(true)
    }
}
