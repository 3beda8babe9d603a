//! In: a discussion to begin or to change. Out: it, or the one an earlier call began. Never: a comment.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Parts, client, configured, marker, unasked};
use super::read::category;
use crate::hub::ToolError;
use crate::integrations::github::{self, Discussion, DiscussionFilter, DiscussionPayload, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// How many discussions are asked for at once.
const PAGE: usize = 100;
/// Most of those begun since the call that are looked through for a mark.
const LOOK_MAX: usize = 500;

/// A new discussion.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// What it is filed under, by the category's name or slug.
    #[schemars(length(min = 1))]
    category: String,
    /// Title, one line.
    #[schemars(length(min = 1, max = 256))]
    title: String,
    /// Text, in Markdown.
    #[schemars(length(min = 1, max = marker::BODY_CHARS_MAX))]
    body: String,
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Discussion>, ToolError> {
    let body = marker::marked(&new.body, ctx.key.as_deref());
    if ctx.dry_run {
        let (repository, category) = (
            format!("the id of {}", new.repo),
            format!("the id of {}", new.category),
        );
        let request = github::create_discussion(&repository, &category, &new.title, &body);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    for (name, text) in [("title", &new.title), ("body", &new.body)] {
        if text.trim().is_empty() {
            return Err(invalid(name, "must not be blank"));
        }
    }
    let (of_repo, category) = category(client, &new.repo, &new.category).await?;
    let request = github::create_discussion(&of_repo.repository, &category.id, &new.title, &body);
    let made: DiscussionPayload = client.mutate(&new.repo, &request).await?;
    Ok(Effect::Done(made.discussion))
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Discussion>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let filter = DiscussionFilter {
        by_creation: true,
        ..DiscussionFilter::default()
    };
    let (since, mut seen, mut cursor) = (marker::since(ctx.since), 0, None);
    loop {
        let page = client
            .discussions(&new.repo, &filter, PAGE, cursor.as_deref())
            .await
            .map_err(marker::unseen)?;
        seen += page.items.len();
        let older = page.items.iter().any(|discussion| discussion.created_at < since);
        let ours = |it: &Discussion| it.viewer_did_author && marker::carries(it.body.as_deref(), key);
        if let Some(discussion) = page.items.into_iter().find(ours) {
            return Ok(Look::Found(discussion));
        }
        match page.next {
            Some(_) if seen >= LOOK_MAX && !older => return Ok(Look::Ambiguous(marker::too_many(seen))),
            Some(next) if !older => cursor = Some(next),
            _ => return Ok(Look::Absent),
        }
    }
}

/// What to change. What is not given stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// New title, one line.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    title: Option<String>,
    /// New text, in Markdown, in place of the whole old one.
    #[serde(default)]
    #[schemars(length(min = 1, max = marker::BODY_CHARS_MAX))]
    body: Option<String>,
    /// What it shall be filed under, by the category's name or slug.
    #[serde(default)]
    #[schemars(length(min = 1))]
    category: Option<String>,
}

pub(super) async fn update(ctx: Ctx<Parts>, update: Update) -> Result<Effect<Discussion>, ToolError> {
    configured(&ctx)?;
    if update.title.is_none() && update.body.is_none() && update.category.is_none() {
        let problem = "is missing, and so are `body` and `category`: nothing would change";
        return Err(invalid("title", problem));
    }
    let body = update
        .body
        .as_deref()
        .map(|body| marker::marked(body, ctx.key.as_deref()));
    let (title, body) = (update.title.as_deref(), body.as_deref());
    if ctx.dry_run {
        let id = unasked(&update.repo, update.number);
        let category = update.category.map(|category| format!("the id of {category}"));
        let request = github::update_discussion(&id, title, body, category.as_deref());
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let category = match &update.category {
        Some(wanted) => Some(category(client, &update.repo, wanted).await?.1.id),
        None => None,
    };
    let (seen, _) = client.discussion(&update.repo, update.number, 1, None).await?;
    let request = github::update_discussion(&seen.id, title, body, category.as_deref());
    let done: DiscussionPayload = client.mutate(&update.repo, &request).await?;
    Ok(Effect::Done(done.discussion))
}
