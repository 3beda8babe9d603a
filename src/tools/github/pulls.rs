//! In: calls about pull requests. Out: what GitHub did, or holds. Never: their conversation, which is an issue's.

mod read;

use super::Server;
use crate::tools::toolbox::reads;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server.with(
        reads(
            "list_pull_request_files",
            "List a pull request's files",
            "The files a pull request changes, each with its status and its numbers of lines added and deleted. \
             Without the changes themselves.",
        )
        .untrusted(&["filename", "previous_filename"])
        .answers(read::list_files),
    )
}
