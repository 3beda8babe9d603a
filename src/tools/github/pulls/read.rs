//! In: calls about pull requests. Out: what they change. Never: the changes' text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{PullRequestFile, Repo};
use crate::tools::toolbox::Ctx;

/// GitHub lists no more files of a pull request than this.
const FILES_MAX: usize = 3_000;

/// Which pull request's files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// How many files at most. GitHub itself lists no more than 3,000.
    #[serde(default = "all")]
    #[schemars(range(min = 1, max = 3_000))]
    limit: usize,
}

fn all() -> usize {
    FILES_MAX
}

/// The files.
#[derive(Serialize, JsonSchema)]
pub(super) struct Files {
    /// In the order of their paths.
    files: Vec<PullRequestFile>,
    /// There are more than are listed here.
    truncated: bool,
}

pub(super) async fn list_files(ctx: Ctx<Parts>, which: Which) -> Result<Files, ToolError> {
    let listed = client(&ctx)?
        .pull_request_files(&which.repo, which.number, which.limit)
        .await?;
    Ok(Files {
        // GitHub stops at its limit without saying whether that was all.
        truncated: listed.more || listed.items.len() >= FILES_MAX,
        files: listed.items,
    })
}
