//! In: calls about repositories and what is in them. Out: what GitHub did, or holds. Never: issues and runs.

mod contents;

use super::Server;
use crate::tools::toolbox::reads;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server.with(
        reads(
            "get_file",
            "Get a file",
            "A text file of a repository at a branch, tag or commit, up to 1 MiB. \
             For a binary or larger file it says so and gives the size.",
        )
        .untrusted(&["text"])
        .answers(contents::get_file),
    )
}
