//! In: calls about issues, their labels and comments; a pull request is one, too. Out: what GitHub did, or holds.
//! Never: what only pull requests have.

mod items;
mod create;
mod change;
mod labels;
mod comments;
mod transfer;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    moving(commenting(labeling(changing(reading(server)))))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "get_issue",
                "Get an issue",
                "One issue or pull request: title, body, state, labels, author, assignees, times.",
            )
            .untrusted(&["title", "body"])
            .answers(items::get),
        )
        .with(
            reads(
                "list_issues",
                "List issues",
                "Issues and pull requests of a repository, newest first, without their bodies unless asked for. \
                 Filter by state, labels and time of the last update.",
            )
            .untrusted(&["title", "body"])
            .answers(items::list),
        )
        .with(
            reads(
                "search_issues",
                "Search issues",
                "Issues or pull requests that fit a search in GitHub's syntax, in one repository or in all. \
                 The index lags some seconds behind; to be sure that something is not there, list.",
            )
            .untrusted(&["title", "body"])
            .answers(items::search),
        )
        .with(
            reads(
                "list_comments",
                "List comments",
                "Comments on an issue or a pull request, oldest first.",
            )
            .untrusted(&["body"])
            .answers(comments::list),
        )
}

fn changing(server: Server) -> Server {
    server
        .with(
            writes(
                "create_issue",
                "Create an issue",
                "Opens an issue, with labels and assignees if wanted. Search for an existing one first.",
                Doubt::Marker,
            )
            .acts(create::create)
            .looks(create::look_for),
        )
        .with(
            writes(
                "update_issue",
                "Change an issue",
                "Gives an issue or a pull request another title, text, labels or assignees. What is not given stays.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.edited:{repo}#{number}?",
                "github.pull_request.edited:{repo}#{number}?",
                "github.issues.labeled:{repo}#{number}~label={labels}",
                "github.pull_request.labeled:{repo}#{number}~label={labels}",
                "github.issues.assigned:{repo}#{number}~assignee={assignees}",
                "github.pull_request.assigned:{repo}#{number}~assignee={assignees}",
                // Which are taken away is not said in the call.
                "github.issues.unlabeled:{repo}#{number}?",
                "github.pull_request.unlabeled:{repo}#{number}?",
                "github.issues.unassigned:{repo}#{number}?",
                "github.pull_request.unassigned:{repo}#{number}?",
            ])
            .untrusted(&["title", "body"])
            .acts(change::update),
        )
        .with(
            writes(
                "close_issue",
                "Close an issue",
                "Closes an issue or a pull request (without merging), with a reason. It can be reopened.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.closed:{repo}#{number}",
                "github.pull_request.closed:{repo}#{number}",
            ])
            .acts(change::close),
        )
        .with(
            writes(
                "reopen_issue",
                "Reopen an issue",
                "Opens a closed issue or pull request again. A merged pull request stays closed.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.reopened:{repo}#{number}",
                "github.pull_request.reopened:{repo}#{number}",
            ])
            .acts(change::reopen),
        )
        .with(
            writes(
                "assign_issue",
                "Assign an issue",
                "Assigns an issue or a pull request to people, in addition to those who have it. \
                 Says whom GitHub passed over.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.assigned:{repo}#{number}~assignee={assignees}",
                "github.pull_request.assigned:{repo}#{number}~assignee={assignees}",
            ])
            .acts(change::assign),
        )
        .with(
            writes(
                "lock_issue",
                "Lock a conversation",
                "Closes the conversation of an issue or a pull request to all but collaborators, with a reason if wanted.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.locked:{repo}#{number}",
                "github.pull_request.locked:{repo}#{number}",
            ])
            .acts(change::lock),
        )
        .with(
            writes(
                "add_sub_issue",
                "Add a sub-issue",
                "Makes an issue a part of another one, also across repositories of one owner.",
                Doubt::GoalState,
            )
            .announced_as(&["github.sub_issues.sub_issue_added:{repo}#{number}"])
            .acts(change::add_sub)
            .looks(change::look_for_sub),
        )
}

fn moving(server: Server) -> Server {
    server
        .with(
            writes(
                "transfer_issue",
                "Transfer an issue",
                "Moves an issue with its comments to another repository of the same owner, where it gets another number. Labels \
                 that the other repository lacks are lost unless they are to be made.",
                Doubt::GoalState,
            )
            .destructive()
            .announced_as(&[
                "github.issues.transferred:{repo}#{number}",
                "github.issues.opened:{to_repo}?",
                "github.issues.opened:{to_repo}#{result.number}",
            ])
            .acts(transfer::transfer)
            .looks(transfer::look_for),
        )
}

fn labeling(server: Server) -> Server {
    server
        .with(
            writes(
                "add_labels",
                "Add labels",
                "Adds labels to an issue or a pull request and leaves those it has. A label the repository does not have \
                 is created. Answers with all labels it has then.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.labeled:{repo}#{number}~label={labels}",
                "github.pull_request.labeled:{repo}#{number}~label={labels}",
            ])
            .acts(labels::add),
        )
        .with(
            writes(
                "remove_label",
                "Remove a label",
                "Takes one label off an issue or a pull request; one it does not have is no error. \
                 Answers with all labels it has then.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.unlabeled:{repo}#{number}~label={label}",
                "github.pull_request.unlabeled:{repo}#{number}~label={label}",
            ])
            .acts(labels::remove),
        )
        .with(
            writes(
                "set_labels",
                "Set labels",
                "Gives an issue or a pull request exactly these labels: takes off the others and adds what is missing.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.issues.labeled:{repo}#{number}~label={labels}",
                "github.pull_request.labeled:{repo}#{number}~label={labels}",
                // Which are taken off is not said in the call.
                "github.issues.unlabeled:{repo}#{number}?",
                "github.pull_request.unlabeled:{repo}#{number}?",
            ])
            .acts(labels::set),
        )
        .with(
            writes(
                "create_label",
                "Create a label",
                "Makes a label that issues of the repository can have, with a color and a description.",
                Doubt::GoalState,
            )
            .announced_as(&["github.label.created:{repo}~label={name}"])
            .acts(labels::create)
            .looks(labels::look_for),
        )
}

fn commenting(server: Server) -> Server {
    server
        .with(
            writes(
                "create_comment",
                "Comment",
                "Comments on an issue or a pull request, in Markdown. Everybody who follows it is notified.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.issue_comment.created:{repo}#{number}?",
                "github.issue_comment.created:{repo}#{number}~comment={result.id}",
            ])
            .acts(comments::create)
            .looks(comments::look_for),
        )
        .with(
            writes(
                "update_comment",
                "Change a comment",
                "Gives a comment on an issue or a pull request another text. Nobody is notified.",
                Doubt::Idempotent,
            )
            .announced_as(&["github.issue_comment.edited:{repo}~comment={comment_id}"])
            .acts(comments::update),
        )
}
