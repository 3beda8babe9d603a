//! In: calls about services. Out: their records, and what was changed. Never: deploys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{self, Service};
use crate::tools::toolbox::{Ctx, Effect, invalid};

/// Which services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListServicesArgs {
    /// Exact name.
    name: Option<String>,
    /// web_service, private_service, background_worker, cron_job or static_site.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Workspace: tea-….
    owner_id: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of services.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceList {
    services: Vec<Service>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceArgs {
    /// srv-… or crn-….
    service_id: String,
}

/// Whether a push is deployed by itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoDeployArgs {
    /// srv-… or crn-….
    service_id: String,
    /// On or off.
    enabled: bool,
    /// With enabled: commit (every push) or checksPass (when GitHub's checks pass). Default: as Render has it.
    trigger: Option<String>,
}

/// What a service was set to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceState {
    service_id: String,
    /// For set_auto_deploy: what it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_deploy: Option<bool>,
    /// For restart_service.
    #[serde(skip_serializing_if = "Option::is_none")]
    restarted: Option<bool>,
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListServicesArgs) -> Result<ServiceList, ToolError> {
    let client = ctx.parts.client()?;
    let filters: Vec<(&str, String)> = [
        ("name", args.name),
        ("type", args.kind),
        ("ownerId", args.owner_id),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let limit = args.limit.unwrap_or(20) as usize;
    let page = client
        .list_services(&filters, limit, args.cursor.as_deref())
        .await?;
    Ok(ServiceList {
        services: page.items,
        cursor: page.cursor,
    })
}

pub(super) async fn get(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Service, ToolError> {
    Ok(ctx.parts.client()?.service(&args.service_id).await?)
}

pub(super) async fn set_auto_deploy(
    ctx: Ctx<Parts>,
    args: AutoDeployArgs,
) -> Result<Effect<ServiceState>, ToolError> {
    let trigger = args.trigger.as_deref();
    if trigger.is_some_and(|trigger| !args.enabled || !matches!(trigger, "commit" | "checksPass")) {
        return Err(invalid(
            "trigger",
            "must be commit or checksPass, and needs enabled = true",
        ));
    }
    let client = ctx.parts.client()?;
    let request = render::auto_deploy(&args.service_id, args.enabled, trigger)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(ServiceState {
        service_id: args.service_id,
        auto_deploy: Some(args.enabled),
        restarted: None,
    }))
}

pub(super) async fn restart(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Effect<ServiceState>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::restart(&args.service_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(ServiceState {
        service_id: args.service_id,
        auto_deploy: None,
        restarted: Some(true),
    }))
}
