//! In: a name and where it shall lead. Out: a branch that leads there. Never: a branch moved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::is_sha;
use super::super::{Parts, client, marker, send};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Failure;
use crate::integrations::github::{self, Client, Reference, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// A new branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Its name, like fix/login, without refs/heads/.
    #[schemars(length(min = 1, max = 244))]
    branch: String,
    /// Where it shall lead: a commit's full SHA, or a branch whose head it is. By default the default branch.
    #[serde(default)]
    #[schemars(length(min = 1))]
    from: Option<String>,
}

/// A branch that is there.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Its name.
    branch: String,
    /// The commit it leads to.
    sha: String,
}

/// What Git takes for a branch's name, as far as GitHub's answer would not say it plainly.
fn name(branch: &str) -> Result<&str, ToolError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let wrong = branch.starts_with("refs/")
        || branch.starts_with(['/', '-', '.'])
        || branch.ends_with(['/', '.'])
        || [".lock", "..", "//", "@{"]
            .iter()
            .any(|part| branch.contains(part))
        || branch.contains(odd);
    if wrong {
        let problem = format!("must be a branch's name, like fix/login, not `{branch}`");
        return Err(invalid("branch", problem));
    }
    Ok(branch)
}

/// The commit that is meant by `from`.
async fn commit_of(client: &Client, create: &Create) -> Result<String, ToolError> {
    let from = match &create.from {
        Some(from) if is_sha(from) => return Ok(from.to_ascii_lowercase()),
        Some(branch) => branch.clone(),
        None => client.repository(&create.repo).await?.default_branch,
    };
    Ok(client.branch_head(&create.repo, &from).await?.sha)
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<Created>, ToolError> {
    if ctx.dry_run {
        let sha = match &create.from {
            Some(from) if is_sha(from) => from.clone(),
            Some(branch) => format!("the head of {branch}"),
            None => "the head of the default branch".to_owned(),
        };
        let request = github::create_branch(&create.repo, name(&create.branch)?, &sha);
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let branch = name(&create.branch)?;
    let sha = commit_of(client, &create).await?;
    let request = github::create_branch(&create.repo, branch, &sha);
    let made = send(&ctx, request, |made: Reference| Created {
        branch: create.branch.clone(),
        sha: made.sha,
    });
    made.await.map_err(|error| taken(error, &create.branch))
}

/// GitHub says with a 422 that the name is taken, which no other arguments but another name would mend.
fn taken(error: ToolError, branch: &str) -> ToolError {
    if error.class == ErrorClass::Invalid && error.message.contains("already exists") {
        return ToolError::new(ErrorClass::Conflict, error.message).with_remedy(format!(
            "there is a branch `{branch}` already: use it, or choose another name"
        ));
    }
    error
}

/// A branch of that name that leads to that commit is what was wanted, whoever made it.
pub(super) async fn look_for(ctx: Ctx<Parts>, create: Create) -> Result<Look<Created>, ToolError> {
    let client = client(&ctx)?;
    let wanted = commit_of(client, &create).await.map_err(marker::unseen)?;
    let seen = match client.branch_head(&create.repo, &create.branch).await {
        Ok(seen) => seen,
        // "Not found" means absent only if the repository itself can be seen.
        Err(error) if error.failure == Failure::NotFound => {
            let repository = client.repository(&create.repo).await;
            return repository.map(|_| Look::Absent).map_err(marker::unseen);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(if seen.sha.eq_ignore_ascii_case(&wanted) {
        Look::Found(Created {
            branch: create.branch,
            sha: seen.sha,
        })
    } else {
        Look::Ambiguous(format!(
            "there is a branch `{}`, and it leads to {} instead of {wanted}",
            create.branch, seen.sha
        ))
    })
}
