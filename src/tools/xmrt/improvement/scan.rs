//! In: a repository. Out: what every check found, and a report. Never: a write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Parts;
use super::checks::{self, Evidence, Finding, Outcome};
use super::facts::Facts;
use super::read;
use crate::hub::{ToolError, nearest};
use crate::integrations::github::Repo;
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, invalid};

/// How much of why something is not known is quoted in the report, in bytes.
const QUOTED_BYTES_MAX: usize = 320;
/// How much evidence of a finding the report shows.
const REPORTED_MAX: usize = 3;

/// Which repository.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanArgs {
    /// Repository, as owner/name.
    repo: Repo,
    /// Only these checks, by name; all without it.
    #[schemars(length(min = 1, max = 64))]
    checks: Option<Vec<String>>,
    /// brief (findings that failed or are unknown) or full (all of them).
    #[serde(default)]
    detail: Detail,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Detail {
    #[default]
    Brief,
    Full,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Scan {
    /// Repository, as owner/name.
    repo: String,
    /// The commit that was looked at.
    commit: Option<String>,
    /// How many checks came out how.
    counts: Counts,
    /// What was found, what failed first.
    findings: Vec<Finding>,
    /// Names of the checks that passed.
    passed: Vec<&'static str>,
    /// Names of those that have nothing to check here.
    not_applicable: Vec<&'static str>,
    /// Markdown, to be pasted as it is; strangers' words quoted.
    report: String,
}

/// How many checks came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Counts {
    /// Something is missing or wrong.
    failed: usize,
    /// It could not be read.
    unknown: usize,
    /// It is as it should be.
    passed: usize,
    /// There is nothing to check here.
    not_applicable: usize,
}

pub(super) async fn scan(ctx: Ctx<Parts>, args: ScanArgs) -> Result<Scan, ToolError> {
    let client = ctx.parts.github(&ctx.who)?;
    let wanted = args.checks.as_deref().map(known).transpose()?;
    let facts = Box::pin(read::read(client, &args.repo, &ctx.clock)).await?;
    let mut findings = checks::judge(&facts);
    if let Some(wanted) = wanted {
        findings.retain(|finding| wanted.contains(&finding.check));
    }
    // Stable: within one outcome the order is that of the checks.
    findings.sort_by_key(|finding| finding.outcome);
    Ok(told(facts, findings, args.detail))
}

/// The checks of these names.
fn known(names: &[String]) -> Result<Vec<&'static str>, ToolError> {
    let all: Vec<&'static str> = checks::all().map(checks::Check::id).collect();
    names
        .iter()
        .map(|name| {
            all.iter().copied().find(|id| id == name).ok_or_else(|| {
                let hint = match nearest(name, all.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are: {}", all.join(", ")),
                };
                invalid("checks", format!("names no check: `{name}`; {hint}"))
            })
        })
        .collect()
}

fn told(facts: Facts, findings: Vec<Finding>, detail: Detail) -> Scan {
    let of = |outcome: Outcome| findings.iter().filter(move |finding| finding.outcome == outcome);
    let counts = Counts {
        failed: of(Outcome::Failed).count(),
        unknown: of(Outcome::Unknown).count(),
        passed: of(Outcome::Passed).count(),
        not_applicable: of(Outcome::NotApplicable).count(),
    };
    let passed = of(Outcome::Passed).map(|finding| finding.check).collect();
    let not_applicable = of(Outcome::NotApplicable).map(|finding| finding.check).collect();
    let report = report(&facts, &findings, counts);
    let shown = |finding: &Finding| {
        detail == Detail::Full || matches!(finding.outcome, Outcome::Failed | Outcome::Unknown)
    };
    Scan {
        repo: facts.repo,
        commit: facts.head.ok(),
        counts,
        findings: findings.into_iter().filter(|finding| shown(finding)).collect(),
        passed,
        not_applicable,
        report,
    }
}

fn report(facts: &Facts, findings: &[Finding], counts: Counts) -> String {
    let all = findings.len() - counts.not_applicable;
    let mut lines = vec![format!(
        "{}: {} of {all} checks passed, {} failed, {} could not be made.",
        facts.repo, counts.passed, counts.failed, counts.unknown
    )];
    if facts.archived {
        lines.push("It is archived: nothing in it can be changed.".to_owned());
    }
    for finding in findings {
        match finding.outcome {
            Outcome::Failed => {
                lines.push(format!(
                    "\n**{}**: {}. Because {}.",
                    finding.check, finding.what, finding.why
                ));
                lines.extend(finding.evidence.iter().take(REPORTED_MAX).map(Evidence::told));
                lines.extend(finding.remedy.map(|remedy| format!("- To do: {remedy}.")));
            }
            Outcome::Unknown => {
                lines.push(format!(
                    "\n{} is not known: {}.",
                    finding.check,
                    quote(&finding.what, QUOTED_BYTES_MAX)
                ));
            }
            Outcome::Passed | Outcome::NotApplicable => {}
        }
    }
    lines.join("\n")
}
