//! In: calls about what GitHub warns of. Out: its alerts. Never: a secret; a verdict on an alert.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::thirty;
use super::{Parts, Server, client};
use crate::hub::ToolError;
use crate::integrations::github::{CodeScanningAlert, DependabotAlert, Repo, SecretScanningAlert};
use crate::tools::toolbox::{Ctx, reads};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_dependabot_alerts",
                "List Dependabot alerts",
                "Dependencies of a repository with known weaknesses, newest first: how bad, which versions, and which one is \
                 good again.",
            )
            .untrusted(&["summary"])
            .answers(dependabot),
        )
        .with(
            reads(
                "list_code_scanning_alerts",
                "List code scanning alerts",
                "What CodeQL and other analyses found in a repository's code, newest first, with file and line.",
            )
            .untrusted(&["description", "message", "path"])
            .answers(code_scanning),
        )
        .with(
            reads(
                "list_secret_scanning_alerts",
                "List secret scanning alerts",
                "Secrets that stand in a repository, newest first: of which kind, and whether they open something still. Never \
                 the secrets themselves.",
            )
            .answers(secret_scanning),
        )
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Standing {
    #[default]
    Open,
    Fixed,
    Dismissed,
    All,
}

impl Standing {
    /// As GitHub's filter has it; all is none.
    fn filter(self) -> Option<&'static str> {
        match self {
            Self::Open => Some("open"),
            Self::Fixed => Some("fixed"),
            Self::Dismissed => Some("dismissed"),
            Self::All => None,
        }
    }
}

/// Which dependencies.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichDependabot {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only those that stand like this.
    #[serde(default)]
    state: Standing,
    /// Only those that are this bad.
    #[serde(default)]
    severity: Option<Severity>,
    /// Only this package.
    #[serde(default)]
    #[schemars(length(min = 1))]
    package: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page.
    #[serde(default)]
    #[schemars(length(min = 1, max = 400))]
    cursor: Option<String>,
}

/// A page of alerts.
#[derive(Serialize, JsonSchema)]
struct DependabotAlerts {
    /// Newest first.
    alerts: Vec<DependabotAlert>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<String>,
}

async fn dependabot(ctx: Ctx<Parts>, which: WhichDependabot) -> Result<DependabotAlerts, ToolError> {
    let filter: Vec<(&str, &str)> = [
        ("state", which.state.filter()),
        ("severity", which.severity.map(Severity::as_str)),
        ("package", which.package.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let (alerts, next_cursor) = client(&ctx)?
        .dependabot_alerts(&which.repo, &filter, which.limit, which.cursor.as_deref())
        .await?;
    Ok(DependabotAlerts { alerts, next_cursor })
}

/// Which findings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichCode {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only those that stand like this.
    #[serde(default)]
    state: Standing,
    /// Only those of this analysis, like CodeQL.
    #[serde(default)]
    #[schemars(length(min = 1))]
    tool: Option<String>,
    /// Only those on this branch; by default on the default branch.
    #[serde(default, rename = "ref")]
    #[schemars(length(min = 1))]
    reference: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of alerts.
#[derive(Serialize, JsonSchema)]
struct CodeAlerts {
    /// Newest first.
    alerts: Vec<CodeScanningAlert>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

async fn code_scanning(ctx: Ctx<Parts>, which: WhichCode) -> Result<CodeAlerts, ToolError> {
    let filter: Vec<(&str, &str)> = [
        ("state", which.state.filter()),
        ("tool_name", which.tool.as_deref()),
        ("ref", which.reference.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let page = which.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .code_scanning_alerts(&which.repo, &filter, which.limit, page)
        .await?;
    Ok(CodeAlerts {
        alerts: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// Which secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichSecrets {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only those that stand like this.
    #[serde(default)]
    state: Resolving,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Resolving {
    #[default]
    Open,
    Resolved,
    All,
}

/// A page of alerts.
#[derive(Serialize, JsonSchema)]
struct SecretAlerts {
    /// Newest first.
    alerts: Vec<SecretScanningAlert>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

async fn secret_scanning(ctx: Ctx<Parts>, which: WhichSecrets) -> Result<SecretAlerts, ToolError> {
    let state = match which.state {
        Resolving::Open => Some(("state", "open")),
        Resolving::Resolved => Some(("state", "resolved")),
        Resolving::All => None,
    };
    let filter: Vec<(&str, &str)> = state.into_iter().collect();
    let page = which.cursor.unwrap_or(1);
    let listed = client(&ctx)?
        .secret_scanning_alerts(&which.repo, &filter, which.limit, page)
        .await?;
    Ok(SecretAlerts {
        alerts: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}
