//! In: calls that make, change or delete a service. Out: the service, its first deploy, and events of what changed.
//! Never: a setting that the service's type does not have.

use serde_json::{Map, Value, json};

use super::state::{OWNER, Service};
use super::{begin, body, deploys, error, happen, optional_text, service, service_mut, shape};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

const PLANS: [&str; 10] = [
    "free",
    "starter",
    "starter_plus",
    "standard",
    "standard_plus",
    "pro",
    "pro_plus",
    "pro_max",
    "pro_ultra",
    "custom",
];
const TYPES: [&str; 5] = [
    "static_site",
    "web_service",
    "private_service",
    "background_worker",
    "cron_job",
];
const RUNTIMES: [&str; 8] = [
    "docker", "elixir", "go", "node", "python", "ruby", "rust", "image",
];
pub(super) const REGIONS: [&str; 5] = ["frankfurt", "oregon", "ohio", "singapore", "virginia"];

/// A text that is one of a few, where it is there.
pub(super) fn one_of(
    fields: &Map<String, Value>,
    name: &str,
    known: &[&str],
) -> Result<Option<String>, Answer> {
    let text = optional_text(fields, name)?;
    match &text {
        Some(text) if !known.contains(&text.as_str()) => {
            Err(error(400, &format!("{name} must be one of {}", known.join(", "))))
        }
        _ => Ok(text),
    }
}

fn details_of(given: &Map<String, Value>) -> Result<Map<String, Value>, Answer> {
    match given.get("serviceDetails") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(details)) => Ok(details.clone()),
        Some(_) => Err(error(400, "invalid JSON: serviceDetails must be an object")),
    }
}

/// Puts `details` on a service; 400 for what its type does not have.
fn settle(service: &mut Service, mut details: Map<String, Value>) -> Result<(), Answer> {
    let kind = service.kind.as_str();
    let server = ["web_service", "private_service", "background_worker"].contains(&kind);
    for name in details.keys() {
        let fits = match name.as_str() {
            "buildCommand" | "publishPath" => kind == "static_site",
            "healthCheckPath" => kind == "web_service",
            "schedule" => kind == "cron_job",
            "preDeployCommand" | "maxShutdownDelaySeconds" | "numInstances" => server,
            "plan" | "runtime" | "region" | "envSpecificDetails" => kind != "static_site",
            _ => true,
        };
        if !fits {
            return Err(error(400, &format!("{name} is not supported for {kind}")));
        }
    }
    if let Some(schedule) = optional_text(&details, "schedule")?
        && schedule.split_whitespace().count() != 5
    {
        return Err(error(400, "schedule is not a cron expression"));
    }
    if let Some(plan) = one_of(&details, "plan", &PLANS)? {
        if plan == "free" && kind != "web_service" {
            return Err(error(400, &format!("plan free is not supported for {kind}")));
        }
        service.plan = plan;
    }
    if let Some(runtime) = one_of(&details, "runtime", &RUNTIMES)? {
        service.runtime = runtime;
    }
    if let Some(region) = one_of(&details, "region", &REGIONS)? {
        service.region = region;
    }
    if let Some(path) = optional_text(&details, "healthCheckPath")? {
        service.health_check_path = path;
    }
    if let Some(instances) = details.get("numInstances").and_then(Value::as_u64) {
        service.instances = instances;
    }
    for name in ["plan", "runtime", "region", "healthCheckPath", "numInstances"] {
        details.remove(name);
    }
    if let Some(Value::Object(specific)) = details.remove("envSpecificDetails") {
        let known = service
            .details
            .entry("envSpecificDetails")
            .or_insert_with(|| json!({}));
        for (name, value) in specific {
            known[name] = value;
        }
    }
    service.details.extend(details);
    Ok(())
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let auto = one_of(&given, "autoDeploy", &["yes", "no"])?;
    let trigger = one_of(&given, "autoDeployTrigger", &["commit", "checksPass", "off"])?;
    let texts: Result<Vec<Option<String>>, Answer> = ["name", "branch", "repo", "rootDir"]
        .iter()
        .map(|name| optional_text(&given, name))
        .collect();
    let details = details_of(&given)?;
    let image = given.get("image").and_then(|image| image["imagePath"].as_str());
    let taken = texts?;
    if let Some(name) = &taken[0] {
        refuse_name(world, name, Some(call.param("service")))?;
    }
    let changed = service_mut(world, call)?;
    // On a copy, so that a refused change leaves nothing half changed.
    let mut after = changed.clone();
    settle(&mut after, details)?;
    if image.is_some() && after.image.is_none() && after.runtime != "image" {
        return Err(error(
            400,
            "image is only supported for services that run an image",
        ));
    }
    after.image = image.map(str::to_owned).or(after.image);
    let [name, branch, repo, root_dir] = <[Option<String>; 4]>::try_from(taken).unwrap_or_default();
    after.name = name.unwrap_or(after.name);
    after.branch = branch.unwrap_or(after.branch);
    after.repo = repo.or(after.repo);
    after.root_dir = root_dir.unwrap_or(after.root_dir);
    // The trigger is the newer field and wins; "yes" keeps a trigger that is already on.
    match (trigger, auto.as_deref()) {
        (Some(trigger), _) => after.auto_deploy_trigger = trigger,
        (None, Some("no")) => "off".clone_into(&mut after.auto_deploy_trigger),
        (None, Some(_)) if after.auto_deploy_trigger == "off" => {
            "commit".clone_into(&mut after.auto_deploy_trigger)
        }
        _ => {}
    }
    after.updated_at = call.now;
    let before = std::mem::replace(changed, after.clone());
    tell(world, &before, &after, call);
    Ok(Answer::ok(shape::service(&after)))
}

