//! In: what a part of the reactor has to say, `now`. Out: a [`Delivery`] that no provider sent. Never: the word of a payload
//! on who made it: maker, actor and cause are given beside it.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Delivery, Origin, Source};

/// The part of the reactor that made a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maker {
    /// The clock reached a tick of a rule's `cron`.
    Schedule,
    /// Somebody asked for a rule by name.
    Manual,
    /// Something became of a run of ours.
    Derived,
    /// A payload that a test, `explain` or `backtest` was given; never in a live journal.
    Given,
}

impl Maker {
    /// The word for it, as it is on record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Derived => "derived",
            Self::Given => "given",
        }
    }

    /// The one of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Schedule, Self::Manual, Self::Derived, Self::Given]
            .into_iter()
            .find(|maker| maker.as_str() == word)
    }
}

/// What the reactor says itself.
#[derive(Clone, Debug)]
pub struct Internal {
    /// Which part of it.
    pub by: Maker,
    /// Where the event is to seem to come from: one of the reactor's own sources, or a provider for a payload that was given.
    pub source: Source,
    /// Its id: the same thing gets the same id, however often and by whichever replica it is said.
    pub id: String,
    /// The raw type: for a schedule or a trigger the rule's id.
    pub kind: String,
    /// One JSON object.
    pub body: Bytes,
    /// Who asked for it.
    pub actor: Option<String>,
    /// The run of ours that it tells of.
    pub after: Option<String>,
    /// What tells it apart from others of its type, for whoever announced it: `key=…`.
    pub detail: Option<String>,
}

impl Delivery {
    /// A delivery the reactor makes itself.
    pub fn internal(said: Internal, now: Timestamp) -> Self {
        Self {
            source: said.source,
            id: said.id,
            kind: said.kind,
            received_at: now,
            body: said.body,
            digest: None,
            origin: Origin::Internal(said.by),
            actor: said.actor,
            after: said.after,
            detail: said.detail,
        }
    }
}
