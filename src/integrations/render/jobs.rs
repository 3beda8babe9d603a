//! In: what is asked of Render about jobs. Out: their records, and unsent writes. Never: what a job prints, see `logs`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::calls::{Page, parse_page, segment};
use crate::integrations::{ApiError, Request};

/// A command run once, with a service's build and variables. Source: `POST /services/{id}/jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// `job-…`.
    pub id: String,
    /// The service whose build and variables it has.
    #[serde(default, alias = "serviceId")]
    pub service_id: String,
    /// What it runs.
    #[serde(default, alias = "startCommand")]
    pub start_command: String,
    /// The instance type it runs on.
    #[serde(default, alias = "planId")]
    pub plan_id: String,
    /// `pending`, `running`, `succeeded`, `failed` or `canceled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was asked for.
    #[serde(default, alias = "createdAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When it was begun.
    #[serde(default, alias = "startedAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, alias = "finishedAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
}

/// A run of a cron job. Source: `POST /cron-jobs/{id}/runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CronRun {
    /// The run's id.
    pub id: String,
    /// `pending`, `successful`, `unsuccessful` or `canceled`.
    #[serde(default)]
    pub status: String,
    /// When it was begun.
    #[serde(default, alias = "startedAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
}

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub struct JobQuery {
    /// Any of these statuses; empty: all.
    pub status: Vec<String>,
    /// Asked for after.
    pub created_after: Option<Timestamp>,
}

impl Client {
    /// One page of a service's jobs, newest first. Source: `GET /services/{id}/jobs`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn list_jobs(
        &self,
        service_id: &str,
        query: &JobQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Job>, ApiError> {
        let path = format!("services/{}/jobs", segment("service_id", service_id)?);
        let mut filters = Vec::new();
        if !query.status.is_empty() {
            filters.push(("status", query.status.join(",")));
        }
        filters.extend(query.created_after.map(|at| ("createdAfter", at.to_string())));
        let page = self.page(&path, filters, limit, cursor).await?;
        let mut page = parse_page(page, "job", serde_json::from_value::<Job>)?;
        page.items.sort_by_key(|job| std::cmp::Reverse(job.created_at));
        Ok(page)
    }
}

/// `POST /services/{id}/jobs`, unsent.
///
/// # Errors
/// [`Failure::Invalid`](crate::integrations::Failure) for an id that is none, here and below.
pub fn run_job(service_id: &str, start_command: &str, plan_id: Option<&str>) -> Result<Request, ApiError> {
    let mut body = json!({ "startCommand": start_command });
    if let Some(plan_id) = plan_id {
        body["planId"] = json!(plan_id);
    }
    Ok(Request {
        method: "POST",
        path: format!("services/{}/jobs", segment("service_id", service_id)?),
        body: Some(body),
    })
}

/// `POST /cron-jobs/{id}/runs`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn run_cron_job(service_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: format!("cron-jobs/{}/runs", segment("service_id", service_id)?),
        body: None,
    })
}
