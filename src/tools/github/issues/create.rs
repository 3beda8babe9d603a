//! In: a new issue. Out: it, or the one an earlier call made. Never: a search index; lists are complete, it is not.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Parts, client, marker, send};
use super::change::Changed;
use crate::hub::ToolError;
use crate::integrations::github::{self, Issue, IssueFilter, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most issues looked through for a mark. More within a settle time means something else is wrong.
const LOOK_MAX: usize = 1_000;

/// A new issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Title, one line.
    #[schemars(length(min = 1, max = 256))]
    title: String,
    /// Text, in Markdown.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: String,
    /// Names of labels to give it.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1)))]
    labels: Vec<String>,
    /// Logins of those to assign it to.
    #[serde(default)]
    #[schemars(length(max = 10), inner(length(min = 1)))]
    assignees: Vec<String>,
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Changed>, ToolError> {
    if new.title.trim().is_empty() {
        return Err(invalid("title", "must not be blank"));
    }
    let body = marker::marked(&new.body, ctx.key.as_deref());
    let request = github::create_issue(&new.repo, &new.title, &body, &new.labels, &new.assignees);
    send(&ctx, request, |issue: Issue| issue.into()).await
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Changed>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let filter = IssueFilter {
        state: Some("all"),
        labels: Vec::new(),
        since: Some(marker::since(ctx.since)),
    };
    let listed = client
        .issues(&new.repo, &filter, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    let ours = |issue: &Issue| {
        issue.user.as_ref().is_some_and(|user| user.id == me.id)
            && marker::carries(issue.body.as_deref(), key)
    };
    Ok(marker::among(listed, ours))
}
