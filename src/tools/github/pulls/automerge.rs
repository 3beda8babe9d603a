//! In: a pull request, and how it shall stand. Out: merging by itself, or being a draft or not. Never: a merge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, marker, unasked};
use crate::hub::ToolError;
use crate::integrations::github::{self, MergeMethod, PullMerging, PullPayload, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// What to merge once it may be, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enable {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// With a merge commit, as one commit, or commit by commit onto the base. Repositories may forbid some.
    #[serde(default)]
    method: MergeMethod,
    /// The head commit as it was reviewed, 40 hexadecimal digits. If there is another by now, nothing is done.
    #[serde(default)]
    #[schemars(length(min = 40, max = 64))]
    expected_head: Option<String>,
}

/// How a pull request stands.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stands {
    /// Number of the pull request.
    number: u64,
    /// It is merged by itself once it may be, like this: merge, squash or rebase.
    auto_merge: Option<String>,
    /// It is not ready for review.
    draft: bool,
    /// It is merged already.
    merged: bool,
    /// Its head commit.
    head_sha: String,
}

impl Stands {
    fn new(number: u64, pull: PullMerging) -> Self {
        Self {
            number,
            auto_merge: pull
                .auto_merge_request
                .map(|auto| auto.merge_method.to_lowercase()),
            draft: pull.is_draft,
            merged: pull.merged,
            head_sha: pull.head_ref_oid,
        }
    }
}

pub(super) async fn enable(ctx: Ctx<Parts>, enable: Enable) -> Result<Effect<Stands>, ToolError> {
    let (repo, number) = (&enable.repo, enable.number);
    let request = |id: &str| github::enable_auto_merge(id, enable.method, enable.expected_head.as_deref());
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request(&unasked(repo, number))]));
    }
    let client = client(&ctx)?;
    let seen = client.pull_merging(repo, number).await?;
    let done: PullPayload = client.mutate(repo, &request(&seen.id)).await?;
    Ok(Effect::Done(Stands::new(number, done.pull_request)))
}

/// Merged, or to be merged by itself, is what was wanted, whoever brought it about.
pub(super) async fn look_whether_enabled(ctx: Ctx<Parts>, enable: Enable) -> Result<Look<Stands>, ToolError> {
    let seen = client(&ctx)?.pull_merging(&enable.repo, enable.number).await;
    let seen = seen.map_err(marker::unseen)?;
    Ok(match seen.merged || seen.auto_merge_request.is_some() {
        true => Look::Found(Stands::new(enable.number, seen)),
        false => Look::Absent,
    })
}

/// What shall be a draft, or not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// true for a draft, false for ready for review.
    draft: bool,
}

pub(super) async fn set_draft(ctx: Ctx<Parts>, set: Set) -> Result<Effect<Stands>, ToolError> {
    if ctx.dry_run {
        let request = github::set_draft(&unasked(&set.repo, set.number), set.draft);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let seen = client.pull_merging(&set.repo, set.number).await?;
    if seen.is_draft == set.draft {
        return Ok(Effect::Done(Stands::new(set.number, seen)));
    }
    let request = github::set_draft(&seen.id, set.draft);
    let done: PullPayload = client.mutate(&set.repo, &request).await?;
    Ok(Effect::Done(Stands::new(set.number, done.pull_request)))
}

pub(super) async fn look_whether_set(ctx: Ctx<Parts>, set: Set) -> Result<Look<Stands>, ToolError> {
    let seen = client(&ctx)?.pull_merging(&set.repo, set.number).await;
    let seen = seen.map_err(marker::unseen)?;
    Ok(match seen.is_draft == set.draft {
        true => Look::Found(Stands::new(set.number, seen)),
        false => Look::Absent,
    })
}
