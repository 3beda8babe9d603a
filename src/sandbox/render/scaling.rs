//! In: calls about instances. Out: their number, and events of its changes.
//! Never: load; a service that scales by itself stays where it is.

use serde_json::{Map, Value, json};

use super::{body, error, happen, service, service_mut};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// More instances than these are not given to anybody.
const INSTANCES_MAX: u64 = 100;

pub(super) fn instances(world: &mut World, call: &Call) -> Outcome {
    let service = service(world, call)?;
    let count = if service.suspended || !has_instances(&service.kind) {
        0
    } else {
        service.instances
    };
    let shown = (0..count).map(
        |n| json!({"id": format!("{}-{n:05}", service.id), "createdAt": service.updated_at.to_string()}),
    );
    Ok(Answer::ok(shown.collect()))
}

fn has_instances(kind: &str) -> bool {
    !["static_site", "cron_job"].contains(&kind)
}

/// A service that has instances to count.
fn scalable(world: &World, call: &Call) -> Result<(), Answer> {
    let service = service(world, call)?;
    if !has_instances(&service.kind) {
        return Err(error(400, &format!("a {} cannot be scaled", service.kind)));
    }
    if service.plan == "free" {
        return Err(error(400, "free services cannot be scaled"));
    }
    Ok(())
}

fn count(fields: &Map<String, Value>, name: &str) -> Result<u64, Answer> {
    let count = fields.get(name).and_then(Value::as_u64);
    count
        .filter(|count| (1..=INSTANCES_MAX).contains(count))
        .ok_or_else(|| error(400, &format!("{name} must be between 1 and {INSTANCES_MAX}")))
}

pub(super) fn scale(world: &mut World, call: &Call) -> Outcome {
    let wanted = count(&body(call)?, "numInstances")?;
    scalable(world, call)?;
    let service = service_mut(world, call)?;
    let by_itself = service
        .autoscaling
        .as_ref()
        .is_some_and(|config| config["enabled"] == true);
    // Accepted and ignored, as the real API says of itself.
    if !by_itself {
        let (id, before) = (
            service.id.clone(),
            std::mem::replace(&mut service.instances, wanted),
        );
        if before != wanted {
            let details = json!({"fromInstances": before, "toInstances": wanted});
            happen(world, &id, "instance_count_changed", None, details, call.now);
        }
    }
    Ok(Answer::empty(202))
}

pub(super) fn set_autoscaling(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    scalable(world, call)?;
    let enabled = given
        .get("enabled")
        .and_then(Value::as_bool)
        .ok_or_else(|| error(400, "enabled is required"))?;
    let (min, max) = (count(&given, "min")?, count(&given, "max")?);
    if min > max {
        return Err(error(400, "min must not be greater than max"));
    }
    let mut criteria = json!({});
    let mut any = false;
    for name in ["cpu", "memory"] {
        let target = &given.get("criteria").cloned().unwrap_or_default()[name];
        let (Some(on), Some(percentage)) = (target["enabled"].as_bool(), target["percentage"].as_u64())
        else {
            return Err(error(
                400,
                &format!("criteria.{name} needs enabled and percentage"),
            ));
        };
        if !(1..=90).contains(&percentage) {
            return Err(error(400, "percentage must be between 1 and 90"));
        }
        any |= on;
        criteria[name] = json!({"enabled": on, "percentage": percentage});
    }
    if enabled && !any {
        return Err(error(400, "at least one criterion must be enabled"));
    }
    let config = json!({"enabled": enabled, "min": min, "max": max, "criteria": criteria});
    changed(world, call, Some(config.clone()))?;
    Ok(Answer::ok(config))
}

pub(super) fn delete_autoscaling(world: &mut World, call: &Call) -> Outcome {
    changed(world, call, None)?;
    Ok(Answer::empty(204))
}

fn changed(world: &mut World, call: &Call, config: Option<Value>) -> Result<(), Answer> {
    let service = service_mut(world, call)?;
    let id = service.id.clone();
    let before = std::mem::replace(&mut service.autoscaling, config.clone());
    if before != config {
        let off = || {
            json!({"enabled": false, "min": 1, "max": 1, "criteria": {
                "cpu": {"enabled": false, "percentage": 80}, "memory": {"enabled": false, "percentage": 80},
            }})
        };
        let mut details = json!({"toConfig": config.unwrap_or_else(off)});
        if let Some(before) = before {
            details["fromConfig"] = before;
        }
        happen(world, &id, "autoscaling_config_changed", None, details, call.now);
    }
    Ok(())
}
