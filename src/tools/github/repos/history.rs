//! In: which commits. Out: them, or what lies between two. Never: a file's content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{thirty, time};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Commit, CommitFilter, Comparison, Repo};
use crate::tools::toolbox::Ctx;

/// Which commits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Branch, tag or commit to go back from; by default the head of the default branch.
    #[serde(default, rename = "ref")]
    #[schemars(length(min = 1))]
    reference: Option<String>,
    /// Only those that change this file or folder.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4_096))]
    path: Option<String>,
    /// Only those of this account, by login or e-mail address.
    #[serde(default)]
    #[schemars(length(min = 1))]
    author: Option<String>,
    /// Only those since this time, like 2026-11-23T08:00:00Z.
    #[serde(default)]
    since: Option<String>,
    /// Only those until this time.
    #[serde(default)]
    until: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of commits.
#[derive(Serialize, JsonSchema)]
pub(super) struct Commits {
    /// Newest first.
    commits: Vec<Commit>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, which: Which) -> Result<Commits, ToolError> {
    let client = client(&ctx)?;
    let filter = CommitFilter {
        since: time("since", which.since.as_deref())?,
        until: time("until", which.until.as_deref())?,
        reference: which.reference,
        path: which.path,
        author: which.author,
    };
    let page = which.cursor.unwrap_or(1);
    let listed = client.commits(&which.repo, &filter, which.limit, page).await?;
    Ok(Commits {
        commits: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// Which two.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ends {
    /// Repository, as owner/name.
    repo: Repo,
    /// Branch, tag or commit that is there already.
    #[schemars(length(min = 1))]
    base: String,
    /// Branch, tag or commit to hold against it.
    #[schemars(length(min = 1))]
    head: String,
}

/// What lies between them.
#[derive(Serialize, JsonSchema)]
pub(super) struct Compared {
    /// The comparison.
    #[serde(flatten)]
    comparison: Comparison,
    /// There are more commits than are listed.
    truncated: bool,
}

pub(super) async fn compare(ctx: Ctx<Parts>, ends: Ends) -> Result<Compared, ToolError> {
    let comparison = client(&ctx)?.compare(&ends.repo, &ends.base, &ends.head).await?;
    let listed = u64::try_from(comparison.commits.len()).unwrap_or(u64::MAX);
    Ok(Compared {
        truncated: listed < comparison.ahead_by,
        comparison,
    })
}
