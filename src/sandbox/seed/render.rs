//! In: `state.render` lists. Out: services, deploys, events and logs.
//! Never: half an entry; whatever is not said gets a plausible value.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Entry, Takes};
use crate::clock;
use crate::sandbox::render::{
    Commit, Database, Deploy, Domain, EnvGroup, Event, Log, METRICS, Measured, Workspace, seeded_webhook,
};
use crate::sandbox::state::World;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const STATUSES: [&str; 11] = [
    "created",
    "queued",
    "build_in_progress",
    "update_in_progress",
    "pre_deploy_in_progress",
    "live",
    "deactivated",
    "build_failed",
    "update_failed",
    "pre_deploy_failed",
    "canceled",
];

const PLANS: [&str; 4] = ["hobby", "professional", "organization", "enterprise"];

pub(super) fn workspace(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let id = entry.need(&["id", "owner_id"])?;
    let mut workspace = Workspace::default();
    workspace.plan = entry.one_of(&["plan"], &PLANS)?.unwrap_or(workspace.plan);
    workspace.admin = entry.flag(&["admin"])?.unwrap_or(true);
    world.render.workspaces.insert(id, workspace);
    Ok(())
}

pub(super) fn webhook(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.render("whk");
    let events = entry.texts(&["events", "event_filter"])?.unwrap_or_default();
    let id = entry.text(&["id"])?.unwrap_or(fresh);
    let mut webhook = seeded_webhook(world, id, entry.need(&["url"])?);
    webhook.events = events;
    webhook.name = entry.text(&["name"])?.unwrap_or_else(|| "webhook".to_owned());
    webhook.owner = entry.text(&["owner_id"])?.unwrap_or(webhook.owner);
    webhook.secret = entry.text(&["secret"])?.unwrap_or(webhook.secret);
    webhook.enabled = entry.flag(&["enabled"])?.unwrap_or(true);
    world.render.webhooks.push(webhook);
    Ok(())
}

pub(super) fn env_group(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.render("evg");
    let id = entry.text(&["id"])?.unwrap_or(fresh);
    let mut group = EnvGroup::new(id, entry.need(&["name"])?, clock::after(entry.now(), -HOUR_MS));
    group.owner = entry.text(&["owner_id"])?.unwrap_or(group.owner);
    group.vars = entry.table_of_texts(&["vars", "env_vars"])?;
    group.services = entry.texts(&["services"])?.into_iter().flatten().collect();
    world.render.env_groups.push(group);
    Ok(())
}

pub(super) fn domain(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let (service, fresh) = (of(world, entry)?, world.ids.render("cdm"));
    let id = entry.text(&["id"])?.unwrap_or(fresh);
    let mut domain = Domain::new(
        id,
        entry.need(&["name"])?,
        service,
        clock::after(entry.now(), -HOUR_MS),
    );
    domain.verified = entry.flag(&["verified"])?.unwrap_or(false);
    domain.leads_here = entry.flag(&["leads_here"])?.unwrap_or(domain.verified);
    world.render.domains.push(domain);
    Ok(())
}

/// `dpg-…` is a Postgres database, `red-…` a Key Value store; what else the API shows of it is `details`, in its own names.
pub(super) fn database(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let id = entry.need(&["id"])?;
    if !id.starts_with("dpg-") && !id.starts_with("red-") {
        return Err(entry.error("id must begin with dpg- or red-"));
    }
    let name = entry.text(&["name"])?.unwrap_or_else(|| id.clone());
    let mut database = Database::new(id, name, clock::after(entry.now(), -HOUR_MS));
    database.owner = entry.text(&["owner_id"])?.unwrap_or(database.owner);
    database.plan = entry.text(&["plan"])?.unwrap_or(database.plan);
    database.region = entry.text(&["region"])?.unwrap_or(database.region);
    database.created_at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(database.created_at);
    if let Some(Value::Object(details)) = entry.value(&["details"], Takes::Table) {
        database.details = details.clone();
    }
    world.render.databases.push(database);
    Ok(())
}

