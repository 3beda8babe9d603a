//! In: what GitHub lets be asked and done with pull requests and issues in GraphQL alone. Out: its answers, compact.
//! Never: a merge.

use serde::Deserialize;
use serde_json::{Value, json};

use super::app::Reach;
use super::graphql::{Document, document};
use super::wire::Media;
use super::{Access, ApiError, Client, MergeMethod, Repo, Request};

document!(PULL_MERGING, "PullMerging", "pull_merging");
document!(ENABLE_AUTO_MERGE, "EnableAutoMerge", "enable_auto_merge");
document!(CONVERT_TO_DRAFT, "ConvertToDraft", "convert_to_draft");
document!(MARK_READY, "MarkReady", "mark_ready");
document!(TRANSFER_ISSUE, "TransferIssue", "transfer_issue");

/// How far a pull request is from being merged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullMerging {
    /// What GraphQL knows it by.
    pub id: String,
    /// It is not ready for review.
    pub is_draft: bool,
    /// It is merged.
    pub merged: bool,
    /// Its head commit.
    pub head_ref_oid: String,
    /// It is merged by itself once it may be.
    pub auto_merge_request: Option<AutoMerge>,
}

/// How a pull request is merged by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoMerge {
    /// `MERGE`, `SQUASH` or `REBASE`.
    pub merge_method: String,
}

/// A pull request after a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullPayload {
    /// The pull request.
    pub pull_request: PullMerging,
}

/// An issue in its new repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TransferPayload {
    /// The issue.
    pub issue: Moved,
}

/// Where an issue is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Moved {
    /// Its number there.
    pub number: u64,
    /// Where people see it.
    pub url: String,
}

impl Client {
    /// How far a pull request is from being merged.
    pub async fn pull_merging(&self, repo: &Repo, number: u64) -> Result<PullMerging, ApiError> {
        let variables = json!({ "owner": repo.owner(), "name": repo.name(), "number": number });
        let request = PULL_MERGING.with(&variables);
        self.ask(repo, &request, "repository.pullRequest").await
    }

    /// What GraphQL knows an issue by.
    pub async fn issue_node(&self, repo: &Repo, number: u64) -> Result<String, ApiError> {
        Ok(self
            .get::<Node>(&repo.path(&["issues", &number.to_string()], &[]))
            .await?
            .node_id)
    }

    /// What GraphQL knows a repository by.
    pub async fn repository_node(&self, repo: &Repo) -> Result<String, ApiError> {
        Ok(self.get::<Node>(&repo.path(&[], &[])).await?.node_id)
    }

    /// Where an issue is now: at another address if it was transferred, perhaps to `to`, of the same owner.
    pub async fn whereabouts(&self, repo: &Repo, to: &Repo, number: u64) -> Result<Moved, ApiError> {
        #[derive(Deserialize)]
        struct Seen {
            number: u64,
            html_url: String,
        }
        let reach = Reach::Both(repo.clone(), to.clone());
        let path = repo.path(&["issues", &number.to_string()], &[]);
        let answer = self.read_within(&reach, Media::Json, &path).await?;
        let seen: Seen = answer.read(Access::Read)?;
        Ok(Moved {
            number: seen.number,
            url: seen.html_url,
        })
    }
}

#[derive(Deserialize)]
struct Node {
    node_id: String,
}

/// Has a pull request merged once it may be, if its head is the expected one. Answers a [`PullPayload`].
pub fn enable_auto_merge(id: &str, method: MergeMethod, expected_head: Option<&str>) -> Request {
    let method = match method {
        MergeMethod::Merge => "MERGE",
        MergeMethod::Squash => "SQUASH",
        MergeMethod::Rebase => "REBASE",
    };
    let mut input = json!({ "pullRequestId": id, "mergeMethod": method });
    if let Some(head) = expected_head {
        input["expectedHeadOid"] = head.into();
    }
    ENABLE_AUTO_MERGE.with(&json!({ "input": input }))
}

/// Says that a pull request is a draft, or ready for review. Answers a [`PullPayload`].
pub fn set_draft(id: &str, draft: bool) -> Request {
    let document = if draft { CONVERT_TO_DRAFT } else { MARK_READY };
    document.with(&json!({ "input": { "pullRequestId": id } }))
}

/// Moves an issue to another repository of the same owner. Answers a [`TransferPayload`].
pub fn transfer_issue(issue: &str, repository: &str, create_labels: bool) -> Request {
    let input: Value =
        json!({ "issueId": issue, "repositoryId": repository, "createLabelsIfMissing": create_labels });
    TRANSFER_ISSUE.with(&json!({ "input": input }))
}
