//! In: what was read about a service. Out: findings, and what they come to. Never: the network, the clock.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::metrics::average;
use crate::integrations::render::{Deploy, Series, Service, ServiceEvent};
use crate::tools::when::minute;

/// A share of failed requests from which on a service is failing, in percent, and degraded.
const FAILED_PERCENT: (f64, f64) = (5.0, 1.0);
/// A share of the limit from which on a service is degraded, in percent: memory runs over, CPU only queues.
const MEMORY_PERCENT: f64 = 90.0;
const CPU_PERCENT: f64 = 90.0;
/// Fewer requests than this say nothing about a share of them.
const REQUESTS_MIN: f64 = 20.0;
/// Latency is worse when it is so many times what it was before.
const SLOWER_TIMES: f64 = 2.0;

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Healthy,
    /// It serves, and something is wrong.
    Degraded,
    /// It does not serve, or fails much of what it is asked.
    Failing,
    /// It is suspended: nothing runs.
    Suspended,
    /// It was never deployed.
    NeverDeployed,
}

/// How much something weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The service fails.
    Bad,
    /// Something is wrong.
    Warning,
    /// Good to know.
    Info,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What it says about the service.
    pub weight: Weight,
    /// Where it was seen: service, deploys, events or metrics.
    pub source: &'static str,
    /// What it is, with numbers and times.
    pub what: String,
}

/// What was read. A metric that could not be read, or is not measured, is an empty list.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) deploys: Vec<Deploy>,
    pub(super) events: Vec<ServiceEvent>,
    pub(super) cpu: Vec<Series>,
    pub(super) cpu_limit: Vec<Series>,
    pub(super) memory: Vec<Series>,
    pub(super) memory_limit: Vec<Series>,
    /// By status code.
    pub(super) requests: Vec<Series>,
    /// 95 % of the answers were faster.
    pub(super) latency: Vec<Series>,
    /// Likewise, in the window before.
    pub(super) latency_before: Vec<Series>,
}

/// What the findings come to, and they, heaviest first.
pub(super) fn judge(service: &Service, seen: &Seen) -> (Verdict, Vec<Finding>) {
    let mut findings = Vec::new();
    let ever = of_deploys(service, &seen.deploys, &mut findings);
    of_events(&seen.events, &mut findings);
    of_limits(seen, &mut findings);
    of_requests(seen, &mut findings);
    if service.is_suspended() {
        findings.push(finding(
            Weight::Bad,
            "service",
            "It is suspended: no instance runs.",
        ));
    }
    findings.sort_by_key(|finding| finding.weight);
    let heaviest = findings.first().map(|finding| finding.weight);
    let verdict = match heaviest {
        _ if service.is_suspended() => Verdict::Suspended,
        _ if !ever => Verdict::NeverDeployed,
        Some(Weight::Bad) => Verdict::Failing,
        Some(Weight::Warning) => Verdict::Degraded,
        _ => Verdict::Healthy,
    };
    (verdict, findings)
}

fn finding(weight: Weight, source: &'static str, what: impl Into<String>) -> Finding {
    Finding {
        weight,
        source,
        what: what.into(),
    }
}

/// Says whether there was ever a deploy that could serve.
fn of_deploys(service: &Service, deploys: &[Deploy], findings: &mut Vec<Finding>) -> bool {
    let mut add = |weight, what: String| findings.push(finding(weight, "deploys", what));
    let since = |at: Option<Timestamp>| at.map_or(String::new(), |at| format!(" since {}", minute(at)));
    let live = deploys.iter().find(|deploy| deploy.is_live());
    match live {
        Some(live) if live.is_rollback() => {
            add(
                Weight::Info,
                format!("Live is the rollback {}{}.", live.id, since(live.live_since())),
            );
        }
        Some(live) => add(
            Weight::Info,
            format!("Live is {}{}.", live.id, since(live.live_since())),
        ),
        None if deploys.is_empty() => {}
        None => add(
            Weight::Bad,
            format!("None of the newest {} deploys is live.", deploys.len()),
        ),
    }
    if let Some(newest) = deploys.first().filter(|newest| !newest.is_live()) {
        let at = newest.finished_at.or(newest.created_at);
        let at = at.map_or(String::new(), |at| format!(" at {}", minute(at)));
        if newest.is_under_way() {
            add(
                Weight::Info,
                format!("{} is under way: {}.", newest.id, newest.status),
            );
        } else if newest.status.ends_with("_failed") {
            add(
                Weight::Warning,
                format!("The newest deploy {} ended as {}{at}.", newest.id, newest.status),
            );
        }
    }
    if service.is_auto_deploy_off() && live.is_some_and(Deploy::is_rollback) {
        add(
            Weight::Info,
            "Auto-deploy is off since the rollback: render.unfreeze_deploys turns it on.".to_owned(),
        );
    }
    !deploys.is_empty()
}

