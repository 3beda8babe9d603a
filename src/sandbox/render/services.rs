//! In: calls about accounts and services. Out: answers from state, and events of what was done to a service.
//! Never: deploys, except the one that a resumed service gets.

use serde_json::{Value, json};

use super::state::OWNER;
use super::{Service, body, deploys, error, happen, optional_text, page, service, service_mut, shape, time};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn user(world: &mut World, _: &Call) -> Outcome {
    let name = &world.options.bot_login;
    Ok(Answer::ok(
        json!({"email": format!("{name}@example.com"), "name": name}),
    ))
}

pub(super) fn owners(world: &mut World, call: &Call) -> Outcome {
    let mut ids: Vec<String> = world
        .render
        .services
        .values()
        .map(|service| service.owner.clone())
        .collect();
    ids.push(OWNER.to_owned());
    ids.sort();
    ids.dedup();
    let shown = |id: String| {
        let owner = json!({"id": id, "name": "Sandbox", "email": "team@example.com", "type": "team", "ipAllowList": []});
        (id, owner)
    };
    page(call, "owner", ids.into_iter().map(shown).collect())
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let any = |name: &str, value: &str| {
        let wanted = call.queries(name);
        wanted.is_empty() || wanted.contains(&value)
    };
    let (before, after) = (time(call, "createdBefore")?, time(call, "createdAfter")?);
    let fits = |service: &&Service| {
        any("name", &service.name)
            && any("type", &service.kind)
            && any("ownerId", &service.owner)
            && any("region", &service.region)
            && any(
                "suspended",
                if service.suspended {
                    "suspended"
                } else {
                    "not_suspended"
                },
            )
            && before.is_none_or(|before| service.created_at < before)
            && after.is_none_or(|after| service.created_at > after)
    };
    let found = world.render.services.values().filter(fits);
    page(
        call,
        "service",
        found
            .map(|service| (service.id.clone(), shape::service(service)))
            .collect(),
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(shape::service(service(world, call)?)))
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let auto = optional_text(&given, "autoDeploy")?;
    let trigger = optional_text(&given, "autoDeployTrigger")?;
    if auto.as_deref().is_some_and(|auto| !["yes", "no"].contains(&auto)) {
        return Err(error(400, "autoDeploy must be one of yes, no"));
    }
    if trigger
        .as_deref()
        .is_some_and(|trigger| !["commit", "checksPass", "off"].contains(&trigger))
    {
        return Err(error(
            400,
            "autoDeployTrigger must be one of commit, checksPass, off",
        ));
    }
    let (name, branch) = (optional_text(&given, "name")?, optional_text(&given, "branch")?);
    let now = call.now;
    let service = service_mut(world, call)?;
    let before = service.auto_deploy_trigger.clone();
    // The trigger is the newer field and wins; "yes" keeps a trigger that is already on.
    match (trigger, auto.as_deref()) {
        (Some(trigger), _) => service.auto_deploy_trigger = trigger,
        (None, Some("no")) => "off".clone_into(&mut service.auto_deploy_trigger),
        (None, Some(_)) if before == "off" => "commit".clone_into(&mut service.auto_deploy_trigger),
        _ => {}
    }
    if let Some(name) = name {
        service.name = name;
    }
    if let Some(branch) = branch {
        service.branch = branch;
    }
    service.updated_at = now;
    let (id, after, shown) = (
        service.id.clone(),
        service.auto_deploy_trigger.clone(),
        shape::service(service),
    );
    match (before.as_str(), after.as_str()) {
        (before, after) if before == after => {}
        (before, "off") => {
            let details = json!({"fromTrigger": before, "reason": "user"});
            happen(world, &id, "auto_deploy_disabled", None, details, now);
        }
        (_, after) => {
            happen(
                world,
                &id,
                "auto_deploy_enabled",
                None,
                json!({"newTrigger": after}),
                now,
            );
        }
    }
    Ok(Answer::ok(shown))
}

pub(super) fn restart(world: &mut World, call: &Call) -> Outcome {
    let service = service(world, call)?;
    if service.kind == "cron_job" {
        return Err(error(400, "cron jobs cannot be restarted"));
    }
    if service.suspended {
        return Err(error(400, "service is suspended"));
    }
    let (id, by) = (service.id.clone(), call.actor.clone());
    happen(
        world,
        &id,
        "server_restarted",
        None,
        json!({"triggeredByUser": {"id": "usr-sandbox", "email": by}}),
        call.now,
    );
    happen(world, &id, "server_available", None, json!({}), call.now);
    Ok(Answer::empty(200))
}

pub(super) fn suspend(world: &mut World, call: &Call) -> Outcome {
    set_suspended(world, call, true)
}

pub(super) fn resume(world: &mut World, call: &Call) -> Outcome {
    set_suspended(world, call, false)
}

fn set_suspended(world: &mut World, call: &Call, suspended: bool) -> Outcome {
    let service = service_mut(world, call)?;
    let id = service.id.clone();
    if std::mem::replace(&mut service.suspended, suspended) != suspended {
        let kind = if suspended {
            "service_suspended"
        } else {
            "service_resumed"
        };
        happen(
            world,
            &id,
            kind,
            None,
            Value::Object(serde_json::Map::new()),
            call.now,
        );
        if !suspended {
            let deploy = deploys::plan(world, &id, "service_resumed", None, call.now);
            super::begin(world, deploy);
        }
    }
    Ok(Answer::empty(202))
}
