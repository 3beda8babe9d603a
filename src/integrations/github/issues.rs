//! In: questions and requests about issues and pull requests. Out: GitHub's answers, compact. Never: which to ask.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::repo::path;
use super::{ApiError, Client, Listed, Repo, Request};

/// A user, an organization or an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its name, which may change.
    pub login: String,
    /// Its number, which does not.
    pub id: u64,
}

/// An issue or a pull request. What GitHub leaves out is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
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
    /// Why it is closed: completed, not_planned, duplicate.
    #[serde(default)]
    pub state_reason: Option<String>,
    /// Its author; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// The author's relation to the repository: OWNER, MEMBER, CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, NONE, …
    #[serde(default)]
    pub author_association: Option<String>,
    /// Names of its labels.
    #[serde(default, deserialize_with = "names")]
    pub labels: Vec<String>,
    /// Logins of those it is assigned to.
    #[serde(default, deserialize_with = "names")]
    pub assignees: Vec<String>,
    /// How many comments it has.
    #[serde(default)]
    pub comments: u64,
    /// Nobody but collaborators may comment.
    #[serde(default)]
    pub locked: bool,
    /// It is a pull request.
    #[serde(default, rename(deserialize = "pull_request"), deserialize_with = "present")]
    pub is_pull_request: bool,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub closed_at: Option<String>,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comment {
    /// Its number in all of GitHub.
    pub id: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// As its author wrote it.
    #[serde(default)]
    pub body: Option<String>,
    /// Its author; nobody if the account is gone.
    #[serde(default)]
    pub user: Option<Account>,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// Which issues to list.
#[derive(Clone, Debug, Default)]
pub struct IssueFilter {
    /// `open` (GitHub's default), `closed` or `all`.
    pub state: Option<&'static str>,
    /// Only with all of these labels.
    pub labels: Vec<String>,
    /// Only updated at or after.
    pub since: Option<Timestamp>,
}

/// Why an issue is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    #[default]
    #[expect(
        missing_docs,
        reason = "a comment here would turn the plain enum of the schema into alternatives"
    )]
    Completed,
    #[expect(missing_docs, reason = "as above")]
    NotPlanned,
    #[expect(missing_docs, reason = "as above")]
    Duplicate,
}

/// Why a conversation is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LockReason {
    #[serde(rename = "off-topic")]
    #[expect(missing_docs, reason = "as above")]
    OffTopic,
    #[serde(rename = "too heated")]
    #[expect(missing_docs, reason = "as above")]
    TooHeated,
    #[serde(rename = "resolved")]
    #[expect(missing_docs, reason = "as above")]
    Resolved,
    #[serde(rename = "spam")]
    #[expect(missing_docs, reason = "as above")]
    Spam,
}

/// What of an issue or a pull request shall be otherwise; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IssueChange {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Text, in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// All its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Logins of all it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignees: Option<Vec<String>>,
}

impl Client {
    /// One issue or pull request.
    pub async fn issue(&self, repo: &Repo, number: u64) -> Result<Issue, ApiError> {
        self.get(&repo.path(&["issues", &number.to_string()], &[])).await
    }

