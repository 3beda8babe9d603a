//! In: what is asked of Render. Out: its records. Never: more pages than asked for.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::wire::Client;
use super::{Deploy, LogPage, Service};
use crate::integrations::{Access, ApiError, Failure, Request};

/// Render's page size at most.
const PAGE_MAX: usize = 100;

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The records, in Render's order.
    pub items: Vec<T>,
    /// Where the next page begins, unless this was the last.
    pub cursor: Option<String>,
}

/// Which deploys.
#[derive(Clone, Debug, Default)]
pub struct DeployQuery {
    /// Any of these statuses; empty: all.
    pub status: Vec<String>,
    /// Asked for after.
    pub created_after: Option<Timestamp>,
    /// Live or failed after.
    pub finished_after: Option<Timestamp>,
}

/// Which lines of which logs.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// The workspace.
    pub owner_id: String,
    /// Services, jobs, databases; all of one workspace and region.
    pub resources: Vec<String>,
    /// `app`, `request` or `build`.
    pub kind: Option<String>,
    /// `error`, …
    pub level: Option<String>,
    /// What the line must hold; Render's wildcards and regular expressions.
    pub text: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// At most so many lines (1–100).
    pub limit: usize,
}

/// What to deploy. Everything absent: the newest commit of the service's branch.
#[derive(Clone, Debug, Default)]
pub struct NewDeploy {
    /// This commit.
    pub commit_id: Option<String>,
    /// This image, for a service that runs one.
    pub image_url: Option<String>,
    /// Build without the cache.
    pub clear_cache: bool,
    /// Build nothing: deploy the last artifact again. Cannot be combined with the others.
    pub deploy_only: bool,
}

impl Client {
    /// One page of services. Source: `GET /services`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn list_services(
        &self,
        filters: &[(&str, String)],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Service>, ApiError> {
        let page = self.page("services", filters.to_vec(), limit, cursor).await?;
        parse_page(page, "service", Service::of)
    }

    /// One service. Source: `GET /services/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn service(&self, service_id: &str) -> Result<Service, ApiError> {
        let path = format!("services/{}", segment("service_id", service_id)?);
        Service::of(self.get(&path, &[]).await?).map_err(|error| unreadable(&error))
    }

    /// One page of a service's deploys, newest first. Source: `GET /services/{id}/deploys`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn list_deploys(
        &self,
        service_id: &str,
        query: &DeployQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Deploy>, ApiError> {
        let mut filters: Vec<(&str, String)> = query.status.iter().map(|s| ("status", s.clone())).collect();
        filters.extend(query.created_after.map(|at| ("createdAfter", at.to_string())));
        filters.extend(query.finished_after.map(|at| ("finishedAfter", at.to_string())));
        let path = format!("services/{}/deploys", segment("service_id", service_id)?);
        let page = self.page(&path, filters, limit, cursor).await?;
        let mut page = parse_page(page, "deploy", serde_json::from_value::<Deploy>)?;
        // Documented nowhere, relied on everywhere: newest first.
        page.items
            .sort_by_key(|deploy| std::cmp::Reverse(deploy.created_at));
        Ok(page)
    }

    /// A service's deploys, newest first, over as many pages as it takes, at most `max`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn deploys(
        &self,
        service_id: &str,
        query: &DeployQuery,
        max: usize,
    ) -> Result<Vec<Deploy>, ApiError> {
        let mut deploys = Vec::new();
        let mut cursor = None;
        loop {
            let left = max.saturating_sub(deploys.len());
            let page = self
                .list_deploys(service_id, query, left, cursor.as_deref())
                .await?;
            deploys.extend(page.items);
            cursor = page.cursor;
            if cursor.is_none() || deploys.len() >= max {
                deploys.truncate(max);
                return Ok(deploys);
            }
        }
    }

    /// One deploy. Source: `GET /services/{id}/deploys/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn deploy(&self, service_id: &str, deploy_id: &str) -> Result<Deploy, ApiError> {
        let path = format!(
            "services/{}/deploys/{}",
            segment("service_id", service_id)?,
            segment("deploy_id", deploy_id)?
        );
        read(self.get(&path, &[]).await?)
    }

    /// Lines of logs, oldest first; the newest ones when there are more than `limit`. Source: `GET /logs`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn logs(&self, query: &LogQuery) -> Result<LogPage, ApiError> {
        let mut filters = vec![
            ("ownerId", query.owner_id.clone()),
            ("direction", "backward".to_owned()),
        ];
        filters.extend(query.resources.iter().map(|id| ("resource", id.clone())));
        filters.extend(query.kind.iter().map(|kind| ("type", kind.clone())));
        filters.extend(query.level.iter().map(|level| ("level", level.clone())));
        filters.extend(query.text.iter().map(|text| ("text", text.clone())));
        filters.extend(query.since.map(|at| ("startTime", at.to_string())));
        filters.extend(query.until.map(|at| ("endTime", at.to_string())));
        filters.push(("limit", query.limit.clamp(1, PAGE_MAX).to_string()));
        Ok(LogPage::of(&self.get("logs", &filters).await?))
    }

    /// Sends a write that makes a deploy: what [`new_deploy`] and [`rollback`] return.
    ///
    /// # Errors
    /// Any [`ApiError`]; [`Failure::UnknownEffect`] when the answer names no deploy (202: it waits for another one).
    pub async fn start_deploy(&self, request: &Request) -> Result<Deploy, ApiError> {
        let answer = self.write(request).await?;
        serde_json::from_value(answer).map_err(|_| {
            ApiError::lost(
                Access::Write,
                "Render accepted the deploy and did not say which one it is",
            )
        })
    }

    /// Sends a write whose answer says nothing.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn apply(&self, request: &Request) -> Result<(), ApiError> {
        self.write(request).await.map(drop)
    }

    /// Sends a write that answers with the record it made or changed.
    ///
    /// # Errors
    /// Any [`ApiError`]; [`Failure::UnknownEffect`] when the answer is no such record.
    pub async fn answer<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ApiError> {
        serde_json::from_value(self.write(request).await?).map_err(|error| {
            ApiError::lost(
                Access::Write,
                format!("Render accepted the request, and its answer cannot be read: {error}"),
            )
        })
    }

    pub(super) async fn page(
        &self,
        path: &str,
        mut filters: Vec<(&str, String)>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Value, usize), ApiError> {
        let limit = limit.clamp(1, PAGE_MAX);
        filters.push(("limit", limit.to_string()));
        filters.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        Ok((self.get(path, &filters).await?, limit))
    }
}

