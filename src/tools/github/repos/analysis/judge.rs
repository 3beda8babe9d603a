//! In: what was read about a repository. Out: findings, and what they come to. Never: the network, the clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{DEPENDABOT, SECRETS, Seen, work};
use crate::clock;
use crate::integrations::github::{Commit, WorkflowRun};
use crate::tools::counted::counted;
use crate::tools::quote::quote;
use crate::tools::when::minute;

/// A day, in milliseconds.
pub(super) const DAY_MS: i64 = 86_400_000;
/// What is called recent, in days.
const RECENT_DAYS: i64 = 30;
/// A share of failed runs from which on a workflow is flaky, in percent, and how many runs say something about a share.
const FLAKY_PERCENT: usize = 20;
const RUNS_MIN: usize = 5;
/// A release that is older than this, in days, while work goes on, is old.
const RELEASE_OLD_DAYS: i64 = 90;
/// A share of the recent commits from which on a repository hangs on one person, in percent, and how many commits say so.
const ALONE_PERCENT: usize = 80;
const COMMITS_MIN: usize = 10;
/// So many contributors and alerts are read, and no more.
pub(super) const PAGE: usize = 100;
/// How many languages are told.
const LANGUAGES_MAX: usize = 4;
/// How much of a name is quoted, in bytes.
const NAME_BYTES_MAX: usize = 60;

/// How a repository stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Standing {
    Fine,
    NeedsAttention,
    AtRisk,
    Archived,
}

/// How much something weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Weight {
    Bad,
    Warning,
    Info,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(in super::super) struct Finding {
    /// How much it weighs.
    pub(super) weight: Weight,
    /// Where it was seen: repository, activity, ci, releases, work, people, community or security.
    pub(super) source: &'static str,
    /// What it is, with numbers and times.
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(weight: Weight, source: &'static str, what: String) -> Self {
        Self { weight, source, what }
    }
}

/// What the findings come to, and they, heaviest first.
pub(super) fn judge(seen: &Seen) -> (Standing, Vec<Finding>) {
    let mut findings = Vec::new();
    security(seen, &mut findings);
    ci(seen, &mut findings);
    work::judge(seen, &mut findings);
    activity(seen, &mut findings);
    releases(seen, &mut findings);
    protection(seen, &mut findings);
    community(seen, &mut findings);
    languages(seen, &mut findings);
    findings.sort_by_key(|finding| finding.weight);
    let standing = match findings.first().map(|finding| finding.weight) {
        // Nothing can be done about it, and need not.
        _ if seen.repository.archived => Standing::Archived,
        Some(Weight::Bad) => Standing::AtRisk,
        Some(Weight::Warning) => Standing::NeedsAttention,
        _ => Standing::Fine,
    };
    (standing, findings)
}

/// Whole days between a time and now.
pub(super) fn days(seen: &Seen, at: Timestamp) -> i64 {
    seen.now.duration_since(at).as_hours() / 24
}

/// The same of what is read from one page: a full one may not be all.
fn at_least(count: usize, thing: &str) -> String {
    let or_more = if count >= PAGE { " or more" } else { "" };
    format!("{}{or_more}", counted(count, thing))
}

fn security(seen: &Seen, findings: &mut Vec<Finding>) {
    if seen.off.contains(&DEPENDABOT) {
        let what = "Security: Dependabot alerts are off: nobody is told of weaknesses in what it depends on.";
        findings.push(Finding::new(Weight::Warning, "security", what.to_owned()));
    }
    if seen.off.contains(&SECRETS) {
        // For a private repository it costs money.
        let weight = if seen.repository.private {
            Weight::Info
        } else {
            Weight::Warning
        };
        let what = "Security: GitHub's secret scanning is off.".to_owned();
        findings.push(Finding::new(weight, "security", what));
    }
    if let Some(open @ 1..) = seen.secrets {
        let what = format!(
            "Security: {} in the repository, by GitHub's secret scanning.",
            at_least(open, "open secret")
        );
        findings.push(Finding::new(Weight::Bad, "security", what));
    }
    let Some(severities) = &seen.weaknesses else {
        return;
    };
    let of = |wanted: &str| severities.iter().filter(|severity| *severity == wanted).count();
    let (critical, high) = (of("critical"), of("high"));
    let weight = match (critical, high, severities.len()) {
        (1.., ..) => Weight::Bad,
        (0, 1.., _) => Weight::Warning,
        _ => Weight::Info,
    };
    let what = match severities.len() {
        0 => "Security: no open Dependabot alerts.".to_owned(),
        all => {
            let graded: Vec<String> = [(critical, "critical"), (high, "high")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, grade)| format!("{count} {grade}"))
                .collect();
            let graded = if graded.is_empty() {
                "none critical or high".to_owned()
            } else {
                graded.join(", ")
            };
            format!("Security: {}: {graded}.", at_least(all, "open Dependabot alert"))
        }
    };
    findings.push(Finding::new(weight, "security", what));
}

