//! In: a pull request's number, a rule's own globs. Out: a triage report. Never: a write; what to do with the report is the rule's to say.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::Parts;
use super::triage::{Changed, Checks, PullFacts, PullReport, Stage, triage_pull};
use super::triage_issue::{codeowners, computed, vocabulary};
use crate::hub::ToolError;
use crate::integrations::github::{CheckRun, CommitState, CommitStatus, Listed, PullRequestFile, Repo};
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
    let (runs, statuses) = tokio::join!(
        client.check_runs(&args.repo, &pull.head.sha, &[], (CHECKS_MAX, 1)),
        client.commit_statuses(&args.repo, &pull.head.sha, CHECKS_MAX, 1),
    );
    let (runs, statuses) = (readable(runs)?, readable(statuses)?);
    let is_known = runs.is_some() || statuses.is_some();
    let checks = is_known.then(|| checks_of(runs, statuses));
    let repo = args.repo.to_string();
    computed("triage", move || {
        let more_files = files.more;
        let files: Vec<Changed> = files.items.into_iter().map(changed).collect();
        let association = pull.author_association.as_deref().unwrap_or_default();
        triage_pull(&PullFacts {
            repo: &repo,
            stage: match (pull.state.as_str(), pull.draft) {
                ("open", true) => Stage::Draft,
                ("open", false) => Stage::Open,
                _ => Stage::Closed,
            },
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
        added: file.additions,
        lines: file.additions + file.deletions,
        removed: file.status == "removed",
    }
}

/// A token that may not read checks still triages; it only knows none.
fn readable<T>(read: Result<Listed<T>, ApiError>) -> Result<Option<Listed<T>>, ToolError> {
    match read {
        Ok(listed) => Ok(Some(listed)),
        Err(error)
            if matches!(
                error.failure,
                Failure::Forbidden | Failure::NotFound | Failure::Invalid
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What Apps found, and what was said of the commit in the older way: of each context the newest word counts.
fn checks_of(runs: Option<Listed<CheckRun>>, statuses: Option<Listed<CommitStatus>>) -> Checks {
    let mut checks = Checks {
        more: runs.as_ref().is_some_and(|runs| runs.more)
            || statuses.as_ref().is_some_and(|statuses| statuses.more),
        ..Checks::default()
    };
    for run in runs.into_iter().flat_map(|listed| listed.items) {
        match run.conclusion.as_deref() {
            Some("success" | "neutral" | "skipped") => checks.passed += 1,
            Some("failure" | "timed_out" | "action_required" | "startup_failure") => {
                checks.failed.push(run.name)
            }
            // Canceled and stale ones say nothing, as those that are not over.
            _ => checks.pending += 1,
        }
    }
    let mut told = BTreeSet::new();
    for status in statuses.into_iter().flat_map(|listed| listed.items) {
        if !told.insert(status.context.clone()) {
            continue;
        }
        match status.state {
            CommitState::Success => checks.passed += 1,
            CommitState::Pending => checks.pending += 1,
            CommitState::Failure | CommitState::Error => checks.failed.push(status.context),
        }
    }
    checks.failed.sort_unstable();
    checks.failed.dedup();
    checks
}
