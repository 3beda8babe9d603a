//! In: calls about accounts and services. Out: answers from state, and events of what was done to a service.
//! Never: settings; deploys, except the one that a resumed service gets.

use serde_json::{Value, json};

use super::state::OWNER;
use super::{Service, deploys, error, happen, page, service, service_mut, shape, time};
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
    ids.extend(world.render.workspaces.keys().cloned());
    ids.sort();
    ids.dedup();
    let named = call.queries("name");
    ids.retain(|_| named.is_empty() || named.contains(&"Sandbox"));
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
