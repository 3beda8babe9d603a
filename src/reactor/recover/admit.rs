//! In: a delivery that is not in the journal. Out: what became of it. Never: one from before the journal that nobody
//! asked for; one that came here by another way.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::scan::Sighting;
use super::source::Source;
use super::{Ask, RecoverError, RecoverySettings};
use crate::clock::after;
use crate::hub::{ErrorClass, ToolError};
use crate::journal::{Decision, EventQuery};
use crate::normalize::{self, Event};
use crate::reactor::envelope::Staleness;
use crate::reactor::{IntakeError, Reactor};
use crate::receive::{Delivery, Fetch};

/// How far apart two webhooks deliver the same event, in milliseconds, at most.
const TWIN_MS: i64 = 3_600_000;
/// How many events of the same type and subject are compared with a missing one.
const TWINS_MAX: usize = 50;

/// What became of a missing delivery.
pub(super) enum Fate {
    /// The event is here: another webhook brought it.
    Known,
    /// It is here now.
    Admitted {
        /// It was too old for a rule that wanted it.
        stale: bool,
    },
    /// It is older than the journal, and left to a person.
    Old,
    /// It cannot be had, and why.
    Unreachable(String),
}

/// Why a delivery's fate is not known yet.
pub(super) enum Failure {
    Tool(ToolError),
    Recover(RecoverError),
}

/// What is needed to close a gap.
pub(super) struct Gap<'a> {
    pub(super) reactor: &'a Reactor,
    pub(super) settings: &'a RecoverySettings,
    pub(super) source: &'a Source,
    pub(super) ask: Ask,
    /// When the journal began.
    pub(super) epoch: Timestamp,
}

impl Gap<'_> {
    /// Fetches a missing delivery and admits it.
    pub(super) async fn close(&self, sighting: &Sighting) -> Result<Fate, Failure> {
        let delivered_at = sighting.first.at;
        if self.is_old(delivered_at) {
            return Ok(Fate::Old);
        }
        let payload = match self.source.payload(&self.reactor.hub, &sighting.latest).await {
            Ok(payload) => payload,
            Err(error) if is_final(&error) => return Ok(Fate::Unreachable(error.to_string())),
            Err(error) => return Err(Failure::Tool(error)),
        };
        let mut event = match self.event(sighting, delivered_at, &payload) {
            Ok(event) => event,
            Err(why) => return Ok(Fate::Unreachable(why)),
        };
        if sighting.first.again {
            // The first attempt is not in the list any more: only the payload tells how old it is.
            let happened_at = event.time.min(delivered_at);
            if self.is_old(happened_at) {
                return Ok(Fate::Old);
            }
            event = match self.event(sighting, happened_at, &payload) {
                Ok(event) => event,
                Err(why) => return Ok(Fate::Unreachable(why)),
            };
        }
        if self.came_otherwise(&event, delivered_at).await? {
            return Ok(Fate::Known);
        }
        let staleness = Staleness {
            ms: self.ask.max_age_ms.unwrap_or(self.settings.stale_ms),
            destructive_ms: self.ask.max_age_ms.unwrap_or(self.settings.stale_destructive_ms),
        };
        match self.reactor.admit_recovered(&event, staleness).await {
            Ok(admission) if admission.duplicate.is_some() => Ok(Fate::Known),
            Ok(admission) => Ok(Fate::Admitted {
                stale: admission
                    .verdicts
                    .iter()
                    .any(|verdict| verdict.decision == Decision::Stale),
            }),
            Err(IntakeError::Rejected(why)) => Ok(Fate::Unreachable(why.to_string())),
            Err(IntakeError::Unavailable(error)) => Err(Failure::Recover(error.into())),
        }
    }

    /// Whether it is from before the journal, and nobody asked for it.
    fn is_old(&self, at: Timestamp) -> bool {
        at < self.epoch && self.ask.since.is_none_or(|since| at < since)
    }

    /// The event, as fetched. Where it may have been acted on before, it is doubtful: it was acknowledged, or it is older
    /// than the journal, which then cannot know.
    fn event(&self, sighting: &Sighting, delivered_at: Timestamp, payload: &Value) -> Result<Event, String> {
        let first = &sighting.first;
        let fetch = Fetch {
            from: self.source.name(),
            delivered_at,
            doubtful: sighting.acknowledged || first.again || delivered_at < self.epoch,
        };
        let body = Bytes::from(payload.to_string());
        let delivery = Delivery::fetched(
            self.source.origin(),
            (first.id.clone(), first.kind.clone()),
            body,
            self.reactor.clock().now(),
            fetch,
        )
        .map_err(|rejection| rejection.to_string())?;
        normalize::event(delivery).map_err(|error| error.to_string())
    }

    /// Whether the same event is here under another id: a repository's webhook and its organization's both tell it. What
    /// is fetched has not the bytes that were sent, so the payloads are compared as what they mean.
    async fn came_otherwise(&self, event: &Event, delivered_at: Timestamp) -> Result<bool, Failure> {
        let query = EventQuery {
            kind: Some(event.kind.0.clone()),
            subject: Some(event.subject.0.clone()),
            since: Some(after(delivered_at, -TWIN_MS)),
            before: None,
            limit: TWINS_MAX,
        };
        let found = self.reactor.store().events(&query).await;
        let found = found.map_err(|error| Failure::Recover(error.into()))?;
        Ok(found.iter().any(|known| {
            known.key.source == event.source.as_str()
                && normalize::parse(&known.body).is_ok_and(|payload| payload == *event.payload)
        }))
    }
}

/// Whether asking again is of no use.
fn is_final(error: &ToolError) -> bool {
    matches!(
        error.class,
        ErrorClass::NotFound | ErrorClass::Invalid | ErrorClass::Conflict
    )
}
