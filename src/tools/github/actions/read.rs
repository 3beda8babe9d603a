//! In: questions about workflow runs. Out: what they are, and the ends of their logs. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::thirty;
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{Client, Repo, RunFilter, WorkflowJob, WorkflowRun};
use crate::tools::toolbox::{Ctx, invalid};

/// Most jobs of a run that are listed.
const JOBS_MAX: usize = 100;
/// Most jobs whose logs one call gives.
const LOGS_MAX: usize = 10;
/// The longest end of a log that is fetched for one job, in bytes.
const LOG_BYTES_MAX: usize = 256 << 10;
/// Conclusions of a job that nobody needs to look into.
const FINE: [&str; 3] = ["success", "skipped", "neutral"];

/// Which workflow runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only of this workflow: its file, like ci.yml, or its id.
    #[serde(default)]
    #[schemars(length(min = 1))]
    workflow: Option<String>,
    /// Only for this branch.
    #[serde(default)]
    #[schemars(length(min = 1))]
    branch: Option<String>,
    /// Only begun by this event: push, pull_request, schedule, workflow_dispatch, …
    #[serde(default)]
    #[schemars(length(min = 1))]
    event: Option<String>,
    /// Only with this status or conclusion: in_progress, completed, success, failure, …
    #[serde(default)]
    #[schemars(length(min = 1))]
    status: Option<String>,
    /// Only for this commit.
    #[serde(default)]
    #[schemars(length(min = 1))]
    head_sha: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of workflow runs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Runs {
    /// How many there are.
    total: u64,
    /// Newest first, each in its latest attempt.
    runs: Vec<WorkflowRun>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Runs, ToolError> {
    let filter = RunFilter {
        workflow: many.workflow.as_deref().map(file_name).transpose()?,
        branch: many.branch,
        event: many.event,
        status: many.status,
        head_sha: many.head_sha,
        since: None,
    };
    let page = many.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .workflow_runs(&many.repo, &filter, many.limit, page)
        .await?;
    Ok(Runs {
        total: listed.total.unwrap_or_default(),
        runs: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// A workflow as it stands in a path: GitHub takes its file's name, but not the folders before it.
pub(super) fn file_name(workflow: &str) -> Result<String, ToolError> {
    match workflow.rsplit('/').next().unwrap_or_default() {
        "" | "." | ".." => Err(invalid(
            "workflow",
            format!("must be the name of a workflow's file, like ci.yml, or its id, not `{workflow}`"),
        )),
        name => Ok(name.to_owned()),
    }
}

/// Which workflow run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of the workflow run.
    #[schemars(range(min = 1))]
    run_id: u64,
}

/// A workflow run with its jobs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Run {
    /// The run, in its latest attempt.
    run: WorkflowRun,
    /// Its jobs, a hundred at most. Of those that are fine without their steps.
    jobs: Vec<WorkflowJob>,
}

pub(super) async fn get(ctx: Ctx<Parts>, which: Which) -> Result<Run, ToolError> {
    let client = client(&ctx)?;
    let run = client.workflow_run(&which.repo, which.run_id).await?;
    let mut jobs = client
        .workflow_jobs(&which.repo, which.run_id, JOBS_MAX)
        .await?
        .items;
    jobs.iter_mut()
        .filter(|job| is_fine(job))
        .for_each(|job| job.steps.clear());
    Ok(Run { run, jobs })
}

fn is_fine(job: &WorkflowJob) -> bool {
    job.conclusion
        .as_deref()
        .is_some_and(|conclusion| FINE.contains(&conclusion))
}

/// Which logs, and how much of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichLogs {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of one job.
    #[serde(default)]
    #[schemars(range(min = 1))]
    job_id: Option<u64>,
    /// Or id of a workflow run: then of its jobs that did not end well, ten at most.
    #[serde(default)]
    #[schemars(range(min = 1))]
    run_id: Option<u64>,
    /// How many of the last lines of each log.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 2_000))]
    lines: usize,
}

fn hundred() -> usize {
    100
}

/// Ends of logs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Logs {
    /// One for each job.
    logs: Vec<Log>,
    /// There are more jobs that did not end well.
    more: bool,
}

/// The end of a job's log.
#[derive(Serialize, JsonSchema)]
pub(super) struct Log {
    /// Id of the job.
    job_id: u64,
    /// Its name, where it is known.
    name: Option<String>,
    /// The last lines, without colors.
    text: String,
    /// Bytes of the whole log.
    bytes: u64,
    /// There are more lines before.
    truncated: bool,
}

pub(super) async fn logs(ctx: Ctx<Parts>, which: WhichLogs) -> Result<Logs, ToolError> {
    let client = client(&ctx)?;
    let jobs: Vec<(u64, Option<String>)> = match (which.job_id, which.run_id) {
        (Some(job), None) => vec![(job, None)],
        (None, Some(run)) => {
            let jobs = client.workflow_jobs(&which.repo, run, JOBS_MAX).await?.items;
            let bad = jobs
                .into_iter()
                .filter(|job| job.conclusion.is_some() && !is_fine(job));
            bad.map(|job| (job.id, Some(job.name))).collect()
        }
        _ => {
            return Err(invalid(
                "job_id",
                "or `run_id` must be given, and only one of them",
            ));
        }
    };
    let more = jobs.len() > LOGS_MAX;
    let mut logs = Vec::new();
    for (job_id, name) in jobs.into_iter().take(LOGS_MAX) {
        logs.push(log(client, &which, job_id, name).await?);
    }
    Ok(Logs { logs, more })
}

async fn log(
    client: &Client,
    which: &WhichLogs,
    job_id: u64,
    name: Option<String>,
) -> Result<Log, ToolError> {
    let end = client.job_log(&which.repo, job_id, LOG_BYTES_MAX).await?;
    let lines: Vec<String> = end.text.lines().map(bare).collect();
    let kept = &lines[lines.len().saturating_sub(which.lines)..];
    Ok(Log {
        job_id,
        name,
        truncated: end.truncated || kept.len() < lines.len(),
        text: kept.join("\n"),
        bytes: end.bytes,
    })
}

/// A line without terminal codes and without the mark at the beginning of a file.
fn bare(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut letters = line.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            kept.push(letter);
        } else if letters.next_if_eq(&'[').is_some() {
            // A code ends with its first letter.
            let _ = letters.by_ref().find(|letter| ('@'..='~').contains(letter));
        }
    }
    kept
}
