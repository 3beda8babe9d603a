//! In: questions and requests about labels. Out: GitHub's answers, compact. Never: which to ask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ApiError, Client, Listed, Repo, Request};

/// Most labels that an issue can have.
const OF_ISSUE_MAX: usize = 100;

/// A label of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    /// Its name; GitHub compares names without regard to case.
    pub name: String,
    /// Six hexadecimal digits.
    #[serde(default)]
    pub color: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
}

impl Label {
    /// Whether it is the one called `name`.
    pub fn is(&self, name: &str) -> bool {
        self.name.to_lowercase() == name.to_lowercase()
    }
}

impl Client {
    /// The labels a repository has.
    pub async fn labels(&self, repo: &Repo, limit: usize) -> Result<Listed<Label>, ApiError> {
        self.list(&repo.path(&["labels"], &[]), limit, 1).await
    }

    /// One label of a repository.
    pub async fn label(&self, repo: &Repo, name: &str) -> Result<Label, ApiError> {
        self.get(&repo.path(&["labels", name], &[])).await
    }

    /// The labels of an issue or a pull request.
    pub async fn issue_labels(&self, repo: &Repo, number: u64) -> Result<Listed<Label>, ApiError> {
        let path = repo.path(&["issues", &number.to_string(), "labels"], &[]);
        self.list(&path, OF_ISSUE_MAX, 1).await
    }
}

/// Adds labels, creating those the repository does not have. Answers all labels of the issue, as [`Label`]s.
pub fn add_labels(repo: &Repo, number: u64, labels: &[String]) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["issues", &number.to_string(), "labels"], &[]),
        body: Some(json!({ "labels": labels })),
    }
}

/// Takes off all labels but these, and adds those of them that are missing. Answers as [`add_labels`].
pub fn set_labels(repo: &Repo, number: u64, labels: &[String]) -> Request {
    Request {
        method: "PUT",
        path: repo.path(&["issues", &number.to_string(), "labels"], &[]),
        body: Some(json!({ "labels": labels })),
    }
}

/// Answers as [`add_labels`]; a label that the issue does not have is "not found".
pub fn remove_label(repo: &Repo, number: u64, label: &str) -> Request {
    Request {
        method: "DELETE",
        path: repo.path(&["issues", &number.to_string(), "labels", label], &[]),
        body: None,
    }
}

/// Answers a [`Label`]; a name that is taken is invalid.
pub fn create_label(repo: &Repo, name: &str, color: &str, description: &str) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["labels"], &[]),
        body: Some(json!({ "name": name, "color": color, "description": description })),
    }
}
