//! In: questions and requests about deployments. Out: GitHub's answers, compact. Never: a deploy, which others make.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Account, ApiError, Client, Listed, Repo, Request};

/// What is to be deployed somewhere, or was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// Its id.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The branch, tag or commit that was asked for.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What is to be done, like deploy.
    #[serde(default)]
    pub task: String,
    /// Where to.
    #[serde(default)]
    pub environment: String,
    /// A short text.
    #[serde(default)]
    pub description: Option<String>,
    /// Who asked for it.
    #[serde(default)]
    pub creator: Option<Account>,
    /// When.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// What whoever deploys is told besides; not for readers here.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub payload: Value,
}

/// What a deployment has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    #[expect(
        missing_docs,
        reason = "words of GitHub's; described here they would be described to every model, too"
    )]
    Error,
    #[expect(missing_docs, reason = "as above")]
    Failure,
    #[expect(missing_docs, reason = "as above")]
    Inactive,
    #[expect(missing_docs, reason = "as above")]
    InProgress,
    #[expect(missing_docs, reason = "as above")]
    Queued,
    #[expect(missing_docs, reason = "as above")]
    Pending,
    #[expect(missing_docs, reason = "as above")]
    Success,
}

/// What somebody said of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentStatus {
    /// Its id.
    pub id: u64,
    /// What it says.
    pub state: DeploymentState,
    /// A short text.
    #[serde(default)]
    pub description: Option<String>,
    /// Where to.
    #[serde(default)]
    pub environment: Option<String>,
    /// Where what was deployed is seen.
    #[serde(default)]
    pub environment_url: Option<String>,
    /// Where its log is.
    #[serde(default)]
    pub log_url: Option<String>,
    /// When it was said.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

/// A deployment to be made.
#[derive(Clone, Debug)]
pub struct NewDeployment<'a> {
    /// The branch, tag or commit.
    pub reference: &'a str,
    /// What is to be done.
    pub task: &'a str,
    /// Where to.
    pub environment: &'a str,
    /// A short text.
    pub description: &'a str,
    /// What whoever deploys is told besides.
    pub payload: Map<String, Value>,
    /// The statuses that must be good; `None`: all that there are, empty: none.
    pub required_contexts: Option<&'a [String]>,
    /// The environment is gone some day.
    pub transient: bool,
    /// People use it; by default `production` alone.
    pub production: Option<bool>,
}

/// A status to be said of a deployment.
#[derive(Clone, Debug)]
pub struct NewDeploymentStatus<'a> {
    /// What it says.
    pub state: DeploymentState,
    /// A short text.
    pub description: &'a str,
    /// Where what was deployed is seen.
    pub environment_url: Option<&'a str>,
    /// Where the log is.
    pub log_url: Option<&'a str>,
    /// Whether a success makes earlier ones of the environment inactive.
    pub auto_inactive: bool,
}

impl Client {
    /// Deployments, newest first, at most `limit`.
    pub async fn deployments(
        &self,
        repo: &Repo,
        reference: &str,
        environment: &str,
        limit: usize,
    ) -> Result<Listed<Deployment>, ApiError> {
        let query = [("ref", reference), ("environment", environment)];
        self.list(&repo.path(&["deployments"], &query), limit, 1).await
    }
}

/// Asks for a deploy of a commit; nothing is merged into it first. Answers a [`Deployment`].
pub fn create_deployment(repo: &Repo, new: &NewDeployment<'_>) -> Request {
    let mut body = json!({
        "ref": new.reference, "task": new.task, "environment": new.environment, "description": new.description,
        "payload": new.payload, "auto_merge": false, "transient_environment": new.transient,
    });
    if let Some(contexts) = new.required_contexts {
        body["required_contexts"] = json!(contexts);
    }
    if let Some(production) = new.production {
        body["production_environment"] = production.into();
    }
    Request {
        method: "POST",
        path: repo.path(&["deployments"], &[]),
        body: Some(body),
    }
}

/// Says what a deployment has come to. Answers a [`DeploymentStatus`].
pub fn create_deployment_status(repo: &Repo, deployment: u64, new: &NewDeploymentStatus<'_>) -> Request {
    let mut body =
        json!({ "state": new.state, "description": new.description, "auto_inactive": new.auto_inactive });
    for (name, value) in [("environment_url", new.environment_url), ("log_url", new.log_url)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    Request {
        method: "POST",
        path: repo.path(&["deployments", &deployment.to_string(), "statuses"], &[]),
        body: Some(body),
    }
}
