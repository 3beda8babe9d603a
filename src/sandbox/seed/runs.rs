//! In: `state.github.runs`, and ids of runs that something mentions. Out: workflow runs with their jobs.
//! Never: a run without a job; there is none on GitHub either.

use super::Entry;
use super::github::of;
use crate::clock;
use crate::sandbox::SOMEBODY;
use crate::sandbox::github::{Job, Repo, Run, stable_id};
use crate::sandbox::state::World;

/// How old a run is that does not say, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

pub(super) fn run(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.number();
    let repo = of(world, entry)?;
    let id = entry.number(&["id", "run_id"])?.unwrap_or(fresh);
    let at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(clock::after(entry.now(), -HOUR_MS));
    let mut run = repo
        .runs
        .get(&id)
        .cloned()
        .unwrap_or_else(|| blank_run(repo, id, at));
    run.name = entry.text(&["name", "workflow"])?.unwrap_or(run.name);
    run.path = entry.text(&["path"])?.unwrap_or(run.path);
    run.event = entry.text(&["event"])?.unwrap_or(run.event);
    run.status = entry.text(&["status"])?.unwrap_or(run.status);
    run.conclusion = entry
        .text(&["conclusion"])?
        .or(run.conclusion)
        .filter(|_| run.status == "completed");
    run.branch = entry.text(&["branch", "head_branch"])?.unwrap_or(run.branch);
    run.sha = entry.text(&["sha", "head_sha"])?.unwrap_or(run.sha);
    run.title = entry.text(&["title", "display_title"])?.unwrap_or(run.title);
    run.number = entry.number(&["run_number"])?.unwrap_or(run.number);
    run.attempt = entry.number(&["attempt", "run_attempt"])?.unwrap_or(run.attempt);
    run.actor = entry.login(&["actor"])?.unwrap_or(run.actor);
    run.started_at = entry
        .time(&["started", "run_started_at"])?
        .unwrap_or(run.started_at);
    run.updated_at = entry.time(&["updated", "updated_at"])?.unwrap_or(run.updated_at);
    let log = entry.text(&["log"])?.unwrap_or_default();
    if let Some(jobs) = entry.texts(&["jobs"])? {
        run.jobs = jobs.iter().map(|name| job(id, name, &run, &log)).collect();
    } else if run.jobs.is_empty() {
        run.jobs = vec![job(id, "build", &run, &log)];
    } else {
        for job in &mut run.jobs {
            job.conclusion.clone_from(&run.conclusion);
            job.status.clone_from(&run.status);
        }
    }
    repo.runs.insert(id, run);
    Ok(())
}

fn job(run_id: u64, name: &str, run: &Run, log: &str) -> Job {
    Job {
        id: stable_id(&format!("job:{run_id}:{name}")),
        name: name.to_owned(),
        status: run.status.clone(),
        conclusion: run.conclusion.clone(),
        log: log.to_owned(),
    }
}

/// A run about which nothing is known but its id: a successful one on the default branch.
pub(in crate::sandbox) fn blank_run(repo: &Repo, id: u64, at: jiff::Timestamp) -> Run {
    Run {
        id,
        name: "CI".to_owned(),
        path: ".github/workflows/ci.yml".to_owned(),
        event: "push".to_owned(),
        status: "completed".to_owned(),
        conclusion: Some("success".to_owned()),
        branch: repo.default_branch.clone(),
        sha: repo.head_of(&repo.default_branch),
        title: "Update".to_owned(),
        number: u64::try_from(repo.runs.len()).unwrap_or(0) + 1,
        attempt: 1,
        actor: SOMEBODY.to_owned(),
        triggering_actor: SOMEBODY.to_owned(),
        created_at: at,
        started_at: at,
        updated_at: at,
        jobs: Vec::new(),
    }
}

/// Gives a run its one job, as every run has at least one.
pub(in crate::sandbox) fn with_job(mut run: Run) -> Run {
    if run.jobs.is_empty() {
        let only = job(run.id, "build", &run, "");
        run.jobs.push(only);
    }
    run
}
