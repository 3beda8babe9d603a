//! In: what is asked of Render about what happened. Out: events, newest first. Never: what they mean.

use jiff::Timestamp;

use super::calls::{Page, parse_page, read, segment};
use super::{Client, ServiceEvent};
use crate::integrations::ApiError;

/// Which events of a service.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Of this type only.
    pub kind: Option<String>,
    /// Not before; Render's default is an hour ago.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

impl Client {
    /// One event. Source: `GET /events/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn event(&self, event_id: &str) -> Result<ServiceEvent, ApiError> {
        let path = format!("events/{}", segment("event_id", event_id)?);
        read(self.get(&path, &[]).await?)
    }

    /// One page of a service's events, newest first. Source: `GET /services/{id}/events`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn list_events(
        &self,
        service_id: &str,
        query: &EventQuery,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<ServiceEvent>, ApiError> {
        let path = format!("services/{}/events", segment("service_id", service_id)?);
        let mut filters = Vec::new();
        filters.extend(query.kind.iter().map(|kind| ("type", kind.clone())));
        filters.extend(query.since.map(|at| ("startTime", at.to_string())));
        filters.extend(query.until.map(|at| ("endTime", at.to_string())));
        let page = self.page(&path, filters, limit, cursor).await?;
        let mut page = parse_page(page, "event", serde_json::from_value::<ServiceEvent>)?;
        // What falls outside was not asked for, whoever sends it.
        page.items.retain(|event| {
            query.kind.as_ref().is_none_or(|kind| event.kind == *kind)
                && event.timestamp.is_none_or(|at| {
                    query.since.is_none_or(|since| since <= at) && query.until.is_none_or(|until| at <= until)
                })
        });
        Ok(page)
    }

    /// A service's events of one type between two times, newest first, at most `limit` (1–100).
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn service_events(
        &self,
        service_id: &str,
        kind: &str,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<ServiceEvent>, ApiError> {
        let query = EventQuery {
            kind: Some(kind.to_owned()),
            since: Some(since),
            until: Some(until),
        };
        Ok(self.list_events(service_id, &query, limit, None).await?.items)
    }
}
