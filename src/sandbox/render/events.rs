//! In: calls for what happened to a service. Out: events, newest first.
//! Never: changes.

use super::{Event, deploys, error, page, service, shape, time};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Without a start the list begins an hour ago.
const WINDOW_MS: i64 = 3_600_000;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    complete(world, |event| event.service == id);
    let end = time(call, "endTime")?.unwrap_or(call.now);
    let start = time(call, "startTime")?.unwrap_or(clock::after(call.now, -WINDOW_MS));
    let kinds = call.queries("type");
    let fits = |event: &&Event| {
        event.service == id
            && (start..=end).contains(&event.at)
            && (kinds.is_empty() || kinds.contains(&event.kind.as_str()))
    };
    let mut found: Vec<&Event> = world.render.events.iter().filter(fits).collect();
    found.sort_by_key(|event| event.at);
    found.reverse();
    page(
        call,
        "event",
        found
            .into_iter()
            .map(|event| (event.id.clone(), shape::event(event)))
            .collect(),
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let id = call.param("event");
    complete(world, |event| event.id == id);
    let event = world.render.events.iter().find(|event| event.id == id);
    event
        .map(|event| Answer::ok(shape::event(event)))
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

/// Gives events that came from a payload the deploy or build they were about: the newest that fits, made if need be.
fn complete(world: &mut World, which: impl Fn(&Event) -> bool) {
    let lacking = |event: &&Event| {
        let field = if event.kind.starts_with("build_") {
            "buildId"
        } else {
            "deployId"
        };
        let about =
            ["build_started", "build_ended", "deploy_started", "deploy_ended"].contains(&event.kind.as_str());
        about && event.details.get(field).is_none()
    };
    let events: Vec<Event> = world
        .render
        .events
        .iter()
        .filter(|event| which(event))
        .filter(lacking)
        .cloned()
        .collect();
    for event in events {
        let outcome = event.details["deployStatus"]
            .as_str()
            .or(event.details["buildStatus"].as_str());
        let status = match (outcome, event.kind.as_str()) {
            (Some("failed"), _) => "build_failed",
            (Some("canceled"), _) => "canceled",
            (Some(_), "deploy_ended") => "live",
            _ => "",
        };
        let fits = |deploy: &&&super::Deploy| {
            status.is_empty()
                || deploy.status == status
                || (status == "build_failed" && deploy.status.ends_with("_failed"))
        };
        let known = world.render.deploys_of(&event.service);
        let deploy = match known.iter().find(fits).map(|deploy| (*deploy).clone()) {
            Some(deploy) => deploy,
            None => deploys::made_up(world, &event.service, status, event.at),
        };
        let Some(event) = world.render.events.iter_mut().find(|known| known.id == event.id) else {
            continue;
        };
        if event.kind.starts_with("build_") {
            event.details["buildId"] = deploy.build.into();
        } else {
            event.details["deployId"] = deploy.id.into();
        }
    }
}
