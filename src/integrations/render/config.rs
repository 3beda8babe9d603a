//! In: what is asked of Render about a service's environment variables. Out: them, and unsent writes. Never: a value in a log.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::Client;
use super::calls::{parse_page, segment};
use crate::integrations::{ApiError, Failure, Request};

/// A service with more variables than this is not read on, in pages of a hundred.
const PAGES_MAX: usize = 20;

/// A service's own variables, not those of its groups: name to value. Printing it shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvVars(pub BTreeMap<String, String>);

impl fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Deserialize)]
struct EnvVar {
    key: String,
    #[serde(default)]
    value: String,
}

impl Client {
    /// All variables set on a service itself. Source: `GET /services/{id}/env-vars`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn env_vars(&self, service_id: &str) -> Result<EnvVars, ApiError> {
        let path = format!("services/{}/env-vars", segment("service_id", service_id)?);
        let mut vars = EnvVars::default();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(&path, Vec::new(), 100, cursor.as_deref()).await?;
            let page = parse_page(page, "envVar", serde_json::from_value::<EnvVar>)?;
            vars.0
                .extend(page.items.into_iter().map(|var| (var.key, var.value)));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(vars);
            }
        }
        Err(ApiError::new(
            Failure::Invalid,
            format!("{service_id} has more than {} variables", PAGES_MAX * 100),
        ))
    }
}

/// `PUT /services/{id}/env-vars`, unsent: these variables take the place of all there are.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none, here and below.
pub fn replace_env_vars(service_id: &str, vars: Vec<Value>) -> Result<Request, ApiError> {
    Ok(Request {
        method: "PUT",
        path: format!("services/{}/env-vars", segment("service_id", service_id)?),
        body: Some(Value::Array(vars)),
    })
}

/// `PUT /services/{id}/env-vars/{key}`, unsent. `body` is `{value}` or `{generateValue}`.
///
/// # Errors
/// For an id that is none.
pub fn set_env_var(service_id: &str, name: &str, body: Value) -> Result<Request, ApiError> {
    Ok(Request {
        method: "PUT",
        path: path(service_id, name)?,
        body: Some(body),
    })
}

/// `DELETE /services/{id}/env-vars/{key}`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn delete_env_var(service_id: &str, name: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "DELETE",
        path: path(service_id, name)?,
        body: None,
    })
}

/// A variable's name as a path segment. It may hold dots; a name of nothing but dots would reach another path.
pub(super) fn variable(name: &str) -> Result<&str, ApiError> {
    let is_name = !name.trim_matches('.').is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !is_name {
        return Err(ApiError::new(Failure::Invalid, "that is no name of a variable"));
    }
    Ok(name)
}

fn path(service_id: &str, name: &str) -> Result<String, ApiError> {
    let service_id = segment("service_id", service_id)?;
    Ok(format!("services/{service_id}/env-vars/{}", variable(name)?))
}
