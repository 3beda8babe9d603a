//! In: calls about webhooks. Out: the one that stands for the target of `deliver_to`, those made here, and what each sent,
//! newest first. Never: more webhooks than the workspace's plan has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::state::OWNER;
use super::{State, body, error, optional_text, page, time, workspace};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::hooks::{Sent, TARGET_HOOK};
use crate::sandbox::state::{Provider, World};

/// The webhook that there is while there is a target.
const WEBHOOK: &str = "whk-0000000000000000target";
/// How many webhooks a workspace may have that pays for many.
const WEBHOOKS_MAX: usize = 100;
/// What a webhook can send.
const EVENTS: &str = "artifact_fetch_failed artifact_source_changed auto_deploy_disabled auto_deploy_enabled \
    autoscaling_config_changed autoscaling_ended autoscaling_started branch_deleted build_ended build_started \
    commit_ignored cron_job_run_ended cron_job_run_started deploy_ended deploy_started disk_created disk_deleted \
    disk_updated edge_cache_disabled edge_cache_enabled edge_cache_purged image_pull_failed instance_count_changed \
    job_run_ended key_value_available key_value_config_restart key_value_unhealthy maintenance_ended \
    maintenance_mode_enabled maintenance_mode_uri_updated maintenance_started pipeline_minutes_exhausted plan_changed \
    postgres_available postgres_backup_completed postgres_backup_failed postgres_backup_started \
    postgres_cluster_leader_changed postgres_connection_pool_changed postgres_connection_pool_enabled_changed \
    postgres_created postgres_credentials_created postgres_credentials_deleted \
    postgres_disk_autoscaling_enabled_changed postgres_disk_size_changed postgres_ha_status_changed \
    postgres_pitr_checkpoint_completed postgres_pitr_checkpoint_failed postgres_pitr_checkpoint_started \
    postgres_read_replica_stale postgres_read_replicas_changed postgres_restarted postgres_restore_failed \
    postgres_restore_succeeded postgres_unavailable postgres_upgrade_failed postgres_upgrade_started \
    postgres_upgrade_succeeded postgres_wal_archive_failed pre_deploy_ended pre_deploy_started server_available \
    server_failed server_hardware_failure server_restarted service_resumed service_suspended \
    zero_downtime_redeploy_ended zero_downtime_redeploy_started";

/// A webhook made through the API.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Webhook {
    /// What its deliveries are remembered under.
    number: u64,
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) owner: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) url: String,
    pub(in crate::sandbox) secret: String,
    pub(in crate::sandbox) enabled: bool,
    /// None: all.
    pub(in crate::sandbox) events: Vec<String>,
}

impl State {
    /// A receiver never took a delivery: its webhook is switched off, as Render does. The target's stays.
    pub(in crate::sandbox) fn give_up(&mut self, number: u64) {
        if let Some(webhook) = self.webhooks.iter_mut().find(|one| one.number == number) {
            webhook.enabled = false;
        }
    }
}

/// A webhook that is on and sends everything, with a secret of its own; not yet in the state.
pub(in crate::sandbox) fn seeded(world: &mut World, id: String, url: String) -> Webhook {
    Webhook {
        number: TARGET_HOOK + world.ids.number(),
        id,
        owner: OWNER.to_owned(),
        name: String::new(),
        url,
        secret: format!("whsec_{}", STANDARD.encode(&world.ids.sha()[..32])),
        enabled: true,
        events: Vec::new(),
    }
}

/// The webhooks that an event of a service goes to, besides the target.
pub(super) fn wanting(world: &World, service: &str, kind: &str) -> Vec<Sent> {
    let (owner, _) = world.render.named(service);
    let wants = |one: &&Webhook| {
        one.enabled && one.owner == owner && (one.events.is_empty() || one.events.iter().any(|e| e == kind))
    };
    let sent = |one: &Webhook| Sent {
        hook: one.number,
        place: String::new(),
        url: Some(one.url.clone()),
        form: false,
        signed: true,
        secret: Some(one.secret.clone()),
        again: false,
    };
    world.render.webhooks.iter().filter(wants).map(sent).collect()
}

fn shown(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id, "name": webhook.name, "url": webhook.url, "secret": webhook.secret,
        "enabled": webhook.enabled, "eventFilter": webhook.events,
    })
}

/// The target's, while there is one, and all that were made.
fn all(world: &World) -> Vec<Webhook> {
    let target = world.outbox.target.as_ref().map(|target| Webhook {
        number: TARGET_HOOK,
        id: WEBHOOK.to_owned(),
        owner: OWNER.to_owned(),
        name: "the receiver".to_owned(),
        url: format!("{target}/webhooks/render"),
        secret: world.options.render_secret.clone().unwrap_or_default(),
        enabled: true,
        events: Vec::new(),
    });
    target
        .into_iter()
        .chain(world.render.webhooks.iter().cloned())
        .collect()
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let owners = call.queries("ownerId");
    let items = all(world)
        .into_iter()
        .filter(|one| owners.is_empty() || owners.contains(&one.owner.as_str()))
        .map(|one| (one.id.clone(), shown(&one)));
    page(call, "webhook", items.collect())
}

