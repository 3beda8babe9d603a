//! In: an account and a repository. Out: access given, or taken. Never: a look at what was done with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::page::login;
use super::super::{Parts, client, configured, marker, send};
use crate::hub::ToolError;
use crate::integrations::github::{self, Invitation, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Most invitations looked through.
const INVITATIONS_MAX: usize = 300;

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    Read,
    Triage,
    #[default]
    Write,
    Maintain,
    Admin,
}

impl Role {
    /// As GitHub's API calls it here.
    fn as_permission(self) -> &'static str {
        match self {
            Self::Read => "pull",
            Self::Triage => "triage",
            Self::Write => "push",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

/// Whom to give access to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// Repository, as owner/name.
    repo: Repo,
    /// The account's login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
    /// What it may do. In a repository of a user's, everybody may write, whatever is said here.
    #[serde(default)]
    role: Role,
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Added {
    /// The account's login.
    login: String,
    /// Its invitation, unless it had access already.
    invitation: Option<Invitation>,
}

pub(super) async fn add(ctx: Ctx<Parts>, add: Add) -> Result<Effect<Added>, ToolError> {
    configured(&ctx)?;
    let login = login("login", add.login)?;
    let request = github::add_collaborator(&add.repo, &login, add.role.as_permission());
    send(&ctx, request, |invitation: Option<Invitation>| Added {
        login,
        invitation,
    })
    .await
}

/// Whom to take access from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    /// Repository, as owner/name.
    repo: Repo,
    /// The account's login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
}

/// An account without access of its own.
#[derive(Serialize, JsonSchema)]
pub(super) struct Removed {
    /// The account's login.
    login: String,
}

pub(super) async fn remove(ctx: Ctx<Parts>, remove: Remove) -> Result<Effect<Removed>, ToolError> {
    configured(&ctx)?;
    let login = login("login", remove.login)?;
    let request = github::remove_collaborator(&remove.repo, &login);
    send(&ctx, request, |_: Value| Removed { login }).await
}

/// Neither access nor an invitation is what was wanted, whoever took them.
pub(super) async fn look_whether_removed(
    ctx: Ctx<Parts>,
    remove: Remove,
) -> Result<Look<Removed>, ToolError> {
    let client = client(&ctx)?;
    let login = login("login", remove.login)?;
    let seen = async {
        let has_access = client.is_collaborator(&remove.repo, &login).await?;
        let invitations = client.invitations(Some(&remove.repo), INVITATIONS_MAX, 1).await?;
        Ok((has_access, invitations))
    };
    let (has_access, invitations) = seen
        .await
        .map_err(marker::unseen::<crate::integrations::ApiError>)?;
    let is_invited = invitations.items.iter().any(|invitation| {
        let invitee = invitation.invitee.as_ref();
        invitee.is_some_and(|invitee| invitee.login.eq_ignore_ascii_case(&login))
    });
    Ok(match has_access || is_invited {
        true => Look::Absent,
        false if invitations.more => Look::Ambiguous(marker::too_many(INVITATIONS_MAX)),
        false => Look::Found(Removed { login }),
    })
}
