//! In: calls about webhooks and what they delivered. Out: hooks and deliveries, as GitHub shows them for three days.
//! Never: a secret.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{body, error, invalid, not_found, page, shape};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::hooks::{APP, Hook, Sent, TARGET_HOOK};
use crate::sandbox::state::{Provider, World};
use crate::sandbox::webhooks::Delivery;

/// How long GitHub shows a delivery.
const KEPT_MS: i64 = 3 * 86_400_000;
/// The most hooks of one event that a repository or an organization has.
const PER_EVENT_MAX: usize = 20;
/// Ids of deliveries begin here.
const DELIVERY_IDS: u64 = 1_000_000_000;

/// Where a call's hooks are: `repos/acme/api`, `orgs/acme` or `app`, which must exist.
fn place(world: &World, call: &Call) -> Result<String, Answer> {
    if call.path.starts_with("/app/") {
        return world
            .github
            .app
            .as_ref()
            .map(|_| APP.to_owned())
            .ok_or_else(not_found);
    }
    let org = call.param("org");
    if !org.is_empty() {
        let known = world
            .github
            .repos()
            .any(|repo| repo.owner().eq_ignore_ascii_case(org));
        return known.then(|| format!("orgs/{org}")).ok_or_else(not_found);
    }
    Ok(format!("repos/{}", super::repo(world, call)?.full_name))
}