fn of_events(events: &[ServiceEvent], findings: &mut Vec<Finding>) {
    let newest = |kind: &str| {
        events
            .iter()
            .filter(|event| event.kind == kind)
            .max_by_key(|event| event.timestamp)
    };
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    if let Some(failed) = newest("server_failed") {
        // A restart says only that somebody tried.
        let recovered = events
            .iter()
            .filter(|event| match event.kind.as_str() {
                "server_available" => true,
                "deploy_ended" => event.details["deployStatus"] == "succeeded",
                _ => false,
            })
            .any(|event| event.timestamp > failed.timestamp);
        let times = match count("server_failed") {
            1 => "A server failed".to_owned(),
            times => format!("Servers failed {times} times"),
        };
        let at = failed
            .timestamp
            .map_or(String::new(), |at| format!(", last at {}", minute(at)));
        let why = why(&failed.details);
        let (weight, after) = if recovered {
            (Weight::Warning, "; it came back since")
        } else {
            (Weight::Bad, "; nothing says that it came back")
        };
        findings.push(finding(weight, "events", format!("{times}{at}{why}{after}.")));
    }
    for (kind, weight, what) in [
        (
            "image_pull_failed",
            Weight::Warning,
            "An image could not be pulled",
        ),
        (
            "server_hardware_failure",
            Weight::Warning,
            "Render's hardware failed",
        ),
        ("maintenance_started", Weight::Info, "Maintenance began"),
        ("server_restarted", Weight::Info, "A restart was made"),
        ("plan_changed", Weight::Info, "The plan was changed"),
        (
            "instance_count_changed",
            Weight::Info,
            "The number of instances was changed",
        ),
    ] {
        if let Some(at) = newest(kind).and_then(|event| event.timestamp) {
            let times = match count(kind) {
                1 => String::new(),
                times => format!("{times} times, last "),
            };
            findings.push(finding(
                weight,
                "events",
                format!("{what} {times}at {}.", minute(at)),
            ));
        }
    }
    if let Some(run) = newest("cron_job_run_ended")
        && run.details["status"] == "unsuccessful"
    {
        let at = run
            .timestamp
            .map_or(String::new(), |at| format!(" at {}", minute(at)));
        findings.push(finding(
            Weight::Bad,
            "events",
            format!("The last run of the job failed{at}."),
        ));
    }
}

/// `: out of memory (limit 512Mi)`.
fn why(details: &Value) -> String {
    let reason = &details["reason"];
    let code = reason["nonZeroExit"].as_i64();
    let what = match reason {
        reason if reason["oomKilled"].is_object() => {
            let limit = reason["oomKilled"]["memoryLimit"].as_str().unwrap_or("unknown");
            format!("out of memory (limit {limit})")
        }
        reason if reason["evicted"] == true => "evicted".to_owned(),
        reason if reason["unhealthy"].is_string() => "its health check failed".to_owned(),
        reason if reason["timedOutSeconds"].is_i64() => "it timed out".to_owned(),
        _ => match code {
            Some(code) => format!("it exited with {code}"),
            None => return String::new(),
        },
    };
    format!(": {what}")
}

