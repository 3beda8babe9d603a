//! In: a [`Delivery`](crate::receive::Delivery). Out: an [`Event`]. Never: rules, storage, clocks.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::receive::{Origin, Source};

/// The provider's delivery id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct EventId(pub String);

/// A dotted type: `github.issues.opened`, `github.push`, `render.deploy_ended`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct EventType(pub String);

/// What the event is about: `acme/api#42`, `acme/api`, `srv-…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Subject(pub String);

/// Who caused it, as the provider names them (a login). Several events name nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Actor(pub String);

/// One thing that happened, in the one envelope all sources share (attribute names after CloudEvents).
#[derive(Clone, Debug)]
pub struct Event {
    /// The provider's delivery id.
    pub id: EventId,
    /// Who sent it.
    pub source: Source,
    /// Its dotted type.
    pub kind: EventType,
    /// GitHub's `action`, where there is one.
    pub action: Option<String>,
    /// What it is about.
    pub subject: Subject,
    /// Who caused it.
    pub actor: Option<Actor>,
    /// When it happened, as the payload says; else when it was received.
    pub time: Timestamp,
    /// When it was received.
    pub received_at: Timestamp,
    /// Whether a person asked for it to be evaluated again.
    pub replayed: bool,
    /// The parsed payload: always a JSON object.
    pub payload: Value,
    /// The payload's bytes as received.
    pub body: Bytes,
    /// SHA-256 of the raw body, where it is a dedupe key.
    pub digest: Option<[u8; 32]>,
    /// How it came to be trusted.
    pub origin: Origin,
    /// Keys under which an earlier write of ours would have announced this event as its effect:
    /// `<type>:<subject>@<actor>`, and `marker:<step key>@<actor>` for every marker in a body the actor wrote.
    pub causes: Vec<String>,
}
