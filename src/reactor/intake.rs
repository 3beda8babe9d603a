//! A delivery's way to its durable admission, and the questions asked of what was admitted.

use std::sync::PoisonError;

use serde::Serialize;

use super::{Reactor, envelope};
use crate::journal::{Admission, EventRecord, StoreError, Verdict};
use crate::normalize::{self, Event};
use crate::receive::Delivery;
use crate::rules::{self, Explanation};

/// The name of the journal among the degraded parts.
pub(super) const JOURNAL: &str = "journal";

/// Why a delivery was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It is not something an event can be made of; the text says why.
    #[error("{0}")]
    Unrecognized(String),
    /// It cannot be made durable now.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Why a question about an event cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No such event.
    #[error("there is no event {0:?}; `xmrt events` lists those on record")]
    NoEvent(String),
    /// No such rule, neither in force nor in the book the event was matched with.
    #[error("there is no rule {0:?}, neither in force nor when the event came; `xmrt check` lists the rules")]
    NoRule(String),
    /// What is on record cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a rule did or did not fire for a stored event.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The rule's content hash that was evaluated.
    pub version: String,
    /// Whether that is the version in force now.
    pub in_force: bool,
    /// Condition by condition.
    pub explanation: Explanation,
    /// What is on record for this rule and event: runs, suppressions, errors.
    pub recorded: Vec<Verdict>,
}

impl Reactor {
    /// Normalizes, matches and admits a delivery. When this returns, the event is durable.
    pub async fn accept(&self, delivery: Delivery) -> Result<Admission, IntakeError> {
        let event =
            normalize::event(delivery).map_err(|error| IntakeError::Unrecognized(error.to_string()))?;
        self.admit(&event).await
    }

    /// Matches and admits an event. When this returns, it is durable.
    pub async fn admit(&self, event: &Event) -> Result<Admission, IntakeError> {
        Ok(self.admit_own(event).await?)
    }

    /// The same for an event that is one already: only the journal can refuse it.
    pub(super) async fn admit_own(&self, event: &Event) -> Result<Admission, StoreError> {
        let book = self.book();
        let sealed = envelope::seal(event, &book, envelope::firings(&book, event));
        let admission = self.store.admit(sealed, event.received_at).await;
        self.set_degraded(JOURNAL, admission.as_ref().err().map(ToString::to_string));
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) =
            admission.is_err().then_some(event.received_at);
        let admission = admission?;
        self.wake();
        tracing::info!(
            event.id = event.id.0,
            event.kind = event.kind.0,
            event.subject = event.subject.0,
            duplicate = admission.duplicate.is_some(),
            runs = admission
                .verdicts
                .iter()
                .filter(|verdict| verdict.run.is_some())
                .count(),
            "event admitted"
        );
        Ok(admission)
    }

    /// Evaluates a stored event again with the rules in force; what fires becomes the next generation.
    pub async fn replay(&self, event_id: &str) -> Result<Admission, LookupError> {
        let (record, event) = self.stored(event_id, true).await?;
        let book = self.book();
        let firings = envelope::firings(&book, &event);
        let admission = self
            .store
            .replay(&record.key, book.hash(), firings, self.clock.now())
            .await?;
        self.wake();
        Ok(admission)
    }

    /// Recomputes a rule's decision for a stored event, with the version of the rule that the event met.
    pub async fn explain(&self, rule_id: &str, event_id: &str) -> Result<Explained, LookupError> {
        let (record, event) = self.stored(event_id, false).await?;
        let mut recorded = self.store.verdicts(&record.key).await?;
        recorded.retain(|verdict| verdict.rule == rule_id);
        let in_force = self.book().rule(rule_id).cloned();
        let met = self.store.book(Some(&record.book)).await?.and_then(|book| {
            let text = book.rules.into_iter().find(|text| text.rule == rule_id)?;
            Some((text, book.settings))
        });
        let rule = match (met, in_force.clone()) {
            (Some((text, _)), Some(current)) if text.version == current.version => current,
            (Some((text, settings)), _) => {
                let vars = settings.get("vars").cloned().unwrap_or_default();
                let rule =
                    rules::parse_pinned(&text.rule, &text.text, &vars).map_err(LookupError::Unreadable)?;
                std::sync::Arc::new(rule)
            }
            (None, Some(current)) => current,
            (None, None) => return Err(LookupError::NoRule(rule_id.into())),
        };
        Ok(Explained {
            version: rule.version.clone(),
            in_force: in_force.is_some_and(|current| current.version == rule.version),
            explanation: rules::explain(&rule, &event),
            recorded,
        })
    }

    async fn stored(&self, event_id: &str, replayed: bool) -> Result<(EventRecord, Event), LookupError> {
        let record = self.store.event_by_id(event_id).await?;
        let record = record.ok_or_else(|| LookupError::NoEvent(event_id.into()))?;
        let event = envelope::open(&record, replayed)
            .ok_or_else(|| LookupError::Unreadable(format!("event {event_id:?} cannot be read back")))?;
        Ok((record, event))
    }
}