/// The hook that stands for the target, while there is one: the App's, or else every repository has it.
fn of_target(world: &World, place: &str) -> Option<Hook> {
    let app = world.outbox.app;
    let has_it = match app {
        Some(_) => place == APP,
        None => place.starts_with("repos/"),
    };
    let target = world.outbox.target.as_ref().filter(|_| has_it)?;
    Some(Hook {
        id: app.unwrap_or(TARGET_HOOK),
        place: place.to_owned(),
        url: format!("{target}/webhooks/github"),
        content_type: "json".into(),
        events: vec!["*".into()],
        active: true,
        signed: world.options.github_secret.is_some(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}

fn hooks_at(world: &World, place: &str) -> Vec<Hook> {
    let made = world
        .outbox
        .hooks
        .iter()
        .filter(|hook| hook.place == place)
        .cloned();
    of_target(world, place).into_iter().chain(made).collect()
}

fn hook(world: &World, call: &Call) -> Result<Hook, Answer> {
    let (place, id) = (place(world, call)?, call.number("hook"));
    hooks_at(world, &place)
        .into_iter()
        .find(|hook| place == APP || Some(hook.id) == id)
        .ok_or_else(not_found)
}

fn shown(call: &Call, hook: &Hook) -> Value {
    let kind = hook.kind();
    let url = format!("{}/{}/hooks/{}", call.base, hook.place, hook.id);
    let mut config = json!({"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0"});
    if hook.signed {
        config["secret"] = "********".into();
    }
    let mut shown = json!({
        "type": kind, "id": hook.id, "name": "web", "active": hook.active, "events": hook.events, "config": config,
        "created_at": shape::time(hook.created_at), "updated_at": shape::time(hook.updated_at), "url": url,
        "ping_url": format!("{url}/pings"), "deliveries_url": format!("{url}/deliveries"),
    });
    if kind == "Repository" {
        shown["test_url"] = format!("{url}/tests").into();
        shown["last_response"] = json!({"code": null, "status": "unused", "message": null});
    }
    shown
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let place = place(world, call)?;
    let items = hooks_at(world, &place)
        .iter()
        .map(|hook| shown(call, hook))
        .collect();
    page(call, items, None)
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(shown(call, &hook(world, call)?)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let (place, given) = (place(world, call)?, body(call)?);
    let mut hook = Hook {
        id: world.ids.number(),
        place,
        url: String::new(),
        content_type: "form".into(),
        events: vec!["push".into()],
        active: true,
        signed: false,
        created_at: call.now,
        updated_at: call.now,
    };
    change(&mut hook, &given)?;
    if hook.url.is_empty() {
        return Err(invalid("Hook", "url", "missing_field"));
    }
    let overlaps = |known: &Hook| known.events.iter().any(|event| hook.events.contains(event));
    let taken = |known: &&Hook| known.url == hook.url && overlaps(known);
    let (known, kind) = (hooks_at(world, &hook.place), hook.kind().to_lowercase());
    if known.iter().any(|known| taken(&known)) {
        return Err(custom(&format!("Hook already exists on this {kind}")));
    }
    for event in &hook.events {
        if known.iter().filter(|known| known.events.contains(event)).count() >= PER_EVENT_MAX {
            return Err(custom(&format!(
                "The \"{event}\" event cannot have more than {PER_EVENT_MAX} hooks"
            )));
        }
    }
    let answer = shown(call, &hook);
    world.outbox.hooks.push(hook.clone());
    tell_ping(world, call, &hook);
    Ok(Answer::json(201, answer))
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let (mut changed, given) = (hook(world, call)?, body(call)?);
    change(&mut changed, &given)?;
    changed.updated_at = call.now;
    let known = made(world, &changed)?;
    *known = changed.clone();
    Ok(Answer::ok(shown(call, &changed)))
}

/// The hook of the target is the sandbox's own.
fn made<'w>(world: &'w mut World, hook: &Hook) -> Result<&'w mut Hook, Answer> {
    let (place, id) = (&hook.place, hook.id);
    world
        .outbox
        .hooks
        .iter_mut()
        .find(|known| known.place == *place && known.id == id)
        .ok_or_else(|| error(422, "this hook is the sandbox's own; it changes with deliver_to"))
}

fn change(hook: &mut Hook, given: &Map<String, Value>) -> Result<(), Answer> {
    if let Some(config) = given.get("config").and_then(Value::as_object) {
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        if let Some(url) = text("url") {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(invalid("Hook", "url", "invalid"));
            }
            url.clone_into(&mut hook.url);
        }
        if let Some(kind) = text("content_type") {
            kind.clone_into(&mut hook.content_type);
        }
        // A secret that is not said again is gone.
        hook.signed = text("secret").is_some_and(|secret| !secret.is_empty());
    }
    if let Some(events) = super::names(given, "events")? {
        hook.events = events;
    }
    if let Some(more) = super::names(given, "add_events")? {
        hook.events.extend(more);
    }
    if let Some(fewer) = super::names(given, "remove_events")? {
        hook.events.retain(|event| !fewer.contains(event));
    }
    if let Some(active) = given.get("active").and_then(Value::as_bool) {
        hook.active = active;
    }
    Ok(())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let gone = hook(world, call)?;
    made(world, &gone)?;
    world
        .outbox
        .hooks
        .retain(|known| known.place != gone.place || known.id != gone.id);
    Ok(Answer::empty(204))
}

/// 422 for what no single field is to blame for.
fn custom(message: &str) -> Answer {
    let errors = json!([{"resource": "Hook", "code": "custom", "message": message}]);
    Answer::json(
        422,
        json!({"message": "Validation Failed", "errors": errors, "documentation_url": super::DOCUMENTATION, "status": "422"}),
    )
}

pub(super) fn ping(world: &mut World, call: &Call) -> Outcome {
    let hook = hook(world, call)?;
    tell_ping(world, call, &hook);
    Ok(Answer::empty(204))
}

/// As GitHub does when a hook is made, and when somebody asks for it.
fn tell_ping(world: &mut World, call: &Call, hook: &Hook) {
    let mut payload = json!({
        "zen": "State is told, not guessed.", "hook_id": hook.id, "hook": shown(call, hook),
    });
    match hook.place.split_once('/') {
        Some(("orgs", login)) => payload["organization"] = json!({"login": login}),
        _ => payload["repository"] = json!({"full_name": super::full_name(call)}),
    }
    let id = world.ids.guid();
    let sent = Sent::to(hook);
    world
        .outbox
        .post_to(&id, "ping", payload.to_string(), call.now, sent);
}

/// Newest first, page by page behind a cursor.
pub(super) fn deliveries(world: &mut World, call: &Call) -> Outcome {
    let hook = hook(world, call)?;
    let per_page = match call.query("per_page").map(str::parse::<usize>) {
        None => 30,
        Some(Ok(wanted)) => wanted.clamp(1, 100),
        Some(Err(_)) => return Err(error(422, "per_page must be a number")),
    };
    let before = match call.query("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor
            .strip_prefix("v1_")
            .and_then(|serial| serial.parse().ok())
            .ok_or_else(|| error(422, "Invalid cursor"))?,
    };
    let wanted = call.query("status").unwrap_or_default();
    let mut found: Vec<&Delivery> = kept(world, call.now, &hook)
        .filter(|one| wanted.is_empty() || (wanted == "success") == delivered(one))
        .collect();
    // What the sandbox was told happened earlier, happened earlier.
    found.sort_by_key(|one| std::cmp::Reverse((one.at, one.serial)));
    let begin = found
        .iter()
        .position(|one| one.serial == before)
        .map_or(0, |at| at + 1);
    let page: Vec<&&Delivery> = found[begin..].iter().take(per_page).collect();
    let answer = Answer::ok(page.iter().map(|one| item(one)).collect());
    let last = page.last().map(|one| one.serial);
    let more = found.len() > begin + page.len();
    Ok(match last.filter(|_| more) {
        Some(serial) => {
            let url = format!("{}{}", call.base, call.path);
            answer.with(
                "link",
                format!("<{url}?per_page={per_page}&cursor=v1_{serial}>; rel=\"next\""),
            )
        }
        None => answer,
    })
}

fn kept<'w>(world: &'w World, now: Timestamp, hook: &Hook) -> impl Iterator<Item = &'w Delivery> {
    let (place, id) = (hook.place.clone(), hook.id);
    let since = clock::after(now, -KEPT_MS);
    world.outbox.all().filter(move |one| {
        one.provider == Provider::Github
            && one.settled
            && one.at >= since
            && one.sent.hook == id
            && one.sent.place == place
    })
}

