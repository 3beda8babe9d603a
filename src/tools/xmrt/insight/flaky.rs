//! In: a repository's workflow runs. Out: which workflows end otherwise although nothing changed, how often, and where. Never: a
//! verdict on a workflow that merely fails.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delivery::window;
use super::stretch::tenth;
use crate::hub::ToolError;
use crate::integrations::github::{Repo, RunFilter, WorkflowRun};
use crate::tools::counted::counted;
use crate::tools::quote::quote;
use crate::tools::toolbox::Ctx;
use crate::tools::when::day;
use crate::tools::xmrt::Parts;

/// What is looked at unless a call says otherwise.
const WITHIN: &str = "14d";
/// How many of the newest runs are read unless a call says otherwise.
const RUNS: u32 = 500;
/// How many examples of a workflow are named.
const EXAMPLES_MAX: usize = 5;
/// How much of a workflow's name is shown, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// Which repository, and how far back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlakyArgs {
    /// owner/name.
    repo: Repo,
    /// How long back, from a day to 180; 14d.
    within: Option<String>,
    /// Look at so many of the newest runs (500).
    #[schemars(range(min = 10, max = 1000))]
    limit: Option<u32>,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FlakyWorkflows {
    repo: String,
    #[schemars(with = "String")]
    since: Timestamp,
    /// Runs that were looked at: completed ones that succeeded or failed.
    runs: u32,
    /// Older runs than these were not read.
    truncated: bool,
    /// Workflows that are flaky, the worst first.
    workflows: Vec<FlakyWorkflow>,
    /// Markdown, to be pasted as it is.
    report: String,
}

/// A workflow that ended otherwise although nothing had changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FlakyWorkflow {
    /// Its name.
    name: String,
    /// Its file.
    path: String,
    runs: u32,
    /// Commits it ran for.
    commits: u32,
    /// Commits for which it failed and succeeded: in several runs, or in a run that was repeated.
    flaky_commits: u32,
    /// The same, of a hundred commits.
    flaky_percent: f64,
    /// Runs that succeeded only when they were repeated.
    saved_by_rerun: u32,
    /// The newest such commits.
    examples: Vec<FlakyExample>,
}

/// A commit for which a workflow failed and succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct FlakyExample {
    sha: String,
    /// Of the run that succeeded.
    url: String,
    /// How often it had to run.
    attempts: u64,
}

/// What a workflow did for one commit.
#[derive(Debug, Default)]
struct Commit<'a> {
    failed: bool,
    succeeded: Option<&'a WorkflowRun>,
    rerun: u32,
    attempts: u64,
}

/// By their ids, the newest first.
type Commits<'a> = Vec<(&'a str, Commit<'a>)>;

pub(super) async fn flaky_workflows(ctx: Ctx<Parts>, args: FlakyArgs) -> Result<FlakyWorkflows, ToolError> {
    let window = window(Some(args.within.as_deref().unwrap_or(WITHIN)), ctx.clock.now())?;
    let filter = RunFilter {
        status: Some("completed".to_owned()),
        since: Some(window.since),
        ..RunFilter::default()
    };
    let limit = args.limit.unwrap_or(RUNS) as usize;
    let client = ctx.parts.github(&ctx.who)?;
    let listed = client.workflow_runs(&args.repo, &filter, limit, 1).await?;
    let (runs, workflows) = found(&listed.items);
    let mut found = FlakyWorkflows {
        repo: args.repo.to_string(),
        since: window.since,
        runs,
        truncated: listed.more,
        workflows,
        report: String::new(),
    };
    found.report = found.told();
    Ok(found)
}