/// The completed runs of each workflow, newest first; what was canceled or skipped says nothing.
fn by_workflow(runs: &[WorkflowRun]) -> BTreeMap<&str, Vec<&WorkflowRun>> {
    let mut workflows: BTreeMap<&str, Vec<&WorkflowRun>> = BTreeMap::new();
    let tells = |run: &&WorkflowRun| {
        let conclusion = run.conclusion.as_deref();
        run.status == "completed"
            && !matches!(
                conclusion,
                None | Some("cancelled" | "skipped" | "neutral" | "stale")
            )
    };
    for run in runs.iter().filter(tells) {
        let name = run.name.as_deref().unwrap_or(&run.path);
        workflows.entry(name).or_default().push(run);
    }
    workflows
}

fn ci(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some(runs) = &seen.runs else { return };
    let workflows = by_workflow(runs);
    let branch = quote(&seen.repository.default_branch, NAME_BYTES_MAX);
    if workflows.is_empty() {
        let what = format!("CI: no workflow has run on {branch}.");
        findings.push(Finding::new(Weight::Warning, "ci", what));
        return;
    }
    let (mut good, mut all_good) = (0, 0);
    for (name, runs) in &workflows {
        let bad = |run: &&&WorkflowRun| run.conclusion.as_deref() != Some("success");
        let failed = runs.iter().filter(bad).count();
        let trailing = runs.iter().take_while(bad).count();
        let name = quote(name, NAME_BYTES_MAX);
        if let Some(since) = trailing.checked_sub(1).and_then(|first| runs.get(first)) {
            let at = since
                .created_at
                .map_or_else(String::new, |at| format!(" since {}", minute(at)));
            let what = format!(
                "CI: {name} fails on {branch}{at}, the last {} in a row: {}",
                counted(trailing, "run"),
                runs[0].html_url
            );
            findings.push(Finding::new(Weight::Bad, "ci", what));
        } else if runs.len() >= RUNS_MIN && failed * 100 >= runs.len() * FLAKY_PERCENT {
            let what = format!(
                "CI: {name} failed in {failed} of its last {} on {branch}.",
                counted(runs.len(), "run")
            );
            findings.push(Finding::new(Weight::Warning, "ci", what));
        } else {
            good += 1;
            all_good += runs.len() - failed;
        }
    }
    if good > 0 {
        let what = format!(
            "CI: {} in order on {branch}, with {} that succeeded.",
            counted(good, "workflow"),
            counted(all_good, "recent run")
        );
        findings.push(Finding::new(Weight::Info, "ci", what));
    }
}