/// The events of a change.
fn tell(world: &mut World, before: &Service, after: &Service, call: &Call) {
    let (id, now) = (after.id.as_str(), call.now);
    match (
        before.auto_deploy_trigger.as_str(),
        after.auto_deploy_trigger.as_str(),
    ) {
        (before, after) if before == after => {}
        (before, "off") => {
            let details = json!({"fromTrigger": before, "reason": "user"});
            happen(world, id, "auto_deploy_disabled", None, details, now);
        }
        (_, after) => {
            let details = json!({"newTrigger": after});
            happen(world, id, "auto_deploy_enabled", None, details, now);
        }
    }
    if before.plan != after.plan {
        let details = json!({"from": before.plan, "to": after.plan});
        happen(world, id, "plan_changed", None, details, now);
    }
}

/// Names are not used twice.
fn refuse_name(world: &World, name: &str, own: Option<&str>) -> Result<(), Answer> {
    let taken = world
        .render
        .services
        .values()
        .any(|service| service.name == name && own != Some(service.id.as_str()));
    if taken {
        return Err(error(409, &format!("name already in use: {name}")));
    }
    Ok(())
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let need =
        |name: &str| optional_text(&given, name)?.ok_or_else(|| error(400, &format!("{name} is required")));
    let kind = one_of(&given, "type", &TYPES)?.ok_or_else(|| error(400, "type is required"))?;
    let (name, owner) = (need("name")?, need("ownerId")?);
    let known = world
        .render
        .services
        .values()
        .any(|service| service.owner == owner);
    if owner != OWNER && !known {
        return Err(error(400, &format!("invalid ownerId: {owner}")));
    }
    refuse_name(world, &name, None)?;
    let details = details_of(&given)?;
    let image = given.get("image").and_then(|image| image["imagePath"].as_str());
    let repo = optional_text(&given, "repo")?;
    if repo.is_some() == image.is_some() {
        return Err(error(400, "exactly one of repo and image is required"));
    }
    for (needed, field) in [
        (kind != "static_site", "runtime"),
        (kind == "cron_job", "schedule"),
        (kind == "static_site", "publishPath"),
    ] {
        if needed && details.get(field).is_none() {
            return Err(error(400, &format!("serviceDetails.{field} is required")));
        }
    }
    let prefix = if kind == "cron_job" { "crn" } else { "srv" };
    let id = world.ids.render(prefix);
    let mut service = Service::new(&id, &name, call.now);
    service.created_at = call.now;
    service.kind = kind;
    service.owner = owner;
    settle(&mut service, details)?;
    service.repo = repo;
    service.image = image.map(str::to_owned);
    service.branch = optional_text(&given, "branch")?.unwrap_or(service.branch);
    service.root_dir = optional_text(&given, "rootDir")?.unwrap_or_default();
    if one_of(&given, "autoDeploy", &["yes", "no"])?.as_deref() == Some("no") {
        "off".clone_into(&mut service.auto_deploy_trigger);
    }
    let vars = given.get("envVars").and_then(Value::as_array);
    for var in vars.into_iter().flatten() {
        let (Some(key), value) = (var["key"].as_str(), var["value"].as_str().unwrap_or("generated")) else {
            return Err(error(400, "envVars: key is required"));
        };
        service.env_vars.insert(key.to_owned(), value.to_owned());
    }
    let shown = shape::service(&service);
    world.render.services.insert(id.clone(), service);
    let deploy = deploys::plan(world, &id, "api", None, call.now);
    let deploy = begin(world, deploy);
    Ok(Answer::json(
        201,
        json!({"service": shown, "deployId": deploy.id}),
    ))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    world.render.services.remove(&id);
    world.render.deploys.retain(|deploy| deploy.service != id);
    Ok(Answer::empty(204))
}
