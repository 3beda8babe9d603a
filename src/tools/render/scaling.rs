//! In: calls about how many instances a service runs on. Out: that number, set or read. Never: the load, see `metrics`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::services::ServiceArgs;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::{self, Autoscaling, Instance, Service};
use crate::tools::toolbox::{Ctx, Effect, invalid};

/// How many instances.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleArgs {
    /// srv-….
    service_id: String,
    /// So many.
    #[schemars(range(min = 1, max = 100))]
    instances: u32,
}

/// Between which bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalingArgs {
    /// srv-….
    service_id: String,
    /// Whether the number follows the load. Off takes the whole configuration away.
    enabled: bool,
    /// With enabled: at least so many instances.
    #[schemars(range(min = 1, max = 100))]
    min: Option<u32>,
    /// With enabled: at most so many.
    #[schemars(range(min = 1, max = 100))]
    max: Option<u32>,
    /// The CPU use to aim at, in percent; with enabled, this or memory_percent or both.
    #[schemars(range(min = 1, max = 90))]
    cpu_percent: Option<u32>,
    /// The memory use to aim at, in percent.
    #[schemars(range(min = 1, max = 90))]
    memory_percent: Option<u32>,
}

/// How many instances a service is set to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Scale {
    service_id: String,
    /// So many were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<u32>,
    /// So many it was set to before.
    #[serde(skip_serializing_if = "Option::is_none")]
    instances_before: Option<u32>,
    /// How it scales by itself now; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    autoscaling: Option<Autoscaling>,
}

/// The instances a service runs on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InstanceList {
    instances: Vec<Instance>,
    /// How many.
    count: u32,
}

pub(super) async fn instances(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<InstanceList, ToolError> {
    let instances = ctx.parts.client()?.instances(&args.service_id).await?;
    Ok(InstanceList {
        count: u32::try_from(instances.len()).unwrap_or(u32::MAX),
        instances,
    })
}

pub(super) async fn scale(ctx: Ctx<Parts>, args: ScaleArgs) -> Result<Effect<Scale>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    // Render takes the number, says 202, and does nothing.
    if let Some(auto) = scales_itself(&service) {
        let message = format!(
            "{} scales by itself between {} and {} instances, and Render ignores a fixed number meanwhile",
            service.id, auto.min, auto.max
        );
        return Err(ToolError::new(ErrorClass::Conflict, message)
            .with_remedy("render.set_autoscaling with other bounds, or with enabled = false before this"));
    }
    let request = render::scale(&args.service_id, args.instances)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(Scale {
        service_id: args.service_id,
        instances: Some(args.instances),
        instances_before: service.instances,
        autoscaling: None,
    }))
}

fn scales_itself(service: &Service) -> Option<&Autoscaling> {
    service.autoscaling.as_ref().filter(|auto| auto.enabled)
}

pub(super) async fn set_autoscaling(
    ctx: Ctx<Parts>,
    args: AutoscalingArgs,
) -> Result<Effect<Scale>, ToolError> {
    let client = ctx.parts.client()?;
    let config = args.config()?;
    let request = render::autoscaling(&args.service_id, config.as_ref())?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(Scale {
        service_id: args.service_id,
        instances: None,
        instances_before: None,
        autoscaling: config,
    }))
}

impl AutoscalingArgs {
    fn config(&self) -> Result<Option<Autoscaling>, ToolError> {
        let targets = self.cpu_percent.is_some() || self.memory_percent.is_some();
        if !self.enabled {
            return if targets || self.min.is_some() || self.max.is_some() {
                Err(invalid(
                    "enabled",
                    "must be true for bounds and targets to mean anything",
                ))
            } else {
                Ok(None)
            };
        }
        let (Some(min), Some(max)) = (self.min, self.max) else {
            return Err(invalid("min", "and `max` are needed with enabled = true"));
        };
        if min > max {
            return Err(invalid("min", format!("is above `max`: {min} > {max}")));
        }
        if !targets {
            return Err(invalid(
                "cpu_percent",
                "or `memory_percent` is needed: the load to aim at",
            ));
        }
        Ok(Some(Autoscaling {
            enabled: true,
            min,
            max,
            cpu_percent: self.cpu_percent,
            memory_percent: self.memory_percent,
        }))
    }
}
