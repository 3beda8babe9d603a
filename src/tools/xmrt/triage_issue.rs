//! In: an issue's number, a rule's own vocabulary. Out: a triage report. Never: a write; what to do with the report is
//! the rule's to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Parts;
use super::triage::{self, Facts, Report, Vocabulary, owners};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{Client, FileKind, Issue, IssueFilter, Repo};
use crate::integrations::{ApiError, Failure};
use crate::tools::toolbox::{Ctx, invalid};

/// How many of the repository's issues and pull requests duplicates are looked for among, newest first.
pub(super) const RECENT_MAX: usize = 200;
/// How large a CODEOWNERS file may be, in bytes; GitHub ignores one over 3 MB.
const CODEOWNERS_BYTES_MAX: u64 = 512 * 1024;
/// How many duplicates are named unless a call says otherwise.
const DUPLICATES: u32 = 3;

/// Which issue, and which words to judge it by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriageArgs {
    /// owner/name.
    repo: Repo,
    /// The issue's number.
    #[schemars(range(min = 1))]
    number: u64,
    /// Label → words and phrases that speak for it. A label named here has these words instead of its default ones, an
    /// empty list takes the label away. Default labels: bug, documentation, enhancement, performance, question, security.
    labels: Option<BTreeMap<String, Vec<String>>>,
    /// Label → globs, as in .gitignore; a path the issue mentions that matches one speaks for the label.
    paths: Option<BTreeMap<String, Vec<String>>>,
    /// At most so many duplicates (3).
    #[schemars(range(min = 0, max = 20))]
    limit: Option<u32>,
}

pub(super) async fn triage_issue(ctx: Ctx<Parts>, args: TriageArgs) -> Result<Report, ToolError> {
    let words = vocabulary(args.labels, args.paths)?;
    let client = ctx.parts.github(&ctx.who)?;
    let (issue, mut recent, codeowners) = tokio::try_join!(
        client.issue(&args.repo, args.number),
        issues(client, &args.repo, RECENT_MAX),
        codeowners(client, &args.repo),
    )?;
    if issue.is_pull_request {
        return Err(ToolError::new(
            ErrorClass::Conflict,
            format!("{}#{} is a pull request, not an issue", args.repo, args.number),
        ));
    }
    recent.retain(|other| other.number != args.number);
    let repo = args.repo.to_string();
    let issue = read(issue);
    computed("triage", move || {
        triage::triage(&Facts {
            repo: &repo,
            issue: &issue,
            recent: &recent,
            codeowners: codeowners.as_deref(),
            vocabulary: &words,
            duplicates_max: args.limit.unwrap_or(DUPLICATES) as usize,
        })
    })
    .await
}

/// The words and globs to judge by.
pub(super) fn vocabulary(
    labels: Option<BTreeMap<String, Vec<String>>>,
    paths: Option<BTreeMap<String, Vec<String>>>,
) -> Result<Vocabulary, ToolError> {
    Vocabulary::with(labels, paths).map_err(|untaken| {
        invalid("paths", untaken.to_string())
            .with_remedy("globs are as in CODEOWNERS: docs/**, src/*.rs; none with `!` or `[`")
    })
}

/// So many of the repository's newest issues, open and closed, fewer by the pull requests among them.
pub(super) async fn issues(
    client: &Client,
    repo: &Repo,
    limit: usize,
) -> Result<Vec<triage::Issue>, ApiError> {
    let everything = IssueFilter {
        state: Some("all"),
        ..IssueFilter::default()
    };
    let listed = client.issues(repo, &everything, limit, 1).await?;
    let issues = listed.items.into_iter().filter(|issue| !issue.is_pull_request);
    Ok(issues.map(read).collect())
}

/// Some hundred texts take milliseconds of computing and more, which the other tasks of this thread should not wait for.
pub(super) async fn computed<T: Send + 'static>(
    what: &str,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ToolError> {
    tokio::task::spawn_blocking(compute)
        .await
        // What a panic says is for the log, not for whoever calls.
        .map_err(|_| {
            ToolError::new(
                ErrorClass::Unavailable,
                format!("{what} did not finish; the log says why"),
            )
        })
}

/// The text of the first CODEOWNERS file there is.
pub(super) async fn codeowners(client: &Client, repo: &Repo) -> Result<Option<String>, ApiError> {
    for place in owners::CODEOWNERS_PLACES {
        match client.file(repo, place, None, CODEOWNERS_BYTES_MAX).await {
            Ok(file) => {
                return Ok(match file.content {
                    FileKind::Text(text) => Some(text),
                    FileKind::Binary | FileKind::TooLarge => None,
                });
            }
            Err(error) if matches!(error.failure, Failure::NotFound | Failure::Invalid) => {}
            // A token that may read issues but no files still triages; it only knows no owners.
            Err(error) if error.failure == Failure::Forbidden => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// An issue as triage looks at it.
pub(super) fn read(issue: Issue) -> triage::Issue {
    triage::Issue {
        number: issue.number,
        title: issue.title,
        body: issue.body.unwrap_or_default(),
        labels: issue.labels,
    }
}
