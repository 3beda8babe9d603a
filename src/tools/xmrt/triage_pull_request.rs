//! In: a pull request's number, a rule's own globs. Out: a triage report. Never: a write; what to do with the report is the rule's to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Parts;
use super::triage::{Changed, Checks, PullFacts, PullReport, triage_pull};
use super::triage_issue::{codeowners, computed, vocabulary};
use crate::hub::ToolError;
use crate::integrations::github::{CheckRun, Listed, PullRequestFile, Repo};
use crate::integrations::{ApiError, Failure};
use crate::tools::toolbox::Ctx;

/// How many files are looked at; GitHub lists 3,000.
const FILES_MAX: usize = 1_000;
/// How many checks are looked at.
const CHECKS_MAX: usize = 100;
/// How GitHub says that somebody has not contributed before.
const NEW_HERE: [&str; 2] = ["FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR"];

/// Which pull request, and which globs to judge it by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriagePullArgs {
    /// owner/name.
    repo: Repo,
    /// The pull request's number.
    #[schemars(range(min = 1))]
    number: u64,
    /// Label → globs, as in .gitignore; a changed path that matches one speaks for the label.
    paths: Option<BTreeMap<String, Vec<String>>>,
}

pub(super) async fn triage_pull_request(
    ctx: Ctx<Parts>,
    args: TriagePullArgs,
) -> Result<PullReport, ToolError> {
    // A page of the documentation beside the code does not make it documentation: only a rule's own globs count.
    let none = BTreeMap::from([("documentation".to_owned(), Vec::new())]);
    let words = vocabulary(Some(none), args.paths)?;
    let client = ctx.parts.github(&ctx.who)?;
    let (pull, files, codeowners) = tokio::try_join!(
        client.pull_request(&args.repo, args.number),
        client.pull_request_files(&args.repo, args.number, FILES_MAX),
        codeowners(client, &args.repo),
    )?;
    // Of a fork that is gone there is nothing to check.
    let checks = client
        .check_runs(&args.repo, &pull.head.sha, &[], (CHECKS_MAX, 1))
        .await;
    let checks = checks_of(checks)?;
    computed("triage", move || {
        let more_files = files.more;
        let files: Vec<Changed> = files.items.into_iter().map(changed).collect();
        let association = pull.author_association.as_deref().unwrap_or_default();
        triage_pull(&PullFacts {
            title: &pull.title,
            body: pull.body.as_deref().unwrap_or_default(),
            author: pull.user.as_ref().map(|user| user.login.as_str()),
            is_first: NEW_HERE.contains(&association),
            labels: &pull.labels,
            files: &files,
            more_files,
            codeowners: codeowners.as_deref(),
            checks: checks.as_ref(),
            vocabulary: &words,
        })
    })
    .await
}

fn changed(file: PullRequestFile) -> Changed {
    Changed {
        path: file.filename,
        before: file.previous_filename,
        lines: file.additions + file.deletions,
        removed: file.status == "removed",
    }
}

/// A token that may not read checks still triages; it only knows none.
fn checks_of(read: Result<Listed<CheckRun>, ApiError>) -> Result<Option<Checks>, ToolError> {
    let runs = match read {
        Ok(listed) => listed.items,
        Err(error)
            if matches!(
                error.failure,
                Failure::Forbidden | Failure::NotFound | Failure::Invalid
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let mut checks = Checks::default();
    for run in runs {
        match run.conclusion.as_deref() {
            None => checks.pending += 1,
            Some("failure" | "timed_out" | "action_required" | "startup_failure") => {
                checks.failed.push(run.name)
            }
            Some(_) => checks.passed += 1,
        }
    }
    checks.failed.sort_unstable();
    checks.failed.dedup();
    Ok(Some(checks))
}