/// `POST /services/{id}/deploys`, unsent.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none.
pub fn new_deploy(service_id: &str, deploy: &NewDeploy) -> Result<Request, ApiError> {
    let mut body = Map::new();
    if deploy.deploy_only {
        body.insert("deployMode".into(), "deploy_only".into());
    }
    if deploy.clear_cache {
        body.insert("clearCache".into(), "clear".into());
    }
    if let Some(commit) = &deploy.commit_id {
        body.insert("commitId".into(), commit.as_str().into());
    }
    if let Some(image) = &deploy.image_url {
        body.insert("imageUrl".into(), image.as_str().into());
    }
    Ok(Request {
        method: "POST",
        path: format!("services/{}/deploys", segment("service_id", service_id)?),
        body: Some(Value::Object(body)),
    })
}

/// `POST /services/{id}/rollback`, unsent.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none.
pub fn rollback(service_id: &str, deploy_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: format!("services/{}/rollback", segment("service_id", service_id)?),
        body: Some(json!({ "deployId": deploy_id })),
    })
}

/// `POST /services/{id}/deploys/{id}/cancel`, unsent.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none.
pub fn cancel_deploy(service_id: &str, deploy_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: format!(
            "services/{}/deploys/{}/cancel",
            segment("service_id", service_id)?,
            segment("deploy_id", deploy_id)?
        ),
        body: None,
    })
}

/// `PATCH /services/{id}` for auto-deploy, unsent. `trigger` is `commit` or `checksPass`.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none.
pub fn auto_deploy(service_id: &str, enabled: bool, trigger: Option<&str>) -> Result<Request, ApiError> {
    let body = match (enabled, trigger) {
        (false, _) => json!({ "autoDeploy": "no" }),
        (true, None) => json!({ "autoDeploy": "yes" }),
        (true, Some(trigger)) => json!({ "autoDeploy": "yes", "autoDeployTrigger": trigger }),
    };
    Ok(Request {
        method: "PATCH",
        path: format!("services/{}", segment("service_id", service_id)?),
        body: Some(body),
    })
}

/// `POST /services/{id}/restart`, unsent.
///
/// # Errors
/// [`Failure::Invalid`] for an id that is none.
pub fn restart(service_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: format!("services/{}/restart", segment("service_id", service_id)?),
        body: None,
    })
}

/// An id as a path segment. Render's ids are letters, digits and dashes; anything else would reach another path.
pub(super) fn segment<'a>(argument: &str, id: &'a str) -> Result<&'a str, ApiError> {
    let is_id = !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_id {
        return Ok(id);
    }
    Err(
        ApiError::new(Failure::Invalid, format!("`{argument}` is not an id of Render's"))
            .with_remedy("ids look like srv-…, dep-…, evt-…"),
    )
}

/// `[{<name>: {…}, "cursor": "…"}]`; a short page is the last one.
pub(super) fn parse_page<T>(
    (answer, limit): (Value, usize),
    name: &str,
    parse: impl Fn(Value) -> serde_json::Result<T>,
) -> Result<Page<T>, ApiError> {
    let Value::Array(entries) = answer else {
        return Err(ApiError::new(
            Failure::Unavailable,
            "Render's answer is not a list",
        ));
    };
    let is_full = entries.len() >= limit;
    let mut page = Page {
        items: Vec::with_capacity(entries.len()),
        cursor: None,
    };
    for mut entry in entries {
        page.cursor = entry.get("cursor").and_then(Value::as_str).map(str::to_owned);
        let record = match entry.get_mut(name) {
            Some(record) => record.take(),
            None => entry,
        };
        page.items
            .push(parse(record).map_err(|error| unreadable(&error))?);
    }
    if !is_full {
        page.cursor = None;
    }
    Ok(page)
}

pub(super) fn read<T: DeserializeOwned>(answer: Value) -> Result<T, ApiError> {
    serde_json::from_value(answer).map_err(|error| unreadable(&error))
}

pub(super) fn unreadable(error: &serde_json::Error) -> ApiError {
    ApiError::new(
        Failure::Unavailable,
        format!("Render's answer cannot be read: {error}"),
    )
}
