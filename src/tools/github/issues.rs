//! In: calls about issues. Out: issues, read or written. Never: their comments.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Parts, client, marker};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, Issue, IssueFilter, Label, Repo, StateReason};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most issues looked through for a mark. More within a settle time means something else is wrong.
const LOOK_MAX: usize = 1_000;

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

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    #[default]
    Open,
    Closed,
    All,
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

pub(super) fn thirty() -> usize {
    30
}

pub(super) fn time(argument: &str, text: Option<&str>) -> Result<Option<Timestamp>, ToolError> {
    text.map(|text| {
        text.parse().map_err(|_| {
            invalid(
                argument,
                format!("must be a time like 2026-11-23T08:00:00Z, not `{text}`"),
            )
        })
    })
    .transpose()
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Issues, ToolError> {
    let filter = IssueFilter {
        state: Some(match many.state {
            Standing::Open => "open",
            Standing::Closed => "closed",
            Standing::All => "all",
        }),
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

/// Labels to add.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddLabels {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Names of the labels to add.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1)))]
    labels: Vec<String>,
}

/// The labels it has now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Labeled {
    /// Number of the issue or pull request.
    number: u64,
    /// All its labels.
    labels: Vec<String>,
}

pub(super) async fn add_labels(ctx: Ctx<Parts>, add: AddLabels) -> Result<Effect<Labeled>, ToolError> {
    let request = github::add_labels(&add.repo, add.number, &add.labels);
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let labels: Vec<Label> = client(&ctx)?.send(&request).await?;
    Ok(Effect::Done(Labeled {
        number: add.number,
        labels: labels.into_iter().map(|label| label.name).collect(),
    }))
}

/// What to close, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Why: done, will not be done, or told elsewhere already.
    #[serde(default)]
    state_reason: StateReason,
}

/// An issue after a change.
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
    /// Why it is closed.
    state_reason: Option<String>,
}

impl From<Issue> for Changed {
    fn from(issue: Issue) -> Self {
        Self {
            number: issue.number,
            id: issue.id,
            html_url: issue.html_url,
            state: issue.state,
            state_reason: issue.state_reason,
        }
    }
}

pub(super) async fn close(ctx: Ctx<Parts>, close: Close) -> Result<Effect<Changed>, ToolError> {
    let request = github::close_issue(&close.repo, close.number, close.state_reason);
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let issue: Issue = client(&ctx)?.send(&request).await?;
    Ok(Effect::Done(issue.into()))
}

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
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let issue: Issue = client(&ctx)?.send(&request).await?;
    Ok(Effect::Done(issue.into()))
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Changed>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let filter = IssueFilter {
        state: Some("all"),
        labels: Vec::new(),
        since: Some(marker::since(ctx.since)),
    };
    let listed = match client.issues(&new.repo, &filter, LOOK_MAX, 1).await {
        Ok(listed) => listed,
        Err(error) => return Err(unseen(error.into())),
    };
    let ours = |issue: &Issue| {
        issue.user.as_ref().is_some_and(|user| user.id == me.id)
            && marker::carries(issue.body.as_deref(), key)
    };
    Ok(match listed.items.into_iter().find(ours) {
        Some(issue) => Look::Found(issue.into()),
        None if listed.more => Look::Ambiguous(too_many(LOOK_MAX)),
        None => Look::Absent,
    })
}

pub(super) const NO_KEY: &str = "the call had no idempotency key, so there is no mark to look for";

pub(super) fn too_many(seen: usize) -> String {
    format!("it is not among the first {seen}, and there are more")
}

/// A place that is not there cannot hold the effect either, but its absence proves nothing: it may have been deleted,
/// or the token lost its access. So a search never turns "not found" into "absent".
pub(super) fn unseen(error: ToolError) -> ToolError {
    match error.class {
        ErrorClass::NotFound => ToolError {
            class: ErrorClass::NotFound,
            message: format!("the effect cannot be looked for: {}", error.message),
            remedy: error.remedy,
        },
        _ => error,
    }
}
