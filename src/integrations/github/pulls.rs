//! In: questions and requests about pull requests. Out: GitHub's answers, compact. Never: their conversation.

mod reviews;

pub use reviews::{NewReview, Review, ReviewComment, ReviewEvent, Side, create_review, request_reviewers};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::issues::names;
use super::{Account, ApiError, Client, Listed, Repo, Request};

/// A pull request. What GitHub leaves out, in lists above all, is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Its number in all of GitHub.
    pub id: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// As its author wrote it.
    #[serde(default)]
    pub title: String,
    /// As its author wrote it.
    #[serde(default)]
    pub body: Option<String>,
    /// `open` or `closed`.
    #[serde(default)]
    pub state: String,
    /// It is not ready for review yet.
    #[serde(default)]
    pub draft: bool,
    /// Its author; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// The author's relation to the repository: OWNER, MEMBER, CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, NONE, …
    #[serde(default)]
    pub author_association: Option<String>,
    /// What is to be merged.
    pub head: End,
    /// Into what.
    pub base: End,
    /// Names of its labels.
    #[serde(default, deserialize_with = "names")]
    pub labels: Vec<String>,
    /// Logins of those it is assigned to.
    #[serde(default, deserialize_with = "names")]
    pub assignees: Vec<String>,
    /// Logins of those whose review is still wanted.
    #[serde(default, deserialize_with = "names")]
    pub requested_reviewers: Vec<String>,
    /// Names of the teams whose review is still wanted.
    #[serde(default, deserialize_with = "names")]
    pub requested_teams: Vec<String>,
    /// Whether it can be merged without conflicts; nothing while GitHub computes it, and in lists.
    #[serde(default)]
    pub mergeable: Option<bool>,
    /// clean, dirty, blocked, behind, unstable, draft or unknown; nothing in lists.
    #[serde(default)]
    pub mergeable_state: Option<String>,
    /// Who merged it.
    #[serde(default)]
    pub merged_by: Option<Account>,
    /// Lines added; nothing in lists.
    #[serde(default)]
    pub additions: Option<u64>,
    /// Lines deleted; nothing in lists.
    #[serde(default)]
    pub deletions: Option<u64>,
    /// How many files it changes; nothing in lists.
    #[serde(default)]
    pub changed_files: Option<u64>,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub closed_at: Option<String>,
    /// RFC 3339; nothing if it is not merged.
    #[serde(default)]
    pub merged_at: Option<String>,
}

/// One end of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Name of the branch.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its head commit.
    pub sha: String,
    /// Repository it is in, as owner/name; nothing if that is gone.
    #[serde(default, deserialize_with = "full_name")]
    pub repo: Option<String>,
}

/// A file that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequestFile {
    /// Its path.
    pub filename: String,
    /// added, removed, modified, renamed, copied, changed or unchanged.
    #[serde(default)]
    pub status: String,
    /// Lines added.
    #[serde(default)]
    pub additions: u64,
    /// Lines deleted.
    #[serde(default)]
    pub deletions: u64,
    /// Its path before, if renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_filename: Option<String>,
}

/// Which pull requests to list.
#[derive(Clone, Debug, Default)]
pub struct PullFilter {
    /// `open` (GitHub's default), `closed` or `all`.
    pub state: Option<&'static str>,
    /// Only from this branch, as owner:branch.
    pub head: Option<String>,
    /// Only into this branch.
    pub base: Option<String>,
}

/// A pull request that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewPullRequest {
    /// Title, one line.
    pub title: String,
    /// Text, in Markdown.
    pub body: String,
    /// The branch to merge, with `owner:` before it if it is in a fork.
    pub head: String,
    /// The branch to merge it into.
    pub base: String,
    /// Not ready for review yet.
    pub draft: bool,
}

