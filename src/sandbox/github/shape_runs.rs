//! In: workflow runs and their jobs. Out: JSON objects as the REST API and the webhooks show them.
//! Never: changes to anything.

use serde_json::{Value, json};

use super::shape::{Shape, node, time};
use super::state::{Job, Repo, Run, stable_id, stable_sha};

impl Shape<'_> {
    pub(in crate::sandbox) fn run(&self, repo: &Repo, run: &Run) -> Value {
        let (base, id, workflow) = (self.repo_url(repo), run.id, workflow_id(repo, &run.path));
        let url = format!("{base}/actions/runs/{id}");
        let suite = id + 7_000_000_000;
        let author = json!({"name": run.actor, "email": format!("{}@users.noreply.github.com", run.actor)});
        json!({
            "id": id, "node_id": node("WFR", id), "name": run.name, "path": run.path, "display_title": run.title,
            "run_number": run.number, "run_attempt": run.attempt, "event": run.event, "status": run.status,
            "conclusion": run.conclusion, "workflow_id": workflow, "head_branch": run.branch, "head_sha": run.sha,
            "check_suite_id": suite, "check_suite_node_id": node("CS", suite), "pull_requests": [],
            "created_at": time(run.created_at), "updated_at": time(run.updated_at),
            "run_started_at": time(run.started_at),
            "actor": self.user(&run.actor), "triggering_actor": self.user(&run.triggering_actor),
            "referenced_workflows": [], "previous_attempt_url": null,
            "url": url, "html_url": self.page(repo, &format!("/actions/runs/{id}")),
            "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"),
            "check_suite_url": format!("{base}/check-suites/{suite}"), "artifacts_url": format!("{url}/artifacts"),
            "cancel_url": format!("{url}/cancel"), "rerun_url": format!("{url}/rerun"),
            "workflow_url": format!("{base}/actions/workflows/{workflow}"),
            "head_commit": {
                "id": run.sha, "tree_id": stable_sha(&run.sha), "message": run.title, "timestamp": time(run.created_at),
                "author": author, "committer": author,
            },
            "repository": self.repo(repo), "head_repository": self.repo(repo),
        })
    }

    /// The `workflow` object beside a run in webhooks.
    pub(in crate::sandbox) fn workflow(&self, repo: &Repo, run: &Run) -> Value {
        let id = workflow_id(repo, &run.path);
        json!({
            "id": id, "node_id": node("W", id), "name": run.name, "path": run.path, "state": "active",
            "created_at": time(repo.created_at), "updated_at": time(repo.created_at),
            "url": format!("{}/actions/workflows/{id}", self.repo_url(repo)),
            "html_url": self.page(repo, &format!("/blob/{}/{}", repo.default_branch, run.path)),
            "badge_url": self.page(repo, &format!("/workflows/{}/badge.svg", run.name)),
        })
    }

    pub(super) fn job(&self, repo: &Repo, run: &Run, job: &Job) -> Value {
        let (base, id) = (self.repo_url(repo), job.id);
        let ended = job.conclusion.as_ref().map(|_| time(run.updated_at));
        json!({
            "id": id, "run_id": run.id, "workflow_name": run.name, "head_branch": run.branch, "head_sha": run.sha,
            "run_url": format!("{base}/actions/runs/{}", run.id), "run_attempt": run.attempt, "node_id": node("CR", id),
            "url": format!("{base}/actions/jobs/{id}"),
            "html_url": self.page(repo, &format!("/actions/runs/{}/job/{id}", run.id)),
            "status": job.status, "conclusion": job.conclusion, "name": job.name,
            "created_at": time(run.started_at), "started_at": time(run.started_at), "completed_at": ended,
            "steps": [{"name": "Run", "status": job.status, "conclusion": job.conclusion, "number": 1,
                       "started_at": time(run.started_at), "completed_at": ended}],
            "check_run_url": format!("{base}/check-runs/{id}"), "labels": ["ubuntu-latest"],
            "runner_id": 1, "runner_name": "GitHub Actions 1", "runner_group_id": 2, "runner_group_name": "GitHub Actions",
        })
    }
}

/// The workflow's number: one for each file of a repository.
pub(super) fn workflow_id(repo: &Repo, path: &str) -> u64 {
    stable_id(&format!("{}:{path}", repo.full_name))
}
