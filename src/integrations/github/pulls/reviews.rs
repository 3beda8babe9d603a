//! In: questions and requests about reviews. Out: GitHub's answers, compact. Never: a judgment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Account, ApiError, Client, Listed, Repo, Request};

/// A review of a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Its number in all of GitHub.
    pub id: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// Who reviewed; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// As its author wrote it.
    #[serde(default)]
    pub body: Option<String>,
    /// APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING.
    #[serde(default)]
    pub state: String,
    /// The commit that was reviewed.
    #[serde(default)]
    pub commit_id: Option<String>,
    /// RFC 3339; nothing while it is pending.
    #[serde(default)]
    pub submitted_at: Option<String>,
}

/// What a review comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewEvent {
    #[expect(
        missing_docs,
        reason = "a comment here would turn the plain enum of the schema into alternatives"
    )]
    Approve,
    #[expect(missing_docs, reason = "as above")]
    RequestChanges,
    #[expect(missing_docs, reason = "as above")]
    Comment,
}

/// Which side of a diff a line is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    #[expect(missing_docs, reason = "as above")]
    Left,
    #[default]
    #[expect(missing_docs, reason = "as above")]
    Right,
}

/// A remark at one line of a changed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewComment {
    /// Path of the file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Number of the line in the file, on its side of the diff.
    #[schemars(range(min = 1))]
    pub line: u64,
    /// LEFT: the file as it was. RIGHT: as it shall be.
    #[serde(default)]
    pub side: Side,
    /// Text, in Markdown.
    #[schemars(length(min = 1))]
    pub body: String,
}

/// A review that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewReview {
    /// What it comes to.
    pub event: ReviewEvent,
    /// Text, in Markdown.
    pub body: String,
    /// The commit that is reviewed; by default the head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_id: Option<String>,
    /// Remarks at lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<ReviewComment>,
}

impl Client {
    /// Reviews of a pull request, oldest first, at most `limit` from the `page`th page on (from 1).
    pub async fn reviews(
        &self,
        repo: &Repo,
        number: u64,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Review>, ApiError> {
        let path = repo.path(&["pulls", &number.to_string(), "reviews"], &[]);
        self.list(&path, limit, page).await
    }
}

/// Answers a [`Review`].
pub fn create_review(repo: &Repo, number: u64, new: &NewReview) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["pulls", &number.to_string(), "reviews"], &[]),
        body: Some(json!(new)),
    }
}

/// Asks people and teams for their review, in addition to those asked already. Answers a
/// [`PullRequest`](super::PullRequest).
pub fn request_reviewers(repo: &Repo, number: u64, reviewers: &[String], teams: &[String]) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["pulls", &number.to_string(), "requested_reviewers"], &[]),
        body: Some(json!({ "reviewers": reviewers, "team_reviewers": teams })),
    }
}
