//! In: questions and requests about commit statuses. Out: GitHub's answers, compact. Never: which commit.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Account, ApiError, Client, Listed, Repo, Request};

/// What a commit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    #[expect(
        missing_docs,
        reason = "words of GitHub's; described here they would be described to every model, too"
    )]
    Error,
    #[expect(missing_docs, reason = "as above")]
    Failure,
    #[expect(missing_docs, reason = "as above")]
    Pending,
    #[expect(missing_docs, reason = "as above")]
    Success,
}

/// What somebody says of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommitStatus {
    /// Its id.
    pub id: u64,
    /// What it says.
    pub state: CommitState,
    /// Who says it: one commit has one state for each context, the newest.
    pub context: String,
    /// A short text.
    #[serde(default)]
    pub description: Option<String>,
    /// Where more is said.
    #[serde(default)]
    pub target_url: Option<String>,
    /// The account that said it.
    #[serde(default)]
    pub creator: Option<Account>,
    /// When.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

/// A status to be said of a commit.
#[derive(Clone, Debug)]
pub struct NewStatus<'a> {
    /// What it says.
    pub state: CommitState,
    /// Who says it.
    pub context: &'a str,
    /// A short text.
    pub description: Option<&'a str>,
    /// Where more is said.
    pub target_url: Option<&'a str>,
}

impl Client {
    /// What was said of a commit, newest first.
    pub async fn commit_statuses(
        &self,
        repo: &Repo,
        sha: &str,
        limit: usize,
        first_page: usize,
    ) -> Result<Listed<CommitStatus>, ApiError> {
        let path = repo.path(&["commits", sha, "statuses"], &[]);
        self.list(&path, limit, first_page).await
    }
}

/// Says something of a commit. Said again it is the newest again, and nothing else changes. Answers a [`CommitStatus`].
pub fn create_commit_status(repo: &Repo, sha: &str, status: &NewStatus<'_>) -> Request {
    let mut body = json!({ "state": status.state, "context": status.context });
    if let Some(description) = status.description {
        body["description"] = description.into();
    }
    if let Some(url) = status.target_url {
        body["target_url"] = url.into();
    }
    Request {
        method: "POST",
        path: repo.path(&["statuses", sha], &[]),
        body: Some(body),
    }
}
