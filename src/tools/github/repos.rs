//! In: calls about repositories and what is in them. Out: what GitHub did, or holds. Never: issues and runs.

mod read;
mod contents;
mod history;
mod search;
mod traffic;
mod branch;
mod commit;
mod release;
mod analysis;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    changing(judging(telling(reading(server))))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "get_repository",
                "Get a repository",
                "One repository: what it is, its default branch, language, topics, license, and when it was last pushed to.",
            )
            .untrusted(&["description", "topics"])
            .answers(read::get),
        )
        .with(
            reads(
                "list_repositories",
                "List repositories",
                "The repositories of an organization, or all that the account can see, the last pushed first.",
            )
            .untrusted(&["description", "topics"])
            .answers(read::list),
        )
        .with(
            reads(
                "list_branches",
                "List branches",
                "The branches of a repository by name, each with its head commit and whether it is protected.",
            )
            .untrusted(&["name"])
            .answers(read::branches),
        )
        .with(
            reads(
                "get_file",
                "Get a file",
                "A text file of a repository at a branch, tag or commit, up to 1 MiB. \
                 For a binary or larger file it says so and gives the size.",
            )
            .untrusted(&["text"])
            .answers(contents::get_file),
        )
        .with(
            reads(
                "list_files",
                "List files",
                "The files and folders in a folder of a repository at a branch, tag or commit, at most a thousand.",
            )
            .untrusted(&["path"])
            .answers(contents::list_files),
        )
}

fn telling(server: Server) -> Server {
    server
        .with(
            reads(
                "list_commits",
                "List commits",
                "Commits of a repository, newest first: from a branch backwards, of a path, of an author, between two times.",
            )
            .untrusted(&["message", "author_name"])
            .answers(history::list),
        )
        .with(
            reads(
                "compare_commits",
                "Compare commits",
                "What lies between two branches, tags or commits: how far they are apart, the commits that only the second has \
                 (the first hundred, oldest first), and the files that differ.",
            )
            .untrusted(&["message", "author_name", "filename", "previous_filename"])
            .answers(history::compare),
        )
        .with(
            reads(
                "list_releases",
                "List releases",
                "Releases of a repository, newest first, without what is said of them unless asked for.",
            )
            .untrusted(&["name", "body"])
            .answers(release::list),
        )
        .with(
            reads(
                "search_code",
                "Search code",
                "Files in which words stand, with GitHub's qualifiers like `language:rust path:src`. Only default branches are \
                 searched, and GitHub allows ten such searches a minute.",
            )
            .untrusted(&["path"])
            .answers(search::code),
        )
        .with(
            reads(
                "get_traffic",
                "Get a repository's traffic",
                "Visits and clones of the last fourteen days, day by day, with the most visited pages and where visitors came \
                 from. Needs push access.",
            )
            .untrusted(&["path", "title", "referrer"])
            .answers(traffic::get),
        )
}

fn judging(server: Server) -> Server {
    server.with(
        reads(
            "analyze_repository",
            "Analyze a repository",
            "How a repository stands: CI health, open work by age, activity and people, release cadence, security alerts, branch \
             protection, community files, languages. A verdict, its evidence, and a report to be pasted as it is.",
        )
        .untrusted(&["what", "report"])
        .reports("report")
        .answers(analysis::analyze),
    )
}

fn changing(server: Server) -> Server {
    server
        .with(
            writes(
                "create_branch",
                "Create a branch",
                "Makes a branch that leads to a commit: a given one, the head of another branch, or that of the default branch.",
                Doubt::GoalState,
            )
            .announced_as(&["github.create:{repo}~ref={branch}"])
            .acts(branch::create)
            .looks(branch::look_for),
        )
        .with(
            writes(
                "commit_files",
                "Commit files",
                "Writes and deletes files on a branch in one commit, signed by GitHub, as long as the branch's head is the \
                 expected one; otherwise nothing is done. The branch must be there.",
                Doubt::Marker,
            )
            .announced_as(&["github.push:{repo}?", "github.push:{repo}~sha={result.sha}"])
            .acts(commit::create)
            .looks(commit::look_for),
        )
        .with(
            writes(
                "create_release",
                "Create a release",
                "Releases a tag, which is made if there is none of that name. GitHub can write what changed. A tag has at most \
                 one release.",
                Doubt::Marker,
            )
            .announced_as(&[
                "github.release.created:{repo}~tag={tag}",
                "github.release.published:{repo}~tag={tag}",
                "github.release.released:{repo}~tag={tag}",
                "github.release.prereleased:{repo}~tag={tag}",
                "github.create:{repo}~ref={tag}",
            ])
            .acts(release::create)
            .looks(release::look_for),
        )
}