fn delivered(one: &Delivery) -> bool {
    one.status.is_some_and(|status| (200..300).contains(&status))
}

fn item(one: &Delivery) -> Value {
    let payload: Value = serde_json::from_str(&one.body).unwrap_or_default();
    let (status, code) = match one.status {
        Some(code) if delivered(one) => ("OK".to_owned(), code),
        Some(code) => (format!("Invalid HTTP Response: {code}"), code),
        None => ("failed to connect to host".to_owned(), 502),
    };
    json!({
        "id": DELIVERY_IDS + one.serial, "guid": one.id, "delivered_at": one.at.to_string(),
        "redelivery": one.sent.again, "duration": 0.03, "status": status, "status_code": code, "event": one.event,
        "action": payload["action"], "installation_id": null, "repository_id": payload["repository"]["id"],
        "throttled_at": null,
    })
}

fn delivery(world: &World, call: &Call) -> Result<Delivery, Answer> {
    let hook = hook(world, call)?;
    let id = call.number("delivery");
    kept(world, call.now, &hook)
        .find(|one| Some(DELIVERY_IDS + one.serial) == id)
        .cloned()
        .ok_or_else(not_found)
}

pub(super) fn get_delivery(world: &mut World, call: &Call) -> Outcome {
    let one = delivery(world, call)?;
    let mut shown = item(&one);
    let payload: Value = serde_json::from_str(&one.body).unwrap_or_default();
    shown["url"] = json!(one.sent.url);
    shown["request"] = json!({
        "headers": {"X-GitHub-Event": one.event, "X-GitHub-Delivery": one.id, "content-type": one.sent.media()},
        "payload": payload,
    });
    shown["response"] = json!({"headers": {}, "payload": one.response});
    Ok(Answer::ok(shown))
}

pub(super) fn redeliver(world: &mut World, call: &Call) -> Outcome {
    let (one, hook) = (delivery(world, call)?, hook(world, call)?);
    let sent = Sent {
        again: true,
        ..Sent::to(&hook)
    };
    world
        .outbox
        .post_to(&one.id, &one.event, one.body, call.now, sent);
    Ok(Answer::json(202, json!({})))
}
