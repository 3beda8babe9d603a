//! In: questions about pull requests. Out: what they are, what they change. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{Standing, thirty};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{PullFilter, PullRequest, PullRequestFile, Repo, Review};
use crate::tools::quote::cut;
use crate::tools::toolbox::Ctx;

/// GitHub lists no more files of a pull request than this.
const FILES_MAX: usize = 3_000;

/// Which pull request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
}

pub(super) async fn get(ctx: Ctx<Parts>, which: Which) -> Result<PullRequest, ToolError> {
    Ok(client(&ctx)?.pull_request(&which.repo, which.number).await?)
}

/// Which pull requests.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Which by state; merged ones are closed.
    #[serde(default)]
    state: Standing,
    /// Only from this branch, with `owner:` before it if it is in a fork.
    #[serde(default)]
    #[schemars(length(min = 1))]
    head: Option<String>,
    /// Only into this branch.
    #[serde(default)]
    #[schemars(length(min = 1))]
    base: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
    /// Give their bodies too.
    #[serde(default)]
    bodies: bool,
}

/// A page of pull requests.
#[derive(Serialize, JsonSchema)]
pub(super) struct PullRequests {
    /// Newest first.
    pull_requests: Vec<PullRequest>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<PullRequests, ToolError> {
    let filter = PullFilter {
        state: Some(many.state.as_str()),
        head: many.head.map(|head| with_owner(&many.repo, head)),
        base: many.base,
    };
    let page = many.cursor.unwrap_or(1);
    let mut listed = client(&ctx)?
        .pull_requests(&many.repo, &filter, many.limit, page)
        .await?;
    if !many.bodies {
        listed.items.iter_mut().for_each(|pull| pull.body = None);
    }
    Ok(PullRequests {
        pull_requests: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// A branch as GitHub filters by it. It ignores one without an owner, and would list all.
pub(super) fn with_owner(repo: &Repo, head: String) -> String {
    if head.contains(':') {
        head
    } else {
        format!("{}:{head}", repo.owner())
    }
}

/// Which pull request's diff, and how much of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichDiff {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// How many bytes at most.
    #[serde(default = "hundred_thousand")]
    #[schemars(range(min = 1_000, max = 1_000_000))]
    bytes_max: usize,
}

fn hundred_thousand() -> usize {
    100_000
}

/// What a pull request changes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Diff {
    /// A unified diff, or its beginning, in whole lines.
    diff: String,
    /// Bytes of the whole diff.
    bytes: usize,
    /// There is more than is given here.
    truncated: bool,
}

pub(super) async fn diff(ctx: Ctx<Parts>, which: WhichDiff) -> Result<Diff, ToolError> {
    let whole = client(&ctx)?.pull_request_diff(&which.repo, which.number).await?;
    let (bytes, truncated) = (whole.len(), whole.len() > which.bytes_max);
    let kept = cut(&whole, which.bytes_max);
    let kept = match kept.rfind('\n') {
        Some(end) if truncated => &kept[..=end],
        _ => kept,
    };
    Ok(Diff {
        diff: kept.to_owned(),
        bytes,
        truncated,
    })
}

/// Which pull request's reviews.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichReviews {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of reviews.
#[derive(Serialize, JsonSchema)]
pub(super) struct Reviews {
    /// Oldest first.
    reviews: Vec<Review>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn reviews(ctx: Ctx<Parts>, which: WhichReviews) -> Result<Reviews, ToolError> {
    let page = which.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .reviews(&which.repo, which.number, which.limit, page)
        .await?;
    Ok(Reviews {
        reviews: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// Which pull request's files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichFiles {
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

pub(super) async fn list_files(ctx: Ctx<Parts>, which: WhichFiles) -> Result<Files, ToolError> {
    let listed = client(&ctx)?
        .pull_request_files(&which.repo, which.number, which.limit)
        .await?;
    Ok(Files {
        // GitHub stops at its limit without saying whether that was all.
        truncated: listed.more || listed.items.len() >= FILES_MAX,
        files: listed.items,
    })
}
