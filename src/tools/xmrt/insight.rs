//! In: calls about how the work goes. Out: what the providers' records say of it, measured, with the evidence. Never: a write to a provider.

mod stretch;
mod week;
mod told;
mod dora;
mod history;
mod delivery;
mod flaky;
mod flow;
mod activity;
mod ecosystem;
mod weekly;

use super::Server;
use crate::tools::toolbox::reads;

impl Server {
    /// How the work goes.
    pub(super) fn with_insight(self) -> Self {
        self.with(
            reads(
                "dora_metrics",
                "Measure delivery",
                "How a service on Render is delivered to: deployments, lead time from commit to live, changes that failed, time to \
                 restore, against as long a time before, with the failed changes and a report. Joins Render's deploys and events with \
                 GitHub's commits; says what it could not read.",
            )
            .untrusted(&["service_name", "report"])
            .reports("report")
            .answers(delivery::dora_metrics),
        )
        .with(
            reads(
                "flaky_workflows",
                "Find flaky workflows",
                "Which GitHub Actions workflows of a repository fail and succeed on the same commit, or succeed only when they are \
                 repeated; how often, where, and a report. What fails and keeps failing is not flaky.",
            )
            .untrusted(&["name", "path", "report"])
            .reports("report")
            .answers(flaky::flaky_workflows),
        )
        .with(
            reads(
                "activity_insights",
                "See what people do",
                "What people did in a repository on GitHub: commits, pull requests and issues opened, merged, closed, how long that took, how \
                 long issues wait for an answer, who was active and who is new, against as long a time before; by week with weeks. With a \
                 report.",
            )
            .untrusted(&["who", "report"])
            .reports("report")
            .answers(activity::activity_insights),
        )
        .with(
            reads(
                "ecosystem_health",
                "See how everything is",
                "One score with its evidence over repositories, workflows, alerts, services, deploys, agents and the reactor itself, against \
                 last week; says what it could not judge. It remembers what it sees. Asks github.analyze_repository and \
                 render.check_health, so the caller needs both.",
            )
            .untrusted(&["what", "unread", "report"])
            .reports("report")
            .answers(ecosystem::ecosystem_health),
        )
        .with(
            reads(
                "weekly_report",
                "Write the report of a week",
                "Health, activity, flaky workflows and delivery of repositories and services in one report; with folder also as files, a \
                 README.md and SVG charts, for github.commit_files. Asks the tools that measure them, so the caller needs those.",
            )
            .untrusted(&["gaps", "files", "report"])
            .reports("report")
            .answers(weekly::weekly_report),
        )
    }
}
