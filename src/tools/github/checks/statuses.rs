//! In: calls about what is said of a commit. Out: what GitHub did, or holds. Never: whether the commit is good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{thirty, web};
use super::super::{Parts, client, send};
use super::{full_sha, short};
use crate::hub::ToolError;
use crate::integrations::github::{self, CommitState, CommitStatus, NewStatus, Repo};
use crate::tools::toolbox::{Ctx, Effect};

/// Which commit's.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// The commit's full SHA.
    #[schemars(length(min = 40, max = 64))]
    sha: String,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// Commit statuses.
#[derive(Serialize, JsonSchema)]
pub(super) struct Statuses {
    /// Newest first.
    statuses: Vec<CommitStatus>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Statuses, ToolError> {
    let (client, page) = (client(&ctx)?, many.cursor.unwrap_or(1));
    let listed = client
        .commit_statuses(&many.repo, full_sha(&many.sha)?, many.limit, page)
        .await?;
    Ok(Statuses {
        statuses: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// What to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// The commit's full SHA.
    #[schemars(length(min = 40, max = 64))]
    sha: String,
    /// What is said of it.
    state: CommitState,
    /// Who says it, as in deploy/production.
    #[schemars(length(min = 1, max = 255))]
    context: String,
    /// A short text; what is longer than 140 characters is cut.
    #[serde(default)]
    description: Option<String>,
    /// Where more is said.
    #[serde(default)]
    target_url: Option<String>,
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<CommitStatus>, ToolError> {
    web("target_url", create.target_url.as_deref())?;
    let description = create.description.as_deref().map(short);
    let status = NewStatus {
        state: create.state,
        context: &create.context,
        description: description.as_deref(),
        target_url: create.target_url.as_deref(),
    };
    let request = github::create_commit_status(&create.repo, full_sha(&create.sha)?, &status);
    send(&ctx, request, |made: CommitStatus| made).await
}
