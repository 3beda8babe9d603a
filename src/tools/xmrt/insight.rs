//! In: calls about how the work goes. Out: what the providers' records say of it, measured, with the evidence. Never: a write.

mod dora;
mod history;
mod delivery;
mod flaky;

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
    }
}