fn of_limits(seen: &Seen, findings: &mut Vec<Finding>) {
    for (name, used, limits, percent_max) in [
        ("Memory", &seen.memory, &seen.memory_limit, MEMORY_PERCENT),
        ("CPU", &seen.cpu, &seen.cpu_limit, CPU_PERCENT),
    ] {
        let limit = limits
            .iter()
            .filter_map(|series| series.points.last())
            .map(|(_, value)| *value);
        let limit = limit.reduce(f64::min).filter(|limit| *limit > 0.0);
        // The instance that is worst off is the one that fails first; a single peak is not yet an illness of CPU.
        let worst = used.iter().filter_map(average).reduce(f64::max);
        let peak = used
            .iter()
            .flat_map(|series| &series.points)
            .map(|(_, value)| *value)
            .reduce(f64::max);
        let (Some(limit), Some(worst), Some(peak)) = (limit, worst, peak) else {
            continue;
        };
        let (mean, peak) = (worst / limit * 100.0, peak / limit * 100.0);
        let judged = if name == "Memory" { peak } else { mean };
        let weight = if judged >= percent_max {
            Weight::Warning
        } else {
            Weight::Info
        };
        findings.push(finding(
            weight,
            "metrics",
            format!(
                "{name} of the busiest instance: {mean:.0} % of its limit on average, {peak:.0} % at most."
            ),
        ));
    }
}

/// How many requests there were, and how many of them failed with 5xx, by series of status codes.
fn requests(by_status: &[Series]) -> (f64, f64) {
    // Folded, because the sum of nothing is minus nought.
    let add = |sum: f64, value: f64| sum + value;
    let sum = |series: &Series| series.points.iter().map(|(_, value)| *value).fold(0.0, add);
    let failed = |series: &&Series| {
        series
            .labels
            .get("statusCode")
            .is_some_and(|code| code.starts_with('5'))
    };
    let all = by_status.iter().map(sum).fold(0.0, add);
    (all, by_status.iter().filter(failed).map(sum).fold(0.0, add))
}

/// The share of requests that failed with 5xx, in percent; none where there are too few to judge by.
pub(super) fn failed_percent(by_status: &[Series]) -> Option<f64> {
    let (all, bad) = requests(by_status);
    (all >= REQUESTS_MIN).then(|| bad / all * 100.0)
}

/// Whether a service that fails such a share of its requests counts as failing.
pub(super) fn is_failing(percent: f64) -> bool {
    percent >= FAILED_PERCENT.0
}

fn of_requests(seen: &Seen, findings: &mut Vec<Finding>) {
    let (all, bad) = requests(&seen.requests);
    if all >= REQUESTS_MIN {
        let percent = bad / all * 100.0;
        let weight = match percent {
            percent if percent >= FAILED_PERCENT.0 => Weight::Bad,
            percent if percent >= FAILED_PERCENT.1 => Weight::Warning,
            _ => Weight::Info,
        };
        let what = format!("{bad:.0} of {all:.0} requests failed with 5xx ({percent:.1} %).");
        findings.push(finding(weight, "metrics", what));
    } else if !seen.requests.is_empty() {
        findings.push(finding(
            Weight::Info,
            "metrics",
            format!("{all:.0} requests are too few to judge by."),
        ));
    }
    let mean = |series: &[Series]| series.first().and_then(average);
    if let (Some(now), Some(series)) = (mean(&seen.latency), seen.latency.first()) {
        let worst = series.points.iter().map(|(_, value)| *value).fold(now, f64::max);
        let told = |value| format!("{} {}", brief(value), series.unit).trim_end().to_owned();
        let (weight, before) = match mean(&seen.latency_before) {
            Some(before) if before > 0.0 && now >= before * SLOWER_TIMES => (
                Weight::Warning,
                format!(": {:.1} times the {} before", now / before, told(before)),
            ),
            Some(before) => (Weight::Info, format!("; {} before", told(before))),
            None => (Weight::Info, String::new()),
        };
        let what = format!(
            "p95 latency: {} on average, {} at worst{before}.",
            told(now),
            told(worst)
        );
        findings.push(finding(weight, "metrics", what));
    }
}

/// A number as a person writes it: three digits that count are enough.
fn brief(number: f64) -> String {
    let text = match number.abs() {
        size if size >= 100.0 => return format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.4}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