fn known(world: &World, call: &Call) -> Result<Webhook, Answer> {
    let id = call.param("webhook");
    all(world)
        .into_iter()
        .find(|one| one.id == id)
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

/// One that may be changed: the target's is the sandbox's own.
fn made<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Webhook, Answer> {
    let webhook = known(world, call)?;
    if !workspace(world, &webhook.owner)?.admin {
        return Err(error(403, "only workspace admins can change webhooks"));
    }
    world
        .render
        .webhooks
        .iter_mut()
        .find(|one| one.id == webhook.id)
        .ok_or_else(|| {
            error(
                400,
                "this webhook is the sandbox's own; it changes with deliver_to",
            )
        })
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(shown(&known(world, call)?)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    for field in ["ownerId", "url", "name", "enabled", "eventFilter"] {
        if given.get(field).is_none_or(Value::is_null) {
            return Err(error(400, &format!("{field} is required")));
        }
    }
    let owner = optional_text(&given, "ownerId")?.unwrap_or_default();
    let place = workspace(world, &owner)?;
    if !place.admin {
        return Err(error(403, "only workspace admins can create webhooks"));
    }
    let id = world.ids.render("whk");
    let mut webhook = seeded(world, id, String::new());
    webhook.owner = owner;
    change(&mut webhook, &given)?;
    let there = all(world).iter().filter(|one| one.owner == webhook.owner).count();
    let most = match place.plan.as_str() {
        "hobby" => 0,
        "professional" => 1,
        _ => WEBHOOKS_MAX,
    };
    if there >= most {
        let message = format!("the {} plan includes {most} webhook destinations", place.plan);
        return Err(error(402, &message));
    }
    let answer = shown(&webhook);
    world.render.webhooks.push(webhook);
    Ok(Answer::json(201, answer))
}

fn change(webhook: &mut Webhook, given: &Map<String, Value>) -> Result<(), Answer> {
    if let Some(url) = optional_text(given, "url")? {
        if !url.starts_with("https://") && !url.starts_with("http://127.0.0.1:") {
            return Err(error(400, "url must be an https URL"));
        }
        webhook.url = url;
    }
    if let Some(name) = optional_text(given, "name")? {
        if name.is_empty() {
            return Err(error(400, "name must not be empty"));
        }
        webhook.name = name;
    }
    match given.get("enabled") {
        None => {}
        Some(Value::Bool(enabled)) => webhook.enabled = *enabled,
        Some(_) => return Err(error(400, "invalid JSON: enabled must be a boolean")),
    }
    if let Some(filter) = given.get("eventFilter") {
        let events: Vec<String> = serde_json::from_value(filter.clone())
            .map_err(|_| error(400, "invalid JSON: eventFilter must be a list of strings"))?;
        let known = |event: &&String| EVENTS.split_whitespace().any(|known| known == event.as_str());
        if let Some(unknown) = events.iter().find(|event| !known(event)) {
            return Err(error(400, &format!("eventFilter: unknown event type {unknown}")));
        }
        webhook.events = events;
    }
    Ok(())
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let webhook = made(world, call)?;
    let mut changed = webhook.clone();
    change(&mut changed, &given)?;
    *webhook = changed.clone();
    Ok(Answer::ok(shown(&changed)))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = made(world, call)?.id.clone();
    world.render.webhooks.retain(|one| one.id != id);
    Ok(Answer::empty(204))
}

pub(super) fn events(world: &mut World, call: &Call) -> Outcome {
    let number = known(world, call)?.number;
    let (after, before) = (time(call, "sentAfter")?, time(call, "sentBefore")?);
    let sent = world.outbox.all().rev().filter(|one| {
        one.provider == Provider::Render
            && one.settled
            && one.sent.hook == number
            && after.is_none_or(|after| after <= one.at)
            && before.is_none_or(|before| one.at <= before)
    });
    let items = sent.map(|one| {
        let mut shown = json!({
            "id": format!("whe-{:020}", one.serial), "eventId": one.id, "eventType": one.event, "sentAt": one.at.to_string(),
        });
        // What there is none of is left out, as Render does.
        for (name, value) in [
            ("statusCode", json!(one.status)),
            ("responseBody", json!(one.response)),
            ("error", json!(one.error)),
        ] {
            if !value.is_null() {
                shown[name] = value;
            }
        }
        (format!("whe-{:020}", one.serial), shown)
    });
    page(call, "webhookEvent", items.collect())
}
