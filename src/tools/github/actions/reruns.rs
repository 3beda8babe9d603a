//! In: a workflow run that shall go again. Out: another attempt, or the evidence of one. Never: a new run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Parts, client, marker};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::integrations::github::{self, Repo, WorkflowRun};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Which run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rerun {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of the workflow run.
    #[schemars(range(min = 1))]
    run_id: u64,
    /// Only if this is still the latest attempt of the run.
    #[serde(default)]
    #[schemars(range(min = 1))]
    attempt: Option<u64>,
}

/// The run that goes again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rerunning {
    /// Id of the workflow run.
    run_id: u64,
    /// The attempt that began, where it is known.
    attempt: Option<u64>,
}

pub(super) async fn rerun_failed_jobs(ctx: Ctx<Parts>, rerun: Rerun) -> Result<Effect<Rerunning>, ToolError> {
    let request = github::rerun_failed_jobs(&rerun.repo, rerun.run_id);
    again(ctx, rerun, request).await
}

pub(super) async fn rerun_workflow(ctx: Ctx<Parts>, rerun: Rerun) -> Result<Effect<Rerunning>, ToolError> {
    let request = github::rerun_workflow(&rerun.repo, rerun.run_id);
    again(ctx, rerun, request).await
}

async fn again(ctx: Ctx<Parts>, rerun: Rerun, request: Request) -> Result<Effect<Rerunning>, ToolError> {
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    // GitHub's answer says nothing of the attempt that begins. A run that is under way cannot go again, so it is the next one.
    let latest = client.workflow_run(&rerun.repo, rerun.run_id).await?.run_attempt;
    if let Some(attempt) = rerun.attempt.filter(|attempt| *attempt != latest) {
        return Err(ToolError::new(
            ErrorClass::Conflict,
            format!(
                "run {} is at attempt {latest} already, not {attempt}",
                rerun.run_id
            ),
        ));
    }
    let _: Value = client.send(&request).await?;
    Ok(Effect::Done(Rerunning {
        run_id: rerun.run_id,
        attempt: Some(latest + 1),
    }))
}

/// The latest attempt is the evidence: begun since the intent, by us. By somebody else it may hide ours.
pub(super) async fn look_for_rerun(ctx: Ctx<Parts>, rerun: Rerun) -> Result<Look<Rerunning>, ToolError> {
    let client = client(&ctx)?;
    let me = client.me().await?;
    let run = client
        .workflow_run(&rerun.repo, rerun.run_id)
        .await
        .map_err(marker::unseen)?;
    if !is_later(&run, &rerun, &ctx) {
        return Ok(Look::Absent);
    }
    let by = run.triggering_actor.as_ref();
    // Two attempts later, one of them may be ours whoever began the last.
    let alone = rerun.attempt.is_none_or(|attempt| run.run_attempt == attempt + 1);
    let is_taken = |attempt: u64| ctx.taken.contains(&format!("{}.{attempt}", run.id));
    let another = is_taken(run.run_attempt);
    // Every attempt that may be ours is another call's.
    let first = rerun.attempt.map_or(2, |attempt| attempt + 1);
    if (first..=run.run_attempt).all(is_taken) {
        return Ok(Look::Absent);
    }
    Ok(
        if alone && !another && by.is_some_and(|actor| actor.id == me.id) {
            Look::Found(Rerunning {
                run_id: run.id,
                attempt: Some(run.run_attempt),
            })
        } else {
            let by = by.map_or("somebody", |actor| actor.login.as_str());
            Look::Ambiguous(format!(
                "attempt {} was begun by {by}, and ours may be among the earlier ones",
                run.run_attempt
            ))
        },
    )
}

/// Whether an attempt began that may be the one looked for.
fn is_later(run: &WorkflowRun, rerun: &Rerun, ctx: &Ctx<Parts>) -> bool {
    match rerun.attempt {
        Some(attempt) => run.run_attempt > attempt,
        None => {
            let since = marker::since(ctx.since);
            run.run_attempt > 1 && run.run_started_at.is_none_or(|started| started >= since)
        }
    }
}
