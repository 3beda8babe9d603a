//! In: calls about workflow runs. Out: what GitHub did, or holds. Never: what a workflow does.

mod reruns;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::writes;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server.with(
        writes(
            "rerun_failed_jobs",
            "Re-run failed jobs",
            "Begins another attempt of a completed workflow run with the jobs that failed, and those that depend on \
             them. Give `attempt` to re-run only if nobody has done so meanwhile.",
            Doubt::Evidence,
        )
        .announced_as(&["github.workflow_run.requested:{repo}"])
        .acts(reruns::rerun_failed_jobs)
        .looks(reruns::look_for_rerun),
    )
}
