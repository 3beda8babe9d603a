//! In: a Render payload. Out: subject and time. Never: a refusal; only `data.id` and `data.serviceId` are certain.

use serde_json::Value;

use super::{Reading, text, time};

/// Every name on a path that is read here.
pub(super) const NAMES: &[&str] = &["data", "serviceId", "timestamp"];

/// Render names nobody as the actor and marks nothing. `serviceId` also holds the ids of databases and key value
/// stores.
pub(super) fn read(payload: &Value) -> Reading {
    Reading {
        action: None,
        subject: text(payload, &["data", "serviceId"]).unwrap_or("render").into(),
        actor: None,
        time: time::at(payload, &["timestamp"]),
        markers: Vec::new(),
        details: Vec::new(),
    }
}
