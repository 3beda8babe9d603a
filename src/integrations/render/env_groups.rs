//! In: what is asked of Render about groups of environment variables. Out: them, and unsent writes. Never: a value in a log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calls::{parse_page, read, segment};
use super::config::variable;
use super::{Client, EnvVars};
use crate::integrations::{ApiError, Request};

/// A group of variables, without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvGroup {
    /// `evg-…`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The workspace.
    #[serde(default, rename(deserialize = "ownerId"))]
    pub owner_id: String,
    /// The services that have its variables.
    #[serde(default, rename(deserialize = "serviceLinks"))]
    pub services: Vec<Linked>,
    /// When it was made.
    #[serde(
        default,
        rename(deserialize = "createdAt"),
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
}

/// A service that has a group's variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Linked {
    /// `srv-…` or `crn-…`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A group with what it holds. Printing it shows names only.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvGroupWhole {
    /// The group.
    pub group: EnvGroup,
    /// Its variables.
    pub vars: EnvVars,
    /// The names of its secret files.
    pub secret_files: Vec<String>,
}

#[derive(Deserialize)]
struct Held {
    #[serde(default, rename = "envVars")]
    vars: Vec<Var>,
    #[serde(default, rename = "secretFiles")]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Var {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct File {
    name: String,
}

impl EnvGroupWhole {
    fn of(answer: Value) -> Result<Self, ApiError> {
        let held: Held = read(answer.clone())?;
        let vars: BTreeMap<String, String> = held.vars.into_iter().map(|var| (var.key, var.value)).collect();
        Ok(Self {
            group: read(answer)?,
            vars: EnvVars(vars),
            secret_files: held.files.into_iter().map(|file| file.name).collect(),
        })
    }
}

impl Client {
    /// Groups, at most `limit` (1–100): Render's list has no pages. Source: `GET /env-groups`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn env_groups(
        &self,
        filters: &[(&str, String)],
        limit: usize,
    ) -> Result<Vec<EnvGroup>, ApiError> {
        let page = self.page("env-groups", filters.to_vec(), limit, None).await?;
        Ok(parse_page(page, "envGroup", serde_json::from_value)?.items)
    }

    /// One group with what it holds. Source: `GET /env-groups/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn env_group(&self, env_group_id: &str) -> Result<EnvGroupWhole, ApiError> {
        EnvGroupWhole::of(self.get(&path(env_group_id)?, &[]).await?)
    }
}

fn path(env_group_id: &str) -> Result<String, ApiError> {
    Ok(format!("env-groups/{}", segment("env_group_id", env_group_id)?))
}

/// `POST /env-groups`, unsent.
pub fn create_env_group(body: Value) -> Request {
    Request {
        method: "POST",
        path: "env-groups".to_owned(),
        body: Some(body),
    }
}

/// `DELETE /env-groups/{id}`, unsent.
///
/// # Errors
/// [`Failure::Invalid`](crate::integrations::Failure) for an id that is none, here and below.
pub fn delete_env_group(env_group_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "DELETE",
        path: path(env_group_id)?,
        body: None,
    })
}

/// `PUT /env-groups/{id}/env-vars/{key}`, unsent; without a body `DELETE` of the same. `body` is `{value}` or
/// `{generateValue}`.
///
/// # Errors
/// For an id or a name that is none.
pub fn env_group_var(env_group_id: &str, name: &str, body: Option<Value>) -> Result<Request, ApiError> {
    Ok(Request {
        method: if body.is_some() { "PUT" } else { "DELETE" },
        path: format!("{}/env-vars/{}", path(env_group_id)?, variable(name)?),
        body,
    })
}

/// `POST /env-groups/{id}/services/{id}`, unsent; or `DELETE` of the same.
///
/// # Errors
/// For an id that is none.
pub fn link_env_group(env_group_id: &str, service_id: &str, linked: bool) -> Result<Request, ApiError> {
    let service_id = segment("service_id", service_id)?;
    Ok(Request {
        method: if linked { "POST" } else { "DELETE" },
        path: format!("{}/services/{service_id}", path(env_group_id)?),
        body: None,
    })
}
