//! In: a service and a time. Out: how it is delivered to: the four measures, what they were before, and a report. Never: a write.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dora::{FailedChange, Measures};
use super::history::{self, Read};
use super::stretch::Window;
use super::told::{columns, keep, report, row, spread};
use super::week::{Drawing, Week, measured, since, weeks_of};
use crate::chart::Chart;
use crate::hub::ToolError;
use crate::insights::{Insight, Kind, Row};
use crate::integrations::render::Service;
use crate::tools::counted::counted;
use crate::tools::quote::{plain, quote};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};
use crate::tools::when::{day, lasted, minute};
use crate::tools::xmrt::Parts;

/// What is looked at unless a call says otherwise.
const WITHIN: &str = "30d";
/// The shortest and the longest that can be looked at: below it there is nothing to measure, above it Render keeps no events.
const DAYS: std::ops::RangeInclusive<f64> = 1.0..=180.0;
/// How much of a service's name is shown, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// Which service, and how far back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DoraArgs {
    /// srv-….
    service_id: String,
    /// How long back, from a day to 180; 30d.
    within: Option<String>,
    /// Also by week, so many of them up to now, as numbers and as charts.
    #[schemars(range(min = 1, max = 26))]
    weeks: Option<u32>,
}

/// How a service is delivered to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Delivery {
    service_id: String,
    service_name: String,
    #[schemars(with = "String")]
    since: Timestamp,
    #[schemars(with = "String")]
    until: Timestamp,
    /// The measures of this time.
    now: Measures,
    /// Those of as long a time before it.
    before: Measures,
    /// The changes of this time that failed, the newest first.
    failed_changes: Vec<FailedChange>,
    /// Week by week, where that was asked for, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weeks: Vec<Week<Measures>>,
    /// The weeks as charts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    charts: Vec<Chart>,
    /// What could not be read, and so is not in the measures.
    gaps: Vec<String>,
    /// Markdown, to be pasted as it is.
    report: String,
}

pub(super) async fn dora_metrics(ctx: Ctx<Parts>, args: DoraArgs) -> Result<Delivery, ToolError> {
    let window = window(args.within.as_deref(), ctx.clock.now())?;
    let weeks = weeks_of(args.weeks, window);
    let service = ctx.parts.render()?.service(&args.service_id).await?;
    let mut delivery = of_service(&ctx, &service, window, weeks).await?;
    let insight = delivery.insight();
    let (since, until) = (day(delivery.since), day(delivery.until));
    let name = quote(&delivery.service_name, NAME_BYTES_MAX);
    let about = format!(
        "Delivery of {name} ({}), {since} to {until}:",
        delivery.service_id
    );
    delivery.report = report(&about, &insight);
    // Another stretch of time is another measure.
    if args.weeks.is_some() && args.within.is_none() {
        keep(&ctx, &insight).await?;
    }
    Ok(delivery)
}

/// The time that `within` means.
pub(super) fn window(within: Option<&str>, until: Timestamp) -> Result<Window, ToolError> {
    let since = span::ago("within", within.unwrap_or(WITHIN), until)?;
    if !DAYS.contains(&(until.duration_since(since).as_secs() as f64 / 86_400.0)) {
        let problem = format!("is not from {} to {} days", DAYS.start(), DAYS.end());
        return Err(invalid("within", problem).with_remedy("as in 30d or 2w"));
    }
    Ok(Window { since, until })
}

/// The measures of a service, still without a report.
async fn of_service(
    ctx: &Ctx<Parts>,
    service: &Service,
    window: Window,
    weeks: Vec<Window>,
) -> Result<Delivery, ToolError> {
    let all = Window {
        since: since(window, &weeks),
        until: window.until,
    };
    let github = ctx.parts.github(&ctx.who);
    let Read { history, gaps } = history::read(ctx.parts.render()?, github, service, all).await?;
    let (now, mut failed_changes) = history.measured(window);
    failed_changes.reverse();
    let (before, _) = history.measured(window.before());
    let weeks = measured(weeks, |week| history.measured(week).0);
    Ok(Delivery {
        service_id: service.id.clone(),
        service_name: service.name.clone(),
        since: window.since,
        until: window.until,
        now,
        before,
        failed_changes,
        charts: charts(&weeks),
        weeks,
        gaps,
        report: String::new(),
    })
}

