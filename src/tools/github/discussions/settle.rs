//! In: a discussion that is to be settled. Out: it, answered, closed or locked. Never: whether it is settled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, marker, unasked};
use super::comment::of_id;
use crate::hub::ToolError;
use crate::integrations::github::{
    self, CloseReason, Discussion, DiscussionPayload, LockPayload, LockReason, Repo,
};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Which comment is the answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// Id of one of its comments.
    #[schemars(range(min = 1))]
    comment_id: u64,
}

pub(super) async fn mark_answer(ctx: Ctx<Parts>, mark: Mark) -> Result<Effect<Discussion>, ToolError> {
    if ctx.dry_run {
        let request = github::mark_answer(&format!("the id of comment {}", mark.comment_id));
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let (discussion, comment) = of_id(client, (&mark.repo, mark.number), mark.comment_id).await?;
    if comment.is_answer {
        return Ok(Effect::Done(discussion));
    }
    let request = github::mark_answer(&comment.node);
    let done: DiscussionPayload = client.mutate(&mark.repo, &request).await?;
    Ok(Effect::Done(done.discussion))
}

/// What to close, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// What it came to.
    #[serde(default)]
    reason: CloseReason,
}

async fn seen(ctx: &Ctx<Parts>, repo: &Repo, number: u64) -> Result<Discussion, ToolError> {
    Ok(client(ctx)?.discussion(repo, number, 1, None).await?.0)
}

pub(super) async fn close(ctx: Ctx<Parts>, close: Close) -> Result<Effect<Discussion>, ToolError> {
    if ctx.dry_run {
        let request = github::close_discussion(&unasked(&close.repo, close.number), close.reason);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let discussion = seen(&ctx, &close.repo, close.number).await?;
    if discussion.closed {
        return Ok(Effect::Done(discussion));
    }
    let request = github::close_discussion(&discussion.id, close.reason);
    let done: DiscussionPayload = client(&ctx)?.mutate(&close.repo, &request).await?;
    Ok(Effect::Done(done.discussion))
}

pub(super) async fn look_whether_closed(
    ctx: Ctx<Parts>,
    close: Close,
) -> Result<Look<Discussion>, ToolError> {
    let discussion = seen(&ctx, &close.repo, close.number)
        .await
        .map_err(marker::unseen)?;
    Ok(match discussion.closed {
        true => Look::Found(discussion),
        false => Look::Absent,
    })
}

/// What to lock, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the discussion.
    #[schemars(range(min = 1))]
    number: u64,
    /// Why.
    #[serde(default)]
    reason: Option<LockReason>,
}

/// A discussion that is locked.
#[derive(Serialize, JsonSchema)]
pub(super) struct Locked {
    /// Its number in the repository.
    number: u64,
    /// Nobody but collaborators may comment.
    locked: bool,
}

/// As GraphQL writes it.
fn word(reason: LockReason) -> &'static str {
    match reason {
        LockReason::OffTopic => "OFF_TOPIC",
        LockReason::TooHeated => "TOO_HEATED",
        LockReason::Resolved => "RESOLVED",
        LockReason::Spam => "SPAM",
    }
}

pub(super) async fn lock(ctx: Ctx<Parts>, lock: Lock) -> Result<Effect<Locked>, ToolError> {
    let (number, reason) = (lock.number, lock.reason.map(word));
    if ctx.dry_run {
        let request = github::lock_discussion(&unasked(&lock.repo, number), reason);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let discussion = seen(&ctx, &lock.repo, number).await?;
    if discussion.locked {
        return Ok(Effect::Done(Locked { number, locked: true }));
    }
    let request = github::lock_discussion(&discussion.id, reason);
    let done: LockPayload = client(&ctx)?.mutate(&lock.repo, &request).await?;
    Ok(Effect::Done(Locked {
        number,
        locked: done.record.locked,
    }))
}

pub(super) async fn look_whether_locked(ctx: Ctx<Parts>, lock: Lock) -> Result<Look<Locked>, ToolError> {
    let discussion = seen(&ctx, &lock.repo, lock.number)
        .await
        .map_err(marker::unseen)?;
    Ok(match discussion.locked {
        true => Look::Found(Locked {
            number: discussion.number,
            locked: true,
        }),
        false => Look::Absent,
    })
}
