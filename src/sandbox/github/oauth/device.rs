//! In: devices that wait, and the persons who type their codes in. Out: a token once somebody has agreed. Never: more answers
//! than the interval allows.

use jiff::Timestamp;
use serde_json::json;

use super::{Oauth, form, page, refusal, remember, spaced};
use crate::clock::after;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// How long a device may wait for its person, in seconds, and between two questions.
const DEVICE_S: i64 = 900;
const INTERVAL_S: i64 = 5;

#[derive(Clone, Debug)]
pub(super) struct Device {
    user_code: String,
    scopes: Vec<String>,
    ends: Timestamp,
    next: Timestamp,
    interval: i64,
    /// Who agreed and to what; or that nobody will.
    said: Option<Result<(String, Vec<String>), ()>>,
}

pub(super) fn device_token(oauth: &mut Oauth, device_code: &str, now: Timestamp) -> Outcome {
    let Some(device) = oauth.devices.get_mut(device_code) else {
        return refusal("incorrect_device_code", "The device_code provided is not valid.");
    };
    if device.ends <= now {
        oauth.devices.remove(device_code);
        return refusal("expired_token", "The device code has expired.");
    }
    if now < device.next {
        device.interval += INTERVAL_S;
        device.next = after(now, device.interval * 1_000);
        let interval = device.interval;
        return Ok(Answer::ok(json!({
            "error": "slow_down", "error_description": "Too many requests have been made.", "interval": interval
        })));
    }
    device.next = after(now, device.interval * 1_000);
    match device.said.clone() {
        None => refusal(
            "authorization_pending",
            "The authorization request is still pending.",
        ),
        Some(Err(())) => {
            oauth.devices.remove(device_code);
            refusal("access_denied", "The authorization request was denied.")
        }
        Some(Ok((login, scopes))) => {
            oauth.devices.remove(device_code);
            Ok(Answer::ok(oauth.grant(&login, &scopes, now)))
        }
    }
}

/// A device begins.
pub(in crate::sandbox::github) fn device_code(world: &mut World, call: &Call) -> Outcome {
    let said = form(call);
    let text = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
    let uri = format!("{}/login/device", call.base);
    let oauth = &mut world.github.oauth;
    if oauth
        .client
        .as_ref()
        .is_none_or(|(id, _)| id != text("client_id"))
    {
        return refusal("incorrect_client_credentials", "The client_id is not valid.");
    }
    let device_code = oauth.secret("device_").replace("device_", "");
    let user_code = format!("{}-{}", &device_code[..4], &device_code[4..8]).to_uppercase();
    oauth.devices.insert(
        device_code.clone(),
        Device {
            user_code: user_code.clone(),
            scopes: spaced(text("scope")),
            ends: after(call.now, DEVICE_S * 1_000),
            next: call.now,
            interval: INTERVAL_S,
            said: None,
        },
    );
    Ok(Answer::ok(json!({
        "device_code": device_code, "user_code": user_code, "verification_uri": uri, "expires_in": DEVICE_S,
        "interval": INTERVAL_S,
    })))
}

/// The page where a person types a device's code in.
pub(in crate::sandbox::github) fn device_page(_: &mut World, _: &Call) -> Outcome {
    Ok(page(
        200,
        "<h1>Device activation</h1><form method=post><p>code <input name=user_code><p>signed in as <input name=login><p>\
         <button name=decision value=agree>Authorize</button> <button name=decision value=deny>Cancel</button></form>",
    ))
}

/// The form of that page.
pub(in crate::sandbox::github) fn device_decide(world: &mut World, call: &Call) -> Outcome {
    let said = form(call);
    let text = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
    remember(world, &said);
    let mut devices = world.github.oauth.devices.values_mut();
    let typed = text("user_code").trim().to_uppercase();
    let Some(device) = devices.find(|device| device.user_code == typed && device.ends > call.now) else {
        return Ok(page(404, "<p>No device has this code."));
    };
    let granted = said
        .get("granted")
        .map_or_else(|| device.scopes.clone(), |granted| spaced(granted));
    device.said = Some(match text("decision") {
        "deny" => Err(()),
        _ => Ok((text("login").to_owned(), granted)),
    });
    Ok(page(200, "<p>Congratulations, you are all set."))
}
