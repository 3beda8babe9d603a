//! In: a repository. Out: how it stands, with evidence, and a report. Never: the judging, see `judge`.

mod judge;
mod work;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client};
use crate::clock;
use crate::hub::ToolError;
use crate::integrations::github::{
    Client, Commit, CommitFilter, CommunityProfile, Contributor, Issue, IssueFilter, Release, Repo,
    Repository, RunFilter, WorkflowRun,
};
use crate::integrations::{ApiError, Failure};
use crate::tools::toolbox::Ctx;
use crate::tools::unread::{not_judged, part};
use crate::tools::when::minute;
use judge::{DAY_MS, PAGE, judge};
pub(super) use judge::{Finding, Standing, Weight};

/// How far back commits are read: twice what is called recent, to say what it was before.
const COMMITS_MS: i64 = 60 * DAY_MS;
/// Most commits, issues and pull requests that are read.
const COMMITS_MAX: usize = 500;
const OPEN_MAX: usize = 500;
/// Most runs and releases that are read.
const RUNS_MAX: usize = 100;
const RELEASES_MAX: usize = 20;

/// What GitHub looks for by itself, where it is turned on.
const DEPENDABOT: &str = "Dependabot alerts";
const SECRETS: &str = "secret scanning alerts";
/// How GitHub says that it is not: "Dependabot alerts are disabled for this repository."
const DISABLED: &[&str] = &["are disabled", "is disabled"];

/// Which repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Repository, as owner/name.
    repo: Repo,
}

/// How a repository stands.
#[derive(Serialize, JsonSchema)]
pub(super) struct Analysis {
    /// Repository, as owner/name.
    repo: String,
    /// What the evidence comes to.
    standing: Standing,
    /// What was seen, the heaviest first.
    evidence: Vec<Finding>,
    /// What could not be read, and is therefore not judged.
    unread: Vec<String>,
    /// Markdown, to be pasted as it is; strangers' words quoted.
    report: String,
}

/// What was read. What could not be read is `None`.
#[derive(Debug)]
struct Seen {
    now: Timestamp,
    repository: Repository,
    /// Language and bytes, the most first.
    languages: Option<Vec<(String, u64)>>,
    contributors: Option<Vec<Contributor>>,
    community: Option<CommunityProfile>,
    /// The default branch is protected.
    protected: Option<bool>,
    /// Of the last sixty days on the default branch, newest first, and whether there are more.
    commits: Option<(Vec<Commit>, bool)>,
    /// On the default branch, newest first.
    runs: Option<Vec<WorkflowRun>>,
    /// Newest first.
    releases: Option<Vec<Release>>,
    /// Open issues and pull requests, and whether there are more.
    open: Option<(Vec<Issue>, bool)>,
    /// Severities of open Dependabot alerts.
    weaknesses: Option<Vec<String>>,
    /// How many secrets stand open.
    secrets: Option<usize>,
    /// Which of the two are turned off, in words: that is no failure to read them.
    off: Vec<&'static str>,
}

pub(super) async fn analyze(ctx: Ctx<Parts>, one: One) -> Result<Analysis, ToolError> {
    let client = client(&ctx)?;
    let now = ctx.clock.now();
    // Without it there is nothing to judge; without the rest there is.
    let repository = client.repository(&one.repo).await?;
    let mut unread = Vec::new();
    let seen = Box::pin(read(client, &one.repo, (repository, now), &mut unread)).await?;
    let (standing, evidence) = judge(&seen);
    let report = told(&seen, standing, &evidence, &unread);
    Ok(Analysis {
        repo: seen.repository.full_name,
        standing,
        evidence,
        unread,
        report,
    })
}

/// What was read, or that it was not and why. A limit that is up ends it all: the rest would not be read either.
fn or_unread<T>(
    what: &str,
    read: Result<T, ApiError>,
    unread: &mut Vec<String>,
) -> Result<Option<T>, ToolError> {
    let read = part(read)?;
    Ok(read.map_err(|why| unread.push(format!("{what}: {why}"))).ok())
}

