//! In: what is to be deployed where, and what came of it. Out: deployments as GitHub keeps them. Never: a deploy.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::page::web;
use super::super::{Parts, client, configured, marker, send};
use super::short;
use crate::hub::ToolError;
use crate::integrations::github::{
    self, Deployment, DeploymentState, DeploymentStatus, NewDeployment, NewDeploymentStatus, Repo,
};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most deployments looked through for ours.
const LOOK_MAX: usize = 300;
/// Where in the payload the call's key stands.
const KEY_FIELD: &str = "xmrt_step";

/// What to deploy, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Branch, tag or commit.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    reference: String,
    /// Where to.
    #[serde(default = "production")]
    #[schemars(length(min = 1, max = 255))]
    environment: String,
    /// What is to be done, for whoever can do several things.
    #[serde(default = "deploy")]
    #[schemars(length(min = 1, max = 128))]
    task: String,
    /// A short text; what is longer than 140 characters is cut.
    #[serde(default)]
    description: String,
    /// What whoever deploys is told besides.
    #[serde(default)]
    payload: Map<String, Value>,
    /// The contexts of the commit statuses that must be good. Without it all that there are, with [] none.
    #[serde(default)]
    required_contexts: Option<Vec<String>>,
    /// The environment is gone some day, like a preview.
    #[serde(default)]
    transient: bool,
    /// Whether people use the environment; by default only the one that is called production.
    #[serde(default)]
    production: Option<bool>,
}

fn production() -> String {
    "production".to_owned()
}

fn deploy() -> String {
    "deploy".to_owned()
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<Deployment>, ToolError> {
    let mut payload = create.payload;
    configured(&ctx)?;
    if payload.contains_key(KEY_FIELD) {
        return Err(invalid(
            "payload",
            format!("must not hold `{KEY_FIELD}`, which is ours"),
        ));
    }
    if let Some(key) = &ctx.key {
        payload.insert(KEY_FIELD.to_owned(), key.as_str().into());
    }
    let request = github::create_deployment(
        &create.repo,
        &NewDeployment {
            reference: &create.reference,
            task: &create.task,
            environment: &create.environment,
            description: &short(&create.description),
            payload,
            required_contexts: create.required_contexts.as_deref(),
            transient: create.transient,
            production: create.production,
        },
    );
    send(&ctx, request, |made: Deployment| made).await
}

/// Ours carries the call's key in its payload.
pub(super) async fn look_for(ctx: Ctx<Parts>, create: Create) -> Result<Look<Deployment>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let listed = client(&ctx)?
        .deployments(&create.repo, &create.reference, &create.environment, LOOK_MAX)
        .await
        .map_err(marker::unseen)?;
    Ok(marker::among(listed, |made| carries(&made.payload, key)))
}

/// GitHub gives a payload back as an object, or as the text of one.
fn carries(payload: &Value, key: &str) -> bool {
    let parsed = payload
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let payload = parsed.as_ref().unwrap_or(payload);
    payload.get(KEY_FIELD).and_then(Value::as_str) == Some(key)
}

/// What came of a deployment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    /// Repository, as owner/name.
    repo: Repo,
    /// Id of the deployment.
    #[schemars(range(min = 1))]
    deployment_id: u64,
    /// What it has come to.
    state: DeploymentState,
    /// A short text; what is longer than 140 characters is cut.
    #[serde(default)]
    description: String,
    /// Where what was deployed is seen.
    #[serde(default)]
    environment_url: Option<String>,
    /// Where the log of the deploy is.
    #[serde(default)]
    log_url: Option<String>,
    /// Whether a success makes earlier deployments of the environment inactive.
    #[serde(default = "yes")]
    auto_inactive: bool,
}

fn yes() -> bool {
    true
}

pub(super) async fn create_status(ctx: Ctx<Parts>, say: Say) -> Result<Effect<DeploymentStatus>, ToolError> {
    web("environment_url", say.environment_url.as_deref())?;
    web("log_url", say.log_url.as_deref())?;
    let request = github::create_deployment_status(
        &say.repo,
        say.deployment_id,
        &NewDeploymentStatus {
            state: say.state,
            description: &short(&say.description),
            environment_url: say.environment_url.as_deref(),
            log_url: say.log_url.as_deref(),
            auto_inactive: say.auto_inactive,
        },
    );
    send(&ctx, request, |said: DeploymentStatus| said).await
}
