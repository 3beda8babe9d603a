//! In: what is asked of Render about services and workspaces. Out: its records, and unsent writes. Never: deploys.

use serde_json::{Value, json};

use super::calls::{Page, parse_page, read, segment};
use super::{Autoscaling, Client, Instance, NewService, Workspace};
use crate::integrations::{ApiError, Request};

impl Client {
    /// One page of the workspaces the key can see. Source: `GET /owners`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn list_workspaces(
        &self,
        filters: &[(&str, String)],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Workspace>, ApiError> {
        let page = self.page("owners", filters.to_vec(), limit, cursor).await?;
        parse_page(page, "owner", serde_json::from_value)
    }

    /// The instances a service runs on. Source: `GET /services/{id}/instances`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn instances(&self, service_id: &str) -> Result<Vec<Instance>, ApiError> {
        let path = format!("services/{}/instances", segment("service_id", service_id)?);
        read(self.get(&path, &[]).await?)
    }

    /// Sends what [`create_service`] returns.
    ///
    /// # Errors
    /// Any [`ApiError`]; [`Failure::UnknownEffect`](crate::integrations::Failure) when the answer names no service.
    pub async fn create_service(&self, request: &Request) -> Result<NewService, ApiError> {
        self.answer(request).await
    }
}

/// `POST /services`, unsent.
pub fn create_service(body: Value) -> Request {
    Request {
        method: "POST",
        path: "services".to_owned(),
        body: Some(body),
    }
}

/// `PATCH /services/{id}`, unsent: only the fields of `body` change.
///
/// # Errors
/// [`Failure::Invalid`](crate::integrations::Failure) for an id that is none, here and below.
pub fn update_service(service_id: &str, body: Value) -> Result<Request, ApiError> {
    on(service_id, "PATCH", "", Some(body))
}

/// `DELETE /services/{id}`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn delete_service(service_id: &str) -> Result<Request, ApiError> {
    on(service_id, "DELETE", "", None)
}

/// `POST /services/{id}/suspend`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn suspend(service_id: &str) -> Result<Request, ApiError> {
    on(service_id, "POST", "/suspend", None)
}

/// `POST /services/{id}/resume`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn resume(service_id: &str) -> Result<Request, ApiError> {
    on(service_id, "POST", "/resume", None)
}

/// `POST /services/{id}/scale`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn scale(service_id: &str, instances: u32) -> Result<Request, ApiError> {
    on(
        service_id,
        "POST",
        "/scale",
        Some(json!({ "numInstances": instances })),
    )
}

/// `PUT /services/{id}/autoscaling`, unsent; `None` is `DELETE` of the same.
///
/// # Errors
/// For an id that is none.
pub fn autoscaling(service_id: &str, config: Option<&Autoscaling>) -> Result<Request, ApiError> {
    let Some(config) = config else {
        return on(service_id, "DELETE", "/autoscaling", None);
    };
    // Render wants a number for a target that is off, too.
    let target =
        |percent: Option<u32>| json!({"enabled": percent.is_some(), "percentage": percent.unwrap_or(80)});
    let body = json!({
        "enabled": config.enabled, "min": config.min, "max": config.max,
        "criteria": {"cpu": target(config.cpu_percent), "memory": target(config.memory_percent)},
    });
    on(service_id, "PUT", "/autoscaling", Some(body))
}

fn on(service_id: &str, method: &'static str, below: &str, body: Option<Value>) -> Result<Request, ApiError> {
    Ok(Request {
        method,
        path: format!("services/{}{below}", segment("service_id", service_id)?),
        body,
    })
}