/// What of a pull request shall be otherwise; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PullChange {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Text, in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The branch to merge it into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    #[default]
    #[expect(
        missing_docs,
        reason = "a comment here would turn the plain enum of the schema into alternatives"
    )]
    Merge,
    #[expect(missing_docs, reason = "as above")]
    Squash,
    #[expect(missing_docs, reason = "as above")]
    Rebase,
}

/// What a merge made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Merged {
    /// The commit on the base branch.
    pub sha: String,
    /// Always true; otherwise the answer is an error.
    pub merged: bool,
}

/// How two commits stand to each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Distance {
    /// Commits that only the head has.
    pub ahead_by: u64,
    /// Commits that only the base has.
    pub behind_by: u64,
}

impl Client {
    /// One pull request.
    pub async fn pull_request(&self, repo: &Repo, number: u64) -> Result<PullRequest, ApiError> {
        self.get(&repo.path(&["pulls", &number.to_string()], &[])).await
    }

    /// Pull requests, newest first, at most `limit` from the `page`th page on (from 1).
    pub async fn pull_requests(
        &self,
        repo: &Repo,
        filter: &PullFilter,
        limit: usize,
        page: usize,
    ) -> Result<Listed<PullRequest>, ApiError> {
        let query: Vec<(&str, &str)> = [
            ("state", filter.state),
            ("head", filter.head.as_deref()),
            ("base", filter.base.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        self.list(&repo.path(&["pulls"], &query), limit, page).await
    }

    /// What a pull request changes, as one unified diff.
    pub async fn pull_request_diff(&self, repo: &Repo, number: u64) -> Result<String, ApiError> {
        self.diff(&repo.path(&["pulls", &number.to_string()], &[])).await
    }

    /// The files a pull request changes. GitHub lists 3,000 at most.
    pub async fn pull_request_files(
        &self,
        repo: &Repo,
        number: u64,
        limit: usize,
    ) -> Result<Listed<PullRequestFile>, ApiError> {
        let path = repo.path(&["pulls", &number.to_string(), "files"], &[]);
        self.list(&path, limit, 1).await
    }

    /// How far two commits, branches or tags are apart.
    pub async fn distance(&self, repo: &Repo, base: &str, head: &str) -> Result<Distance, ApiError> {
        let ends = format!("{base}...{head}");
        self.get(&repo.path(&["compare", &ends], &[("per_page", "1")]))
            .await
    }
}

/// Answers a [`PullRequest`].
pub fn create_pull_request(repo: &Repo, new: &NewPullRequest) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["pulls"], &[]),
        body: Some(json!(new)),
    }
}

/// Answers a [`PullRequest`].
pub fn update_pull_request(repo: &Repo, number: u64, change: &PullChange) -> Request {
    Request {
        method: "PATCH",
        path: repo.path(&["pulls", &number.to_string()], &[]),
        body: Some(json!(change)),
    }
}

/// Merges only if `head` is still the head commit. Answers [`Merged`].
pub fn merge_pull_request(
    repo: &Repo,
    number: u64,
    head: &str,
    method: MergeMethod,
    title: Option<&str>,
    message: Option<&str>,
) -> Request {
    let mut body = json!({ "sha": head, "merge_method": method });
    for (name, text) in [("commit_title", title), ("commit_message", message)] {
        if let Some(text) = text {
            body[name] = json!(text);
        }
    }
    Request {
        method: "PUT",
        path: repo.path(&["pulls", &number.to_string(), "merge"], &[]),
        body: Some(body),
    }
}

/// Merges the base branch into the pull request's if `head` is still the head commit. It is only begun by the answer.
pub fn update_branch(repo: &Repo, number: u64, head: &str) -> Request {
    Request {
        method: "PUT",
        path: repo.path(&["pulls", &number.to_string(), "update-branch"], &[]),
        body: Some(json!({ "expected_head_sha": head })),
    }
}

/// The name in a repository.
fn full_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let repo = Option::<Value>::deserialize(deserializer)?;
    Ok(repo.and_then(|repo| repo.get("full_name")?.as_str().map(str::to_owned)))
}
