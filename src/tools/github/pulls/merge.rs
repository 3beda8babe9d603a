//! In: a pull request and the head it is expected to have. Out: the merge, either way. Never: a merge of another head.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Parts, client, marker, send};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, MergeMethod, PullRequest, Repo};
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, Effect, Look, Resolved};

/// How much of a title is quoted, in bytes.
const TITLE_BYTES_MAX: usize = 100;

/// What to merge, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Merge {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// The head commit as it was reviewed, 40 hexadecimal digits. If there is another by now, nothing is merged.
    #[schemars(length(min = 40, max = 64))]
    expected_head: String,
    /// With a merge commit, as one commit, or commit by commit onto the base. Repositories may forbid some.
    #[serde(default)]
    method: MergeMethod,
    /// Title of the commit; by default GitHub's.
    #[serde(default)]
    #[schemars(length(min = 1))]
    commit_title: Option<String>,
    /// Message of the commit below its title; by default GitHub's.
    #[serde(default)]
    commit_message: Option<String>,
}

/// A pull request that is merged.
#[derive(Serialize, JsonSchema)]
pub(super) struct Merged {
    /// Number of the pull request.
    number: u64,
    /// Always true.
    merged: bool,
    /// The commit on the base branch, where it is known.
    sha: Option<String>,
}

pub(super) async fn merge(ctx: Ctx<Parts>, merge: Merge) -> Result<Effect<Merged>, ToolError> {
    let request = github::merge_pull_request(
        &merge.repo,
        merge.number,
        &merge.expected_head,
        merge.method,
        merge.commit_title.as_deref(),
        merge.commit_message.as_deref(),
    );
    send(&ctx, request, |done: github::Merged| Merged {
        number: merge.number,
        merged: done.merged,
        sha: Some(done.sha),
    })
    .await
}

/// What would be merged, as long as its head is the expected one.
pub(super) async fn resolve(ctx: Ctx<Parts>, merge: Merge) -> Result<Resolved, ToolError> {
    let pull = client(&ctx)?.pull_request(&merge.repo, merge.number).await?;
    let conflict = |what: String| {
        ToolError::new(
            ErrorClass::Conflict,
            format!("{}#{} {what}", merge.repo, merge.number),
        )
    };
    if pull.merged_at.is_some() || pull.state != "open" {
        return Err(conflict("is not open any more".into()));
    }
    if !pull.head.sha.eq_ignore_ascii_case(&merge.expected_head) {
        return Err(conflict(format!("has another head by now: {}", pull.head.sha)));
    }
    let mut arguments = json!({
        "repo": merge.repo.to_string(),
        "number": merge.number,
        "expected_head": pull.head.sha,
        "method": merge.method,
    });
    for (name, value) in [
        ("commit_title", &merge.commit_title),
        ("commit_message", &merge.commit_message),
    ] {
        if let Some(value) = value {
            arguments[name] = value.as_str().into();
        }
    }
    Ok(Resolved {
        arguments,
        pinned: json!({ "head": pull.head.sha, "base": pull.base.reference }),
        shows: format!(
            "Merges {}#{} {} (head {}) into {}.",
            merge.repo,
            merge.number,
            quote(&pull.title, TITLE_BYTES_MAX),
            pull.head.sha,
            quote(&pull.base.reference, TITLE_BYTES_MAX)
        ),
    })
}

/// Merged with the expected head is what was wanted, whoever did it.
pub(super) async fn look_for_merge(ctx: Ctx<Parts>, merge: Merge) -> Result<Look<Merged>, ToolError> {
    let pull = seen(&ctx, &merge.repo, merge.number).await?;
    if pull.merged_at.is_none() {
        return Ok(Look::Absent);
    }
    if !pull.head.sha.eq_ignore_ascii_case(&merge.expected_head) {
        let by = pull
            .merged_by
            .map_or_else(|| "somebody".to_owned(), |user| user.login);
        return Ok(Look::Ambiguous(format!(
            "it was merged by {by}, with the head {} instead of the expected one",
            pull.head.sha
        )));
    }
    Ok(Look::Found(Merged {
        number: pull.number,
        merged: true,
        sha: None,
    }))
}

/// Which branch to bring up to date.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// The head commit as it is, 40 hexadecimal digits. If there is another by now, nothing is done.
    #[schemars(length(min = 40, max = 64))]
    expected_head: String,
}

/// A branch that is being brought up to date.
#[derive(Serialize, JsonSchema)]
pub(super) struct Updating {
    /// Number of the pull request.
    number: u64,
    /// Its new head commit, where it is known: GitHub works on after its answer.
    head_sha: Option<String>,
}

pub(super) async fn update_branch(ctx: Ctx<Parts>, update: Update) -> Result<Effect<Updating>, ToolError> {
    let request = github::update_branch(&update.repo, update.number, &update.expected_head);
    // An answer without a body is not GitHub's.
    send(&ctx, request, |_: serde_json::Map<String, Value>| Updating {
        number: update.number,
        head_sha: None,
    })
    .await
}

/// A branch that lacks nothing of its base is what was wanted, whoever did it.
pub(super) async fn look_for_update(ctx: Ctx<Parts>, update: Update) -> Result<Look<Updating>, ToolError> {
    let pull = seen(&ctx, &update.repo, update.number).await?;
    let (base, head) = (&pull.base.reference, &pull.head.sha);
    let distance = client(&ctx)?
        .distance(&update.repo, base, head)
        .await
        .map_err(marker::unseen)?;
    Ok(if distance.behind_by == 0 {
        Look::Found(Updating {
            number: pull.number,
            head_sha: Some(pull.head.sha),
        })
    } else {
        Look::Absent
    })
}

async fn seen(ctx: &Ctx<Parts>, repo: &Repo, number: u64) -> Result<PullRequest, ToolError> {
    let pull = client(ctx)?.pull_request(repo, number).await;
    pull.map_err(marker::unseen)
}
