//! In: a delivery the reactor made itself. Out: subject, actor, time. Never: an actor or a cause that its payload claims:
//! a manual payload is whatever somebody sent along.

use serde_json::Value;

use super::{Reading, text, time};
use crate::receive::Delivery;

/// Every name on a path that is read here.
pub(super) const NAMES: &[&str] = &[
    "about", "agent", "event", "gap", "id", "source", "subject", "task", "tick", "time",
];

/// | source | subject | time |
/// |---|---|---|
/// | `xmrt` | the subject of the event that the run was about, what the task was about, the agent, the webhook that had the gap | when it came about |
/// | `schedule` | the rule's id | the tick |
/// | `manual` | the rule's id | when it was asked for |
pub(super) fn read(delivery: &Delivery, payload: &Value) -> Reading {
    let (subject, at): (_, &[&str]) = match delivery.source().as_str() {
        "xmrt" => (of_ours(payload), &["time"]),
        "schedule" => (delivery.kind(), &["tick"]),
        _ => (delivery.kind(), &[]),
    };
    Reading {
        action: None,
        subject: subject.into(),
        actor: delivery.actor().map(Into::into),
        time: Some(at)
            .filter(|path| !path.is_empty())
            .and_then(|path| time::at(payload, path)),
        markers: Vec::new(),
        details: delivery
            .detail()
            .map(|detail| format!("{subject}~{detail}"))
            .into_iter()
            .collect(),
    }
}

/// A task that names nothing that it is about is a `task`: whoever posted it announced it so.
fn of_ours(payload: &Value) -> &str {
    let without = match payload.get("task") {
        Some(_) => "task",
        None => "xmrt",
    };
    [
        &["event", "subject"],
        &["gap", "source"],
        &["task", "about"],
        &["agent", "id"],
    ]
    .into_iter()
    .find_map(|path| text(payload, path))
    .unwrap_or(without)
}
