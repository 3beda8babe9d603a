//! In: an issue or a pull request, and how it shall be. Out: what it is then. Never: labels and comments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, configured, marker, send, unasked};
use crate::hub::ToolError;
use crate::integrations::github::{self, Issue, IssueChange, LockReason, Repo, StateReason};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most sub-issues looked through; GitHub allows a hundred.
const SUB_ISSUES_MAX: usize = 200;

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
    send(&ctx, request, |issue: Issue| issue.into()).await
}

/// What to open again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reopen {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
}

pub(super) async fn reopen(ctx: Ctx<Parts>, reopen: Reopen) -> Result<Effect<Changed>, ToolError> {
    let request = github::reopen_issue(&reopen.repo, reopen.number);
    send(&ctx, request, |issue: Issue| issue.into()).await
}

/// What to change. What is not given stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
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
    /// All labels it shall have.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1)))]
    labels: Option<Vec<String>>,
    /// Logins of all it shall be assigned to.
    #[serde(default)]
    #[schemars(length(max = 10), inner(length(min = 1)))]
    assignees: Option<Vec<String>>,
}

pub(super) async fn update(ctx: Ctx<Parts>, update: Update) -> Result<Effect<Issue>, ToolError> {
    if update
        .title
        .as_deref()
        .is_some_and(|title| title.trim().is_empty())
    {
        return Err(invalid("title", "must not be blank"));
    }
    let change = IssueChange {
        title: update.title,
        body: update.body.map(|body| marker::marked(&body, ctx.key.as_deref())),
        labels: update.labels,
        assignees: update.assignees,
    };
    configured(&ctx)?;
    if change == IssueChange::default() {
        let problem = "is missing, and so are `body`, `labels` and `assignees`: nothing would change";
        return Err(invalid("title", problem));
    }
    let request = github::update_issue(&update.repo, update.number, &change);
    send(&ctx, request, |issue: Issue| issue).await
}

/// Whom to assign it to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assign {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Logins of those to assign it to; those it is assigned to already stay.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1)))]
    assignees: Vec<String>,
}

/// Who has it now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Assigned {
    /// Number of the issue or pull request.
    number: u64,
    /// Logins of all it is assigned to.
    assignees: Vec<String>,
    /// Logins that GitHub passed over in silence: they may not be assigned issues of this repository.
    passed_over: Vec<String>,
}

pub(super) async fn assign(ctx: Ctx<Parts>, assign: Assign) -> Result<Effect<Assigned>, ToolError> {
    let request = github::assign_issue(&assign.repo, assign.number, &assign.assignees);
    send(&ctx, request, |issue: Issue| {
        let has = |login: &String| {
            issue
                .assignees
                .iter()
                .any(|known| known.eq_ignore_ascii_case(login))
        };
        Assigned {
            number: issue.number,
            passed_over: assign.assignees.into_iter().filter(|login| !has(login)).collect(),
            assignees: issue.assignees,
        }
    })
    .await
}

/// What to lock, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Why, as everybody can read it.
    #[serde(default)]
    reason: Option<LockReason>,
}

/// A conversation that is closed to all but collaborators.
#[derive(Serialize, JsonSchema)]
pub(super) struct Locked {
    /// Number of the issue or pull request.
    number: u64,
    /// Always true.
    locked: bool,
}

pub(super) async fn lock(ctx: Ctx<Parts>, lock: Lock) -> Result<Effect<Locked>, ToolError> {
    let request = github::lock_issue(&lock.repo, lock.number, lock.reason);
    let locked = Locked {
        number: lock.number,
        locked: true,
    };
    send(&ctx, request, |()| locked).await
}

/// Which issue becomes part of which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddSub {
    /// Repository of the parent, as owner/name.
    repo: Repo,
    /// Number of the parent.
    #[schemars(range(min = 1))]
    number: u64,
    /// Number of the issue that becomes a part of it.
    #[schemars(range(min = 1))]
    sub_issue: u64,
    /// Repository of that issue, as owner/name, if it is another one.
    #[serde(default)]
    sub_issue_repo: Option<Repo>,
    /// Take it away from the parent it has.
    #[serde(default)]
    replace_parent: bool,
}

impl AddSub {
    fn child_repo(&self) -> &Repo {
        self.sub_issue_repo.as_ref().unwrap_or(&self.repo)
    }
}

/// The parent after that.
#[derive(Serialize, JsonSchema)]
pub(super) struct Parent {
    /// Number of the parent.
    number: u64,
    /// Number of its new part.
    sub_issue: u64,
    /// Where people see the parent.
    html_url: String,
}

impl Parent {
    fn of(parent: Issue, add: &AddSub) -> Self {
        Self {
            number: parent.number,
            sub_issue: add.sub_issue,
            html_url: parent.html_url,
        }
    }
}

pub(super) async fn add_sub(ctx: Ctx<Parts>, add: AddSub) -> Result<Effect<Parent>, ToolError> {
    if ctx.dry_run {
        let id = unasked(add.child_repo(), add.sub_issue);
        let request = github::add_sub_issue(&add.repo, add.number, id.into(), add.replace_parent);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let child = client(&ctx)?.issue(add.child_repo(), add.sub_issue).await?;
    let request = github::add_sub_issue(&add.repo, add.number, child.id.into(), add.replace_parent);
    send(&ctx, request, |parent: Issue| Parent::of(parent, &add)).await
}

pub(super) async fn look_for_sub(ctx: Ctx<Parts>, add: AddSub) -> Result<Look<Parent>, ToolError> {
    let client = client(&ctx)?;
    let seen = async {
        let parent = client.issue(&add.repo, add.number).await?;
        let child = client.issue(add.child_repo(), add.sub_issue).await?;
        let parts = client.sub_issues(&add.repo, add.number, SUB_ISSUES_MAX).await?;
        Ok((parent, child, parts))
    };
    let (parent, child, parts) = seen
        .await
        .map_err(marker::unseen::<crate::integrations::ApiError>)?;
    Ok(match parts.items.iter().any(|part| part.id == child.id) {
        true => Look::Found(Parent::of(parent, &add)),
        false if parts.more => Look::Ambiguous(marker::too_many(SUB_ISSUES_MAX)),
        false => Look::Absent,
    })
}
