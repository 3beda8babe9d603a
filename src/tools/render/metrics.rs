//! In: calls about load. Out: each series as a few numbers, its points if asked for. Never: a judgment, see `health`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{MetricQuery, Series};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};

/// More points of one series than this are not given on: ask for a coarser resolution.
const POINTS_MAX: usize = 500;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Use of CPU.
    Cpu,
    /// How much CPU there is.
    CpuLimit,
    /// What autoscaling aims at.
    CpuTarget,
    /// Use of memory.
    Memory,
    /// How much memory there is.
    MemoryLimit,
    /// What autoscaling aims at.
    MemoryTarget,
    /// Requests answered.
    HttpRequests,
    /// How long answers took.
    HttpLatency,
    /// Bytes sent.
    Bandwidth,
    /// Instances that ran.
    InstanceCount,
    /// Use of the disk.
    DiskUsage,
    /// How large the disk is.
    DiskCapacity,
    /// Connections of a database.
    ActiveConnections,
    /// How far a replica is behind.
    ReplicationLag,
}

impl Metric {
    /// Its path below `metrics/`.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CpuLimit => "cpu-limit",
            Self::CpuTarget => "cpu-target",
            Self::Memory => "memory",
            Self::MemoryLimit => "memory-limit",
            Self::MemoryTarget => "memory-target",
            Self::HttpRequests => "http-requests",
            Self::HttpLatency => "http-latency",
            Self::Bandwidth => "bandwidth",
            Self::InstanceCount => "instance-count",
            Self::DiskUsage => "disk-usage",
            Self::DiskCapacity => "disk-capacity",
            Self::ActiveConnections => "active-connections",
            Self::ReplicationLag => "replication-lag",
        }
    }
}

/// Which series.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricArgs {
    /// srv-…, dpg-… or red-….
    service_id: String,
    /// One or several: cpu, cpu_limit, memory, memory_limit, http_requests, http_latency, bandwidth, instance_count, …
    /// Default: cpu, memory.
    #[serde(default = "basic")]
    #[schemars(length(min = 1, max = 14))]
    metrics: Vec<Metric>,
    /// A time (2026-01-31T12:00:00Z), or how long ago (30m).
    since: Option<String>,
    /// Likewise.
    until: Option<String>,
    /// In place of since: how long back, as in 6h; default: an hour.
    within: Option<String>,
    /// One point for so many seconds (60).
    #[schemars(range(min = 30, max = 86400))]
    resolution_seconds: Option<u32>,
    /// For cpu: how the instances become one number: avg, max or min; default: one series each.
    aggregate: Option<Aggregate>,
    /// For http_requests: one series per status_code or host.
    by: Option<Grouping>,
    /// For http_latency: which part of the answers was faster, as in 0.5, 0.95 (default), 0.99.
    #[schemars(range(min = 0, max = 1))]
    quantile: Option<f64>,
    /// For http_requests and http_latency: of this path only.
    path: Option<String>,
    /// Give every point, not only the numbers made of them.
    #[serde(default)]
    points: bool,
}

fn basic() -> Vec<Metric> {
    vec![Metric::Cpu, Metric::Memory]
}

/// How several instances become one number.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Aggregate {
    Avg,
    Max,
    Min,
}

/// What requests are counted by.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Grouping {
    StatusCode,
    Host,
}

/// What was measured.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Measured {
    service_id: String,
    /// In the order in which they were asked for; none for a metric that was not measured.
    series: Vec<Measures>,
}

/// One series, as a few numbers in its unit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Measures {
    metric: Metric,
    /// What it is of: resource, instance, statusCode, …
    labels: BTreeMap<String, String>,
    /// In what it is measured, in Render's words.
    unit: String,
    /// How many points there are.
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// All points together: for http_requests and bandwidth.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    /// The newest point.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_at: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
    /// `[time, value]`, oldest first, if asked for; the newest 500.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<(String, f64)>,
}

