//! In: calls about how a repository could be better. Out: what is missing and why that matters, one pull request that mends it,
//! what became of those. Never: two pull requests about one thing.

mod facts;
mod stack;
mod workflow;
mod blueprint;
mod kinds;
mod checks;
mod read;
mod scan;
mod made;
mod ledger;
mod ask;
mod propose;
mod status;
#[cfg(test)]
mod sample;

use super::Server;
use crate::hub::Doubt;
use crate::tools::toolbox::{reads, writes};

/// How much of a repository's own words is quoted in what a person reads, in bytes.
const QUOTED_BYTES_MAX: usize = 160;

impl Server {
    /// How repositories could be better.
    pub(super) fn with_improvement(self) -> Self {
        self.with(
            reads(
                "scan_repository",
                "Scan a repository",
                "Checks a repository for what it lacks: license, README, CI for what it is built with, dependency updates, code owners, \
                 templates, security policy, pinned actions, permissions of workflows, branch protection, alerts, lockfiles, secrets \
                 by name and more. Each finding has its evidence, why it matters and what to do; what cannot be read is unknown, not \
                 failed.",
            )
            .untrusted(&["path", "seen", "what", "report"])
            .reports("report")
            .answers(scan::scan),
        )
        .with(
            writes(
                "propose_improvement",
                "Propose an improvement",
                "Opens one pull request with what a repository lacks, made for it: CI, Dependabot, a health check in render.yaml, \
                 actions named by commits, security policy, code owners, license, templates. Without kind the one that helps most. What \
                 is open, merged or was rejected is not proposed again. dry_run shows the files as text.",
                Doubt::Idempotent,
            )
            .announced_as(&[
                "github.create:{repo}~ref={result.branch}",
                "github.push:{repo}?",
                "github.pull_request.opened:{repo}#{result.number}",
            ])
            .untrusted(&["why"])
            .acts(propose::propose),
        )
        .with(
            reads(
                "improvement_status",
                "See what became of proposals",
                "What was proposed, and whether it is open, merged or rejected (closed without a merge) by now; what was learned from \
                 that, and what would be proposed next. It remembers what it sees.",
            )
            .answers(status::status),
        )
    }
}
