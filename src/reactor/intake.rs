//! A delivery's way to its durable admission, and the questions asked of what was admitted.

use std::sync::PoisonError;

use super::envelope::Staleness;
use super::explain::{Explained, explain};
use super::{Reactor, envelope, timed};
use crate::clock::Clock;
use crate::journal::{Admission, EventRecord, Store, StoreError};
use crate::normalize::{self, Event};
use crate::receive::{Delivery, Rejection};
use crate::rules::Rule;
use crate::telemetry::{Span, numbers};

/// The name of the journal among the degraded parts.
pub(super) const JOURNAL: &str = "journal";

/// Why a delivery was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No event can be made of its body.
    #[error(transparent)]
    Rejected(#[from] Rejection),
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
    #[error("there is no rule {0:?}, neither in force nor when the event came; {1}")]
    NoRule(String, String),
    /// What is on record cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reactor {
    /// Normalizes, matches and admits a delivery. When this returns, the event is durable.
    pub async fn accept(&self, delivery: Delivery) -> Result<Admission, IntakeError> {
        let event = normalize::event(delivery)?;
        self.admit(&event).await
    }

    /// Matches and admits an event. When this returns, it is durable.
    pub async fn admit(&self, event: &Event) -> Result<Admission, IntakeError> {
        self.refuse_if_full()?;
        Ok(self.admit_aged(event, None).await?)
    }

    /// The same for an event that was recovered: a rule that says nothing about age itself does not act on an old one.
    pub(super) async fn admit_recovered(
        &self,
        event: &Event,
        staleness: Staleness,
    ) -> Result<Admission, IntakeError> {
        let tools = self.hub.facts();
        let destroys = |tool: &String| tools.get(tool).is_none_or(|facts| facts.destructive);
        let stale = |rule: &Rule| match rule.actions.iter().any(|action| destroys(&action.tool)) {
            true => staleness.destructive_ms,
            false => staleness.ms,
        };
        self.refuse_if_full()?;
        Ok(self.admit_aged(event, Some(&stale)).await?)
    }

    /// The same for an event that the reactor makes itself: only the journal can refuse it.
    pub(super) async fn admit_own(&self, event: &Event) -> Result<Admission, StoreError> {
        self.admit_aged(event, None).await
    }

    fn refuse_if_full(&self) -> Result<(), StoreError> {
        self.full()
            .map_or(Ok(()), |why| Err(StoreError::Unavailable(why)))
    }

    async fn admit_aged(
        &self,
        event: &Event,
        stale: Option<&(dyn Fn(&Rule) -> i64 + Sync)>,
    ) -> Result<Admission, StoreError> {
        let (source, id) = (event.source.as_str(), event.id.0.as_str());
        let span = Span::of_event(source, id, || event.received_at.into());
        span.set("event.id", id.to_owned());
        span.set("event.kind", event.kind.0.clone());
        span.set("event.subject", event.subject.0.clone());
        span.set("event.origin", event.origin.as_str());
        let admission = span.within(self.match_and_admit(event, stale)).await;
        match &admission {
            Ok(admission) => span.set("event.duplicate", admission.duplicate.is_some()),
            Err(error) => span.failed(|| error.to_string()),
        }
        self.set_degraded(JOURNAL, admission.as_ref().err().map(ToString::to_string));
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) =
            admission.is_err().then_some(event.received_at);
        let admission = admission?;
        if admission.duplicate.is_none() {
            for verdict in &admission.verdicts {
                numbers::DECISIONS.count([&verdict.rule, verdict.decision.as_str()]);
            }
        }
        // What fires nothing makes nothing due.
        if admission.verdicts.iter().any(|verdict| verdict.run.is_some()) {
            self.wake.notify_one();
        }
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

    async fn match_and_admit(
        &self,
        event: &Event,
        stale: Option<&(dyn Fn(&Rule) -> i64 + Sync)>,
    ) -> Result<Admission, StoreError> {
        let book = self.book();
        let matching = Span::part(|| "match".into());
        let began = Clock::monotonic();
        let (firings, missed) = envelope::firings(&book, event, stale);
        numbers::MATCH_SECONDS.took([], Clock::monotonic().duration_since(began));
        matching.set("rules.hash", book.hash().to_owned());
        let fired: Vec<&str> = firings.iter().map(|firing| firing.rule.as_str()).collect();
        matching.set("rules.fired", fired.join(" "));
        drop(matching);
        let sealed = envelope::seal(event, &book, firings, missed);
        let _admitting = Span::part(|| "admit".into());
        let admitted = self.store.admit(sealed, event.received_at);
        timed::durably("admit", admitted).await
    }

    /// Evaluates a stored event again with the rules in force; what fires becomes the next generation.
    pub async fn replay(&self, event_id: &str, who: &str) -> Result<Admission, LookupError> {
        let done = self.evaluate_again(event_id).await;
        let admission = self.unless_refused((who, "event.replay", event_id), done).await?;
        self.wake();
        self.said(who, "event.replay", &admission.key.id).await;
        tracing::info!(target: "audit", who, event.id = admission.key.id, "an event is replayed");
        Ok(admission)
    }

    async fn evaluate_again(&self, event_id: &str) -> Result<Admission, LookupError> {
        let (record, event) = stored(&*self.store, event_id, true).await?;
        let book = self.book();
        let (firings, _) = envelope::firings(&book, &event, None);
        let replayed = self
            .store
            .replay(&record.key, book.hash(), firings, self.clock.now());
        Ok(replayed.await?)
    }

    /// Why a rule, or every rule that has to do with such events, did or did not act on a stored event.
    pub async fn explain(&self, event_id: &str, rule: Option<&str>) -> Result<Explained, LookupError> {
        explain(&*self.store, event_id, rule).await
    }
}

/// An event as it was when it was admitted.
pub(super) async fn stored(
    store: &dyn Store,
    event_id: &str,
    replayed: bool,
) -> Result<(EventRecord, Event), LookupError> {
    let record = store.event_by_id(event_id).await?;
    let record = record.ok_or_else(|| LookupError::NoEvent(event_id.into()))?;
    let event = envelope::open(&record, replayed)
        .ok_or_else(|| LookupError::Unreadable(format!("event {event_id:?} cannot be read back")))?;
    Ok((record, event))
}
