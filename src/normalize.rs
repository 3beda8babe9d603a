//! In: a [`Delivery`]. Out: an [`Event`], or why its body is none. Never: rules, storage, clocks.
//!
//! Nothing a provider may send tomorrow is refused: an unknown event, action or field becomes an event like any other.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

mod detail;
mod github;
mod marker;
mod own;
mod payload;
mod render;
mod time;
mod value;

pub use payload::Payload;

use crate::receive::{Delivery, Fetch, Origin, Rejection, Source, check_object};

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
    /// The payload: always a JSON object.
    pub payload: Payload,
    /// The payload's bytes as received.
    pub body: Bytes,
    /// SHA-256 of the raw body, where it is a dedupe key.
    pub digest: Option<[u8; 32]>,
    /// How it came to be trusted.
    pub origin: Origin,
    /// Keys under which an earlier write of ours would have announced this event as its effect:
    /// `<type>:<subject>@<actor>`, the same with a detail (`<type>:<subject>~label=bug@<actor>`), and `marker:<step key>@<actor>` for every marker in a body the actor wrote; in lower
    /// case.
    pub causes: Vec<String>,
    /// The run of ours that it tells of.
    pub after: Option<String>,
}

impl Event {
    /// How it was fetched, if it had not reached us by itself.
    pub fn fetch(&self) -> Option<&Fetch> {
        match &self.origin {
            Origin::Fetched(fetch) => Some(fetch),
            Origin::Webhook | Origin::Internal(_) => None,
        }
    }
}

/// A body no event can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unrecognized(pub String);

/// What one dialect reads out of a payload. The rest of the envelope is the same for all sources.
#[derive(Debug, PartialEq)]
struct Reading {
    action: Option<String>,
    subject: String,
    actor: Option<String>,
    time: Option<Timestamp>,
    /// Keys of markers in bodies the actor wrote in this event.
    markers: Vec<String>,
    /// `<subject>~<detail>`: what tells it apart from others of its type about the same subject.
    details: Vec<String>,
}

/// Makes the one envelope of a delivery. Fails only for a body that is not one JSON object in valid UTF-8 nested at most
/// [`DEPTH_MAX`](crate::receive::DEPTH_MAX) deep.
///
/// Of the payload only what the envelope needs is read here, and the rest of it as closely; see [`Payload`].
pub fn event(delivery: Delivery) -> Result<Event, Rejection> {
    let (payload, whole) = Payload::skimmed(delivery.body()).map_err(|unrecognized| {
        // What exactly is wrong is looked for once something is.
        let named = check_object(delivery.body()).err();
        named.unwrap_or(Rejection::NotJson(unrecognized.0))
    })?;
    let reading = match delivery.source().as_str() {
        "github" => github::read(delivery.kind(), &payload),
        "render" => render::read(&payload),
        "xmrt" | "schedule" | "manual" => own::read(&delivery, &payload),
        own => plain(own, &payload),
    };
    let kind = dotted(
        delivery.source().as_str(),
        delivery.kind(),
        reading.action.as_deref(),
    );
    // A call of ours that makes an event of our own does not know under whose name that will be.
    let nobody = Source::is_own(&kind);
    let actor = reading.actor.as_deref().filter(|_| !nobody).unwrap_or_default();
    let mut causes = vec![format!("{kind}:{}@{actor}", reading.subject)];
    causes.extend(
        reading
            .details
            .iter()
            .map(|about| format!("{kind}:{about}@{actor}")),
    );
    causes.extend(reading.markers.iter().map(|key| format!("marker:{key}@{actor}")));
    // GitHub tells names apart without regard to case, and a rule may write them as it likes.
    causes.iter_mut().for_each(|cause| *cause = cause.to_lowercase());
    Ok(Event {
        id: EventId(delivery.id().into()),
        source: delivery.source().clone(),
        kind: EventType(kind),
        action: reading.action,
        subject: Subject(reading.subject),
        actor: reading.actor.map(Actor),
        time: reading.time.unwrap_or_else(|| first_heard(&delivery)),
        received_at: delivery.received_at(),
        replayed: false,
        payload: whole,
        body: delivery.body().clone(),
        digest: delivery.digest().copied(),
        origin: delivery.origin().clone(),
        causes,
        after: delivery.after().map(Into::into),
    })
}

/// When a delivery was sent, as far as we know.
fn first_heard(delivery: &Delivery) -> Timestamp {
    match delivery.origin() {
        Origin::Fetched(fetch) => fetch.delivered_at,
        Origin::Webhook | Origin::Internal(_) => delivery.received_at(),
    }
}

/// Parses a payload: also one that is as deep as verification lets through, which the parser's own limit does not.
pub fn parse(body: &[u8]) -> Result<Value, Unrecognized> {
    check_object(body).map_err(|rejection: Rejection| Unrecognized(rejection.to_string()))?;
    value::whole(body)
}

/// Every name on a path that [`plain`] reads.
const PLAIN_NAMES: [&str; 3] = ["actor", "subject", "time"];

/// A source without a dialect of its own: what the reactor says itself names its subject and time plainly.
fn plain(source: &str, payload: &Value) -> Reading {
    Reading {
        action: None,
        subject: text(payload, &["subject"]).unwrap_or(source).into(),
        actor: text(payload, &["actor"]).map(Into::into),
        time: time::at(payload, &["time"]),
        markers: Vec::new(),
        details: Vec::new(),
    }
}

/// The non-empty string at a path of object keys.
fn text<'a>(payload: &'a Value, path: &[&str]) -> Option<&'a str> {
    let value = path.iter().try_fold(payload, |value, key| value.get(key))?;
    value.as_str().filter(|text| !text.is_empty())
}

/// `<source>.<kind>[.<action>]`. Kinds and actions are the sender's words (a `repository_dispatch` lets its caller
/// choose any), so whatever could not stand in a rule's `on` becomes `_`.
fn dotted(source: &str, kind: &str, action: Option<&str>) -> String {
    let word = |text: &str| -> String {
        let keep = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
        text.chars()
            .take(WORD_CHARS_MAX)
            .map(|char| if keep(char) { char } else { '_' })
            .collect()
    };
    match action {
        Some(action) => format!("{source}.{}.{}", word(kind), word(action)),
        None => format!("{source}.{}", word(kind)),
    }
}

/// The longest kind or action in a type, in characters.
const WORD_CHARS_MAX: usize = 100;
