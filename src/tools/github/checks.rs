//! In: calls about what is said of a commit. Out: what GitHub did, or holds. Never: whether the commit is good.

mod statuses;
mod runs;
mod deployments;

use super::Server;
use super::page::is_sha;
use crate::hub::{Doubt, ToolError};
use crate::tools::toolbox::{invalid, reads, writes};

/// GitHub's longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 140;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    deploying(checking(server))
}

fn checking(server: Server) -> Server {
    server
        .with(
            reads(
                "list_commit_statuses",
                "List commit statuses",
                "What was said of a commit, newest first: deploys, checks of other services. The newest of a context counts.",
            )
            .untrusted(&["description"])
            .answers(statuses::list),
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
            .acts(statuses::create),
        )
        .with(
            reads(
                "list_check_runs",
                "List check runs",
                "What Apps, GitHub Actions among them, found out about a branch, tag or commit: the newest check of every name.",
            )
            .untrusted(&["name", "title", "summary"])
            .answers(runs::list),
        )
        .with(
            writes(
                "create_check_run",
                "Create a check run",
                "Says what a check found out about a commit, with remarks in its files. Only a GitHub App may; with a token, \
                 create_commit_status does.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.check_run.created:{repo}?",
                "github.check_run.created:{repo}~check={result.id}",
                "github.check_run.completed:{repo}?",
                "github.check_run.completed:{repo}~check={result.id}",
            ])
            .acts(runs::create)
            .looks(runs::look_for),
        )
}

fn deploying(server: Server) -> Server {
    server
        .with(
            writes(
                "create_deployment",
                "Create a deployment",
                "Asks for a deploy of a branch, tag or commit to an environment: whoever deploys hears of it as an event. Refused \
                 while required statuses are missing. Nothing is merged into the branch first.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.deployment.created:{repo}?",
                "github.deployment.created:{repo}~deployment={result.id}",
            ])
            .acts(deployments::create)
            .looks(deployments::look_for),
        )
        .with(
            writes(
                "create_deployment_status",
                "Create a deployment status",
                "Says what a deployment has come to. The newest counts; a success makes earlier ones of its environment inactive.",
                // Said twice it says the same.
                Doubt::Idempotent,
            )
            .repeats_its_effect()
            .announced_as(&["github.deployment_status.created:{repo}?"])
            .acts(deployments::create_status),
        )
}

/// The full SHA of a commit; GitHub takes a branch here, too, but then what is said is said of another commit tomorrow.
fn full_sha(sha: &str) -> Result<&str, ToolError> {
    if is_sha(sha) {
        Ok(sha)
    } else {
        Err(invalid(
            "sha",
            format!("must be a commit's full SHA, 40 hexadecimal digits, not `{sha}`"),
        ))
    }
}

/// A description, at most as long as GitHub takes.
fn short(text: &str) -> String {
    if text.chars().count() <= DESCRIPTION_CHARS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(DESCRIPTION_CHARS_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}
