//! In: what a compared stretch of time had missing. Out: one event of our own about it, for rules that want to hear of gaps.
//! Never: the same gap told twice; a gap that is entered in the ledger and not told.
//!
//! It is told before the ledger says that the stretch is whole. Whoever dies in between compares the stretch again, finds on
//! record what was fetched, and tells then what was not told yet.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::source::Source;
use crate::journal::{EventKey, StoreError};
use crate::normalize;
use crate::reactor::Reactor;
use crate::receive::{self, Delivery, Internal, Maker};

/// The last part of the event's type.
const KIND: &str = "gap_recovered";
/// How many deliveries are named.
const NAMED_MAX: usize = 20;

/// A delivery that is here because it was fetched.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) id: String,
    /// When the provider delivered it first.
    pub(super) at: Timestamp,
    /// Whether it was too old for a rule that wanted it; not known of one that was fetched by an earlier comparison.
    pub(super) stale: bool,
}

/// Makes the event, unless no rule in force wants to hear of gaps. `fetched` is of one stretch, the oldest first.
pub(super) async fn tell(
    reactor: &Reactor,
    source: &Source,
    mut fetched: Vec<Fetched>,
) -> Result<(), StoreError> {
    let own = receive::Source::own();
    if fetched.is_empty() || !reactor.book().hears(&format!("{}.{KIND}", own.as_str())) {
        return Ok(());
    }
    let name = source.name();
    // What an earlier comparison told of is left out.
    while let Some(first) = fetched.first() {
        let id = id_of(&name, &first.id);
        let key = EventKey {
            source: own.as_str().into(),
            id: id.clone(),
        };
        let Some(told) = reactor.store().event(&key).await? else {
            let said = Internal {
                by: Maker::Derived,
                source: own,
                id,
                kind: KIND.into(),
                body: payload(source, &fetched, reactor.clock().now()),
                actor: None,
                after: None,
                detail: None,
            };
            match normalize::event(Delivery::internal(said, reactor.clock().now())) {
                Ok(event) => drop(reactor.admit_own(&event).await?),
                Err(error) => tracing::error!(source = name, "a recovered gap is no event: {error}"),
            }
            return Ok(());
        };
        let until = serde_json::from_slice::<Value>(&told.body)
            .ok()
            .and_then(|told| told["gap"]["until"].as_str()?.parse::<Timestamp>().ok())
            .unwrap_or(first.at);
        fetched.retain(|one| one.at > until);
    }
    Ok(())
}

/// Whoever recovers this delivery first tells the same event.
fn id_of(source: &str, oldest: &str) -> String {
    let digest = Sha256::digest(json!([source, oldest]).to_string());
    format!("{KIND}-{}", hex::encode(&digest[..16]))
}

/// Documented in `docs/rules/events.md`; `check` knows its fields.
fn payload(source: &Source, fetched: &[Fetched], now: Timestamp) -> Bytes {
    let at = |one: Option<&Fetched>| one.map(|one| one.at.to_string());
    let ids: Vec<&str> = fetched
        .iter()
        .take(NAMED_MAX)
        .map(|one| one.id.as_str())
        .collect();
    let payload = json!({
        "time": now.to_string(),
        "gap": {
            "source": source.name(),
            "provider": source.provider(),
            "from": at(fetched.first()),
            "until": at(fetched.last()),
            "recovered": fetched.len(),
            "stale": fetched.iter().filter(|one| one.stale).count(),
            "deliveries": ids,
        },
    });
    Bytes::from(payload.to_string())
}