/// How many commits of each author, the most first.
fn authors(commits: &[&Commit]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for commit in commits {
        let author = commit
            .author
            .as_ref()
            .map_or(commit.author_name.as_str(), |account| account.login.as_str());
        *counts.entry(author).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn activity(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some((commits, more)) = &seen.commits else {
        return;
    };
    let since = clock::after(seen.now, -RECENT_DAYS * DAY_MS);
    let is_recent = |commit: &&Commit| commit.date.is_some_and(|at| at >= since);
    let recent: Vec<&Commit> = commits.iter().filter(is_recent).collect();
    let before = commits.len() - recent.len();
    if commits.is_empty() {
        let pushed = seen.repository.pushed_at.map_or_else(String::new, |at| {
            format!("; the last push to any branch was at {}", minute(at))
        });
        let what = format!(
            "Activity: no commit on the default branch in {} days{pushed}.",
            2 * RECENT_DAYS
        );
        findings.push(Finding::new(Weight::Warning, "activity", what));
        return;
    }
    let people = authors(&recent);
    let or_more = if *more { " or more" } else { "" };
    let what = format!(
        "Activity: {}{or_more} by {} in the last {RECENT_DAYS} days, after {before} in the {RECENT_DAYS} days before.",
        counted(recent.len(), "commit"),
        match people.len() {
            1 => "1 person".to_owned(),
            count => format!("{count} people"),
        }
    );
    findings.push(Finding::new(Weight::Info, "activity", what));
    let all: Vec<&Commit> = commits.iter().collect();
    let everybody = authors(&all);
    if let Some((most, count)) = everybody.first()
        && all.len() >= COMMITS_MIN
        && count * 100 >= all.len() * ALONE_PERCENT
    {
        let what = format!(
            "People: {} made {count} of the last {}: a single person carries it.",
            quote(most, NAME_BYTES_MAX),
            counted(all.len(), "commit")
        );
        findings.push(Finding::new(Weight::Warning, "people", what));
    }
    if let Some(contributors) = &seen.contributors
        && let Some(most) = contributors.first()
    {
        let name = most.login.as_deref().unwrap_or("somebody without an account");
        let what = format!(
            "People: {} in all, the most active {} ({}).",
            at_least(contributors.len(), "contributor"),
            quote(name, NAME_BYTES_MAX),
            counted(i64::try_from(most.contributions).unwrap_or(i64::MAX), "commit")
        );
        findings.push(Finding::new(Weight::Info, "people", what));
    }
}

fn releases(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some(releases) = &seen.releases else { return };
    let at: Vec<Timestamp> = releases
        .iter()
        .filter_map(|release| release.published_at)
        .collect();
    let (Some(latest), Some(last)) = (releases.first(), at.first()) else {
        findings.push(Finding::new(
            Weight::Info,
            "releases",
            "Releases: none yet.".to_owned(),
        ));
        return;
    };
    let mut between: Vec<i64> = at
        .windows(2)
        .map(|pair| pair[0].duration_since(pair[1]).as_hours() / 24)
        .collect();
    between.sort_unstable();
    let cadence = match between.get(between.len() / 2) {
        Some(median) => format!(", usually one every {}", counted(*median, "day")),
        None => String::new(),
    };
    let age = days(seen, *last);
    let is_after = |commit: &&Commit| commit.date.is_some_and(|date| date > *last);
    let since = seen
        .commits
        .as_ref()
        .map_or(0, |(commits, _)| commits.iter().filter(is_after).count());
    let is_old = age > RELEASE_OLD_DAYS && since > 0;
    let waiting = match since {
        0 => String::new(),
        count => format!("; {} since then", counted(count, "commit")),
    };
    let what = format!(
        "Releases: the last one, {}, is {} old{cadence}{waiting}.",
        quote(&latest.tag_name, NAME_BYTES_MAX),
        counted(age, "day")
    );
    let weight = if is_old { Weight::Warning } else { Weight::Info };
    findings.push(Finding::new(weight, "releases", what));
}

fn protection(seen: &Seen, findings: &mut Vec<Finding>) {
    if seen.protected == Some(false) {
        let branch = quote(&seen.repository.default_branch, NAME_BYTES_MAX);
        let what = format!("Repository: {branch} is not protected; whoever may push may push there.");
        findings.push(Finding::new(Weight::Warning, "repository", what));
    }
    if seen.repository.archived {
        let what = "Repository: archived; nothing can be changed.".to_owned();
        findings.push(Finding::new(Weight::Info, "repository", what));
    }
}

fn community(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some(profile) = &seen.community else { return };
    let missing = profile.files.missing();
    // A stranger may not use what has no license, and does not know what it is without a README.
    let grave = missing.iter().any(|name| matches!(*name, "README" | "license"));
    let what = match missing.as_slice() {
        [] => "Community: everything that GitHub recommends is there.".to_owned(),
        names => format!(
            "Community: {} % of what GitHub recommends; there is no {}.",
            profile.health_percentage,
            names.join(", no ")
        ),
    };
    let weight = if grave { Weight::Warning } else { Weight::Info };
    findings.push(Finding::new(weight, "community", what));
}

fn languages(seen: &Seen, findings: &mut Vec<Finding>) {
    let Some(languages) = seen.languages.as_ref().filter(|languages| !languages.is_empty()) else {
        return;
    };
    let all: u64 = languages.iter().map(|(_, bytes)| bytes).sum();
    let shares = languages.iter().take(LANGUAGES_MAX).map(|(name, bytes)| {
        let share = bytes * 100 / all.max(1);
        format!("{name} {share} %")
    });
    let shares: Vec<String> = shares.collect();
    let what = format!("Languages: {}.", shares.join(", "));
    findings.push(Finding::new(Weight::Info, "repository", what));
}
