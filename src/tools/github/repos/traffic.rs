//! In: a repository. Out: how much it was visited and cloned. Never: by whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Referrer, Repo, VisitedPath, Visits};
use crate::tools::toolbox::Ctx;

/// Which repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Repository, as owner/name.
    repo: Repo,
}

/// Fourteen days of a repository.
#[derive(Serialize, JsonSchema)]
pub(super) struct Traffic {
    /// Visits.
    views: Visits,
    /// Clones.
    clones: Visits,
    /// The most visited pages, ten at most.
    paths: Vec<VisitedPath>,
    /// The sites most visitors came from, ten at most.
    referrers: Vec<Referrer>,
}

pub(super) async fn get(ctx: Ctx<Parts>, one: One) -> Result<Traffic, ToolError> {
    let (client, repo) = (client(&ctx)?, &one.repo);
    Ok(Traffic {
        views: client.views(repo).await?,
        clones: client.clones(repo).await?,
        paths: client.visited_paths(repo).await?,
        referrers: client.referrers(repo).await?,
    })
}
