//! In: a workflow to begin, a run to stop. Out: that it was, or the evidence. Never: another attempt of an old run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::{Parts, client, marker, send};
use super::read::file_name;
use crate::hub::ToolError;
use crate::integrations::Failure;
use crate::integrations::github::{self, Dispatched, Repo, RunFilter, WorkflowRun};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// GitHub's most inputs of a workflow.
const INPUTS_MAX: usize = 25;
/// Most runs looked through for the one that was begun.
const LOOK_MAX: usize = 300;

/// What to begin.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    /// Repository, as owner/name.
    repo: Repo,
    /// The workflow's file, like deploy.yml, or its id. It must have the trigger workflow_dispatch.
    #[schemars(length(min = 1))]
    workflow: String,
    /// Branch or tag whose version of the workflow runs.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    reference: String,
    /// Its inputs by name, 25 at most.
    #[serde(default)]
    inputs: Map<String, Value>,
}

/// The run that was begun.
#[derive(Serialize, JsonSchema)]
pub(super) struct Begun {
    /// Id of the workflow run.
    run_id: u64,
    /// Where people see it.
    html_url: String,
}

pub(super) async fn run(ctx: Ctx<Parts>, begin: Begin) -> Result<Effect<Begun>, ToolError> {
    let workflow = file_name(&begin.workflow)?;
    if begin.inputs.len() > INPUTS_MAX {
        return Err(invalid("inputs", format!("must be at most {INPUTS_MAX}")));
    }
    let request = github::run_workflow(&begin.repo, &workflow, &begin.reference, &begin.inputs);
    send(&ctx, request, |begun: Dispatched| Begun {
        run_id: begun.workflow_run_id,
        html_url: begun.html_url,
    })
    .await
}

/// A run says who began it, but not with which key: exactly one of ours since the intent is taken for it.
pub(super) async fn look_for_run(ctx: Ctx<Parts>, begin: Begin) -> Result<Look<Begun>, ToolError> {
    let client = client(&ctx)?;
    let me = client.me().await?;
    let filter = RunFilter {
        workflow: Some(file_name(&begin.workflow)?),
        branch: Some(short(&begin.reference).to_owned()),
        event: Some("workflow_dispatch".to_owned()),
        since: Some(marker::since(ctx.since)),
        ..RunFilter::default()
    };
    let listed = client
        .workflow_runs(&begin.repo, &filter, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    let ours = |run: &&WorkflowRun| {
        run.actor.as_ref().is_some_and(|actor| actor.id == me.id) && !ctx.taken.contains(&run.id.to_string())
    };
    let ours: Vec<&WorkflowRun> = listed.items.iter().filter(ours).collect();
    Ok(match ours.as_slice() {
        [] if listed.more => Look::Ambiguous(marker::too_many(LOOK_MAX)),
        [] => Look::Absent,
        // GitHub tells whole seconds, so the second of the intent is not before it.
        [only]
            if only
                .created_at
                .is_some_and(|at| at.as_second() >= ctx.since.as_second()) =>
        {
            Look::Found(Begun {
                run_id: only.id,
                html_url: only.html_url.clone(),
            })
        }
        [early] => Look::Ambiguous(format!(
            "run {} was begun by us a moment before the call, so it may be another's",
            early.id
        )),
        several => Look::Ambiguous(format!(
            "{} such runs were begun by us since the call",
            several.len()
        )),
    })
}

/// A run's branch is told without `refs/heads/`.
fn short(reference: &str) -> &str {
    reference
        .strip_prefix("refs/heads/")
        .or_else(|| reference.strip_prefix("refs/tags/"))
        .unwrap_or(reference)
}

/// Which run to stop.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of the workflow run.
    #[schemars(range(min = 1))]
    run_id: u64,
}

/// A run that stops.
#[derive(Serialize, JsonSchema)]
pub(super) struct Canceled {
    /// Id of the workflow run.
    run_id: u64,
    /// How it ended, where it has: cancelled, or how it ended before it could be canceled.
    conclusion: Option<String>,
}

pub(super) async fn cancel(ctx: Ctx<Parts>, cancel: Cancel) -> Result<Effect<Canceled>, ToolError> {
    let request = github::cancel_workflow_run(&cancel.repo, cancel.run_id);
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    // GitHub answers with an empty object; an answer without a body is not its.
    let conclusion = match client.send::<Map<String, Value>>(&request).await {
        Ok(_) => None,
        // A run that is over cannot be canceled, and need not be.
        Err(error) if error.failure == Failure::Conflict => {
            let run = client.workflow_run(&cancel.repo, cancel.run_id).await?;
            if run.status != "completed" {
                return Err(error.into());
            }
            run.conclusion
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Effect::Done(Canceled {
        run_id: cancel.run_id,
        conclusion,
    }))
}

/// A run that is over is what was wanted.
pub(super) async fn look_for_end(ctx: Ctx<Parts>, cancel: Cancel) -> Result<Look<Canceled>, ToolError> {
    let run = client(&ctx)?.workflow_run(&cancel.repo, cancel.run_id).await;
    let run = run.map_err(marker::unseen)?;
    Ok(if run.status == "completed" {
        Look::Found(Canceled {
            run_id: run.id,
            conclusion: run.conclusion,
        })
    } else {
        Look::Absent
    })
}
