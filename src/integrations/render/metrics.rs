//! In: what is asked of Render about load. Out: time series. Never: what they mean.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::Client;
use super::calls::read;
use crate::integrations::ApiError;

/// Which points of which series.
#[derive(Clone, Debug, Default)]
pub struct MetricQuery {
    /// Services and databases.
    pub resources: Vec<String>,
    /// Not before; Render's default is an hour ago.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// One point for so many seconds (30 or more; 60).
    pub resolution_seconds: Option<u32>,
    /// What else this metric knows, in Render's names: `aggregationMethod`, `aggregateBy`, `quantile`, `path`, …
    pub more: Vec<(&'static str, String)>,
}

/// One line of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What it is of: `resource`, `instance`, `statusCode`, …
    pub labels: BTreeMap<String, String>,
    /// In what it is measured, in Render's words; empty when it does not say.
    pub unit: String,
    /// Its points, oldest first.
    pub points: Vec<(Timestamp, f64)>,
}

#[derive(Deserialize)]
struct WireSeries {
    #[serde(default)]
    labels: Vec<WireLabel>,
    #[serde(default)]
    values: Vec<WirePoint>,
    #[serde(default)]
    unit: String,
}

#[derive(Deserialize)]
struct WireLabel {
    field: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct WirePoint {
    timestamp: Timestamp,
    value: f64,
}

impl Client {
    /// The series of one metric (`cpu`, `memory-limit`, `http-requests`, …). Source: `GET /metrics/{metric}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn metric(&self, metric: &'static str, query: &MetricQuery) -> Result<Vec<Series>, ApiError> {
        let mut filters = query.more.clone();
        filters.extend(query.resources.iter().map(|id| ("resource", id.clone())));
        filters.extend(query.since.map(|at| ("startTime", at.to_string())));
        filters.extend(query.until.map(|at| ("endTime", at.to_string())));
        filters.extend(
            query
                .resolution_seconds
                .map(|seconds| ("resolutionSeconds", seconds.to_string())),
        );
        let series: Vec<WireSeries> = read(self.get(&format!("metrics/{metric}"), &filters).await?)?;
        Ok(series.into_iter().map(Series::from).collect())
    }
}

impl From<WireSeries> for Series {
    fn from(wire: WireSeries) -> Self {
        let mut points: Vec<(Timestamp, f64)> = wire
            .values
            .into_iter()
            .map(|point| (point.timestamp, point.value))
            .collect();
        points.sort_by_key(|(at, _)| *at);
        Self {
            labels: wire
                .labels
                .into_iter()
                .map(|label| (label.field, label.value))
                .collect(),
            unit: wire.unit,
            points,
        }
    }
}
