//! In: calls about workflow runs. Out: what GitHub did, or holds. Never: what a workflow does.

mod read;
mod begin;
mod reruns;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// How long a run that was begun may be missing from GitHub's list, in milliseconds.
const RUN_SETTLES_MS: i64 = 10_000;

/// The events an attempt of a workflow comes back as.
const RUN_EVENTS: [&str; 3] = [
    "github.workflow_run.requested:{repo}?",
    "github.workflow_run.in_progress:{repo}?",
    "github.workflow_run.completed:{repo}?",
];
/// What another attempt of a known run comes back as. Its check suite and check runs have numbers that the call does not say.
const ATTEMPT_EVENTS: [&str; 7] = [
    "github.workflow_run.requested:{repo}~run={run_id}",
    "github.workflow_run.in_progress:{repo}~run={run_id}",
    "github.workflow_run.completed:{repo}~run={run_id}",
    "github.check_suite.rerequested:{repo}?",
    "github.check_suite.completed:{repo}?",
    "github.check_run.created:{repo}?",
    "github.check_run.completed:{repo}?",
];
/// How long GitHub may take to announce the end of an attempt, in milliseconds: that of its longest job. A rule that
/// re-runs what failed would otherwise never see that the next failure is its own doing.
const ATTEMPT_ANNOUNCED_MS: i64 = 6 * 60 * 60_000;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    writing(reading(server))
}

fn reading(server: Server) -> Server {
    server
        .with(
            reads(
                "list_workflow_runs",
                "List workflow runs",
                "Workflow runs of a repository, newest first. Filter by workflow, branch, event, status or conclusion, \
                 and commit.",
            )
            .untrusted(&["display_title", "head_branch", "name", "path"])
            .answers(read::list),
        )
        .with(
            reads(
                "get_workflow_run",
                "Get a workflow run",
                "One workflow run in its latest attempt, with its jobs; of the jobs that did not end well, with their steps.",
            )
            .untrusted(&["display_title", "head_branch", "name", "path"])
            .answers(read::get),
        )
        .with(
            reads(
                "get_job_logs",
                "Get logs of jobs",
                "The last lines of a job's log, or of the logs of all jobs of a run that did not end well.",
            )
            .untrusted(&["text", "name"])
            .answers(read::logs),
        )
}

/// One attempt of a run is one call's effect, whichever of the two it was.
const ATTEMPT: &str = "attempt {repo}/{run_id}.{attempt}";

fn writing(server: Server) -> Server {
    server
        .with(
            writes(
                "run_workflow",
                "Run a workflow",
                "Begins a run of a workflow that can be begun by hand, at a branch or tag, with inputs.",
                Doubt::Evidence,
            )
            .urgent()
            .settles_in_ms(RUN_SETTLES_MS)
            .announced_as(&RUN_EVENTS)
            .announced_within_ms(ATTEMPT_ANNOUNCED_MS)
            .told_apart_by(&["workflow run {repo}/{run_id}"])
            .acts(begin::run)
            .looks(begin::look_for_run),
        )
        .with(
            writes(
                "rerun_workflow",
                "Re-run a workflow",
                "Begins another attempt of a completed workflow run with all its jobs. \
                 Give `attempt` to re-run only if nobody has done so meanwhile.",
                Doubt::Evidence,
            )
            .urgent()
            .announced_as(&ATTEMPT_EVENTS)
            .announced_within_ms(ATTEMPT_ANNOUNCED_MS)
            .told_apart_by(&[ATTEMPT])
            .acts(reruns::rerun_workflow)
            .looks(reruns::look_for_rerun),
        )
        .with(
            writes(
                "rerun_failed_jobs",
                "Re-run failed jobs",
                "Begins another attempt of a completed workflow run with the jobs that failed, and those that depend on \
                 them. Give `attempt` to re-run only if nobody has done so meanwhile.",
                Doubt::Evidence,
            )
            .urgent()
            .announced_as(&ATTEMPT_EVENTS)
            .announced_within_ms(ATTEMPT_ANNOUNCED_MS)
            .told_apart_by(&[ATTEMPT])
            .acts(reruns::rerun_failed_jobs)
            .looks(reruns::look_for_rerun),
        )
        .with(
            writes(
                "cancel_workflow_run",
                "Cancel a workflow run",
                "Asks a workflow run to stop. Its jobs end some seconds later, unless they always run.",
                Doubt::GoalState,
            )
            .urgent()
            .destructive()
            .announced_as(&["github.workflow_run.completed:{repo}~run={run_id}"])
            .acts(begin::cancel)
            .looks(begin::look_for_end),
        )
}
