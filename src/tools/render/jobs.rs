//! In: calls about one-off jobs and cron jobs. Out: what was started. Never: what a job prints, see `logs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::deploys::CLOCK_SKEW_MS;
use super::services::ServiceArgs;
use crate::clock;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::{self, CronRun, Job, JobQuery};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// The statuses Render documents.
const STATUSES: [&str; 5] = ["pending", "running", "succeeded", "failed", "canceled"];

/// What to run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunJobArgs {
    /// srv-…: the service whose build and variables the job gets.
    service_id: String,
    /// The command.
    #[schemars(length(min = 1))]
    start_command: String,
    /// The instance type (plan-…); default: the service's.
    plan_id: Option<String>,
}

/// Which jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJobsArgs {
    /// srv-….
    service_id: String,
    /// Any of these: pending, running, succeeded, failed, canceled.
    #[serde(default)]
    status: Vec<String>,
    /// Was asked for at most so long ago, as in 2d.
    created_within: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of jobs, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JobList {
    jobs: Vec<Job>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListJobsArgs) -> Result<JobList, ToolError> {
    let client = ctx.parts.client()?;
    if let Some(unknown) = args
        .status
        .iter()
        .find(|status| !STATUSES.contains(&status.as_str()))
    {
        return Err(invalid("status", format!("knows no \"{unknown}\""))
            .with_remedy(format!("statuses: {}", STATUSES.join(", "))));
    }
    let within = args.created_within.as_deref();
    let query = JobQuery {
        status: args.status,
        created_after: within
            .map(|within| span::ago("created_within", within, ctx.clock.now()))
            .transpose()?,
    };
    let limit = args.limit.unwrap_or(20) as usize;
    let page = client
        .list_jobs(&args.service_id, &query, limit, args.cursor.as_deref())
        .await?;
    Ok(JobList {
        jobs: page.items,
        cursor: page.cursor,
    })
}

pub(super) async fn run(ctx: Ctx<Parts>, args: RunJobArgs) -> Result<Effect<Job>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::run_job(&args.service_id, &args.start_command, args.plan_id.as_deref())?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    Ok(Effect::Done(client.answer(&request).await?))
}

/// The one job with this command made since the intent.
pub(super) async fn look_run(ctx: Ctx<Parts>, args: RunJobArgs) -> Result<Look<Job>, ToolError> {
    let client = ctx.parts.client()?;
    let earliest = clock::after(ctx.since, -CLOCK_SKEW_MS);
    let query = JobQuery {
        status: Vec::new(),
        created_after: Some(clock::after(earliest, -1)),
    };
    let mut found = client.list_jobs(&args.service_id, &query, 100, None).await?.items;
    found.retain(|job| {
        job.start_command == args.start_command
            && job.created_at.is_some_and(|at| at >= earliest)
            && !ctx.taken.contains(&job.id)
    });
    // Render's clock may be behind ours: one made just before the intent may be its effect, or an older one.
    let early = found.iter().any(|job| job.created_at < Some(ctx.since));
    let ids: Vec<&str> = found.iter().map(|job| job.id.as_str()).collect();
    if found.len() > 1 || early {
        return Ok(Look::Ambiguous(format!(
            "jobs with this command were made at about the time of the intent: {}",
            ids.join(", ")
        )));
    }
    Ok(found.pop().map_or(Look::Absent, Look::Found))
}

pub(super) async fn run_cron(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Effect<CronRun>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    if service.kind != "cron_job" {
        let message = format!("{} is a {} and no cron_job", service.id, service.kind);
        return Err(ToolError::new(ErrorClass::Invalid, message)
            .with_remedy("render.run_job runs a command with a service's build and variables"));
    }
    let request = render::run_cron_job(&args.service_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    Ok(Effect::Done(client.answer(&request).await?))
}

/// Render lists no runs, only that one began. Whether the schedule or the call began it nobody says, so a run that began
/// since and is no other call's is left to a person, and only that none did is certain.
pub(super) async fn look_cron(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<Look<CronRun>, ToolError> {
    let client = ctx.parts.client()?;
    let earliest = clock::after(ctx.since, -CLOCK_SKEW_MS);
    let until = clock::after(ctx.clock.now(), CLOCK_SKEW_MS);
    let begun = client
        .service_events(&args.service_id, "cron_job_run_started", earliest, until, 100)
        .await?;
    let id = |event: &render::ServiceEvent| {
        event.details["cronJobRunId"]
            .as_str()
            .unwrap_or("of unknown id")
            .to_owned()
    };
    let mut others = begun.iter().rev().map(id).filter(|run| !ctx.taken.contains(run));
    let Some(run) = others.next() else {
        return Ok(Look::Absent);
    };
    Ok(Look::Ambiguous(format!(
        "run {run} began since the intent, by this call, by the schedule or by somebody else"
    )))
}
