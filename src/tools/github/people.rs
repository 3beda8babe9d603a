//! In: calls about people and what they may do. Out: what GitHub did, or holds. Never: a judgement of anybody.

mod read;
mod access;
mod invitation;
mod members;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    belonging(accessing(reading(server)))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "get_user",
                "Get a user",
                "An account, as everybody sees it: what it calls itself, and since when it is there.",
            )
            .untrusted(&["name", "company", "bio"])
            .answers(read::user),
        )
        .with(
            reads(
                "list_collaborators",
                "List collaborators",
                "Everybody with access to a repository, each with their role. Needs push access.",
            )
            .answers(read::collaborators),
        )
        .with(
            reads(
                "get_permission",
                "Get a permission",
                "What an account may do in a repository: none, read, triage, write, maintain or admin.",
            )
            .answers(read::permission),
        )
        .with(
            reads(
                "list_invitations",
                "List invitations",
                "Invitations to a repository that nobody has accepted yet, or without a repository those that this account got.",
            )
            .answers(read::invitations),
        )
        .with(
            reads(
                "get_membership",
                "Get a membership",
                "What an account is to an organization: nothing, invited, a member or an admin.",
            )
            .answers(members::get),
        )
}

fn accessing(server: Server) -> Server {
    server
        .with(
            writes(
                "add_collaborator",
                "Add a collaborator",
                "Gives an account access to a repository, or invites it. If it has access already, its role becomes this one.",
                // The same role again is the same role, and the same invitation.
                Doubt::Idempotent,
            )
            .announced_as(&["github.member.added:{repo}?", "github.member.edited:{repo}?"])
            .acts(access::add),
        )
        .with(
            writes(
                "remove_collaborator",
                "Remove a collaborator",
                "Takes an account's access to a repository, and takes back an invitation that it has not accepted.",
                Doubt::GoalState,
            )
            .destructive()
            .announced_as(&["github.member.removed:{repo}?"])
            .acts(access::remove)
            .looks(access::look_whether_removed),
        )
        .with(
            writes(
                "respond_to_invitation",
                "Respond to an invitation",
                "Accepts or declines the invitation to a repository that this account got, or accepts the one to an organization.",
                Doubt::GoalState,
            )
            .acts(invitation::respond)
            .looks(invitation::look_for_response),
        )
}

fn belonging(server: Server) -> Server {
    server
        .with(
            writes(
                "invite_member",
                "Invite a member",
                "Invites an account to an organization. If it belongs to it already, its role becomes this one.",
                // The same role again is the same role, and the same invitation.
                Doubt::Idempotent,
            )
            .acts(members::invite),
        )
        .with(
            writes(
                "remove_member",
                "Remove a member",
                "Takes an account out of an organization, with its access to all of its repositories, or takes the invitation back.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(members::remove)
            .looks(members::look_whether_removed),
        )
}
