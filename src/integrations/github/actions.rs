//! In: questions and requests about workflow runs. Out: GitHub's answers, compact. Never: which to ask.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, ApiError, Client, Repo, Request};

/// One run of a workflow, in its latest attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowRun {
    /// Its number in all of GitHub.
    pub id: u64,
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

impl Client {
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
