//! In: repositories and services, or none to look at what there is. Out: how they are, the agents and the reactor with them, as a score
//! with its evidence, against last week. Never: a write to a provider; more than the caller may read.

mod score;
mod look;
mod own;
mod past;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::{keep, report};
use crate::chart::Chart;
use crate::hub::ToolError;
use crate::insights::{Insight, Kind, Row};
use crate::integrations::github::Repo;
use crate::tools::toolbox::Ctx;
use crate::tools::unread::not_judged;
use crate::tools::when::{day, minute};
use crate::tools::xmrt::Parts;
pub(super) use look::{Scope, scope};
use past::Past;
use score::{AreaScore, Finding, Judged, Weight};

/// What the columns of its table are.
const COLUMNS: [&str; 3] = ["score", "against last week", "looked at"];
/// How many findings are told in the report.
const TOLD_MAX: usize = 30;

/// What to look at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EcosystemArgs {
    /// Repositories, as owner/name. Unless said: those that the services are built from, and those that were pushed to in the last 30
    /// days, twenty at most.
    #[schemars(length(max = 50))]
    repos: Option<Vec<Repo>>,
    /// Services on Render, srv-…. Unless said: all, twenty at most.
    #[schemars(length(max = 50))]
    services: Option<Vec<String>>,
}

/// How everything is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EcosystemHealth {
    /// From 0 to 100: the mean of the areas that could be judged; null where nothing outside of this program could.
    score: Option<u32>,
    /// How much that is more than a week ago, over the areas that were judged both times.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<i64>,
    /// What it is compared with: when that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    compared_with: Option<Timestamp>,
    /// Area by area.
    areas: Vec<AreaScore>,
    /// What speaks against it, the heaviest first.
    findings: Vec<Finding>,
    /// What could not be read, and is therefore not judged.
    unread: Vec<String>,
    /// What there is more of than was looked at.
    left_out: Vec<String>,
    /// The repositories that were looked at.
    repos: Vec<String>,
    /// The services that were looked at.
    services: Vec<String>,
    /// The score of each day that is kept, once there are two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    charts: Vec<Chart>,
    /// Markdown, to be pasted as it is.
    report: String,
}

pub(super) async fn ecosystem_health(
    ctx: Ctx<Parts>,
    args: EcosystemArgs,
) -> Result<EcosystemHealth, ToolError> {
    let now = ctx.clock.now();
    let is_all = args.repos.is_none() && args.services.is_none();
    let key = past::scope(&ctx.who, args.repos.as_deref(), args.services.as_deref());
    let mut scope = scope(&ctx, args.repos, args.services).await?;
    let mut judged = Judged::default();
    judged.unread.append(&mut scope.unread);
    look::judge(&ctx, &scope, &mut judged).await?;
    own::judge(&ctx, &mut judged).await?;
    let scores = judged.scores();
    let store = ctx.parts.store.as_ref();
    let today = Past {
        at: now,
        scores: scores.clone(),
    };
    past::remember(store, &key, &today, now).await?;
    let kept = past::kept(store, &key, now).await?;
    let past = past::last_week(&kept, now);
    let change = past.and_then(|past| score::change(&scores, &past.scores));
    let mut health = EcosystemHealth {
        score: score::whole(&scores),
        change,
        compared_with: past.filter(|_| change.is_some()).map(|past| past.at),
        areas: judged.areas(past.map(|past| &past.scores)),
        findings: judged.findings(),
        unread: judged.unread,
        left_out: scope.left_out,
        repos: scope.repos,
        services: scope.services,
        charts: past::chart(&kept).into_iter().collect(),
        report: String::new(),
    };
    let insight = health.insight(now);
    health.report = report(&health.about(now), &insight);
    if is_all {
        keep(&ctx, &insight).await?;
    }
    Ok(health)
}

impl EcosystemHealth {
    /// The score, and how it was.
    fn about(&self, now: Timestamp) -> String {
        let score = match self.score {
            Some(score) => format!(
                "{score} of 100, over {} of {} areas",
                self.judged(),
                self.areas.len()
            ),
            None => "not known, as nothing outside of this program could be judged".to_owned(),
        };
        let trend = match (self.change, self.compared_with) {
            (Some(0), Some(at)) => format!("; as on {}", day(at)),
            (Some(change), Some(at)) if change > 0 => format!("; {change} more than on {}", day(at)),
            (Some(change), Some(at)) => format!("; {} less than on {}", -change, day(at)),
            _ => "; there is no measure of a week ago".to_owned(),
        };
        format!("Ecosystem health on {}: {score}{trend}.", minute(now))
    }

    /// What a person sees of it.
    fn insight(&self, now: Timestamp) -> Insight {
        Insight {
            kind: Kind::Ecosystem,
            of: String::new(),
            title: format!("Everything, {} of {} areas", self.judged(), self.areas.len()),
            measured_at: now,
            score: self.score,
            change: self.change,
            columns: COLUMNS.map(str::to_owned).to_vec(),
            table: self.areas.iter().map(AreaScore::row).collect(),
            notes: self.notes(),
            charts: self.charts.clone(),
        }
    }

    /// How many areas could be judged.
    fn judged(&self) -> usize {
        self.areas.iter().filter(|area| area.score.is_some()).count()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.findings.iter().take(TOLD_MAX).map(Finding::told).collect();
        let rest = self.findings.len().saturating_sub(TOLD_MAX);
        if rest > 0 {
            notes.push(format!("and {rest} more"));
        }
        notes.extend(self.left_out.iter().map(|what| format!("Not looked at: {what}.")));
        notes.extend(not_judged(&self.unread));
        notes
    }
}

impl AreaScore {
    fn row(&self) -> Row {
        let score = self
            .score
            .map_or("not judged".to_owned(), |score| score.to_string());
        let change = match self.change {
            None => "–".to_owned(),
            Some(0) => "the same".to_owned(),
            Some(change) => format!("{change:+}"),
        };
        Row {
            name: self.area.title().to_owned(),
            cells: vec![score, change, self.subjects.to_string()],
        }
    }
}

impl Finding {
    fn told(&self) -> String {
        let sign = match self.weight {
            Weight::Bad => "bad",
            Weight::Warning => "warning",
        };
        format!("{sign}: {}: {}", self.subject, self.what)
    }
}