/// The same of what a repository can do without: where it is turned off, there is nothing to read.
fn or_off<T>(
    what: &'static str,
    read: Result<T, ApiError>,
    unread: &mut Vec<String>,
    off: &mut Vec<&'static str>,
) -> Result<Option<T>, ToolError> {
    let is_off = |error: &ApiError| {
        matches!(error.failure, Failure::Forbidden | Failure::NotFound)
            && DISABLED.iter().any(|word| error.message.contains(word))
    };
    match read {
        Err(error) if is_off(&error) => {
            off.push(what);
            Ok(None)
        }
        read => or_unread(what, read, unread),
    }
}

async fn read(
    client: &Client,
    repo: &Repo,
    (repository, now): (Repository, Timestamp),
    unread: &mut Vec<String>,
) -> Result<Seen, ToolError> {
    let branch = repository.default_branch.clone();
    let commits_of = CommitFilter {
        since: Some(clock::after(now, -COMMITS_MS)),
        ..CommitFilter::default()
    };
    let runs_of = RunFilter {
        branch: Some(branch.clone()),
        ..RunFilter::default()
    };
    let (issues_of, standing_open) = (IssueFilter::default(), [("state", "open")]);
    // None needs another's answer, so whoever waits for the report waits for the slowest only.
    let (languages, contributors, community, protected, commits, runs, releases, open, weaknesses, secrets) = tokio::join!(
        client.languages(repo),
        client.contributors(repo),
        client.community(repo),
        client.branches(repo, Some(true), OPEN_MAX, 1),
        client.commits(repo, &commits_of, COMMITS_MAX, 1),
        client.workflow_runs(repo, &runs_of, RUNS_MAX, 1),
        client.releases(repo, RELEASES_MAX, 1),
        client.issues(repo, &issues_of, OPEN_MAX, 1),
        client.dependabot_alerts(repo, &standing_open, PAGE, None),
        client.secret_scanning_alerts(repo, &standing_open, PAGE, 1),
    );
    let languages = or_unread("languages", languages, unread)?.map(|bytes| {
        let mut languages: Vec<(String, u64)> = bytes.into_iter().collect();
        languages.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        languages
    });
    let contributors = or_unread("contributors", contributors, unread)?;
    let community = or_unread("community profile", community, unread)?;
    let protected = or_unread("branches", protected, unread)?.and_then(|listed| {
        let has = listed.has(&branch);
        if has.is_none() {
            unread.push(format!("branches: more than {OPEN_MAX} are protected"));
        }
        has
    });
    let commits = or_unread("commits", commits, unread)?.map(|listed| (listed.items, listed.more));
    let runs = or_unread("workflow runs", runs, unread)?.map(|listed| listed.items);
    let releases = or_unread("releases", releases, unread)?.map(|listed| {
        let published = listed.items.into_iter().filter(|release| !release.draft);
        published.collect()
    });
    let open = or_unread("open issues", open, unread)?.map(|listed| (listed.items, listed.more));
    let mut off = Vec::new();
    let weaknesses = or_off(DEPENDABOT, weaknesses, unread, &mut off)?
        .map(|(alerts, _)| alerts.into_iter().map(|alert| alert.severity).collect());
    let secrets = or_off(SECRETS, secrets, unread, &mut off)?.map(|listed| listed.items.len());
    Ok(Seen {
        now,
        repository,
        languages,
        contributors,
        community,
        protected,
        commits,
        runs,
        releases,
        open,
        weaknesses,
        secrets,
        off,
    })
}

fn told(seen: &Seen, standing: Standing, evidence: &[Finding], unread: &[String]) -> String {
    let standing = match standing {
        Standing::Fine => "in order",
        Standing::NeedsAttention => "in need of attention",
        Standing::AtRisk => "at risk",
        Standing::Archived => "archived",
    };
    let mut lines = vec![
        format!(
            "{} is {standing}, looked at on {}.",
            seen.repository.full_name,
            minute(seen.now)
        ),
        String::new(),
    ];
    lines.extend(evidence.iter().map(|finding| {
        let sign = match finding.weight {
            Weight::Bad => "bad: ",
            Weight::Warning => "warning: ",
            Weight::Info => "",
        };
        format!("- {sign}{}", finding.what)
    }));
    lines.extend(not_judged(unread).map(|said| format!("- {said}")));
    lines.join("\n")
}
