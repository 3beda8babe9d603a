//! Events of our own: a rule that somebody asks for, a tick of a schedule.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Reactor;
use crate::journal::{Admission, EventKey, StoreError};
use crate::normalize;
use crate::receive::{Delivery, Internal, Maker, Source};
use crate::rules::{Mode, Rule, Schedule, Ticks};

/// The longest idempotency key taken, in characters.
const KEY_CHARS_MAX: usize = 255;

/// Why a rule was not started by name.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// No such rule.
    #[error("there is no rule {0:?} in force{1}")]
    NoRule(String, String),
    /// It does not say `on = "manual"`.
    #[error("the rule {0:?} cannot be asked for by name; add \"manual\" to its `on`: `on = [\"manual\", …]`")]
    NotManual(String),
    /// It is off.
    #[error("the rule {0:?} is off: {1}")]
    Off(String, String),
    /// What was sent along is not one JSON object, or the key cannot be one.
    #[error("{0}")]
    Malformed(String),
    /// The key was used before, for something else.
    #[error(
        "this key was used before with another payload, which made event {0:?}; take a new key for a new wish"
    )]
    Reused(String),
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody's wish that a rule runs.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The rule's id.
    pub rule: String,
    /// One JSON object, the rule's `event`.
    pub payload: Bytes,
    /// Who asks, for the record.
    pub who: String,
    /// The same key with the same payload is the same wish, however often it is sent.
    pub key: String,
}

impl Reactor {
    /// Starts a rule by name: makes the event `manual.<rule>`, matches and admits it like any other. When this returns, it
    /// is durable. The rule's conditions, gates and mode hold as always.
    pub async fn trigger(&self, wish: &Wish) -> Result<Admission, TriggerError> {
        if wish.key.is_empty() || wish.key.chars().count() > KEY_CHARS_MAX {
            return Err(TriggerError::Malformed(format!(
                "an idempotency key has 1 to {KEY_CHARS_MAX} characters"
            )));
        }
        let rule = self.startable(&wish.rule)?;
        let event = normalize::event(asked(&rule.id, wish, self.clock().now()))
            .map_err(|error| TriggerError::Malformed(error.to_string()))?;
        let admission = self.admit_own(&event).await?;
        if admission.duplicate.is_some() {
            let first = self.store().event(&admission.key).await?;
            if first.is_some_and(|first| first.body != wish.payload) {
                return Err(TriggerError::Reused(admission.key.id));
            }
        } else {
            tracing::info!(rule.id = rule.id, by = wish.who, "rule asked for by name");
        }
        Ok(admission)
    }

    fn startable(&self, id: &str) -> Result<std::sync::Arc<Rule>, TriggerError> {
        let book = self.book();
        let Some(rule) = book.rule(id) else {
            let ids = book.rules().iter().map(|rule| rule.id.as_str());
            let near = crate::hub::nearest(id, ids);
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            return Err(TriggerError::NoRule(id.into(), hint));
        };
        if !rule.is_manual() {
            return Err(TriggerError::NotManual(id.into()));
        }
        if rule.mode == Mode::Off {
            let why = rule.off_reason.clone().unwrap_or_default();
            return Err(TriggerError::Off(id.into(), why));
        }
        Ok(std::sync::Arc::clone(rule))
    }
}

/// The delivery of a wish. Its id follows from rule and key.
pub fn asked(rule: &str, wish: &Wish, now: Timestamp) -> Delivery {
    let digest = Sha256::digest(json!([rule, wish.key]).to_string());
    let said = Internal {
        by: Maker::Manual,
        source: Source::manual(),
        id: format!("{rule}-{}", hex::encode(&digest[..16])),
        kind: rule.into(),
        body: wish.payload.clone(),
        actor: Some(wish.who.clone()),
        after: None,
        detail: Some(format!("key={}", wish.key)),
    };
    Delivery::internal(said, now)
}

/// The key of a tick's event: whoever gets there makes the same one.
pub(super) fn tick_key(rule: &str, tick: Timestamp) -> EventKey {
    EventKey {
        source: Source::schedule().as_str().into(),
        id: format!("{rule}@{tick}"),
    }
}

/// The delivery of a schedule's newest tick, which names those before it that were missed. `more` is laid over its payload,
/// for tests.
pub fn ticked(rule: &str, schedule: &Schedule, ticks: &Ticks, more: &Value, now: Timestamp) -> Delivery {
    let tick = ticks.newest;
    let missed: Vec<String> = ticks.earlier.iter().map(Timestamp::to_string).collect();
    let payload = json!({
        "rule": rule,
        "cron": schedule.text(),
        "timezone": schedule.zone(),
        "tick": tick.to_string(),
        "local": schedule.local(tick),
        "missed": missed,
        "missed_total": ticks.earlier_total,
    });
    let mut payload: Map<String, Value> = payload.as_object().cloned().unwrap_or_default();
    payload.extend(more.as_object().cloned().unwrap_or_default());
    let said = Internal {
        by: Maker::Schedule,
        source: Source::schedule(),
        id: tick_key(rule, tick).id,
        kind: rule.into(),
        body: Bytes::from(Value::Object(payload).to_string()),
        actor: None,
        after: None,
        detail: None,
    };
    Delivery::internal(said, now)
}
