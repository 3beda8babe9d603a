//! In: an account and an organization. Out: what they are to one another. Never: a team.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::page::login;
use super::super::{Parts, client, configured, marker, send};
use crate::hub::ToolError;
use crate::integrations::github::{self, Membership};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Whose membership, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Organization, by its login.
    #[schemars(length(min = 1, max = 39))]
    org: String,
    /// The account's login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
}

/// What an account is to an organization.
#[derive(Serialize, JsonSchema)]
pub(super) struct Belongs {
    /// The account's login.
    login: String,
    /// none, pending (invited) or active.
    state: String,
    /// admin, member or billing_manager, unless it is nothing.
    role: Option<String>,
}

impl Belongs {
    fn new(login: String, membership: Option<Membership>) -> Self {
        let (state, role) = match membership {
            Some(membership) => (membership.state, Some(membership.role)),
            None => ("none".to_owned(), None),
        };
        Self { login, state, role }
    }
}

pub(super) async fn get(ctx: Ctx<Parts>, whose: Whose) -> Result<Belongs, ToolError> {
    let client = client(&ctx)?;
    let (org, login) = (login("org", whose.org)?, login("login", whose.login)?);
    let membership = client.membership(&org, &login).await?;
    Ok(Belongs::new(login, membership))
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    #[default]
    Member,
    Admin,
}

/// Whom to invite.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    /// Organization, by its login.
    #[schemars(length(min = 1, max = 39))]
    org: String,
    /// The account's login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
    /// What it is to be.
    #[serde(default)]
    role: Role,
}

pub(super) async fn invite(ctx: Ctx<Parts>, invite: Invite) -> Result<Effect<Belongs>, ToolError> {
    configured(&ctx)?;
    let (org, login) = (login("org", invite.org)?, login("login", invite.login)?);
    let role = match invite.role {
        Role::Member => "member",
        Role::Admin => "admin",
    };
    let request = github::set_membership(&org, &login, role);
    send(&ctx, request, |membership: Membership| {
        Belongs::new(login, Some(membership))
    })
    .await
}

pub(super) async fn remove(ctx: Ctx<Parts>, whose: Whose) -> Result<Effect<Belongs>, ToolError> {
    configured(&ctx)?;
    let (org, login) = (login("org", whose.org)?, login("login", whose.login)?);
    let request = github::remove_membership(&org, &login);
    send(&ctx, request, |_: Value| Belongs::new(login, None)).await
}

/// Neither a member nor invited is what was wanted, whoever did it.
pub(super) async fn look_whether_removed(ctx: Ctx<Parts>, whose: Whose) -> Result<Look<Belongs>, ToolError> {
    let client = client(&ctx)?;
    let (org, login) = (login("org", whose.org)?, login("login", whose.login)?);
    let membership = client.membership(&org, &login).await;
    Ok(match membership.map_err(marker::unseen)? {
        Some(_) => Look::Absent,
        None => Look::Found(Belongs::new(login, None)),
    })
}
