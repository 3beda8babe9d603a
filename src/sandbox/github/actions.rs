//! In: calls about workflow runs. Out: answers from state, `workflow_run.*` deliveries.
//! Never: running anything; a rerun stays queued until an act completes it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape::{Shape, whole_seconds};
use super::shape_runs::workflow_id;
use super::{
    Job, Repo, Run, body, error, full_name, not_found, page, repo, repo_mut, run_event, stable_id, text,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::seed::{blank_run, with_job};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let workflow = call.param("w");
    if !workflow.is_empty() && workflow_path(repo, workflow).is_none() {
        return Err(not_found());
    }
    let of_workflow = |run: &Run| workflow.is_empty() || is_of(repo, run, workflow);
    let since = call
        .query("created")
        .and_then(|created| created.strip_prefix(">=")?.parse::<Timestamp>().ok());
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
        .filter(|run| of_workflow(run) && since.is_none_or(|since| whole_seconds(run.created_at) >= since))
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

/// Where the log is to be had for a minute, without a token.
pub(super) fn job_logs(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let job = job_of(repo, call.number("id")).ok_or_else(not_found)?;
    let host = call.base.trim_end_matches("/github");
    let key = stable_id(&format!("log:{}", job.id));
    let location = format!("{host}/storage/{}/{}.txt?sig={key}", repo.full_name, job.id);
    Ok(Answer::empty(302).with("location", location))
}

/// The storage behind [`job_logs`]. Like the real one it refuses whoever brings a token that is not for it.
pub(in crate::sandbox) fn stored_log(world: &World, call: &Call) -> Answer {
    if !call.header("authorization").is_empty() {
        return Answer::json(401, json!({"message": "InvalidAuthenticationInfo"}));
    }
    let (name, file) = call.path.trim_matches('/').rsplit_once('/').unwrap_or_default();
    let id = file.trim_end_matches(".txt").parse().ok();
    let job = world.github.repo(name).and_then(|repo| job_of(repo, id));
    let key = job.map(|job| stable_id(&format!("log:{}", job.id)).to_string());
    match job {
        Some(job) if key.as_deref() == call.query("sig") => {
            Answer::ok(Value::String(job.log.clone())).with("content-type", "text/plain; charset=utf-8")
        }
        _ => Answer::json(404, json!({"message": "BlobNotFound"})),
    }
}

fn job_of(repo: &Repo, id: Option<u64>) -> Option<&Job> {
    let mut jobs = repo.runs.values().flat_map(|run| &run.jobs);
    jobs.find(|job| Some(job.id) == id)
}

/// Begins a run by hand.
pub(super) fn dispatch(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let reference = text(&given, "Workflow", "ref")?;
    let id = world.ids.number();
    let known = repo(world, call)?;
    let path = workflow_path(known, call.param("w")).ok_or_else(not_found)?;
    let short = reference.trim_start_matches("refs/heads/").to_owned();
    let sha = known
        .resolve(&short)
        .ok_or_else(|| error(422, &format!("No ref found for: {reference}")))?;
    let file = known.contents.iter().find(|file| file.path == path);
    if file.is_some_and(|file| !file.text.contains("workflow_dispatch")) {
        return Err(error(422, "Workflow does not have 'workflow_dispatch' trigger"));
    }
    let inputs = given.get("inputs").and_then(Value::as_object);
    let unknown = |name: &&String| file.is_some_and(|file| !file.text.contains(&format!("{name}:")));
    if let Some(unknown) = inputs.into_iter().flatten().map(|(name, _)| name).find(unknown) {
        return Err(error(
            422,
            &format!("Unexpected inputs provided: [\"{unknown}\"]"),
        ));
    }
    let (now, by, name) = (call.now, call.actor.clone(), full_name(call));
    let mut run = blank_run(known, id, now);
    let title = known
        .runs
        .values()
        .find(|run| run.path == path)
        .map_or("CI", |run| run.name.as_str());
    (run.name, run.path, run.branch, run.sha) = (title.to_owned(), path, short, sha);
    (run.event, run.status, run.conclusion) = ("workflow_dispatch".to_owned(), "queued".to_owned(), None);
    (run.actor, run.triggering_actor) = (by.clone(), by.clone());
    repo_mut(world, call)?.runs.insert(id, with_job(run));
    run_event(world, &name, id, "requested", &by);
    let url = format!("{}/repos/{name}/actions/runs/{id}", call.base);
    let html = format!("https://github.com/{name}/actions/runs/{id}");
    Ok(Answer::ok(
        json!({"workflow_run_id": id, "run_url": url, "html_url": html}),
    ))
}

/// The file of a workflow that is named by its file or its id.
fn workflow_path(repo: &Repo, workflow: &str) -> Option<String> {
    let of_runs = repo.runs.values().map(|run| run.path.as_str());
    let of_files = repo.contents.iter().map(|file| file.path.as_str());
    let mut paths = of_runs.chain(of_files.filter(|path| path.starts_with(".github/workflows/")));
    let is = |path: &&str| {
        path.rsplit('/').next() == Some(workflow) || workflow_id(repo, path).to_string() == workflow
    };
    paths.find(is).map(str::to_owned)
}

fn is_of(repo: &Repo, run: &Run, workflow: &str) -> bool {
    workflow_path(repo, workflow).is_some_and(|path| path == run.path)
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
