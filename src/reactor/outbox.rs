//! What became of our runs, told as events of our own to the rules that want to hear of it.
//!
//! The journal keeps a notice in the same write as the change it is about, until it was told. The event's id follows from the
//! notice, so a notice that is told again after a crash, or by two replicas, is one event.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Reactor;
use crate::journal::{EventRecord, Notice, RunHistory, StepRecord, StepState, StoreError};
use crate::normalize::{self, Event};
use crate::plan::Call;
use crate::receive::{Delivery, Internal, Maker, Rejection, Source};

/// How many notices are told at a stretch.
const BATCH: usize = 100;
/// How often it is looked for notices that another process left behind.
const LOOK: Duration = Duration::from_secs(5);

impl Reactor {
    /// Tells of what becomes of runs until `stop` turns true.
    pub async fn keep_telling(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.tell().await {
                tracing::warn!("what became of runs is told later: {error}");
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.something_to_tell.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Makes events of what became of runs, oldest first, as far as a rule in force wants to hear of it. Gives how many events
    /// there are for it.
    pub async fn tell(&self) -> Result<usize, StoreError> {
        let mut told = 0;
        loop {
            let notices = self.store.notices(BATCH).await?;
            if notices.is_empty() {
                return Ok(told);
            }
            // One that cannot be told now stays, and must not be in the way of the others.
            let (mut over, mut failure) = (Vec::new(), None);
            for notice in notices {
                let made = match self.book().hears(&kind(&notice)) {
                    true => self.tell_of(&notice).await,
                    false => Ok(false),
                };
                match made {
                    Ok(made) => {
                        told += usize::from(made);
                        over.push(notice);
                    }
                    Err(error) => failure = Some(error),
                }
            }
            self.store.told(&over, self.clock.now()).await?;
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    async fn tell_of(&self, notice: &Notice) -> Result<bool, StoreError> {
        if self.store.event(&notice.key()).await?.is_some() {
            return Ok(false);
        }
        let Some(history) = self.store.run(&notice.run).await? else {
            return Ok(false);
        };
        let Some(about) = self.store.event(&history.run.event).await? else {
            return Ok(false);
        };
        let event = match event(notice, &history, &about, self.clock.now()) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(run.id = notice.run.0, "what became of it is no event: {error}");
                return Ok(false);
            }
        };
        self.admit_own(&event).await?;
        Ok(true)
    }
}

fn kind(notice: &Notice) -> String {
    format!("{}.{}", Source::own().as_str(), notice.what)
}

/// The event of a notice. Its payload is documented in `docs/rules/events.md`, and `check` knows its fields.
fn event(
    notice: &Notice,
    history: &RunHistory,
    about: &EventRecord,
    now: Timestamp,
) -> Result<Event, Rejection> {
    let RunHistory { run, steps } = history;
    let failed = steps.iter().rev().find(|step| {
        matches!(step.state, StepState::Failed | StepState::Intent) && !step.step.starts_with("on_failure[")
    });
    let tool = |step: &StepRecord| {
        let call: Option<Call> = serde_json::from_value(step.call.clone()).ok();
        call.map(|call| call.tool)
    };
    let failed = failed.map(|step| json!({ "step": step.step, "tool": tool(step), "error": step.error }));
    let asked = steps
        .iter()
        .find(|step| step.state == StepState::Asked)
        .and_then(|step| {
            let approval = step.approval.as_ref()?;
            Some(json!({
                "step": step.step,
                "tool": tool(step),
                "by": approval.by,
                "reason": approval.reason,
                "expires_at": approval.expires_at.to_string(),
            }))
        });
    let payload = json!({
        "time": notice.at.to_string(),
        "run": {
            "id": run.id,
            "rule": run.rule,
            "version": run.version,
            "state": notice.what.strip_prefix("run_").unwrap_or(run.state.as_str()),
            "reason": notice.reason,
            "generation": run.generation,
            "shadow": run.shadow,
            "depth": run.depth,
            "created_at": run.created_at.to_string(),
        },
        "event": {
            "source": about.key.source,
            "id": about.key.id,
            "type": about.kind,
            "subject": about.subject,
        },
        "failed": failed.unwrap_or(Value::Null),
        "asked": asked.unwrap_or(Value::Null),
    });
    let said = Internal {
        by: Maker::Derived,
        source: Source::own(),
        id: notice.key().id,
        kind: notice.what.clone(),
        body: Bytes::from(payload.to_string()),
        actor: None,
        after: Some(notice.run.0.clone()),
        detail: None,
    };
    normalize::event(Delivery::internal(said, now))
}
