//! In: a discussion and what to say. Out: the comment, or the one an earlier call made. Never: one on another discussion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, marker, unasked};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, Client, CommentPayload, Discussion, DiscussionComment, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// How many comments are asked for at once.
const PAGE: usize = 100;
/// Most comments of a discussion that are looked through.
const LOOK_MAX: usize = 2_000;

/// What to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// Text, in Markdown.
    #[schemars(length(min = 1, max = marker::BODY_CHARS_MAX))]
    body: String,
    /// Id of a comment of this discussion to reply to.
    #[serde(default)]
    #[schemars(range(min = 1))]
    reply_to: Option<u64>,
}

/// A comment that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Its id.
    id: Option<u64>,
    /// Where people see it.
    html_url: String,
}

impl From<DiscussionComment> for Created {
    fn from(comment: DiscussionComment) -> Self {
        Self {
            id: comment.id,
            html_url: comment.url,
        }
    }
}

/// The comment of that id, which must be one of this discussion: with what GraphQL knows it by it could be any.
pub(super) async fn of_id(
    client: &Client,
    (repo, number): (&Repo, u64),
    id: u64,
) -> Result<(Discussion, DiscussionComment), ToolError> {
    let (mut seen, mut cursor) = (0, None);
    loop {
        let (discussion, page) = client.discussion(repo, number, PAGE, cursor.as_deref()).await?;
        seen += page.items.len();
        let mut all = page.items.into_iter().flat_map(with_replies);
        if let Some(comment) = all.find(|comment| comment.id == Some(id)) {
            return Ok((discussion, comment));
        }
        cursor = page.next.filter(|_| seen < LOOK_MAX);
        if cursor.is_none() {
            return Err(ToolError::new(
                ErrorClass::NotFound,
                format!("{repo}#{number} has no comment {id}"),
            )
            .with_remedy("get_discussion lists its comments with their ids"));
        }
    }
}

fn with_replies(mut comment: DiscussionComment) -> impl Iterator<Item = DiscussionComment> {
    let replies = std::mem::take(&mut comment.replies.items);
    std::iter::once(comment).chain(replies)
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Created>, ToolError> {
    let body = marker::marked(&new.body, ctx.key.as_deref());
    let place = (&new.repo, new.number);
    if ctx.dry_run {
        let id = unasked(&new.repo, new.number);
        let reply_to = new.reply_to.map(|comment| format!("the id of comment {comment}"));
        let request = github::comment_on_discussion(&id, &body, reply_to.as_deref());
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    if new.body.trim().is_empty() {
        return Err(invalid("body", "must not be blank"));
    }
    let (discussion, reply_to) = match new.reply_to {
        Some(id) => {
            let (discussion, comment) = of_id(client, place, id).await?;
            (discussion, Some(comment.node))
        }
        None => (client.discussion(&new.repo, new.number, 1, None).await?.0, None),
    };
    let request = github::comment_on_discussion(&discussion.id, &body, reply_to.as_deref());
    let made: CommentPayload = client.mutate(&new.repo, &request).await?;
    Ok(Effect::Done(made.comment.into()))
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Created>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let ours =
        |comment: &DiscussionComment| comment.viewer_did_author && marker::carries(Some(&comment.body), key);
    let earliest = marker::since(ctx.since);
    let (mut seen, mut before) = (0, None);
    // From the end: what was written since the intent is there, however long the discussion is.
    loop {
        let page = client.latest_comments(&new.repo, new.number, PAGE, before.as_deref());
        let (comments, earlier) = page.await.map_err(marker::unseen)?;
        seen += comments.len();
        let is_older = comments.first().is_none_or(|first| first.created_at < earliest);
        let thread = comments
            .iter()
            .find(|comment| new.reply_to.is_some() && comment.id == new.reply_to);
        // A reply is where its thread is. Of a thread the last hundred replies are told.
        let is_cut = thread.is_some_and(|thread| {
            let first = thread.replies.items.first();
            thread.replies.more && first.is_none_or(|first| first.created_at >= earliest)
        });
        let is_over = match new.reply_to {
            Some(_) => thread.is_some(),
            None => is_older,
        };
        let found = comments
            .into_iter()
            .flat_map(with_replies)
            .find(|comment| ours(comment));
        before = earlier;
        match (found, &before) {
            (Some(comment), _) => return Ok(Look::Found(comment.into())),
            (None, _) if is_cut => return Ok(unseen_rest()),
            (None, None) => return Ok(Look::Absent),
            (None, Some(_)) if is_over => return Ok(Look::Absent),
            (None, Some(_)) if seen >= LOOK_MAX => return Ok(unseen_rest()),
            (None, Some(_)) => {}
        }
    }
}

fn unseen_rest() -> Look<Created> {
    Look::Ambiguous("there are more comments than could be looked through".to_owned())
}
