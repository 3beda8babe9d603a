//! In: questions and requests about workflow runs. Out: GitHub's answers, compact. Never: which to ask.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Account, ApiError, Client, Listed, LogEnd, Repo, Request};

/// One run of a workflow, in its latest attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowRun {
    /// Its number in all of GitHub.
    pub id: u64,
    /// Name of the workflow.
    #[serde(default)]
    pub name: Option<String>,
    /// The workflow's file.
    #[serde(default)]
    pub path: String,
    /// Title of the commit or pull request it runs for.
    #[serde(default)]
    pub display_title: String,
    /// What it was begun by: push, pull_request, schedule, workflow_dispatch, …
    #[serde(default)]
    pub event: String,
    /// The branch it runs for.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// The commit it runs for.
    #[serde(default)]
    pub head_sha: String,
    /// Counts the runs of its workflow.
    #[serde(default)]
    pub run_number: u64,
    /// Who caused the first attempt.
    #[serde(default)]
    pub actor: Option<Account>,
    /// When the first attempt was created.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// 1 for the first; rises with every re-run.
    #[serde(default)]
    pub run_attempt: u64,
    /// queued, in_progress, completed, waiting, requested or pending.
    #[serde(default)]
    pub status: String,
    /// success, failure, cancelled, …; nothing while it runs.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// When the latest attempt began.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub run_started_at: Option<Timestamp>,
    /// Who began the latest attempt.
    #[serde(default)]
    pub triggering_actor: Option<Account>,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
}

/// One job of a workflow run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowJob {
    /// Its number in all of GitHub.
    pub id: u64,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// queued, in_progress, completed, waiting, requested or pending.
    #[serde(default)]
    pub status: String,
    /// success, failure, cancelled, skipped, …; nothing while it runs.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// Its steps, in order.
    #[serde(default)]
    pub steps: Vec<WorkflowStep>,
    /// Where people see it.
    #[serde(default)]
    pub html_url: Option<String>,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowStep {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// success, failure, cancelled, skipped; nothing while it runs.
    #[serde(default)]
    pub conclusion: Option<String>,
}

/// Which workflow runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only of this workflow: its file's name, or its id.
    pub workflow: Option<String>,
    /// Only for this branch.
    pub branch: Option<String>,
    /// Only begun by this event.
    pub event: Option<String>,
    /// Only with this status or conclusion.
    pub status: Option<String>,
    /// Only for this commit.
    pub head_sha: Option<String>,
    /// Only created at or after.
    pub since: Option<Timestamp>,
}

/// What a dispatch began.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Dispatched {
    /// Id of the run.
    pub workflow_run_id: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
}

impl Client {
    /// Workflow runs, newest first, at most `limit` from the `page`th page on (from 1).
    pub async fn workflow_runs(
        &self,
        repo: &Repo,
        filter: &RunFilter,
        limit: usize,
        page: usize,
    ) -> Result<Listed<WorkflowRun>, ApiError> {
        let created = filter.since.map(|since| format!(">={since:.0}"));
        let query: Vec<(&str, &str)> = [
            ("branch", &filter.branch),
            ("event", &filter.event),
            ("status", &filter.status),
            ("head_sha", &filter.head_sha),
            ("created", &created),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
        let path = match &filter.workflow {
            Some(workflow) => repo.path(&["actions", "workflows", workflow, "runs"], &query),
            None => repo.path(&["actions", "runs"], &query),
        };
        self.list_under(&path, "workflow_runs", limit, page).await
    }

    /// The jobs of a workflow run's latest attempt.
    pub async fn workflow_jobs(
        &self,
        repo: &Repo,
        run_id: u64,
        limit: usize,
    ) -> Result<Listed<WorkflowJob>, ApiError> {
        let path = repo.path(&["actions", "runs", &run_id.to_string(), "jobs"], &[]);
        self.list_under(&path, "jobs", limit, 1).await
    }

    /// The end of a job's log, of at most `bytes_max` bytes, and how long the whole is. GitHub keeps logs somewhere else
    /// and gives an address that is good for a minute; our token does not go there.
    pub async fn job_log(&self, repo: &Repo, job_id: u64, bytes_max: usize) -> Result<LogEnd, ApiError> {
        let path = repo.path(&["actions", "jobs", &job_id.to_string(), "logs"], &[]);
        self.elsewhere(&path, bytes_max).await
    }

    /// One workflow run.
    pub async fn workflow_run(&self, repo: &Repo, run_id: u64) -> Result<WorkflowRun, ApiError> {
        let path = repo.path(&["actions", "runs", &run_id.to_string()], &[]);
        self.get(&path).await
    }
}

/// Begins another attempt of the jobs that failed and those that depend on them. The answer holds nothing.
pub fn rerun_failed_jobs(repo: &Repo, run_id: u64) -> Request {
    let segments = ["actions", "runs", &run_id.to_string(), "rerun-failed-jobs"];
    Request {
        method: "POST",
        path: repo.path(&segments, &[]),
        body: None,
    }
}

/// Begins another attempt of all jobs. The answer holds nothing.
pub fn rerun_workflow(repo: &Repo, run_id: u64) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["actions", "runs", &run_id.to_string(), "rerun"], &[]),
        body: None,
    }
}

/// Asks a run to stop, which it does some time after the answer. The answer holds nothing.
pub fn cancel_workflow_run(repo: &Repo, run_id: u64) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["actions", "runs", &run_id.to_string(), "cancel"], &[]),
        body: None,
    }
}

/// Begins a run of a workflow that can be begun by hand. Answers [`Dispatched`].
pub fn run_workflow(repo: &Repo, workflow: &str, reference: &str, inputs: &Map<String, Value>) -> Request {
    let mut body = json!({ "ref": reference });
    if !inputs.is_empty() {
        body["inputs"] = json!(inputs);
    }
    Request {
        method: "POST",
        path: repo.path(&["actions", "workflows", workflow, "dispatches"], &[]),
        body: Some(body),
    }
}
