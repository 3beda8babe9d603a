//! Whose an effect is that carries no key: a deploy, a job, a run of a workflow. The first step that learns of it keeps it, so no
//! other step takes it for its own.

use bytes::Bytes;
use jiff::Timestamp;

use super::job::Job;
use crate::act::{self, Finding, Outcome};
use crate::hub::{ErrorClass, ToolError};
use crate::journal::{KvKey, KvQuery, StoreError};
use crate::plan::Step;

/// Of the values of the journal.
const SPACE: &str = "effects";
/// How long an effect's owner is remembered: longer than any call is in doubt.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;
const PAGE: usize = 500;

impl Job<'_> {
    /// Looks for the step's effect among those that no other step has.
    pub(super) async fn look(&self, step: &Step, since: Timestamp) -> Result<Finding, StoreError> {
        let mut known = 0;
        loop {
            let taken = self.taken(step).await?;
            let before = std::mem::replace(&mut known, taken.len());
            let hub = &self.worker.reactor.hub;
            let finding = act::look(hub, &step.call, &step.key, since, taken).await;
            let told = match &finding {
                Finding::Found(result) => result,
                Finding::Pending(pending) => &pending.cursor,
                Finding::Absent | Finding::Ambiguous(_) | Finding::Failed(_) => return Ok(finding),
            };
            if self.is_ours(step, told).await? {
                return Ok(finding);
            }
            // Another step was told of it meanwhile; it is among the taken ones the next time, and left out.
            if before == known && before > 0 {
                return Ok(Finding::Ambiguous(
                    "the effect that is there is another step's".into(),
                ));
            }
        }
    }

    /// Keeps the effect that an answer tells of. Where a step that was in doubt took it for its own before the answer came, that step
    /// is done, and this one is in doubt: equal effects are as good as each other, and there must be one for each.
    pub(super) async fn own_effect(&self, step: &Step, outcome: Outcome) -> Result<Outcome, StoreError> {
        let told = match &outcome {
            Outcome::Done(result) => result,
            Outcome::Pending(pending) => &pending.cursor,
            Outcome::InDoubt(_) | Outcome::Failed(_) => return Ok(outcome),
        };
        if self.is_ours(step, told).await? {
            return Ok(outcome);
        }
        let message =
            "another step, whose call was not answered, has taken the effect of this one for its own";
        Ok(Outcome::InDoubt(ToolError::new(
            ErrorClass::UnknownEffect,
            message,
        )))
    }

    /// Whether the effect is this step's; it is from now on if it was nobody's. What has no id is everybody's.
    async fn is_ours(&self, step: &Step, told: &serde_json::Value) -> Result<bool, StoreError> {
        let tools = self.tools();
        let Some(facts) = tools.get(&step.call.tool).filter(|_| step.writes) else {
            return Ok(true);
        };
        let (Some(subject), Some(id)) = (facts.evidence_of(&step.call.arguments), facts.effect_id(told))
        else {
            return Ok(true);
        };
        let key = KvKey::new(SPACE, &format!("{subject}{id}"))?;
        let ours = Bytes::copy_from_slice(step.key.0.as_bytes());
        let store = &self.worker.reactor.store;
        // An answer that is given up here would have to be found out again, and among others' effects.
        loop {
            let put = store.kv_put_if_absent(&key, ours.clone(), Some(KEPT_MS), self.now());
            match put.await {
                Ok(owner) => return Ok(owner.is_none_or(|owner| owner == ours)),
                Err(error) => {
                    if !self
                        .outwaits(&error, "whose an effect is cannot be kept yet")
                        .await
                    {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// The ids of the effects of such calls that other steps have.
    async fn taken(&self, step: &Step) -> Result<Vec<String>, StoreError> {
        let subject = self
            .tools()
            .get(&step.call.tool)
            .and_then(|facts| facts.evidence_of(&step.call.arguments));
        let Some(prefix) = subject else {
            return Ok(Vec::new());
        };
        let (mut taken, mut after) = (Vec::new(), None);
        loop {
            let query = KvQuery {
                space: SPACE.into(),
                prefix: prefix.clone(),
                after,
                limit: PAGE,
            };
            let page = self.worker.reactor.store.kv_list(&query, self.now()).await?;
            let others = page
                .entries
                .into_iter()
                .filter(|entry| entry.value != step.key.0.as_bytes());
            taken.extend(others.filter_map(|entry| entry.name.strip_prefix(&prefix).map(str::to_owned)));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(taken),
            }
        }
    }
}
