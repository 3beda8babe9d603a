//! In: questions about when work was done in a repository. Out: GitHub's answers, compact. Never: a title, a text.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Account, ApiError, Client, Listed, Repo};

/// An issue or a pull request, and when what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Worked {
    /// Its number in the repository.
    pub number: u64,
    /// Its author; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was closed last, if it is closed.
    #[serde(default)]
    pub closed_at: Option<Timestamp>,
    /// What there is of a pull request only.
    #[serde(default)]
    pub pull_request: Option<Merge>,
}

/// Whether a pull request was merged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Merge {
    /// When it was.
    #[serde(default)]
    pub merged_at: Option<Timestamp>,
}

/// A comment on an issue or a pull request, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Spoken {
    /// Its author; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// When it was written.
    pub created_at: Timestamp,
    /// What it is on, as an address of the API.
    #[serde(default)]
    pub issue_url: String,
}

impl Spoken {
    /// The number of what it is on.
    pub fn number(&self) -> Option<u64> {
        self.issue_url.rsplit('/').next()?.parse().ok()
    }
}

impl Client {
    /// Issues and pull requests, open and closed, that something happened to since then, the newest first.
    pub async fn worked_on(
        &self,
        repo: &Repo,
        since: Timestamp,
        limit: usize,
    ) -> Result<Listed<Worked>, ApiError> {
        let since = since.to_string();
        let query = [("state", "all"), ("since", since.as_str())];
        self.list(&repo.path(&["issues"], &query), limit, 1).await
    }

    /// Comments on its issues and pull requests since then, the newest first. Reviews are none.
    pub async fn spoken(
        &self,
        repo: &Repo,
        since: Timestamp,
        limit: usize,
    ) -> Result<Listed<Spoken>, ApiError> {
        let since = since.to_string();
        let query = [
            ("sort", "created"),
            ("direction", "desc"),
            ("since", since.as_str()),
        ];
        self.list(&repo.path(&["issues", "comments"], &query), limit, 1)
            .await
    }
}
