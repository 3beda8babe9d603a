//! In: calls about what is said of a commit. Out: what GitHub did, or holds. Never: whether the commit is good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::thirty;
use super::{Parts, Server, client, send};
use crate::hub::{Doubt, ToolError};
use crate::integrations::github::{self, CommitState, CommitStatus, NewStatus, Repo};
use crate::tools::toolbox::{Ctx, Effect, invalid, reads, writes};

/// GitHub's longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 140;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_commit_statuses",
                "List commit statuses",
                "What was said of a commit, newest first: deploys, checks of other services. The newest of a context counts.",
            )
            .untrusted(&["description"])
            .answers(list),
        )
        .with(
            writes(
                "create_commit_status",
                "Create a commit status",
                "Says pending, success, failure or error of a commit, under a context: it stands beside the commit and in its pull \
                 requests, and can be required before merging. The newest of a context counts.",
                // Said twice it says the same.
                Doubt::Idempotent,
            )
            .announced_as(&["github.status:{repo}?"])
            .acts(create),
        )
}

/// Which commit's.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// The commit's full SHA.
    #[schemars(length(min = 40, max = 64))]
    sha: String,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// Commit statuses.
#[derive(Serialize, JsonSchema)]
struct Statuses {
    /// Newest first.
    statuses: Vec<CommitStatus>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

/// The full SHA of a commit; GitHub takes a branch here, too, but then what is said is said of another commit tomorrow.
fn full_sha(sha: &str) -> Result<&str, ToolError> {
    let is_full = matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_full {
        Ok(sha)
    } else {
        Err(invalid(
            "sha",
            format!("must be a commit's full SHA, 40 hexadecimal digits, not `{sha}`"),
        ))
    }
}

async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Statuses, ToolError> {
    let (client, page) = (client(&ctx)?, many.cursor.unwrap_or(1));
    let listed = client
        .commit_statuses(&many.repo, full_sha(&many.sha)?, many.limit, page)
        .await?;
    Ok(Statuses {
        statuses: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// What to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// The commit's full SHA.
    #[schemars(length(min = 40, max = 64))]
    sha: String,
    /// What is said of it.
    state: CommitState,
    /// Who says it, as in deploy/production.
    #[schemars(length(min = 1, max = 255))]
    context: String,
    /// A short text; what is longer than 140 characters is cut.
    #[serde(default)]
    description: Option<String>,
    /// Where more is said.
    #[serde(default)]
    target_url: Option<String>,
}

async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<CommitStatus>, ToolError> {
    let is_address =
        |url: &String| url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(url) = create.target_url.as_ref().filter(|url| !is_address(url)) {
        return Err(invalid(
            "target_url",
            format!("must be an http or https address, not `{url}`"),
        ));
    }
    let description = create.description.as_deref().map(short);
    let status = NewStatus {
        state: create.state,
        context: &create.context,
        description: description.as_deref(),
        target_url: create.target_url.as_deref(),
    };
    let request = github::create_commit_status(&create.repo, full_sha(&create.sha)?, &status);
    send(&ctx, request, |made: CommitStatus| made).await
}

/// At most as long as GitHub takes.
fn short(text: &str) -> String {
    if text.chars().count() <= DESCRIPTION_CHARS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(DESCRIPTION_CHARS_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}
