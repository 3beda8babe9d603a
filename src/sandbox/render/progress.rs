//! In: the clock and the deploys. Out: deploys further along, and the events, logs and webhooks of the way.
//! Never: sleeping; a deploy is brought to where it belongs by now whenever somebody looks.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape;
use super::state::{Deploy, Event, Log, Script};
use crate::clock;
use crate::sandbox::state::{Provider, World};

/// More steps than this in one look would mean a deploy that never ends.
const STEPS_MAX: usize = 10_000;

/// Brings every deploy to where it belongs by now, in the order in which things happened.
pub(in crate::sandbox) fn tick(world: &mut World) {
    let now = world.now();
    super::data::tick(world, now);
    for _ in 0..STEPS_MAX {
        let due = world
            .render
            .deploys
            .iter()
            .filter_map(|deploy| Some((deploy.next_at?, deploy.id.clone())));
        let Some((at, id)) = due.filter(|(at, _)| *at <= now).min() else {
            return;
        };
        step(world, &id, at);
    }
}

/// Starts a deploy that was just put into the state, or lets it queue behind the one that runs.
pub(in crate::sandbox) fn begin(world: &mut World, mut deploy: Deploy) -> Deploy {
    let queued = world.render.running(&deploy.service).is_some();
    if queued {
        let (service, now) = (deploy.service.clone(), deploy.created_at);
        // The policy "wait": of those that queue only the newest is kept.
        let waiting = |other: &&mut Deploy| other.service == service && other.status == "queued";
        for other in world.render.deploys.iter_mut().filter(waiting) {
            end(other, "canceled", now);
        }
        "queued".clone_into(&mut deploy.status);
        deploy.next_at = None;
    } else {
        "created".clone_into(&mut deploy.status);
        deploy.next_at = Some(clock::after(deploy.created_at, world.render.pace.queue_ms));
    }
    world.render.deploys.push(deploy.clone());
    deploy
}

fn end(deploy: &mut Deploy, status: &str, at: Timestamp) {
    status.clone_into(&mut deploy.status);
    deploy.updated_at = at;
    deploy.finished_at = Some(at);
    deploy.next_at = None;
}

fn step(world: &mut World, id: &str, at: Timestamp) {
    let pace = world.render.pace;
    let Some(deploy) = world.render.deploy_mut(id) else {
        return;
    };
    deploy.next_at = None;
    deploy.updated_at = at;
    match deploy.status.as_str() {
        "created" if deploy.builds => {
            "build_in_progress".clone_into(&mut deploy.status);
            deploy.started_at = Some(at);
            deploy.next_at = Some(clock::after(at, pace.build_ms));
            let deploy = deploy.clone();
            build_started(world, &deploy, at);
        }
        "created" => {
            deploy.started_at = Some(at);
            update(world, id, at);
        }
        "build_in_progress" => {
            let deploy = deploy.clone();
            match &deploy.script {
                Some(Script::BuildFails(lines)) => build_failed(world, &deploy, lines, at),
                _ => {
                    build_ended(world, &deploy, "succeeded", at);
                    update(world, id, at);
                }
            }
        }
        "update_in_progress" | "pre_deploy_in_progress" => {
            let deploy = deploy.clone();
            match &deploy.script {
                Some(Script::UpdateFails(lines)) => {
                    say(world, &deploy.service, "app", "error", lines, at);
                    finish(
                        world,
                        &deploy,
                        "update_failed",
                        json!({"failure": {"evicted": false, "unhealthy": "timed out"}}),
                        at,
                    );
                }
                _ => go_live(world, &deploy, at),
            }
        }
        "live" => fail_live(world, id, at),
        _ => {}
    }
}

fn build_started(world: &mut World, deploy: &Deploy, at: Timestamp) {
    let trigger = shape::trigger(deploy, false);
    let details = json!({"buildId": deploy.build, "trigger": trigger});
    happen(world, &deploy.service, "build_started", None, details, at);
    let commit = deploy
        .commit
        .as_ref()
        .map_or("the image", |commit| commit.id.as_str());
    let lines = [
        format!("==> Checking out {commit}"),
        "==> Running build command".to_owned(),
    ];
    say(world, &deploy.service, "build", "info", &lines, at);
}

fn build_ended(world: &mut World, deploy: &Deploy, status: &str, at: Timestamp) {
    let code = if status == "succeeded" { 2 } else { 3 };
    let mut details = json!({"buildId": deploy.build, "buildStatus": status, "status": code});
    if status == "failed" {
        details["reason"] = json!({"failure": {"evicted": false, "nonZeroExit": 1}});
    }
    happen(world, &deploy.service, "build_ended", Some(status), details, at);
}

fn build_failed(world: &mut World, deploy: &Deploy, lines: &[String], at: Timestamp) {
    say(world, &deploy.service, "build", "error", lines, at);
    build_ended(world, deploy, "failed", at);
    finish(
        world,
        deploy,
        "build_failed",
        json!({"buildFailed": {"id": deploy.build}}),
        at,
    );
}