/// How many runs tell something, and the workflows that are flaky.
fn found(runs: &[WorkflowRun]) -> (u32, Vec<FlakyWorkflow>) {
    let mut count = 0;
    // By workflow, and by commit; the order of the list is that of the runs, the newest first.
    let mut workflows: BTreeMap<&str, (u32, Commits<'_>)> = BTreeMap::new();
    for run in runs {
        let ended_well = match run.conclusion.as_deref() {
            Some("success") => true,
            Some("failure" | "timed_out" | "startup_failure") => false,
            // Canceled, skipped and the like say nothing.
            _ => continue,
        };
        count += 1;
        // Behind a path GitHub may name the branch that it is taken from.
        let path = run.path.split('@').next().unwrap_or_default();
        let (all, commits) = workflows.entry(path).or_default();
        *all += 1;
        let place = commits.iter().position(|(sha, _)| *sha == run.head_sha);
        let place = place.unwrap_or_else(|| {
            commits.push((&run.head_sha, Commit::default()));
            commits.len() - 1
        });
        let commit = &mut commits[place].1;
        commit.attempts += run.run_attempt.max(1);
        match ended_well {
            false => commit.failed = true,
            true => {
                // Only what failed is run again; a person may run everything again, and that cannot be told apart.
                if run.run_attempt > 1 {
                    (commit.failed, commit.rerun) = (true, commit.rerun + 1);
                }
                commit.succeeded.get_or_insert(run);
            }
        }
    }
    let mut flaky: Vec<FlakyWorkflow> = workflows
        .into_iter()
        .filter_map(|(path, (runs, commits))| FlakyWorkflow::of(path, runs, &commits))
        .collect();
    flaky.sort_by(|a, b| {
        b.flaky_percent
            .total_cmp(&a.flaky_percent)
            .then_with(|| a.path.cmp(&b.path))
    });
    (count, flaky)
}

impl FlakyWorkflow {
    fn of<'a>(path: &str, runs: u32, commits: &Commits<'a>) -> Option<Self> {
        let both = |(sha, commit): &(&'a str, Commit<'a>)| -> Option<(&'a WorkflowRun, FlakyExample)> {
            let run = commit.succeeded.filter(|_| commit.failed)?;
            let example = FlakyExample {
                sha: (*sha).to_owned(),
                url: run.html_url.clone(),
                attempts: commit.attempts,
            };
            Some((run, example))
        };
        let flaky: Vec<(&WorkflowRun, FlakyExample)> = commits.iter().filter_map(both).collect();
        let name = flaky.first()?.0.name.clone().unwrap_or_else(|| path.to_owned());
        let size = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some(Self {
            name,
            path: path.to_owned(),
            runs,
            commits: size(commits.len()),
            flaky_commits: size(flaky.len()),
            flaky_percent: tenth(flaky.len() as f64 * 100.0 / commits.len() as f64),
            saved_by_rerun: commits.iter().map(|(_, commit)| commit.rerun).sum(),
            examples: flaky
                .into_iter()
                .map(|(_, example)| example)
                .take(EXAMPLES_MAX)
                .collect(),
        })
    }
}

impl FlakyWorkflows {
    fn told(&self) -> String {
        let mut lines = vec![format!(
            "Flaky workflows of {} since {}, {}{}:",
            self.repo,
            day(self.since),
            counted(self.runs, "run"),
            if self.truncated {
                " (older ones were not read)"
            } else {
                ""
            }
        )];
        lines.push(String::new());
        if self.workflows.is_empty() {
            lines.push(match self.runs {
                0 => "- None has run.".to_owned(),
                _ => "- None failed and succeeded on the same commit.".to_owned(),
            });
        }
        for workflow in &self.workflows {
            let rerun = match workflow.saved_by_rerun {
                0 => String::new(),
                runs => format!("; {} succeeded only when repeated", counted(runs, "run")),
            };
            lines.push(format!(
                "- {} failed and succeeded on {} of {} ({} %){rerun}: {}",
                quote(&workflow.name, NAME_BYTES_MAX),
                workflow.flaky_commits,
                counted(workflow.commits, "commit"),
                workflow.flaky_percent,
                workflow
                    .examples
                    .iter()
                    .map(|example| example.url.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            ));
        }
        lines.join("\n")
    }
}
