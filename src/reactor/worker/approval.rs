//! A call that a person must approve of: found out what it comes to, asked, and made if it still comes to that.

use serde_json::{Value, json};

use super::job::{Flow, Job, history};
use super::trail::failed;
use crate::act;
use crate::clock;
use crate::hub::{ErrorClass, Resolved, ToolError};
use crate::journal::{Approval, RunState, StepRecord, StepWrite, StoreError, WaitsFor};
use crate::plan::{self, Asking, Step};
use crate::record;

/// How long to wait before it is asked again what an approved call comes to, in milliseconds.
const AGAIN_MS: i64 = 30_000;

impl Job<'_> {
    /// Finds out what the call would come to, and asks. Who is told that somebody is asked hears of it from this write: a
    /// run that waits for [`WaitsFor::Approval`].
    pub(super) async fn ask(&mut self, mut step: Step, asking: Asking) -> Result<Flow, StoreError> {
        self.secure_lease(step.call.timeout_ms).await?;
        let deed = self.deed(&step);
        let resolved = match act::resolve(&self.worker.reactor.hub, &step.call).await {
            Ok(resolved) => resolved,
            Err(error) => {
                self.audit(failed(deed, &error))?;
                return self.not_resolved(step, error).await;
            }
        };
        let now = self.now();
        let given = std::mem::replace(&mut step.call.arguments, resolved.arguments);
        let approval = Approval {
            hash: plan::digest(&step.call, &resolved.pinned),
            by: asking.by,
            reason: asking.reason,
            basis: json!({ "arguments": given, "pinned": resolved.pinned, "shows": resolved.shows }),
            asked_at: now,
            expires_at: clock::after(now, asking.expires_ms),
            answer: None,
        };
        let (until, reason) = (approval.expires_at, approval.waits(&step.id));
        tracing::info!(run.id = self.run().id.0, step = step.id, "{reason}");
        self.note(StepWrite::Asked {
            step: step.id,
            index: step.index,
            key: step.key,
            call: serde_json::to_value(&step.call).unwrap_or_default(),
            writes: step.writes,
            approval: Box::new(approval),
        })?;
        self.wait(until, WaitsFor::Approval, reason).await?;
        Ok(Flow::LetGo)
    }

    /// What the call would come to could not be found out. That counts as an attempt without effect: the retry policy
    /// bounds it. It is no write, so a crash leaves no doubt.
    async fn not_resolved(&mut self, mut step: Step, error: ToolError) -> Result<Flow, StoreError> {
        self.note(StepWrite::Intent {
            step: step.id.clone(),
            index: step.index,
            key: step.key.clone(),
            call: serde_json::to_value(&step.call).unwrap_or_default(),
            writes: false,
            causes: Vec::new(),
        })?;
        step.attempts += 1;
        let (rule, tools, now) = (self.rule(), self.tools(), self.now());
        let history = history(
            &rule,
            &step,
            (0, now),
            tools.get(&step.call.tool),
            self.visibility(),
        );
        let next = record::after_attempt(act::Outcome::Failed(error), history, now);
        Ok(self.follow(&step, next).await?.unwrap_or(Flow::Continue))
    }

    /// Makes the call that was approved of, if it would come to the same now.
    pub(super) async fn approved(&mut self, step: Step, on_record: &StepRecord) -> Result<Flow, StoreError> {
        let Some(approval) = &on_record.approval else {
            return self.make(step).await;
        };
        self.secure_lease(step.call.timeout_ms).await?;
        let mut asked = step.call.clone();
        asked.arguments = approval.basis["arguments"].clone();
        let deed = self.deed(&step);
        let resolved = act::resolve(&self.worker.reactor.hub, &asked).await;
        if let Err(error) = &resolved {
            self.audit(failed(deed, error))?;
        }
        let now = match resolved {
            Ok(resolved) => resolved,
            Err(error) if error.class == ErrorClass::NotFound && self.now() < self.visibility().1 => {
                return self.look_again(&step, approval, error).await;
            }
            Err(error) if error.class.is_retryable() => return self.look_again(&step, approval, error).await,
            Err(error) => {
                return match error.class {
                    ErrorClass::Conflict | ErrorClass::NotFound | ErrorClass::Invalid => {
                        self.changed(&step, &error.to_string()).await
                    }
                    _ => self.give_up(&step, error.to_string()).await,
                };
            }
        };
        match difference(&step.call.arguments, &approval.basis["pinned"], &now) {
            Some(what) => self.changed(&step, &what).await,
            None => self.make(step).await,
        }
    }

    async fn changed(&mut self, step: &Step, what: &str) -> Result<Flow, StoreError> {
        let reason = format!(
            "step `{}`: what was approved of changed before it was done: {what}",
            step.id
        );
        self.end(RunState::Declined, Some(reason)).await?;
        Ok(Flow::LetGo)
    }

    /// The provider is away. An approval does not outlive its time by that.
    async fn look_again(
        &mut self,
        step: &Step,
        approval: &Approval,
        error: ToolError,
    ) -> Result<Flow, StoreError> {
        let now = self.now();
        if now >= approval.expires_at {
            let why = format!(
                "approved, and not possible until {}: {error}",
                approval.expires_at
            );
            return self.give_up(step, why).await;
        }
        let again = match error.class {
            ErrorClass::RateLimited { retry_at: Some(at) } => at,
            _ => clock::after(now, AGAIN_MS),
        };
        let until = again.max(now).min(approval.expires_at);
        let reason = format!("step `{}`, approved of, is tried again: {error}", step.id);
        self.wait(until, WaitsFor::Retry, reason).await?;
        Ok(Flow::LetGo)
    }
}

/// What differs between a call as it was approved of and as it would be now.
fn difference(approved: &Value, pinned: &Value, now: &Resolved) -> Option<String> {
    let mut found = Vec::new();
    for (was, is) in [(approved, &now.arguments), (pinned, &now.pinned)] {
        if was == is {
            continue;
        }
        let (Value::Object(was), Value::Object(is)) = (was, is) else {
            found.push(format!("it was {was} and is {is}"));
            continue;
        };
        let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let (was, is) = (was.get(name), is.get(name));
            if was != is {
                let told = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
                found.push(format!("`{name}` was {} and is {}", told(was), told(is)));
            }
        }
    }
    (!found.is_empty()).then(|| found.join("; "))
}