pub(super) fn service(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let id = entry.need(&["id", "service_id"])?;
    let name = entry.text(&["name"])?;
    let service = world.render.ensure_service(&id, name.as_deref(), entry.now());
    service.kind = entry.text(&["type"])?.unwrap_or_else(|| service.kind.clone());
    service.owner = entry
        .text(&["owner_id", "owner"])?
        .unwrap_or_else(|| service.owner.clone());
    service.branch = entry.text(&["branch"])?.unwrap_or_else(|| service.branch.clone());
    service.region = entry.text(&["region"])?.unwrap_or_else(|| service.region.clone());
    service.plan = entry.text(&["plan"])?.unwrap_or_else(|| service.plan.clone());
    service.runtime = entry
        .text(&["runtime"])?
        .unwrap_or_else(|| service.runtime.clone());
    service.instances = entry
        .number(&["instances", "num_instances"])?
        .unwrap_or(service.instances);
    service.image = entry.text(&["image", "image_path"])?.or(service.image.take());
    service.deploy_hook = entry.text(&["deploy_hook"])?.or(service.deploy_hook.take());
    service.autoscaling = entry
        .value(&["autoscaling"], Takes::Table)
        .cloned()
        .or(service.autoscaling.take());
    if let Some(schedule) = entry.text(&["schedule"])? {
        service.details.insert("schedule".to_owned(), schedule.into());
    }
    service.env_vars.extend(entry.table_of_texts(&["env_vars"])?);
    service.suspended = match entry.value(&["suspended"], Takes::Word) {
        Some(Value::String(text)) => text == "suspended",
        Some(value) => value
            .as_bool()
            .ok_or_else(|| entry.error("suspended must be true or false"))?,
        None => service.suspended,
    };
    if let Some(repo) = entry.text(&["repo"])? {
        let whole = repo.starts_with("https://");
        service.repo = Some(if whole {
            repo
        } else {
            format!("https://github.com/{repo}")
        });
    }
    let trigger = entry.text(&["auto_deploy_trigger"])?;
    let off = match entry.value(&["auto_deploy"], Takes::Word) {
        Some(Value::String(text)) => text == "no",
        Some(value) => !value
            .as_bool()
            .ok_or_else(|| entry.error("auto_deploy must be yes, no, true or false"))?,
        None => false,
    };
    match trigger {
        Some(trigger) => service.auto_deploy_trigger = trigger,
        None if off => "off".clone_into(&mut service.auto_deploy_trigger),
        None => {}
    }
    service.created_at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(service.created_at);
    service.updated_at = entry
        .time(&["updated", "updated_at"])?
        .unwrap_or(service.updated_at);
    Ok(())
}

/// The service an entry is about, made when it is new; without one it is the only one there is.
fn of(world: &mut World, entry: &mut Entry<'_>) -> Result<String, String> {
    let id = match entry.text(&["service_id", "service", "resource"])? {
        Some(id) => id,
        None => {
            let mut services = world.render.services.keys();
            match (services.next(), services.next()) {
                (Some(only), None) => only.clone(),
                _ => return Err(entry.error("service_id is missing, and there is not exactly one service")),
            }
        }
    };
    world.render.ensure_service(&id, None, entry.now());
    Ok(id)
}

pub(super) fn deploy(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let service = of(world, entry)?;
    if let Some(name) = entry.text(&["service_name"])? {
        world.render.ensure_service(&service, Some(&name), entry.now());
    }
    let known_good = entry.flag(&["known_good"])?;
    let status = entry
        .one_of(&["status"], &STATUSES)?
        .unwrap_or_else(|| "live".to_owned());
    let now = entry.now();
    let ended = [
        "live",
        "deactivated",
        "build_failed",
        "update_failed",
        "pre_deploy_failed",
        "canceled",
    ];
    let ended = ended.contains(&status.as_str());
    let started = entry.time(&["started", "started_at"])?;
    let age = if known_good == Some(true) {
        -48 * HOUR_MS
    } else {
        -HOUR_MS
    };
    let finished = entry
        .time(&["finished", "finished_at"])?
        .or(ended.then(|| clock::after(now, age)));
    let created = entry.time(&["created", "created_at"])?;
    let created = created
        .or(started)
        .or(finished.map(|at| clock::after(at, -3 * MINUTE_MS)))
        .unwrap_or(now);
    let was_live = status == "live" || status == "deactivated" || known_good.is_some();
    let in_progress = !ended && status != "queued";
    let fresh = (world.ids.render("dep"), world.ids.render("bld"), world.ids.sha());
    let id = entry.text(&["id", "deploy_id"])?.unwrap_or(fresh.0);
    let image = entry.text(&["image"])?;
    let commit = commit(entry, fresh.2, created)?;
    let deploy = Deploy {
        id: id.clone(),
        service: service.clone(),
        build: fresh.1,
        commit: image.is_none().then_some(commit),
        image,
        trigger: entry
            .text(&["trigger"])?
            .unwrap_or_else(|| "new_commit".to_owned()),
        builds: true,
        clear_cache: false,
        rollback_of: None,
        created_at: created,
        started_at: started.or((status != "created" && status != "queued").then_some(created)),
        updated_at: entry
            .time(&["updated", "updated_at"])?
            .or(finished)
            .unwrap_or(created),
        finished_at: finished,
        next_at: in_progress.then(|| clock::after(now, next_in(world, &status))),
        script: None,
        was_live,
        status,
    };
    world.render.deploys.retain(|known| known.id != id);
    world.render.deploys.push(deploy.clone());
    note_past(world, &deploy, known_good);
    Ok(())
}

