//! In: calls that give a service a group of environment variables, or take it away. Out: whether the service has it. Never: a
//! variable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::env_groups::NOTE;
use super::{Parts, Server};
use crate::hub::{Doubt, ToolError};
use crate::integrations::Failure;
use crate::integrations::render;
use crate::tools::toolbox::{Ctx, Effect, Look, writes};

/// Adds the tools to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            writes(
                "link_env_group",
                "Give a service an environment group",
                "The service gets the group's variables with its next deploy; its own win over them.",
                Doubt::GoalState,
            )
            .acts(link)
            .looks(look_linked),
        )
        .with(
            writes(
                "unlink_env_group",
                "Take an environment group from a service",
                "The service loses the group's variables with its next deploy.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(unlink)
            .looks(look_unlinked),
        )
}

/// Which group, and which service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkArgs {
    /// evg-….
    env_group_id: String,
    /// srv-… or crn-….
    service_id: String,
}

/// Whether a service has a group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Link {
    env_group_id: String,
    service_id: String,
    linked: bool,
    /// When it takes effect.
    note: String,
}

impl LinkArgs {
    fn told(self, linked: bool) -> Link {
        Link {
            env_group_id: self.env_group_id,
            service_id: self.service_id,
            linked,
            note: NOTE.to_owned(),
        }
    }
}

pub(super) async fn link(ctx: Ctx<Parts>, args: LinkArgs) -> Result<Effect<Link>, ToolError> {
    change_link(ctx, args, true).await
}

pub(super) async fn unlink(ctx: Ctx<Parts>, args: LinkArgs) -> Result<Effect<Link>, ToolError> {
    change_link(ctx, args, false).await
}

async fn change_link(ctx: Ctx<Parts>, args: LinkArgs, linked: bool) -> Result<Effect<Link>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::link_env_group(&args.env_group_id, &args.service_id, linked)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(args.told(linked)))
}

pub(super) async fn look_linked(ctx: Ctx<Parts>, args: LinkArgs) -> Result<Look<Link>, ToolError> {
    look_link(ctx, args, true).await
}

pub(super) async fn look_unlinked(ctx: Ctx<Parts>, args: LinkArgs) -> Result<Look<Link>, ToolError> {
    look_link(ctx, args, false).await
}

async fn look_link(ctx: Ctx<Parts>, args: LinkArgs, linked: bool) -> Result<Look<Link>, ToolError> {
    let whole = match ctx.parts.client()?.env_group(&args.env_group_id).await {
        Ok(whole) => whole,
        // A group that is gone is nobody's any more.
        Err(error) if error.failure == Failure::NotFound && !linked => {
            return Ok(Look::Found(args.told(false)));
        }
        Err(error) => return Err(error.into()),
    };
    let is_linked = whole
        .group
        .services
        .iter()
        .any(|service| service.id == args.service_id);
    Ok(if is_linked == linked {
        Look::Found(args.told(linked))
    } else {
        Look::Absent
    })
}
