//! In: calls about one-off jobs and runs of cron jobs. Out: them, begun, and an event of each run.
//! Never: their end; what a job does is nobody's business here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{body, error, happen, optional_text, page, service, time};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// The instance type of a job that does not name one.
const PLAN: &str = "plan-srv-006";

/// A command run once.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Job {
    id: String,
    service: String,
    command: String,
    plan: String,
    created_at: Timestamp,
}

fn shown(job: &Job) -> Value {
    json!({
        "id": job.id, "serviceId": job.service, "startCommand": job.command, "planId": job.plan, "status": "pending",
        "createdAt": job.created_at.to_string(),
    })
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    let statuses = call.queries("status");
    let (before, after) = (time(call, "createdBefore")?, time(call, "createdAfter")?);
    let found = world.render.jobs.iter().rev().filter(|job| {
        job.service == id
            && (statuses.is_empty() || statuses.contains(&"pending"))
            && before.is_none_or(|before| job.created_at < before)
            && after.is_none_or(|after| job.created_at > after)
    });
    page(
        call,
        "job",
        found.map(|job| (job.id.clone(), shown(job))).collect(),
    )
}

pub(super) fn run(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let found = service(world, call)?;
    let (id, kind, suspended) = (found.id.clone(), found.kind.clone(), found.suspended);
    let command = optional_text(&given, "startCommand")?
        .filter(|command| !command.trim().is_empty())
        .ok_or_else(|| error(400, "startCommand is required"))?;
    if kind == "static_site" {
        return Err(error(400, "jobs are not supported for static_site"));
    }
    if suspended {
        return Err(error(400, "service is suspended"));
    }
    let job = Job {
        id: world.ids.render("job"),
        service: id,
        command,
        plan: optional_text(&given, "planId")?.unwrap_or_else(|| PLAN.to_owned()),
        created_at: call.now,
    };
    world.render.jobs.push(job.clone());
    Ok(Answer::json(201, shown(&job)))
}

pub(super) fn run_cron(world: &mut World, call: &Call) -> Outcome {
    let found = service(world, call)?;
    if found.kind != "cron_job" {
        return Err(error(404, &format!("not found: {}", found.id)));
    }
    let id = found.id.clone();
    let run = world.ids.render("crr");
    let details = json!({ "cronJobRunId": run });
    happen(world, &id, "cron_job_run_started", None, details, call.now);
    Ok(Answer::ok(
        json!({"id": run, "status": "pending", "startedAt": call.now.to_string(), "triggeredBy": call.actor}),
    ))
}
