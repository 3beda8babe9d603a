//! In: nothing. Out: what can be proposed, and in which order. Never: what a proposal holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Ci,
    RenderHealthCheck,
    DependencyUpdates,
    PinnedActions,
    SecurityPolicy,
    Codeowners,
    License,
    PullRequestTemplate,
    IssueTemplates,
}

impl Kind {
    /// All of them, what helps most first.
    pub(super) const ALL: [Self; 9] = [
        Self::Ci,
        Self::RenderHealthCheck,
        Self::DependencyUpdates,
        Self::PinnedActions,
        Self::SecurityPolicy,
        Self::Codeowners,
        Self::License,
        Self::PullRequestTemplate,
        Self::IssueTemplates,
    ];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::RenderHealthCheck => "render_health_check",
            Self::DependencyUpdates => "dependency_updates",
            Self::PinnedActions => "pinned_actions",
            Self::SecurityPolicy => "security_policy",
            Self::Codeowners => "codeowners",
            Self::License => "license",
            Self::PullRequestTemplate => "pull_request_template",
            Self::IssueTemplates => "issue_templates",
        }
    }

    /// The check that fails as long as it is needed.
    pub(super) fn check(self) -> &'static str {
        self.name()
    }

    /// The branch that it is proposed from, the same in every repository.
    pub(super) fn branch(self) -> String {
        format!("xmrt/{}", self.name().replace('_', "-"))
    }
}