fn commit(entry: &mut Entry<'_>, fresh: String, at: Timestamp) -> Result<Commit, String> {
    // The API shows an object here; a plain id is what a person writes.
    let told = match entry.value(&["commit", "commit_id"], Takes::Text) {
        Some(Value::Object(commit)) => commit.get("id").and_then(Value::as_str).map(str::to_owned),
        Some(Value::String(id)) => Some(id.clone()),
        _ => None,
    };
    let message = entry
        .text(&["commit_message", "message"])?
        .unwrap_or_else(|| "Update".to_owned());
    Ok(Commit {
        id: told.unwrap_or(fresh),
        message,
        at,
    })
}

fn next_in(world: &World, status: &str) -> i64 {
    let pace = world.render.pace;
    match status {
        "created" => pace.queue_ms,
        "build_in_progress" => pace.build_ms,
        _ => pace.update_ms,
    }
}

/// The events that a deploy of the past left behind; one that is known to be bad has failed while it was live.
fn note_past(world: &mut World, deploy: &Deploy, known_good: Option<bool>) {
    let Some(finished) = deploy.finished_at else {
        return;
    };
    let status = match deploy.status.as_str() {
        "canceled" => "canceled",
        status if status.ends_with("_failed") => "failed",
        _ => "succeeded",
    };
    let details = json!({"deployId": deploy.id, "deployStatus": status});
    note(world, &deploy.service, "deploy_ended", details, finished);
    if known_good == Some(false) {
        let details = json!({"reason": {"evicted": false, "unhealthy": "health check failed"}});
        note(
            world,
            &deploy.service,
            "server_failed",
            details,
            clock::after(finished, MINUTE_MS),
        );
    }
}

fn note(world: &mut World, service: &str, kind: &str, details: Value, at: Timestamp) {
    let id = world.ids.render("evt");
    world.render.note(Event {
        id,
        at,
        service: service.to_owned(),
        kind: kind.to_owned(),
        details,
    });
}

pub(super) fn event(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let service = of(world, entry)?;
    let fresh = world.ids.render("evt");
    let event = Event {
        id: entry.text(&["id", "event_id"])?.unwrap_or(fresh),
        at: entry
            .time(&["at", "time", "timestamp"])?
            .unwrap_or(clock::after(entry.now(), -MINUTE_MS)),
        service,
        kind: entry.need(&["type"])?,
        details: entry
            .value(&["details"], Takes::Table)
            .cloned()
            .unwrap_or_else(|| json!({})),
    };
    world.render.events.retain(|known| known.id != event.id);
    world.render.note(event);
    Ok(())
}

pub(super) fn log(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let service = of(world, entry)?;
    let line = Log {
        id: String::new(),
        at: entry
            .time(&["at", "time", "timestamp"])?
            .unwrap_or(clock::after(entry.now(), -MINUTE_MS)),
        service,
        kind: entry.text(&["type"])?.unwrap_or_else(|| "app".to_owned()),
        level: entry.text(&["level"])?.unwrap_or_else(|| "info".to_owned()),
        message: entry.need(&["message", "text"])?,
    };
    world.render.log(line);
    Ok(())
}

/// One line of a chart: `values`, a minute apart (or `step_seconds`), the last of them at `at`.
pub(super) fn metric(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let service = of(world, entry)?;
    let metric = entry.need(&["metric"])?.replace('_', "-");
    if !METRICS.contains(&metric.as_str()) {
        let hint = super::nearest::hint(&metric, METRICS);
        return Err(entry.error(&format!("metric cannot be \"{metric}\"; {hint}")));
    }
    let end = entry.time(&["at", "time", "timestamp"])?.unwrap_or(entry.now());
    let step = i64::try_from(entry.number(&["step_seconds"])?.unwrap_or(60)).unwrap_or(60) * 1_000;
    let values = entry.value(&["values"], Takes::List).and_then(Value::as_array);
    let values: Option<Vec<f64>> = values.and_then(|values| values.iter().map(Value::as_f64).collect());
    let values = values.ok_or_else(|| entry.error("values must be a list of numbers"))?;
    let labels = match entry.value(&["labels"], Takes::Table) {
        None => Vec::new(),
        Some(labels) => {
            let labels = labels
                .as_object()
                .ok_or_else(|| entry.error("labels must be a table"))?;
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            labels
                .iter()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect()
        }
    };
    let times = (0_i64..).map(|n| clock::after(end, -n * step));
    let mut points: Vec<(Timestamp, f64)> = times.zip(values.into_iter().rev()).collect();
    points.reverse();
    world.render.metrics.push(Measured {
        metric,
        service,
        unit: entry.text(&["unit"])?.unwrap_or_default(),
        labels: labels.into_iter().collect(),
        points,
    });
    Ok(())
}
