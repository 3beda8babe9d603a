//! In: questions about a repository's visitors. Out: GitHub's counts of the last fourteen days. Never: who they were.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Repo};

/// Visits or clones of fourteen days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visits {
    /// How many.
    pub count: u64,
    /// By how many visitors.
    pub uniques: u64,
    /// Day by day; days without any are left out.
    #[serde(alias = "views", alias = "clones", default)]
    pub days: Vec<VisitsOfDay>,
}

/// Visits or clones of one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VisitsOfDay {
    /// When the day began.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// How many.
    pub count: u64,
    /// By how many visitors.
    pub uniques: u64,
}

/// A page of the repository that was visited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VisitedPath {
    /// Its path.
    pub path: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// How often.
    pub count: u64,
    /// By how many visitors.
    pub uniques: u64,
}

/// A site that visitors came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Referrer {
    /// Its name.
    pub referrer: String,
    /// How often.
    pub count: u64,
    /// How many visitors.
    pub uniques: u64,
}

impl Client {
    /// Visits of fourteen days.
    pub async fn views(&self, repo: &Repo) -> Result<Visits, ApiError> {
        self.get(&repo.path(&["traffic", "views"], &[])).await
    }

    /// Clones of fourteen days.
    pub async fn clones(&self, repo: &Repo) -> Result<Visits, ApiError> {
        self.get(&repo.path(&["traffic", "clones"], &[])).await
    }

    /// The ten most visited pages.
    pub async fn visited_paths(&self, repo: &Repo) -> Result<Vec<VisitedPath>, ApiError> {
        self.get(&repo.path(&["traffic", "popular", "paths"], &[])).await
    }

    /// The ten sites most visitors came from.
    pub async fn referrers(&self, repo: &Repo) -> Result<Vec<Referrer>, ApiError> {
        self.get(&repo.path(&["traffic", "popular", "referrers"], &[]))
            .await
    }
}
