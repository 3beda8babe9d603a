//! In: calls about webhooks. Out: the one that stands for the target of `deliver_to`, and what it sent, newest first.
//! Never: changes.

use serde_json::{Value, json};

use super::{error, page, time};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::{Provider, World};

/// The webhook that there is while there is a target.
const WEBHOOK: &str = "whk-0000000000000000target";

fn shown(world: &World) -> Option<Value> {
    let target = world.outbox.target.as_ref()?;
    Some(json!({
        "id": WEBHOOK, "name": "the receiver", "url": format!("{target}/webhooks/render"), "enabled": true,
        "eventFilter": [],
    }))
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let items = shown(world).into_iter().map(|shown| (WEBHOOK.to_owned(), shown));
    page(call, "webhook", items.collect())
}

fn known(world: &World, call: &Call) -> Result<Value, Answer> {
    let id = call.param("webhook");
    shown(world)
        .filter(|_| id == WEBHOOK)
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(known(world, call)?))
}

pub(super) fn events(world: &mut World, call: &Call) -> Outcome {
    known(world, call)?;
    let (after, before) = (time(call, "sentAfter")?, time(call, "sentBefore")?);
    let sent = world.outbox.all().rev().filter(|one| {
        one.provider == Provider::Render
            && one.settled
            && after.is_none_or(|after| after <= one.at)
            && before.is_none_or(|before| one.at <= before)
    });
    let items = sent.map(|one| {
        let shown = json!({
            "id": format!("whe-{:020}", one.serial), "eventId": one.id, "eventType": one.event,
            "sentAt": one.at.to_string(), "statusCode": one.status, "responseBody": one.response, "error": one.error,
        });
        (format!("whe-{:020}", one.serial), shown)
    });
    page(call, "webhookEvent", items.collect())
}