/// What the weeks came to, as pictures.
fn charts(weeks: &[Week<Measures>]) -> Vec<Chart> {
    if weeks.is_empty() {
        return Vec::new();
    }
    let drawing = Drawing(weeks);
    let deployments = vec![
        drawing.count("went live", |measures| measures.deployments),
        drawing.count("failed then", |measures| measures.failed_changes),
    ];
    let lead_time = vec![drawing.hours("median", |measures| measures.lead_time)];
    let restore = vec![drawing.hours("median", |measures| measures.time_to_restore)];
    vec![
        drawing.bars("deployments", "Deployments in a week", "", deployments),
        drawing.lines("lead-time", "From commit to live", lead_time),
        drawing.lines("time-to-restore", "Until it worked again", restore),
    ]
}

impl Delivery {
    /// What a person sees of it.
    fn insight(&self) -> Insight {
        let gaps = self.gaps.iter().map(|gap| format!("Not measured: {gap}."));
        Insight {
            kind: Kind::Service,
            of: self.service_id.clone(),
            title: plain(&self.service_name, NAME_BYTES_MAX).unwrap_or_else(|| self.service_id.clone()),
            measured_at: self.until,
            score: None,
            change: None,
            columns: columns(Window {
                since: self.since,
                until: self.until,
            }),
            table: self.rows(),
            notes: self
                .failed_changes
                .iter()
                .map(FailedChange::told)
                .chain(gaps)
                .collect(),
            charts: self.charts.clone(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let both =
            |name: &str, told: fn(&Measures) -> String| row(name, [told(&self.now), told(&self.before)]);
        vec![
            both("Deployments", deployments),
            both("Lead time of a commit", lead_time),
            both("Changes that failed", failures),
            both("Time to restore", time_to_restore),
        ]
    }
}

fn deployments(measures: &Measures) -> String {
    let mut told = match measures.deployments {
        0 => "none".to_owned(),
        deployments => format!("{deployments} ({} a week)", measures.deployments_per_week),
    };
    if measures.rollbacks > 0 {
        told.push_str(&format!(", {}", counted(measures.rollbacks, "roll-back")));
    }
    if measures.never_live > 0 {
        told.push_str(&format!(
            ", {} failed or canceled before it was live",
            measures.never_live
        ));
    }
    told
}

fn lead_time(measures: &Measures) -> String {
    let known = spread(measures.lead_time, "commit");
    match (measures.of_unknown_commits, measures.lead_time) {
        (0, _) => known,
        (unknown, None) => format!("not known of {}", counted(unknown, "deployment")),
        (unknown, Some(_)) => format!("{known}, not known of {}", counted(unknown, "deployment")),
    }
}

fn failures(measures: &Measures) -> String {
    match measures.change_failure_percent {
        None => "–".to_owned(),
        Some(percent) => format!(
            "{} of {} ({percent} %)",
            measures.failed_changes, measures.deployments
        ),
    }
}

fn time_to_restore(measures: &Measures) -> String {
    spread(measures.time_to_restore, "failure")
}

impl FailedChange {
    fn told(&self) -> String {
        let what = match self.known_by {
            "rolled_back" => "it was rolled back".to_owned(),
            _ => format!("the server failed at {}", minute(self.failed_at)),
        };
        let end = match (&self.restored_at, self.restored_by.as_deref()) {
            (Some(at), by) => {
                let seconds = u64::try_from(at.duration_since(self.failed_at).as_secs()).unwrap_or(0);
                let by = by
                    .filter(|by| *by != "itself")
                    .map_or(String::new(), |by| format!(", by {by}"));
                format!("; it worked again after {}{by}", lasted(seconds))
            }
            (None, _) => "; nothing says that it works again".to_owned(),
        };
        format!("{}, live {}: {what}{end}.", self.deploy_id, minute(self.live_at))
    }
}
