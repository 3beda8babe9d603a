//! In: calls about groups of environment variables. Out: them, with their values, as the real API gives them.
//! Never: a deploy; a change waits for the next one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::config::{check_key, pairs, value_of};
use super::state::OWNER;
use super::{body, error, limit, optional_text, service, workspace};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// A group of variables.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct EnvGroup {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) owner: String,
    pub(in crate::sandbox) vars: BTreeMap<String, String>,
    pub(in crate::sandbox) services: BTreeSet<String>,
    pub(in crate::sandbox) created_at: Timestamp,
    updated_at: Timestamp,
}

impl EnvGroup {
    pub(in crate::sandbox) fn new(id: String, name: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            owner: OWNER.to_owned(),
            vars: BTreeMap::new(),
            services: BTreeSet::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// A group as lists show it.
fn outline(world: &World, group: &EnvGroup) -> Value {
    let links: Vec<Value> = group
        .services
        .iter()
        .filter_map(|id| world.render.services.get(id))
        .map(|service| {
            let kind = match service.kind.as_str() {
                "static_site" => "static",
                "private_service" => "pserv",
                "background_worker" => "worker",
                "cron_job" => "cron",
                _ => "web",
            };
            json!({"id": service.id, "name": service.name, "type": kind})
        })
        .collect();
    json!({
        "id": group.id, "name": group.name, "ownerId": group.owner, "serviceLinks": links,
        "createdAt": group.created_at.to_string(), "updatedAt": group.updated_at.to_string(),
    })
}

fn whole(world: &World, group: &EnvGroup) -> Value {
    let mut shown = outline(world, group);
    shown["envVars"] = group
        .vars
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    shown["secretFiles"] = json!([]);
    shown
}

fn group<'a>(world: &'a World, call: &Call) -> Result<&'a EnvGroup, Answer> {
    let id = call.param("group");
    world
        .render
        .env_groups
        .iter()
        .find(|group| group.id == id)
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

/// Changes a group, and shows it.
fn change(
    world: &mut World,
    call: &Call,
    change: impl FnOnce(&mut EnvGroup) -> Result<(), Answer>,
) -> Result<Value, Answer> {
    let id = group(world, call)?.id.clone();
    if let Some(group) = world.render.env_groups.iter_mut().find(|group| group.id == id) {
        change(group)?;
        group.updated_at = call.now;
    }
    Ok(whole(world, group(world, call)?))
}

/// Bare records and no cursor: the one list that has no envelope.
pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (names, owners) = (call.queries("name"), call.queries("ownerId"));
    let fits = |group: &&EnvGroup| {
        (names.is_empty() || names.contains(&group.name.as_str()))
            && (owners.is_empty() || owners.contains(&group.owner.as_str()))
    };
    let shown = world.render.env_groups.iter().filter(fits);
    Ok(Answer::ok(
        shown
            .take(limit(call)?)
            .map(|group| outline(world, group))
            .collect(),
    ))
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(whole(world, group(world, call)?)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let text = |field: &str| {
        optional_text(&given, field)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| error(400, &format!("{field} is required")))
    };
    let (name, owner) = (text("name")?, text("ownerId")?);
    workspace(world, &owner)?;
    let Some(Value::Array(vars)) = given.get("envVars") else {
        return Err(error(400, "envVars is required"));
    };
    let vars = pairs(world, vars)?;
    let mut group = EnvGroup::new(world.ids.render("evg"), name, call.now);
    (group.owner, group.vars) = (owner, vars);
    let shown = whole(world, &group);
    world.render.env_groups.push(group);
    Ok(Answer::json(201, shown))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = group(world, call)?.id.clone();
    world.render.env_groups.retain(|group| group.id != id);
    Ok(Answer::empty(204))
}

pub(super) fn put_var(world: &mut World, call: &Call) -> Outcome {
    let key = call.param("key").to_owned();
    let given = body(call)?;
    group(world, call)?;
    check_key(&key)?;
    let value = value_of(world, &given)?;
    let shown = change(world, call, |group| {
        group.vars.insert(key, value);
        Ok(())
    })?;
    Ok(Answer::ok(shown))
}

pub(super) fn delete_var(world: &mut World, call: &Call) -> Outcome {
    let key = call.param("key").to_owned();
    change(world, call, |group| {
        let gone = group.vars.remove(&key);
        gone.map(drop)
            .ok_or_else(|| error(404, &format!("not found: {key}")))
    })?;
    Ok(Answer::empty(204))
}

pub(super) fn link(world: &mut World, call: &Call) -> Outcome {
    let service = service(world, call)?;
    if service.owner != group(world, call)?.owner {
        return Err(error(400, "the service is in another workspace"));
    }
    let id = service.id.clone();
    let shown = change(world, call, |group| {
        group.services.insert(id);
        Ok(())
    })?;
    Ok(Answer::ok(shown))
}

pub(super) fn unlink(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    change(world, call, |group| match group.services.remove(&id) {
        true => Ok(()),
        false => Err(error(404, &format!("not found: {id}"))),
    })?;
    Ok(Answer::empty(204))
}