fn update(world: &mut World, id: &str, at: Timestamp) {
    let pace = world.render.pace;
    let Some(deploy) = world.render.deploy_mut(id) else {
        return;
    };
    "update_in_progress".clone_into(&mut deploy.status);
    deploy.updated_at = at;
    deploy.next_at = Some(clock::after(at, pace.update_ms));
    let deploy = deploy.clone();
    let details = json!({"deployId": deploy.id, "trigger": shape::trigger(&deploy, false)});
    happen(world, &deploy.service, "deploy_started", None, details, at);
}

fn go_live(world: &mut World, deploy: &Deploy, at: Timestamp) {
    let service = deploy.service.as_str();
    for older in world
        .render
        .deploys
        .iter_mut()
        .filter(|older| older.service == service && older.status == "live")
    {
        "deactivated".clone_into(&mut older.status);
        older.updated_at = at;
        older.next_at = None;
    }
    if let Some(deploy) = world.render.deploy_mut(&deploy.id) {
        end(deploy, "live", at);
        deploy.was_live = true;
        if let Some(Script::FailsLive { after_ms, .. }) = deploy.script {
            deploy.next_at = Some(clock::after(at, after_ms));
        }
    }
    say(
        world,
        service,
        "app",
        "info",
        &["==> Your service is live".to_owned()],
        at,
    );
    deploy_ended(world, deploy, "succeeded", Value::Null, at);
    happen(world, service, "server_available", None, json!({}), at);
    next_in_queue(world, service, at);
}

/// Ends a deploy that did not go live.
pub(super) fn finish(world: &mut World, deploy: &Deploy, status: &str, reason: Value, at: Timestamp) {
    if let Some(deploy) = world.render.deploy_mut(&deploy.id) {
        end(deploy, status, at);
    }
    let outcome = if status == "canceled" {
        "canceled"
    } else {
        "failed"
    };
    deploy_ended(world, deploy, outcome, reason, at);
    next_in_queue(world, &deploy.service, at);
}

fn deploy_ended(world: &mut World, deploy: &Deploy, status: &str, reason: Value, at: Timestamp) {
    let code = match status {
        "succeeded" => 2,
        "failed" => 3,
        _ => 4,
    };
    let mut details = json!({"deployId": deploy.id, "deployStatus": status, "status": code});
    if !reason.is_null() {
        details["reason"] = reason;
    }
    happen(world, &deploy.service, "deploy_ended", Some(status), details, at);
}

fn next_in_queue(world: &mut World, service: &str, at: Timestamp) {
    let wait = world.render.pace.queue_ms;
    if world.render.running(service).is_some() {
        return;
    }
    let mut queued = world
        .render
        .deploys
        .iter_mut()
        .filter(|deploy| deploy.service == service && deploy.status == "queued");
    if let Some(deploy) = queued.next() {
        "created".clone_into(&mut deploy.status);
        deploy.updated_at = at;
        deploy.next_at = Some(clock::after(at, wait));
    }
}

fn fail_live(world: &mut World, id: &str, at: Timestamp) {
    let Some(deploy) = world.render.deploy_mut(id) else {
        return;
    };
    let lines = match deploy.script.take() {
        Some(Script::FailsLive { lines, .. }) => lines,
        _ => Vec::new(),
    };
    let service = deploy.service.clone();
    serve_ill(world, &service, &lines, at);
}

/// A running service fails: error lines and `server_failed`. Gives the event's id.
pub(in crate::sandbox) fn serve_ill(
    world: &mut World,
    service: &str,
    lines: &[String],
    at: Timestamp,
) -> String {
    say(world, service, "app", "error", lines, at);
    let details = json!({
        "instanceID": format!("{service}-abcde"),
        "reason": {"evicted": false, "unhealthy": "health check failed", "nonZeroExit": null},
    });
    happen(world, service, "server_failed", None, details, at)
}

fn say(world: &mut World, service: &str, kind: &str, level: &str, lines: &[String], at: Timestamp) {
    for line in lines {
        world.render.log(Log {
            id: String::new(),
            at,
            service: service.to_owned(),
            kind: kind.to_owned(),
            level: level.to_owned(),
            message: line.clone(),
        });
    }
}

/// Something happened to a service: an event that can be read, and its webhook. Gives the id of both.
pub(in crate::sandbox) fn happen(
    world: &mut World,
    service: &str,
    kind: &str,
    status: Option<&str>,
    details: Value,
    at: Timestamp,
) -> String {
    let id = world.ids.render("evt");
    let event = Event {
        id: id.clone(),
        at,
        service: service.to_owned(),
        kind: kind.to_owned(),
        details,
    };
    world.render.note(event);
    let (_, name) = world.render.named(service);
    let mut payload = json!({
        "type": kind,
        "timestamp": at.to_string(),
        "data": {"id": id, "serviceId": service, "serviceName": name},
    });
    if let Some(status) = status {
        payload["data"]["status"] = status.into();
    }
    let (now, body) = (world.now(), payload.to_string());
    for sent in super::webhooks::wanting(world, service, kind) {
        world.outbox.post_beside(&id, kind, body.clone(), now, sent);
    }
    world.outbox.post(Provider::Render, &id, kind, body, now);
    id
}
