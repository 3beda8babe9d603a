//! In: what GitHub lets be asked and done with pull requests and issues in GraphQL alone. Out: its answers, compact.
//! Never: a merge.

use serde::Deserialize;
use serde_json::{Value, json};

use super::graphql::Document;
use super::{ApiError, Client, MergeMethod, Repo, Request};

const PULL_MERGING: Document = Document {
    name: "PullMerging",
    text: include_str!("documents/pull_merging.graphql"),
};
const ENABLE_AUTO_MERGE: Document = Document {
    name: "EnableAutoMerge",
    text: include_str!("documents/enable_auto_merge.graphql"),
};
const CONVERT_TO_DRAFT: Document = Document {
    name: "ConvertToDraft",
    text: include_str!("documents/convert_to_draft.graphql"),
};
const MARK_READY: Document = Document {
    name: "MarkReady",
    text: include_str!("documents/mark_ready.graphql"),
};
const TRANSFER_ISSUE: Document = Document {
    name: "TransferIssue",
    text: include_str!("documents/transfer_issue.graphql"),
};

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
    #[serde(alias = "html_url")]
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

    /// Where an issue is now: at another address if it was transferred.
    pub async fn whereabouts(&self, repo: &Repo, number: u64) -> Result<Moved, ApiError> {
        #[derive(Deserialize)]
        struct Seen {
            number: u64,
            html_url: String,
        }
        let seen: Seen = self
            .get(&repo.path(&["issues", &number.to_string()], &[]))
            .await?;
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
