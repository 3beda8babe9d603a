//! In: calls about pull requests. Out: what GitHub did, or holds. Never: their conversation, which is an issue's.

mod read;
mod write;
mod merge;
mod review;
mod automerge;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// How long GitHub may take to bring a branch up to date after it said that it will, in milliseconds.
const UPDATE_SETTLES_MS: i64 = 10_000;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    merging(changing(reading(server)))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "get_pull_request",
                "Get a pull request",
                "One pull request: title, body, state, branches and commits at both ends, whether it can be merged, \
                 whose review is wanted.",
            )
            .untrusted(&["title", "body", "ref"])
            .answers(read::get),
        )
        .with(
            reads(
                "list_pull_requests",
                "List pull requests",
                "Pull requests of a repository, newest first, without their bodies unless asked for. \
                 Filter by state and by the branches at both ends.",
            )
            .untrusted(&["title", "body", "ref"])
            .answers(read::list),
        )
        .with(
            reads(
                "list_pull_request_files",
                "List a pull request's files",
                "The files a pull request changes, each with its status and its numbers of lines added and deleted. \
                 Without the changes themselves.",
            )
            .untrusted(&["filename", "previous_filename"])
            .answers(read::list_files),
        )
        .with(
            reads(
                "get_pull_request_diff",
                "Get a pull request's diff",
                "What a pull request changes, as one unified diff, cut after a number of bytes.",
            )
            .untrusted(&["diff"])
            .answers(read::diff),
        )
        .with(
            reads(
                "list_reviews",
                "List reviews",
                "Reviews of a pull request, oldest first. Who reviewed twice is listed twice; the later one counts.",
            )
            .untrusted(&["body"])
            .answers(read::reviews),
        )
}

fn changing(server: Server) -> Server {
    server
        .with(
            writes(
                "create_pull_request",
                "Create a pull request",
                "Opens a pull request from a branch that is there already. A branch can have one open per base.",
                Doubt::Marker,
            )
            .acts(write::create)
            .looks(write::look_for),
        )
        .with(
            writes(
                "update_pull_request",
                "Change a pull request",
                "Gives a pull request another title, text or base. What is not given stays.",
                Doubt::Idempotent,
            )
            .announced_as(&["github.pull_request.edited:{repo}#{number}?"])
            .acts(write::update),
        )
        .with(
            writes(
                "request_reviewers",
                "Request reviews",
                "Asks people and teams for their review, in addition to those asked already. They are notified.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.pull_request.review_requested:{repo}#{number}~reviewer={reviewers}",
                "github.pull_request.review_requested:{repo}#{number}~team={teams}",
            ])
            .acts(write::ask),
        )
        .with(
            writes(
                "create_review",
                "Review a pull request",
                "Approves a pull request, asks for changes or comments, with remarks at lines if wanted.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.pull_request_review.submitted:{repo}#{number}?",
                "github.pull_request_review.submitted:{repo}#{number}~review={result.id}",
            ])
            .acts(review::create)
            .looks(review::look_for),
        )
}

fn merging(server: Server) -> Server {
    server
        .with(
            writes(
                "merge_pull_request",
                "Merge a pull request",
                "Merges a pull request if its head is still the commit that was expected. It cannot be undone, only \
                 reverted by another change.",
                Doubt::GoalState,
            )
            .destructive()
            .announced_as(&[
                "github.pull_request.closed:{repo}#{number}",
                "github.push:{repo}?",
                "github.push:{repo}~sha={result.sha}",
            ])
            .acts(merge::merge)
            .looks(merge::look_for_merge)
            .resolves(merge::resolve),
        )
        .with(
            writes(
                "update_branch",
                "Update a pull request's branch",
                "Merges the base into the branch of a pull request if its head is still the commit that was expected.",
                Doubt::GoalState,
            )
            .settles_in_ms(UPDATE_SETTLES_MS)
            .announced_as(&[
                "github.pull_request.synchronize:{repo}#{number}?",
                "github.push:{repo}?",
            ])
            .acts(merge::update_branch)
            .looks(merge::look_for_update),
        )
        .with(
            writes(
                "enable_auto_merge",
                "Merge a pull request once it may be",
                "Has GitHub merge a pull request by itself as soon as its reviews and checks are in. Refused where nothing is \
                 missing (merge_pull_request merges it) and in repositories that do not allow it.",
                Doubt::GoalState,
            )
            .destructive()
            .announced_as(&["github.pull_request.auto_merge_enabled:{repo}#{number}"])
            .acts(automerge::enable)
            .looks(automerge::look_whether_enabled),
        )
        .with(
            writes(
                "set_draft",
                "Make a pull request a draft, or not",
                "Says that a pull request is a draft, or that it is ready for review; then those responsible are asked for one.",
                Doubt::GoalState,
            )
            .announced_as(&[
                "github.pull_request.converted_to_draft:{repo}#{number}",
                "github.pull_request.ready_for_review:{repo}#{number}",
            ])
            .acts(automerge::set_draft)
            .looks(automerge::look_whether_set),
        )
}
