//! In: calls about workspaces and services. Out: their records, and what was changed. Never: settings, see `settings`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::Failure;
use crate::integrations::render::{self, Service, Workspace};
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// How much of a service's name an error quotes, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Which workspaces.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListWorkspacesArgs {
    /// Exact name.
    name: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of workspaces.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkspaceList {
    workspaces: Vec<Workspace>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

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
    pub(super) service_id: String,
}

/// One service, and that it is meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteArgs {
    /// srv-… or crn-….
    service_id: String,
    /// The service's name, so that no id is mistaken for another.
    confirm: String,
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
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ServiceState {
    service_id: String,
    /// For set_auto_deploy: what it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_deploy: Option<bool>,
    /// For restart_service.
    #[serde(skip_serializing_if = "Option::is_none")]
    restarted: Option<bool>,
    /// For suspend_service and resume_service: what it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended: Option<bool>,
    /// For delete_service.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<bool>,
}

pub(super) async fn workspaces(
    ctx: Ctx<Parts>,
    args: ListWorkspacesArgs,
) -> Result<WorkspaceList, ToolError> {
    let client = ctx.parts.client()?;
    let filters: Vec<(&str, String)> = args.name.into_iter().map(|name| ("name", name)).collect();
    let limit = args.limit.unwrap_or(20) as usize;
    let page = client
        .list_workspaces(&filters, limit, args.cursor.as_deref())
        .await?;
    Ok(WorkspaceList {
        workspaces: page.items,
        cursor: page.cursor,
    })
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
        ..ServiceState::default()
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
        restarted: Some(true),
        ..ServiceState::default()
    }))
}

pub(super) async fn suspend(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Effect<ServiceState>, ToolError> {
    set_suspended(ctx, args, true).await
}

pub(super) async fn resume(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Effect<ServiceState>, ToolError> {
    set_suspended(ctx, args, false).await
}

async fn set_suspended(
    ctx: Ctx<Parts>,
    args: ServiceArgs,
    suspended: bool,
) -> Result<Effect<ServiceState>, ToolError> {
    let client = ctx.parts.client()?;
    let request = if suspended {
        render::suspend(&args.service_id)?
    } else {
        render::resume(&args.service_id)?
    };
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(is_suspended(args, suspended)))
}

fn is_suspended(args: ServiceArgs, suspended: bool) -> ServiceState {
    ServiceState {
        service_id: args.service_id,
        suspended: Some(suspended),
        ..ServiceState::default()
    }
}

pub(super) async fn look_suspended(
    ctx: Ctx<Parts>,
    args: ServiceArgs,
) -> Result<Look<ServiceState>, ToolError> {
    look_whether(ctx, args, true).await
}

pub(super) async fn look_resumed(
    ctx: Ctx<Parts>,
    args: ServiceArgs,
) -> Result<Look<ServiceState>, ToolError> {
    look_whether(ctx, args, false).await
}

async fn look_whether(
    ctx: Ctx<Parts>,
    args: ServiceArgs,
    suspended: bool,
) -> Result<Look<ServiceState>, ToolError> {
    let service = ctx.parts.client()?.service(&args.service_id).await?;
    Ok(if service.is_suspended() == suspended {
        Look::Found(is_suspended(args, suspended))
    } else {
        Look::Absent
    })
}

pub(super) async fn delete(ctx: Ctx<Parts>, args: DeleteArgs) -> Result<Effect<ServiceState>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    if service.name != args.confirm {
        let name = quote(&service.name, NAME_BYTES_MAX);
        return Err(
            invalid("confirm", format!("is not the name of {}", service.id)).with_remedy(format!(
                "its name is {name}; repeat that only if this is the service to delete for ever"
            )),
        );
    }
    let request = render::delete_service(&args.service_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(gone(args)))
}

fn gone(args: DeleteArgs) -> ServiceState {
    ServiceState {
        service_id: args.service_id,
        deleted: Some(true),
        ..ServiceState::default()
    }
}

/// It was there when the call was made, or the call would have sent nothing; so its absence is the effect.
pub(super) async fn look_deleted(ctx: Ctx<Parts>, args: DeleteArgs) -> Result<Look<ServiceState>, ToolError> {
    match ctx.parts.client()?.service(&args.service_id).await {
        Ok(_) => Ok(Look::Absent),
        Err(error) if error.failure == Failure::NotFound => Ok(Look::Found(gone(args))),
        Err(error) => Err(error.into()),
    }
}