impl MetricArgs {
    /// Refuses what Render would ignore: a number that looks filtered and is not is worse than none.
    fn checked(&self) -> Result<(), ToolError> {
        let asks = |metric: Metric| self.metrics.contains(&metric);
        let http = asks(Metric::HttpRequests) || asks(Metric::HttpLatency);
        for (given, argument, fits, of) in [
            (self.aggregate.is_some(), "aggregate", asks(Metric::Cpu), "cpu"),
            (
                self.by.is_some(),
                "by",
                asks(Metric::HttpRequests),
                "http_requests",
            ),
            (
                self.quantile.is_some(),
                "quantile",
                asks(Metric::HttpLatency),
                "http_latency",
            ),
            (
                self.path.is_some(),
                "path",
                http,
                "http_requests and http_latency",
            ),
        ] {
            if given && !fits {
                return Err(invalid(
                    argument,
                    format!("is for {of}, which `metrics` does not name"),
                ));
            }
        }
        match self.quantile {
            Some(quantile) if !(0.0..=1.0).contains(&quantile) => Err(invalid(
                "quantile",
                format!("must be between 0 and 1, not {quantile}"),
            )),
            _ => Ok(()),
        }
    }

    fn more(&self, metric: Metric) -> Vec<(&'static str, String)> {
        let mut more = Vec::new();
        match metric {
            Metric::Cpu => more.extend(self.aggregate.map(|aggregate| {
                let method = match aggregate {
                    Aggregate::Avg => "AVG",
                    Aggregate::Max => "MAX",
                    Aggregate::Min => "MIN",
                };
                ("aggregationMethod", method.to_owned())
            })),
            Metric::HttpRequests => more.extend(self.by.map(|by| {
                let field = match by {
                    Grouping::StatusCode => "statusCode",
                    Grouping::Host => "host",
                };
                ("aggregateBy", field.to_owned())
            })),
            Metric::HttpLatency => more.push(("quantile", self.quantile.unwrap_or(0.95).to_string())),
            _ => {}
        }
        if matches!(metric, Metric::HttpRequests | Metric::HttpLatency) {
            more.extend(self.path.clone().map(|path| ("path", path)));
        }
        more
    }
}

pub(super) async fn get(ctx: Ctx<Parts>, args: MetricArgs) -> Result<Measured, ToolError> {
    let client = ctx.parts.client()?;
    args.checked()?;
    let window = span::window(&args.since, &args.until, &args.within, ctx.clock.now())?;
    let mut measured = Vec::new();
    for metric in &args.metrics {
        let query = MetricQuery {
            resources: vec![args.service_id.clone()],
            since: window.since,
            until: window.until,
            resolution_seconds: args.resolution_seconds,
            more: args.more(*metric),
        };
        let series = client.metric(metric.path(), &query).await?;
        measured.extend(
            series
                .into_iter()
                .map(|series| Measures::of(*metric, series, args.points)),
        );
    }
    Ok(Measured {
        service_id: args.service_id,
        series: measured,
    })
}

impl Measures {
    fn of(metric: Metric, series: Series, points: bool) -> Self {
        let values = || series.points.iter().map(|(_, value)| *value);
        let sums = matches!(metric, Metric::HttpRequests | Metric::Bandwidth);
        let at = |point: Option<&(jiff::Timestamp, f64)>| point.map(|(at, _)| at.to_string());
        Self {
            metric,
            count: u32::try_from(series.points.len()).unwrap_or(u32::MAX),
            min: values().reduce(f64::min),
            avg: average(&series),
            max: values().reduce(f64::max),
            sum: (sums && !series.points.is_empty()).then(|| values().sum()),
            last: values().next_back(),
            first_at: at(series.points.first()),
            last_at: at(series.points.last()),
            points: if points {
                let skipped = series.points.len().saturating_sub(POINTS_MAX);
                let newest = series.points.iter().skip(skipped);
                newest.map(|(at, value)| (at.to_string(), *value)).collect()
            } else {
                Vec::new()
            },
            labels: series.labels,
            unit: series.unit,
        }
    }
}

/// The mean of a series.
pub(super) fn average(series: &Series) -> Option<f64> {
    let count = u32::try_from(series.points.len())
        .ok()
        .filter(|count| *count > 0)?;
    Some(series.points.iter().map(|(_, value)| *value).sum::<f64>() / f64::from(count))
}
