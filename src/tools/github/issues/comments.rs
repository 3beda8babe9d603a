//! In: calls about comments on issues and pull requests. Out: comments, read or written. Never: review comments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{thirty, time};
use super::super::{Parts, client, marker, send};
use crate::hub::ToolError;
use crate::integrations::github::{self, Comment, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most comments looked through for a mark.
const LOOK_MAX: usize = 1_000;

/// Which comments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Only comments updated at or after this time, RFC 3339.
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
}

/// A page of comments.
#[derive(Serialize, JsonSchema)]
pub(super) struct Comments {
    /// Oldest first.
    comments: Vec<Comment>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Comments, ToolError> {
    let since = time("since", many.since.as_deref())?;
    let page = many.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .comments(&many.repo, many.number, since, many.limit, page)
        .await?;
    Ok(Comments {
        comments: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// A new comment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Text, in Markdown.
    #[schemars(length(min = 1, max = marker::BODY_CHARS_MAX))]
    body: String,
}

/// The comment that is there now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Its number in all of GitHub.
    id: u64,
    /// Where people see it.
    html_url: String,
}

impl From<Comment> for Created {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id,
            html_url: comment.html_url,
        }
    }
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Created>, ToolError> {
    if new.body.trim().is_empty() {
        return Err(invalid("body", "must not be blank"));
    }
    let body = marker::marked(&new.body, ctx.key.as_deref());
    let request = github::create_comment(&new.repo, new.number, &body);
    send(&ctx, request, |comment: Comment| comment.into()).await
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Created>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let since = Some(marker::since(ctx.since));
    let listed = client
        .comments(&new.repo, new.number, since, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    let ours = |comment: &Comment| {
        comment.user.as_ref().is_some_and(|user| user.id == me.id)
            && marker::carries(comment.body.as_deref(), key)
    };
    Ok(marker::among(listed, ours))
}

/// Another text for a comment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of the comment: its number in all of GitHub.
    #[schemars(range(min = 1))]
    comment_id: u64,
    /// Its whole new text, in Markdown.
    #[schemars(length(min = 1, max = marker::BODY_CHARS_MAX))]
    body: String,
}

pub(super) async fn update(ctx: Ctx<Parts>, update: Update) -> Result<Effect<Created>, ToolError> {
    if update.body.trim().is_empty() {
        return Err(invalid("body", "must not be blank"));
    }
    let body = marker::marked(&update.body, ctx.key.as_deref());
    let request = github::update_comment(&update.repo, update.comment_id, &body);
    send(&ctx, request, |comment: Comment| comment.into()).await
}
