//! In: calls about workflow runs. Out: answers from state, `workflow_run.*` deliveries.
//! Never: running anything; a rerun stays queued until an act completes it.

use serde_json::{Value, json};

use super::shape::Shape;
use super::{Repo, Run, error, full_name, not_found, page, repo, repo_mut, run_event};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let is = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
    let status = |run: &Run| {
        call.query("status")
            .is_none_or(|wanted| run.status == wanted || run.conclusion.as_deref() == Some(wanted))
    };
    let mut found: Vec<&Run> = repo
        .runs
        .values()
        .filter(|run| {
            is("branch", &run.branch) && is("event", &run.event) && is("head_sha", &run.sha) && status(run)
        })
        .filter(|run| {
            call.query("actor")
                .is_none_or(|actor| actor.eq_ignore_ascii_case(&run.actor))
        })
        .collect();
    found.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        found.into_iter().map(|run| shape.run(repo, run)).collect(),
        Some("workflow_runs"),
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let (repo, run) = one(world, call)?;
    Ok(Answer::ok(
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .run(repo, run),
    ))
}

pub(super) fn jobs(world: &mut World, call: &Call) -> Outcome {
    let (repo, run) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        run.jobs.iter().map(|job| shape.job(repo, run, job)).collect(),
        Some("jobs"),
    )
}

/// The log itself; the real API redirects to a short-lived URL, which clients follow without noticing.
pub(super) fn job_logs(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let id = call.number("id").ok_or_else(not_found)?;
    let job = repo
        .runs
        .values()
        .flat_map(|run| &run.jobs)
        .find(|job| job.id == id)
        .ok_or_else(not_found)?;
    Ok(Answer::ok(Value::String(job.log.clone())).with("content-type", "text/plain; charset=utf-8"))
}

pub(super) fn rerun(world: &mut World, call: &Call) -> Outcome {
    again(world, call, false)
}

pub(super) fn rerun_failed(world: &mut World, call: &Call) -> Outcome {
    again(world, call, true)
}

fn again(world: &mut World, call: &Call, failed_only: bool) -> Outcome {
    let (_, run) = one(world, call)?;
    let id = run.id;
    if run.status != "completed" {
        return Err(error(
            403,
            "The workflow run containing this job is already running",
        ));
    }
    if failed_only && run.conclusion.as_deref() == Some("success") {
        return Err(error(403, "This workflow run cannot be retried"));
    }
    let (now, actor) = (call.now, call.actor.clone());
    let run = repo_mut(world, call)?.runs.get_mut(&id).ok_or_else(not_found)?;
    run.attempt += 1;
    "queued".clone_into(&mut run.status);
    run.conclusion = None;
    run.triggering_actor = actor;
    run.started_at = now;
    run.updated_at = now;
    for job in run
        .jobs
        .iter_mut()
        .filter(|job| !failed_only || job.conclusion.as_deref() != Some("success"))
    {
        "queued".clone_into(&mut job.status);
        job.conclusion = None;
    }
    run_event(world, &full_name(call), id, "requested", &call.actor);
    Ok(Answer::json(201, json!({})))
}

pub(super) fn cancel(world: &mut World, call: &Call) -> Outcome {
    let (_, run) = one(world, call)?;
    let id = run.id;
    if run.status == "completed" {
        return Err(error(409, "Cannot cancel a workflow run that is completed."));
    }
    let now = call.now;
    let run = repo_mut(world, call)?.runs.get_mut(&id).ok_or_else(not_found)?;
    "completed".clone_into(&mut run.status);
    run.conclusion = Some("cancelled".to_owned());
    run.updated_at = now;
    run_event(world, &full_name(call), id, "completed", &call.actor);
    Ok(Answer::json(202, json!({})))
}

fn one<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Run), Answer> {
    let repo = repo(world, call)?;
    let run = call
        .number("id")
        .and_then(|id| repo.runs.get(&id))
        .ok_or_else(not_found)?;
    Ok((repo, run))
}
