//! In: calls about discussions. Out: what GitHub did, or holds. Never: what to answer.

mod read;
mod write;
mod comment;
mod settle;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    settling(talking(reading(server)))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "list_categories",
                "List discussion categories",
                "What discussions of a repository can be filed under, and where a comment can be the answer.",
            )
            .untrusted(&["description"])
            .answers(read::categories),
        )
        .with(
            reads(
                "list_discussions",
                "List discussions",
                "Discussions of a repository, the last changed first, without their bodies unless asked for. Filter by category, \
                 by whether they are answered, and by whether they are closed.",
            )
            .untrusted(&["title", "body"])
            .answers(read::list),
        )
        .with(
            reads(
                "get_discussion",
                "Get a discussion",
                "One discussion with its comments, oldest first, and what was said to each.",
            )
            .untrusted(&["title", "body"])
            .answers(read::get),
        )
}

fn talking(server: Server) -> Server {
    server
        .with(
            writes(
                "create_discussion",
                "Create a discussion",
                "Begins a discussion in a category. Search for an existing one first.",
                Doubt::Marker,
            )
            .acts(write::create)
            .looks(write::look_for),
        )
        .with(
            writes(
                "comment_on_discussion",
                "Comment on a discussion",
                "Comments on a discussion, or replies to one of its comments.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.discussion_comment.created:{repo}#{number}?",
                "github.discussion_comment.created:{repo}#{number}~comment={result.id}",
            ])
            .acts(comment::create)
            .looks(comment::look_for),
        )
        .with(
            writes(
                "update_discussion",
                "Change a discussion",
                "Gives a discussion another title, text or category. What is not given stays.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.discussion.edited:{repo}#{number}?",
                "github.discussion.category_changed:{repo}#{number}?",
            ])
            .acts(write::update),
        )
}

fn settling(server: Server) -> Server {
    server
        .with(
            writes(
                "mark_answer",
                "Mark an answer",
                "Makes a comment the answer of a discussion, in place of an earlier one. Only in categories that have answers.",
                Doubt::Idempotent,
            )
            .announced_as(&["github.discussion.answered:{repo}#{number}"])
            .acts(settle::mark_answer),
        )
        .with(
            writes(
                "close_discussion",
                "Close a discussion",
                "Closes a discussion, with the reason. One that is closed stays as it is.",
                Doubt::GoalState,
            )
            .announced_as(&["github.discussion.closed:{repo}#{number}"])
            .acts(settle::close)
            .looks(settle::look_whether_closed),
        )
        .with(
            writes(
                "lock_discussion",
                "Lock a discussion",
                "Lets nobody but collaborators comment on a discussion. One that is locked stays as it is.",
                Doubt::GoalState,
            )
            .announced_as(&["github.discussion.locked:{repo}#{number}"])
            .acts(settle::lock)
            .looks(settle::look_whether_locked),
        )
}
