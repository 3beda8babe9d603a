//! In: questions about issues. Out: issues, as they are. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{Standing, thirty, time, within};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Issue, IssueFilter, Repo};
use crate::tools::toolbox::{Ctx, invalid};

/// Which issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
}

pub(super) async fn get(ctx: Ctx<Parts>, which: Which) -> Result<Issue, ToolError> {
    Ok(client(&ctx)?.issue(&which.repo, which.number).await?)
}

/// Which issues.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Which by state.
    #[serde(default)]
    state: Standing,
    /// Only issues that have all of these labels.
    #[serde(default)]
    #[schemars(length(max = 100))]
    labels: Vec<String>,
    /// Only issues updated at or after this time, RFC 3339.
    #[serde(default)]
    since: Option<String>,
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

/// A page of issues.
#[derive(Serialize, JsonSchema)]
pub(super) struct Issues {
    /// Newest first.
    issues: Vec<Issue>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Issues, ToolError> {
    let filter = IssueFilter {
        state: Some(many.state.as_str()),
        labels: many.labels,
        since: time("since", many.since.as_deref())?,
    };
    let page = many.cursor.unwrap_or(1);
    let mut listed = client(&ctx)?
        .issues(&many.repo, &filter, many.limit, page)
        .await?;
    if !many.bodies {
        listed.items.iter_mut().for_each(|issue| issue.body = None);
    }
    Ok(Issues {
        issues: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// What to look for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Words and qualifiers in GitHub's search syntax, like `crash label:bug created:>2026-11-01`.
    #[schemars(length(min = 1, max = 256))]
    query: String,
    /// Only in this repository, as owner/name. Without it, in all that the token sees.
    #[serde(default)]
    repo: Option<Repo>,
    /// Issues or pull requests.
    #[serde(default)]
    kind: Kind,
    /// In which order; by default the best match first.
    #[serde(default)]
    sort: Option<Sort>,
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

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Issue,
    PullRequest,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    Newest,
    RecentlyUpdated,
    MostCommented,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    /// How many there are; GitHub gives at most the first 1,000 of them.
    total: u64,
    /// In the order asked for, each with the repository it is in.
    issues: Vec<Issue>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn search(ctx: Ctx<Parts>, search: Search) -> Result<Found, ToolError> {
    if search.query.trim().is_empty() {
        return Err(invalid("query", "must not be blank"));
    }
    // GitHub refuses a search without a kind for some tokens.
    let kind = match search.kind {
        Kind::Issue => "is:issue",
        Kind::PullRequest => "is:pull-request",
    };
    let query = format!("{} {kind}", within(search.repo.as_ref(), &search.query)?);
    let sort = search.sort.map(|sort| match sort {
        Sort::Newest => "created",
        Sort::RecentlyUpdated => "updated",
        Sort::MostCommented => "comments",
    });
    let page = search.cursor.unwrap_or(1);
    let mut listed = client(&ctx)?
        .search_issues(&query, sort, search.limit, page)
        .await?;
    if !search.bodies {
        listed.items.iter_mut().for_each(|issue| issue.body = None);
    }
    Ok(Found {
        total: listed.total.unwrap_or_default(),
        issues: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}
