//! In: an account or a repository. Out: what they are to one another. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{login, thirty};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Collaborator, Invitation, Profile, Repo};
use crate::tools::toolbox::Ctx;

/// Which account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    /// Its login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
}

pub(super) async fn user(ctx: Ctx<Parts>, who: Who) -> Result<Profile, ToolError> {
    let client = client(&ctx)?;
    Ok(client.profile(&login("login", who.login)?).await?)
}

/// A page of a repository's people.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// Those with access.
#[derive(Serialize, JsonSchema)]
pub(super) struct Collaborators {
    /// Each with their role.
    collaborators: Vec<Collaborator>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn collaborators(ctx: Ctx<Parts>, many: Many) -> Result<Collaborators, ToolError> {
    let page = many.cursor.unwrap_or(1);
    let listed = client(&ctx)?.collaborators(&many.repo, many.limit, page).await?;
    Ok(Collaborators {
        collaborators: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// Whose permission.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Repository, as owner/name.
    repo: Repo,
    /// The account's login.
    #[schemars(length(min = 1, max = 60))]
    login: String,
}

/// What an account may do.
#[derive(Serialize, JsonSchema)]
pub(super) struct Allowed {
    /// The account's login.
    login: String,
    /// none, read, write or admin.
    permission: String,
    /// The same in finer steps: triage and maintain too, or a role of the organization's.
    role_name: String,
}

pub(super) async fn permission(ctx: Ctx<Parts>, whose: Whose) -> Result<Allowed, ToolError> {
    let client = client(&ctx)?;
    let login = login("login", whose.login)?;
    let found = client.permission(&whose.repo, &login).await?;
    Ok(Allowed {
        login,
        permission: found.permission,
        role_name: found.role_name,
    })
}

/// Which invitations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository whose invitations, as owner/name. Without it, those that this account got.
    #[serde(default)]
    repo: Option<Repo>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of invitations.
#[derive(Serialize, JsonSchema)]
pub(super) struct Invitations {
    /// Those that nobody has accepted yet.
    invitations: Vec<Invitation>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn invitations(ctx: Ctx<Parts>, which: Which) -> Result<Invitations, ToolError> {
    let page = which.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .invitations(which.repo.as_ref(), which.limit, page)
        .await?;
    Ok(Invitations {
        invitations: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}
