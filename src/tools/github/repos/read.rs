//! In: which repositories, and what of them. Out: the same as GitHub holds it. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{login, thirty};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Branch, Repo, RepositoriesOf, Repository};
use crate::tools::toolbox::Ctx;

/// Which repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Repository, as owner/name.
    repo: Repo,
}

pub(super) async fn get(ctx: Ctx<Parts>, one: One) -> Result<Repository, ToolError> {
    Ok(client(&ctx)?.repository(&one.repo).await?)
}

/// Whose repositories.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Organization, by its login. Without it, all repositories that the account sees; of a GitHub App, those it is
    /// installed on.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of repositories.
#[derive(Serialize, JsonSchema)]
pub(super) struct Repositories {
    /// The last pushed first.
    repositories: Vec<Repository>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Repositories, ToolError> {
    let client = client(&ctx)?;
    let of = match many.org {
        Some(org) => RepositoriesOf::Organization(login("org", org)?),
        None => RepositoriesOf::Me,
    };
    let page = many.cursor.unwrap_or(1);
    // An App's are listed installation by installation, which has no pages: what was given already is passed over.
    let of_app = client.is_app() && matches!(of, RepositoriesOf::Me);
    let (wanted, given) = match of_app {
        true => (
            many.limit.saturating_mul(page),
            many.limit.saturating_mul(page - 1),
        ),
        false => (many.limit, 0),
    };
    let listed = client.repositories(&of, wanted, page).await?;
    Ok(Repositories {
        repositories: listed.items.into_iter().skip(given).collect(),
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// Which branches.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only those that are protected, or only those that are not.
    #[serde(default)]
    protected: Option<bool>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of branches.
#[derive(Serialize, JsonSchema)]
pub(super) struct Branches {
    /// By name.
    branches: Vec<Branch>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn branches(ctx: Ctx<Parts>, which: Which) -> Result<Branches, ToolError> {
    let page = which.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .branches(&which.repo, which.protected, which.limit, page)
        .await?;
    Ok(Branches {
        branches: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}
