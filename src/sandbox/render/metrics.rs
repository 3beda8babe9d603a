//! In: `GET /metrics/{metric}`. Out: the seeded series of it, cut to the window, grouped as asked.
//! Never: numbers nobody seeded; an unmeasured metric is an empty list.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{error, time};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Without a start the window is the hour before its end.
const WINDOW_MS: i64 = 3_600_000;
/// Every metric there is.
pub(in crate::sandbox) const METRICS: [&str; 14] = [
    "cpu",
    "cpu-limit",
    "cpu-target",
    "memory",
    "memory-limit",
    "memory-target",
    "http-requests",
    "http-latency",
    "bandwidth",
    "instance-count",
    "disk-usage",
    "disk-capacity",
    "active-connections",
    "replication-lag",
];

/// The values of each time.
type Points = BTreeMap<Timestamp, Vec<f64>>;

/// A seeded line of a chart.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Measured {
    pub(in crate::sandbox) metric: String,
    pub(in crate::sandbox) service: String,
    pub(in crate::sandbox) unit: String,
    /// `instance`, `statusCode`, `host`, `quantile`.
    pub(in crate::sandbox) labels: BTreeMap<String, String>,
    pub(in crate::sandbox) points: Vec<(Timestamp, f64)>,
}

pub(super) fn query(world: &mut World, call: &Call) -> Outcome {
    let metric = call.param("metric");
    if !METRICS.contains(&metric) {
        return Err(error(404, "not found"));
    }
    let resources = call.queries("resource");
    if resources.is_empty() {
        return Err(error(400, "resource is required"));
    }
    if let Some(unknown) = resources
        .iter()
        .find(|id| !world.render.services.contains_key(**id))
    {
        return Err(error(400, &format!("invalid resource: {unknown}")));
    }
    if let Some(seconds) = call.query("resolutionSeconds")
        && !seconds.parse::<u32>().is_ok_and(|seconds| seconds >= 30)
    {
        return Err(error(400, "resolutionSeconds must be at least 30"));
    }
    let end = time(call, "endTime")?.unwrap_or(call.now);
    let start = time(call, "startTime")?.unwrap_or(clock::after(end, -WINDOW_MS));
    if start > end {
        return Err(error(400, "startTime must be before endTime"));
    }
    let by = match (metric, call.query("aggregateBy")) {
        (_, None) => None,
        ("http-requests", Some(by @ ("statusCode" | "host"))) => Some(by),
        _ => {
            return Err(error(
                400,
                "aggregateBy must be one of statusCode, host, for http-requests",
            ));
        }
    };
    let wanted = |series: &&Measured| {
        series.metric == metric
            && resources.contains(&series.service.as_str())
            && ["instance", "host", "path", "quantile"].iter().all(|name| {
                let (asked, has) = (call.queries(name), series.labels.get(*name));
                asked.is_empty() || has.is_none_or(|has| asked.contains(&has.as_str()))
            })
    };
    let mut groups: BTreeMap<Vec<(String, String)>, (String, Points)> = BTreeMap::new();
    for series in world.render.metrics.iter().filter(wanted) {
        let group = groups.entry(labels(series, metric, by, call)).or_default();
        group.0.clone_from(&series.unit);
        for (at, value) in series.points.iter().filter(|(at, _)| (start..=end).contains(at)) {
            group.1.entry(*at).or_default().push(*value);
        }
    }
    let method = call.query("aggregationMethod");
    let shown = groups.into_iter().map(|(labels, (unit, points))| {
        let labels: Vec<Value> = labels
            .into_iter()
            .map(|(field, value)| json!({"field": field, "value": value}))
            .collect();
        let values: Vec<Value> = points
            .into_iter()
            .map(|(at, values)| json!({"timestamp": at.to_string(), "value": joined(&values, method), "unit": unit}))
            .collect();
        json!({"labels": labels, "unit": unit, "values": values})
    });
    Ok(Answer::ok(shown.collect()))
}

/// The labels a series is shown under; series that come to the same are joined.
fn labels(series: &Measured, metric: &str, by: Option<&str>, call: &Call) -> Vec<(String, String)> {
    let mut labels = vec![("resource".to_owned(), series.service.clone())];
    let joins = call.query("aggregationMethod").is_some();
    for (name, value) in &series.labels {
        let kept = match (metric, name.as_str()) {
            ("http-requests", name) => by == Some(name),
            (_, "instance") => !joins,
            _ => true,
        };
        if kept {
            labels.push((name.clone(), value.clone()));
        }
    }
    labels
}

/// Several values of one time: as the method says, otherwise their sum.
fn joined(values: &[f64], method: Option<&str>) -> f64 {
    let sum: f64 = values.iter().sum();
    match method {
        Some("MAX") => values.iter().copied().fold(f64::MIN, f64::max),
        Some("MIN") => values.iter().copied().fold(f64::MAX, f64::min),
        Some(_) => sum / f64::from(u32::try_from(values.len()).unwrap_or(1).max(1)),
        None => sum,
    }
}
