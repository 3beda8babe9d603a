//! In: a service and a time. Out: how it is delivered to: the four measures, what they were before, and a report. Never: a write.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dora::{FailedChange, Measures, Spread, Window};
use super::history::{self, Read};
use crate::hub::ToolError;
use crate::integrations::render::Service;
use crate::tools::counted::counted;
use crate::tools::quote::quote;
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
    /// What could not be read, and so is not in the measures.
    gaps: Vec<String>,
    /// Markdown, to be pasted as it is.
    report: String,
}

pub(super) async fn dora_metrics(ctx: Ctx<Parts>, args: DoraArgs) -> Result<Delivery, ToolError> {
    let window = window(args.within.as_deref(), ctx.clock.now())?;
    let service = ctx.parts.render()?.service(&args.service_id).await?;
    measured(&ctx, &service, window).await
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

/// The measures of a service.
pub(super) async fn measured(
    ctx: &Ctx<Parts>,
    service: &Service,
    window: Window,
) -> Result<Delivery, ToolError> {
    let both = Window {
        since: window.before().since,
        until: window.until,
    };
    let github = ctx.parts.github(&ctx.who);
    let Read { history, gaps } = history::read(ctx.parts.render()?, github, service, both).await?;
    let (now, mut failed_changes) = history.measured(window);
    failed_changes.reverse();
    let (before, _) = history.measured(window.before());
    let mut delivery = Delivery {
        service_id: service.id.clone(),
        service_name: service.name.clone(),
        since: window.since,
        until: window.until,
        now,
        before,
        failed_changes,
        gaps,
        report: String::new(),
    };
    delivery.report = delivery.told();
    Ok(delivery)
}

/// A line of the report: what is measured, and how that is told.
type Row = (&'static str, fn(&Measures) -> String);

impl Delivery {
    /// What a person would paste.
    fn told(&self) -> String {
        let days = self.until.duration_since(self.since).as_hours() / 24;
        let mut lines = vec![
            format!(
                "Delivery of {} ({}), {} to {}:",
                quote(&self.service_name, NAME_BYTES_MAX),
                self.service_id,
                day(self.since),
                day(self.until)
            ),
            String::new(),
            format!("| | these {} | the {days} before |", counted(days, "day")),
            "|---|---|---|".to_owned(),
        ];
        let rows: [Row; 4] = [
            ("Deployments", deployments),
            ("Lead time of a commit", lead_time),
            ("Changes that failed", failures),
            ("Time to restore", time_to_restore),
        ];
        for (name, told) in rows {
            lines.push(format!(
                "| {name} | {} | {} |",
                told(&self.now),
                told(&self.before)
            ));
        }
        if !self.failed_changes.is_empty() {
            lines.push(String::new());
            lines.extend(
                self.failed_changes
                    .iter()
                    .map(|failed| format!("- {}", failed.told())),
            );
        }
        if !self.gaps.is_empty() {
            lines.push(String::new());
            lines.extend(self.gaps.iter().map(|gap| format!("- Not measured: {gap}.")));
        }
        lines.join("\n")
    }
}

fn deployments(measures: &Measures) -> String {
    let mut told = match measures.deployments {
        0 => "none".to_owned(),
        deployments => format!("{deployments} ({} a week)", measures.deployments_per_week),
    };
    let more = [
        (measures.rollbacks, "roll-back"),
        (measures.never_live, "failed before it was live"),
    ];
    for (count, what) in more {
        match (count, what) {
            (0, _) => {}
            (count, "roll-back") => told.push_str(&format!(", {}", counted(count, what))),
            (count, what) => told.push_str(&format!(", {count} {what}")),
        }
    }
    told
}

fn lead_time(measures: &Measures) -> String {
    spread(measures.lead_time, "commit")
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

fn spread(spread: Option<Spread>, of: &str) -> String {
    match spread {
        None => "–".to_owned(),
        Some(spread) if spread.count == 1 => format!("{} (1 {of})", lasted(spread.median_seconds)),
        Some(spread) => {
            let (far, most) = match spread.count {
                // Of so few there are no nine tenths.
                ..10 => ("longest", spread.longest_seconds),
                _ => ("nine of ten within", spread.p90_seconds),
            };
            format!(
                "median {}, {far} {} ({})",
                lasted(spread.median_seconds),
                lasted(most),
                counted(spread.count, of)
            )
        }
    }
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
