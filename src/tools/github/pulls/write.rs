//! In: a pull request to open or to change. Out: it, or the one an earlier call made. Never: a merge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, configured, marker, send};
use super::read::with_owner;
use crate::hub::ToolError;
use crate::integrations::github::{self, NewPullRequest, PullChange, PullFilter, PullRequest, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most pull requests of one branch looked through for a mark.
const LOOK_MAX: usize = 300;

/// A new pull request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository to merge into, as owner/name.
    repo: Repo,
    /// Title, one line.
    #[schemars(length(min = 1, max = 256))]
    title: String,
    /// Text, in Markdown.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: String,
    /// The branch to merge, with `owner:` before it if it is in a fork.
    #[schemars(length(min = 1))]
    head: String,
    /// The branch to merge it into.
    #[schemars(length(min = 1))]
    base: String,
    /// Not ready for review yet: nobody is asked for one.
    #[serde(default)]
    draft: bool,
}

/// A pull request after a change.
#[derive(Serialize, JsonSchema)]
pub(super) struct Changed {
    /// Its number in the repository.
    number: u64,
    /// Its number in all of GitHub.
    id: u64,
    /// Where people see it.
    html_url: String,
    /// `open` or `closed`.
    state: String,
    /// It is not ready for review yet.
    draft: bool,
    /// Its head commit.
    head_sha: String,
    /// The branch it is to be merged into.
    base: String,
}

impl From<PullRequest> for Changed {
    fn from(pull: PullRequest) -> Self {
        Self {
            number: pull.number,
            id: pull.id,
            html_url: pull.html_url,
            state: pull.state,
            draft: pull.draft,
            head_sha: pull.head.sha,
            base: pull.base.reference,
        }
    }
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Changed>, ToolError> {
    if new.title.trim().is_empty() {
        return Err(invalid("title", "must not be blank"));
    }
    let request = github::create_pull_request(
        &new.repo,
        &NewPullRequest {
            title: new.title,
            body: marker::marked(&new.body, ctx.key.as_deref()),
            head: new.head,
            base: new.base,
            draft: new.draft,
        },
    );
    send(&ctx, request, |pull: PullRequest| pull.into()).await
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Changed>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let filter = PullFilter {
        state: Some("all"),
        head: Some(with_owner(&new.repo, new.head)),
        // Somebody may have turned it to another base since.
        base: None,
    };
    let listed = client
        .pull_requests(&new.repo, &filter, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    let ours = |pull: &PullRequest| {
        pull.user.as_ref().is_some_and(|user| user.id == me.id) && marker::carries(pull.body.as_deref(), key)
    };
    Ok(marker::among(listed, ours))
}

/// What to change. What is not given stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// New title, one line.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    title: Option<String>,
    /// New text, in Markdown, in place of the whole old one.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: Option<String>,
    /// The branch it shall be merged into.
    #[serde(default)]
    #[schemars(length(min = 1))]
    base: Option<String>,
}

pub(super) async fn update(ctx: Ctx<Parts>, update: Update) -> Result<Effect<Changed>, ToolError> {
    if update
        .title
        .as_deref()
        .is_some_and(|title| title.trim().is_empty())
    {
        return Err(invalid("title", "must not be blank"));
    }
    let change = PullChange {
        title: update.title,
        body: update.body.map(|body| marker::marked(&body, ctx.key.as_deref())),
        base: update.base,
    };
    configured(&ctx)?;
    if change == PullChange::default() {
        let problem = "is missing, and so are `body` and `base`: nothing would change";
        return Err(invalid("title", problem));
    }
    let request = github::update_pull_request(&update.repo, update.number, &change);
    send(&ctx, request, |pull: PullRequest| pull.into()).await
}

/// Whom to ask for a review.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Logins of people.
    #[serde(default)]
    #[schemars(length(max = 15), inner(length(min = 1)))]
    reviewers: Vec<String>,
    /// Names of teams in URLs, without the organization.
    #[serde(default)]
    #[schemars(length(max = 15), inner(length(min = 1)))]
    teams: Vec<String>,
}

/// Whose review is wanted now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Asked {
    /// Number of the pull request.
    number: u64,
    /// Logins of the people.
    reviewers: Vec<String>,
    /// Names of the teams.
    teams: Vec<String>,
}

pub(super) async fn ask(ctx: Ctx<Parts>, ask: Ask) -> Result<Effect<Asked>, ToolError> {
    configured(&ctx)?;
    if ask.reviewers.is_empty() && ask.teams.is_empty() {
        return Err(invalid(
            "reviewers",
            "is empty, and so is `teams`: nobody would be asked",
        ));
    }
    let request = github::request_reviewers(&ask.repo, ask.number, &ask.reviewers, &ask.teams);
    send(&ctx, request, |pull: PullRequest| Asked {
        number: pull.number,
        reviewers: pull.requested_reviewers,
        teams: pull.requested_teams,
    })
    .await
}
