//! In: which discussions. Out: them. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::thirty;
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{
    Categories, Category, Client, Discussion, DiscussionComment, DiscussionFilter, Repo,
};
use crate::tools::toolbox::{Ctx, invalid};

/// Whose categories.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Repository, as owner/name.
    repo: Repo,
}

/// Categories.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listed {
    /// There is a page for discussions.
    enabled: bool,
    /// As they are ordered.
    categories: Vec<Category>,
}

pub(super) async fn categories(ctx: Ctx<Parts>, whose: Whose) -> Result<Listed, ToolError> {
    let found = client(&ctx)?.categories(&whose.repo).await?;
    Ok(Listed {
        enabled: found.enabled,
        categories: found.items,
    })
}

/// The categories of a repository, and the one of that name.
pub(super) async fn category(
    client: &Client,
    repo: &Repo,
    wanted: &str,
) -> Result<(Categories, Category), ToolError> {
    let found = client.categories(repo).await?;
    let is_it = |category: &&Category| {
        category.slug.eq_ignore_ascii_case(wanted) || category.name.eq_ignore_ascii_case(wanted)
    };
    match found.items.iter().find(is_it).cloned() {
        Some(category) => Ok((found, category)),
        None => {
            let there: Vec<&str> = found
                .items
                .iter()
                .map(|category| category.slug.as_str())
                .collect();
            let problem = match there.is_empty() {
                true => format!("cannot be `{wanted}`: {repo} has no discussions"),
                false => format!("must be one of {}, not `{wanted}`", there.join(", ")),
            };
            Err(invalid("category", problem))
        }
    }
}

/// Which discussions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only of this category, by its name or slug.
    #[serde(default)]
    #[schemars(length(min = 1))]
    category: Option<String>,
    /// Only with an answer, or only without one.
    #[serde(default)]
    answered: Option<bool>,
    /// Only closed ones, or only open ones.
    #[serde(default)]
    closed: Option<bool>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page.
    #[serde(default)]
    #[schemars(length(min = 1, max = 400))]
    cursor: Option<String>,
    /// Give their bodies too.
    #[serde(default)]
    bodies: bool,
}

/// A page of discussions.
#[derive(Serialize, JsonSchema)]
pub(super) struct Page {
    /// How many there are in all.
    total: u64,
    /// The last changed first.
    discussions: Vec<Discussion>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<String>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Page, ToolError> {
    let client = client(&ctx)?;
    let category = match &many.category {
        Some(wanted) => Some(category(client, &many.repo, wanted).await?.1.id),
        None => None,
    };
    let filter = DiscussionFilter {
        category,
        answered: many.answered,
        closed: many.closed,
        by_creation: false,
    };
    let mut page = client
        .discussions(&many.repo, &filter, many.limit, many.cursor.as_deref())
        .await?;
    if !many.bodies {
        page.items
            .iter_mut()
            .for_each(|discussion| discussion.body = None);
    }
    Ok(Page {
        total: page.total,
        discussions: page.items,
        next_cursor: page.next,
    })
}

/// Which discussion.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// How many comments at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, for the comments after it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 400))]
    cursor: Option<String>,
}

/// A discussion and what was said.
#[derive(Serialize, JsonSchema)]
pub(super) struct Said {
    /// The discussion.
    discussion: Discussion,
    /// Its comments, oldest first.
    comments: Vec<DiscussionComment>,
    /// The cursor of the next page of comments, if there is one.
    next_cursor: Option<String>,
}

pub(super) async fn get(ctx: Ctx<Parts>, one: One) -> Result<Said, ToolError> {
    let (discussion, comments) = client(&ctx)?
        .discussion(&one.repo, one.number, one.limit, one.cursor.as_deref())
        .await?;
    Ok(Said {
        discussion,
        comments: comments.items,
        next_cursor: comments.next,
    })
}
