//! In: a review of a pull request. Out: it, or the one an earlier call made. Never: a judgment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, configured, marker, send};
use crate::hub::ToolError;
use crate::integrations::github::{self, NewReview, Repo, Review, ReviewComment, ReviewEvent};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most reviews looked through for a mark.
const LOOK_MAX: usize = 1_000;

/// A new review.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// What it comes to. Nobody can approve a pull request of their own.
    event: ReviewEvent,
    /// Text, in Markdown; only an approval needs none.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: String,
    /// The commit that was reviewed, 40 hexadecimal digits; by default the head.
    #[serde(default)]
    #[schemars(length(min = 40, max = 64))]
    commit: Option<String>,
    /// Remarks at lines of the changed files.
    #[serde(default)]
    #[schemars(length(max = 50))]
    comments: Vec<ReviewComment>,
}

/// The review that is there now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Its number in all of GitHub.
    id: u64,
    /// Where people see it.
    html_url: String,
    /// APPROVED, CHANGES_REQUESTED or COMMENTED.
    state: String,
}

impl From<Review> for Created {
    fn from(review: Review) -> Self {
        Self {
            id: review.id,
            html_url: review.html_url,
            state: review.state,
        }
    }
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Created>, ToolError> {
    configured(&ctx)?;
    if new.event != ReviewEvent::Approve && new.body.trim().is_empty() {
        return Err(invalid("body", "must not be blank unless the review approves"));
    }
    let review = NewReview {
        event: new.event,
        body: marker::marked(&new.body, ctx.key.as_deref()),
        commit_id: new.commit,
        comments: new.comments,
    };
    let request = github::create_review(&new.repo, new.number, &review);
    send(&ctx, request, |review: Review| review.into()).await
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Created>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let listed = client
        .reviews(&new.repo, new.number, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    let ours = |review: &Review| {
        review.user.as_ref().is_some_and(|user| user.id == me.id)
            && marker::carries(review.body.as_deref(), key)
    };
    Ok(marker::among(listed, ours))
}
