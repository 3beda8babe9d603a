//! In: an issue and another repository. Out: the issue there. Never: one across owners, which GitHub refuses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, configured, marker, unasked};
use crate::hub::ToolError;
use crate::integrations::github::{self, Moved, Repo, TransferPayload};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// What to move, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    /// Repository it is in, as owner/name.
    repo: Repo,
    /// Number of the issue.
    #[schemars(range(min = 1))]
    number: u64,
    /// Repository it shall be in, as owner/name, of the same owner.
    to_repo: Repo,
    /// Make the labels that it has and the other repository lacks; otherwise it loses them.
    #[serde(default)]
    create_labels: bool,
}

/// An issue in its new repository.
#[derive(Serialize, JsonSchema)]
pub(super) struct Transferred {
    /// Its number there.
    number: u64,
    /// Where people see it.
    html_url: String,
}

impl From<Moved> for Transferred {
    fn from(moved: Moved) -> Self {
        Self {
            number: moved.number,
            html_url: moved.url,
        }
    }
}

pub(super) async fn transfer(ctx: Ctx<Parts>, transfer: Transfer) -> Result<Effect<Transferred>, ToolError> {
    let (repo, to) = (&transfer.repo, &transfer.to_repo);
    configured(&ctx)?;
    if repo.as_str().eq_ignore_ascii_case(to.as_str()) {
        return Err(invalid("to_repo", "is the repository it is in"));
    }
    if !repo.owner().eq_ignore_ascii_case(to.owner()) {
        let problem = format!("must be of the same owner as `{repo}`: GitHub moves issues no further");
        return Err(invalid("to_repo", problem));
    }
    if ctx.dry_run {
        let (issue, there) = (unasked(repo, transfer.number), format!("the id of {to}"));
        let request = github::transfer_issue(&issue, &there, transfer.create_labels);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let issue = client.issue_node(repo, transfer.number).await?;
    let there = client.repository_node(to).await?;
    let request = github::transfer_issue(&issue, &there, transfer.create_labels);
    let done: TransferPayload = client.mutate_both((repo, to), &request).await?;
    Ok(Effect::Done(done.issue.into()))
}

/// GitHub leads from the old address to the new one, so whoever looks at the old one sees where the issue is.
pub(super) async fn look_for(ctx: Ctx<Parts>, transfer: Transfer) -> Result<Look<Transferred>, ToolError> {
    let seen = client(&ctx)?
        .whereabouts(&transfer.repo, &transfer.to_repo, transfer.number)
        .await;
    let seen = seen.map_err(marker::unseen)?;
    let is_in = |repo: &Repo| {
        let place = format!("/{repo}/issues/").to_lowercase();
        seen.url.to_lowercase().contains(&place)
    };
    Ok(if is_in(&transfer.to_repo) {
        Look::Found(seen.into())
    } else if is_in(&transfer.repo) {
        Look::Absent
    } else {
        Look::Ambiguous(format!("it is somewhere else by now: {}", seen.url))
    })
}