    /// Issues and pull requests, newest first, at most `limit` from the `page`th page of a hundred on (from 1).
    pub async fn issues(
        &self,
        repo: &Repo,
        filter: &IssueFilter,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Issue>, ApiError> {
        let labels = filter.labels.join(",");
        let since = filter.since.map(|since| since.to_string());
        let query: Vec<(&str, &str)> = [
            ("state", filter.state),
            (
                "labels",
                Some(labels.as_str()).filter(|labels| !labels.is_empty()),
            ),
            ("since", since.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        self.list(&repo.path(&["issues"], &query), limit, page).await
    }

    /// Comments of an issue or a pull request, oldest first, updated at or after `since`.
    pub async fn comments(
        &self,
        repo: &Repo,
        number: u64,
        since: Option<Timestamp>,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Comment>, ApiError> {
        let since = since.map(|since| since.to_string());
        let query: Vec<(&str, &str)> = since.iter().map(|since| ("since", since.as_str())).collect();
        let path = repo.path(&["issues", &number.to_string(), "comments"], &query);
        self.list(&path, limit, page).await
    }

    /// Issues and pull requests that fit `query`, GitHub's best match first unless `sort` is `created`, `updated` or
    /// `comments`. GitHub finds 1,000 at most.
    pub async fn search_issues(
        &self,
        query: &str,
        sort: Option<&str>,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Issue>, ApiError> {
        let mut pairs = vec![("q", query)];
        pairs.extend(sort.map(|sort| ("sort", sort)));
        let path = path("/search", &["issues"], &pairs);
        self.list_under(&path, "items", limit, page).await
    }

    /// The issues that are parts of an issue.
    pub async fn sub_issues(
        &self,
        repo: &Repo,
        number: u64,
        limit: usize,
    ) -> Result<Listed<Issue>, ApiError> {
        let path = repo.path(&["issues", &number.to_string(), "sub_issues"], &[]);
        self.list(&path, limit, 1).await
    }
}

/// Answers a [`Comment`].
pub fn create_comment(repo: &Repo, number: u64, body: &str) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["issues", &number.to_string(), "comments"], &[]),
        body: Some(json!({ "body": body })),
    }
}

/// Answers an [`Issue`].
pub fn create_issue(
    repo: &Repo,
    title: &str,
    body: &str,
    labels: &[String],
    assignees: &[String],
) -> Request {
    let mut content = json!({ "title": title, "body": body });
    for (name, list) in [("labels", labels), ("assignees", assignees)] {
        if !list.is_empty() {
            content[name] = json!(list);
        }
    }
    Request {
        method: "POST",
        path: repo.path(&["issues"], &[]),
        body: Some(content),
    }
}

/// Answers an [`Issue`]. Closing a closed one changes nothing but the reason.
pub fn close_issue(repo: &Repo, number: u64, reason: StateReason) -> Request {
    Request {
        method: "PATCH",
        path: repo.path(&["issues", &number.to_string()], &[]),
        body: Some(json!({ "state": "closed", "state_reason": reason })),
    }
}

/// Answers an [`Issue`]. Opening an open one changes nothing.
pub fn reopen_issue(repo: &Repo, number: u64) -> Request {
    Request {
        method: "PATCH",
        path: repo.path(&["issues", &number.to_string()], &[]),
        body: Some(json!({ "state": "open", "state_reason": "reopened" })),
    }
}

/// Answers an [`Issue`].
pub fn update_issue(repo: &Repo, number: u64, change: &IssueChange) -> Request {
    Request {
        method: "PATCH",
        path: repo.path(&["issues", &number.to_string()], &[]),
        body: Some(json!(change)),
    }
}

/// Answers an [`Issue`]; GitHub leaves out in silence whom it cannot assign it to.
pub fn assign_issue(repo: &Repo, number: u64, assignees: &[String]) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["issues", &number.to_string(), "assignees"], &[]),
        body: Some(json!({ "assignees": assignees })),
    }
}

/// Answers nothing. Locking a locked one changes nothing but the reason.
pub fn lock_issue(repo: &Repo, number: u64, reason: Option<LockReason>) -> Request {
    Request {
        method: "PUT",
        path: repo.path(&["issues", &number.to_string(), "lock"], &[]),
        body: Some(reason.map_or_else(|| json!({}), |reason| json!({ "lock_reason": reason }))),
    }
}

/// Answers the parent, an [`Issue`]. `child` is the id of the part, not its number.
pub fn add_sub_issue(repo: &Repo, parent: u64, child: Value, replace_parent: bool) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["issues", &parent.to_string(), "sub_issues"], &[]),
        body: Some(json!({ "sub_issue_id": child, "replace_parent": replace_parent })),
    }
}

/// Answers a [`Comment`].
pub fn update_comment(repo: &Repo, id: u64, body: &str) -> Request {
    Request {
        method: "PATCH",
        path: repo.path(&["issues", "comments", &id.to_string()], &[]),
        body: Some(json!({ "body": body })),
    }
}

/// The names in a list of labels or accounts; GitHub writes a label as an object or as its bare name.
pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let items = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    let name = |item: Value| {
        let name = item
            .as_str()
            .or_else(|| item.get("name")?.as_str())
            .or_else(|| item.get("login")?.as_str());
        name.map(str::to_owned)
    };
    Ok(items.into_iter().filter_map(name).collect())
}

/// Whether there is anything.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.is_some())
}
