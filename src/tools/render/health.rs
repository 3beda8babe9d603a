//! In: calls about a service's health. Out: a verdict with its evidence, and a report. Never: the judging, see `verdict`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
pub use super::verdict::{Finding, Verdict};
use super::verdict::{Seen, judge};
use crate::clock;
use crate::hub::ToolError;
use crate::integrations::render::{Client, DeployQuery, EventQuery, MetricQuery, Series, Service};
use crate::tools::quote::quote;
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};
use crate::tools::unread::not_judged;
use crate::tools::when::minute;

/// How far back is looked unless the call says so, and at most, in milliseconds.
const WINDOW_MS: i64 = 60 * 60_000;
const WINDOW_MS_MAX: i64 = 24 * WINDOW_MS;
/// How many deploys are looked at.
const DEPLOYS_MAX: usize = 20;
/// How many events are looked at.
const EVENTS_MAX: usize = 100;
/// Asks for a count by status code.
const BY_STATUS: (&str, &str) = ("aggregateBy", "statusCode");
/// How much of a service's name a report quotes, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Whose health.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthArgs {
    /// srv-… or crn-….
    service_id: String,
    /// How far back to look, as in 30m; default: 1h, at most 24h.
    within: Option<String>,
}

/// How a service is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Vitals {
    service_id: String,
    /// What the evidence comes to.
    verdict: Verdict,
    /// What was seen, the heaviest first.
    evidence: Vec<Finding>,
    /// What could not be read, and is therefore not judged.
    unread: Vec<String>,
    /// Since when was looked.
    since: String,
    /// Markdown, to be pasted as it is; strangers' words quoted.
    report: String,
}

pub(super) async fn check(ctx: Ctx<Parts>, args: HealthArgs) -> Result<Vitals, ToolError> {
    let client = ctx.parts.client()?;
    let now = ctx.clock.now();
    let since = match &args.within {
        Some(within) => span::ago("within", within, now)?,
        None => clock::after(now, -WINDOW_MS),
    };
    if since < clock::after(now, -WINDOW_MS_MAX) {
        return Err(invalid("within", "must be at most 24h"));
    }
    seen_from(client, &args.service_id, (since, now)).await
}

/// How a service was in a stretch of time.
pub(super) async fn seen_from(
    client: &Client,
    service_id: &str,
    (since, now): (Timestamp, Timestamp),
) -> Result<Vitals, ToolError> {
    // Without these there is nothing to judge; without a metric there is.
    let service = client.service(service_id).await?;
    let deploys = client
        .list_deploys(service_id, &DeployQuery::default(), DEPLOYS_MAX, None)
        .await?;
    let events = EventQuery {
        kind: None,
        since: Some(since),
        until: Some(now),
    };
    let events = client.list_events(service_id, &events, EVENTS_MAX, None).await?;
    let mut seen = Seen {
        deploys: deploys.items,
        events: events.items,
        ..Seen::default()
    };
    let unread = measure(client, &service, (since, now), &mut seen).await;
    let (verdict, evidence) = judge(&service, &seen);
    let mut vitals = Vitals {
        service_id: service_id.to_owned(),
        verdict,
        evidence,
        unread,
        since: since.to_string(),
        report: String::new(),
    };
    vitals.report = vitals.told(&service, (since, now));
    Ok(vitals)
}

/// Reads what a service of this type has; says what could not be read.
async fn measure(
    client: &Client,
    service: &Service,
    (since, now): (Timestamp, Timestamp),
    seen: &mut Seen,
) -> Vec<String> {
    let mut unread = Vec::new();
    let runs = !matches!(service.kind.as_str(), "static_site" | "cron_job");
    let answers = service.kind == "web_service";
    let before = clock::after(since, since.as_millisecond() - now.as_millisecond());
    let most = ("quantile", "0.95");
    for (wanted, metric, more, window, into) in [
        (runs, "cpu", None, (since, now), &mut seen.cpu),
        (runs, "cpu-limit", None, (since, now), &mut seen.cpu_limit),
        (runs, "memory", None, (since, now), &mut seen.memory),
        (runs, "memory-limit", None, (since, now), &mut seen.memory_limit),
        (
            answers,
            "http-requests",
            Some(BY_STATUS),
            (since, now),
            &mut seen.requests,
        ),
        (
            answers,
            "http-latency",
            Some(most),
            (since, now),
            &mut seen.latency,
        ),
        (
            answers,
            "http-latency",
            Some(most),
            (before, since),
            &mut seen.latency_before,
        ),
    ] {
        if !wanted {
            continue;
        }
        match series(client, service, metric, more, window).await {
            Ok(series) => *into = series,
            Err(error) => unread.push(format!("{metric}: {error}")),
        }
    }
    unread
}

/// How many requests a web service answered in a stretch of time, by status.
pub(super) async fn answers(
    client: &Client,
    service: &Service,
    window: (Timestamp, Timestamp),
) -> Result<Vec<Series>, ToolError> {
    series(client, service, "http-requests", Some(BY_STATUS), window).await
}

async fn series(
    client: &Client,
    service: &Service,
    metric: &'static str,
    more: Option<(&'static str, &str)>,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<Series>, ToolError> {
    let query = MetricQuery {
        resources: vec![service.id.clone()],
        since: Some(since),
        until: Some(until),
        resolution_seconds: None,
        more: more
            .map(|(name, value)| (name, value.to_owned()))
            .into_iter()
            .collect(),
    };
    Ok(client.metric(metric, &query).await?)
}

impl Vitals {
    /// What the evidence comes to.
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What could not be read.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// What was seen, the heaviest first.
    pub(super) fn evidence(&self) -> &[Finding] {
        &self.evidence
    }

    fn told(&self, service: &Service, (since, now): (Timestamp, Timestamp)) -> String {
        let verdict = match self.verdict {
            Verdict::Healthy => "healthy",
            Verdict::Degraded => "degraded",
            Verdict::Failing => "failing",
            Verdict::Suspended => "suspended",
            Verdict::NeverDeployed => "not deployed yet",
        };
        let mut lines = vec![
            format!(
                "{} ({}, {}) is {verdict}, looked at between {} and {}.",
                quote(&service.name, NAME_BYTES_MAX),
                service.id,
                service.kind,
                minute(since),
                minute(now)
            ),
            String::new(),
        ];
        lines.extend(self.evidence.iter().map(|finding| {
            let sign = match finding.weight {
                super::verdict::Weight::Bad => "bad: ",
                super::verdict::Weight::Warning => "warning: ",
                super::verdict::Weight::Info => "",
            };
            format!("- {sign}{}", finding.what)
        }));
        lines.extend(not_judged(&self.unread).map(|line| format!("- {line}")));
        lines.join("\n")
    }
}
