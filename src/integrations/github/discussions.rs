//! In: questions and requests about discussions, which GitHub has in GraphQL alone. Out: its answers, compact.
//! Never: a discussion of another repository than the one that is named.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::graphql::{Document, document};
use super::{ApiError, Client, Repo, Request};
use crate::integrations::Failure;

document!(LIST_CATEGORIES, "ListCategories", "list_categories");
document!(LIST_DISCUSSIONS, "ListDiscussions", "list_discussions");
document!(GET_DISCUSSION, "GetDiscussion", "get_discussion");
document!(LATEST_COMMENTS, "LatestComments", "latest_comments");
document!(CREATE_DISCUSSION, "CreateDiscussion", "create_discussion");
document!(COMMENT, "CommentOnDiscussion", "comment_on_discussion");
document!(UPDATE_DISCUSSION, "UpdateDiscussion", "update_discussion");
document!(MARK_ANSWER, "MarkAnswer", "mark_answer");
document!(CLOSE_DISCUSSION, "CloseDiscussion", "close_discussion");
document!(LOCK_DISCUSSION, "LockDiscussion", "lock_discussion");

/// What a discussion is filed under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Category {
    /// What GraphQL knows it by.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// What belongs there.
    #[serde(default)]
    pub description: Option<String>,
    /// One comment can be the answer.
    pub is_answerable: bool,
}

/// The categories of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categories {
    /// What GraphQL knows the repository by.
    pub repository: String,
    /// There is a page for discussions.
    pub enabled: bool,
    /// As they are ordered.
    pub items: Vec<Category>,
}

/// Who wrote something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Author {
    /// Their login; an App's is without `[bot]` here.
    pub login: String,
}

/// A discussion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Discussion {
    /// What GraphQL knows it by.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub id: String,
    /// Its number in the repository.
    pub number: u64,
    /// As its author wrote it.
    pub title: String,
    /// As its author wrote it.
    pub body: Option<String>,
    /// Where people see it.
    pub url: String,
    /// Its author; nobody if the account is gone.
    pub author: Option<Author>,
    /// What it is filed under.
    pub category: Category,
    /// It is closed.
    pub closed: bool,
    /// Nobody but collaborators may comment.
    pub locked: bool,
    /// It has an answer; nothing where there cannot be one.
    pub is_answered: Option<bool>,
    /// How many find it useful.
    pub upvote_count: u64,
    /// We wrote it.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub viewer_did_author: bool,
    /// When it was begun.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When something last changed.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// How many comments it has, where that was asked.
    #[serde(default, deserialize_with = "total")]
    pub comments: Option<u64>,
}

fn total<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Total {
        total_count: u64,
    }
    Ok(Option::<Total>::deserialize(deserializer)?.map(|total| total.total_count))
}

/// A comment on a discussion, or a reply to one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct DiscussionComment {
    /// What GraphQL knows it by.
    #[serde(skip_serializing, rename(deserialize = "id"))]
    #[schemars(skip)]
    pub node: String,
    /// Its id, as webhooks tell it.
    #[serde(rename(deserialize = "databaseId"))]
    pub id: Option<u64>,
    /// Where people see it.
    pub url: String,
    /// As its author wrote it.
    pub body: String,
    /// Its author; nobody if the account is gone.
    pub author: Option<Author>,
    /// It is the answer.
    pub is_answer: bool,
    /// We wrote it.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub viewer_did_author: bool,
    /// When it was written.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// What was said to it, the first hundred. Replies have none.
    #[serde(default, skip_serializing_if = "Replies::is_empty")]
    #[schemars(with = "Vec<serde_json::Map<String, Value>>")]
    pub replies: Replies,
}

/// What was said to a comment; shown as a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Nodes<DiscussionComment>", into = "Vec<DiscussionComment>")]
pub struct Replies {
    /// Oldest first.
    pub items: Vec<DiscussionComment>,
    /// There are more.
    pub more: bool,
}

impl Replies {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl From<Nodes<DiscussionComment>> for Replies {
    fn from(nodes: Nodes<DiscussionComment>) -> Self {
        let shown = u64::try_from(nodes.nodes.len()).unwrap_or(u64::MAX);
        Self {
            more: shown < nodes.total_count,
            items: nodes.nodes,
        }
    }
}

impl From<Replies> for Vec<DiscussionComment> {
    fn from(replies: Replies) -> Self {
        replies.items
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes<T> {
    nodes: Vec<T>,
    #[serde(default)]
    total_count: u64,
    #[serde(default)]
    page_info: Next,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Next {
    #[serde(default)]
    has_next_page: bool,
    #[serde(default)]
    end_cursor: Option<String>,
}

impl Next {
    fn cursor(self) -> Option<String> {
        self.end_cursor.filter(|_| self.has_next_page)
    }
}

/// A page of something.
#[derive(Clone, Debug, PartialEq)]
pub struct PageOf<T> {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page.
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl<T> From<Nodes<T>> for PageOf<T> {
    fn from(nodes: Nodes<T>) -> Self {
        Self {
            total: nodes.total_count,
            items: nodes.nodes,
            next: nodes.page_info.cursor(),
        }
    }
}

/// Which discussions to list.
#[derive(Clone, Debug, Default)]
pub struct DiscussionFilter {
    /// Only of this category, by what GraphQL knows it by.
    pub category: Option<String>,
    /// Only with an answer, or only without one.
    pub answered: Option<bool>,
    /// Only open ones, or only closed ones.
    pub closed: Option<bool>,
    /// The last begun first, in place of the last changed.
    pub by_creation: bool,
}

/// What a discussion came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    #[default]
    #[expect(
        missing_docs,
        reason = "a comment here would turn the plain enum of the schema into alternatives"
    )]
    Resolved,
    #[expect(missing_docs, reason = "as above")]
    Outdated,
    #[expect(missing_docs, reason = "as above")]
    Duplicate,
}

impl Client {
    /// What discussions of a repository can be filed under.
    pub async fn categories(&self, repo: &Repo) -> Result<Categories, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Seen {
            id: String,
            has_discussions_enabled: bool,
            discussion_categories: Nodes<Category>,
        }
        let request = LIST_CATEGORIES.with(&json!({ "owner": repo.owner(), "name": repo.name() }));
        let seen: Seen = self.ask(repo, &request, "repository").await?;
        Ok(Categories {
            repository: seen.id,
            enabled: seen.has_discussions_enabled,
            items: seen.discussion_categories.nodes,
        })
    }

    /// A page of discussions, the last changed first, at most a hundred.
    pub async fn discussions(
        &self,
        repo: &Repo,
        filter: &DiscussionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<PageOf<Discussion>, ApiError> {
        let states = filter
            .closed
            .map(|closed| [if closed { "CLOSED" } else { "OPEN" }]);
        let variables = json!({
            "owner": repo.owner(), "name": repo.name(), "first": limit.clamp(1, super::PER_PAGE), "after": cursor,
            "category": filter.category, "answered": filter.answered, "states": states,
            "field": if filter.by_creation { "CREATED_AT" } else { "UPDATED_AT" },
        });
        let request = LIST_DISCUSSIONS.with(&variables);
        let nodes: Nodes<Discussion> = self.ask(repo, &request, "repository.discussions").await?;
        Ok(nodes.into())
    }

    /// A discussion with a page of its comments, oldest first, at most a hundred.
    pub async fn discussion(
        &self,
        repo: &Repo,
        number: u64,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Discussion, PageOf<DiscussionComment>), ApiError> {
        let variables = json!({
            "owner": repo.owner(), "name": repo.name(), "number": number,
            "first": limit.clamp(1, super::PER_PAGE), "after": cursor,
        });
        let request = GET_DISCUSSION.with(&variables);
        let mut seen: Value = self.ask(repo, &request, "repository.discussion").await?;
        let lacking = |error: serde_json::Error| {
            let problem = format!("GitHub described discussion {number} in an unknown form: {error}");
            ApiError::new(Failure::Unavailable, problem)
        };
        let comments = seen.get_mut("comments").map(Value::take).unwrap_or_default();
        let comments: Nodes<DiscussionComment> = serde_json::from_value(comments).map_err(lacking)?;
        let discussion: Discussion = serde_json::from_value(seen).map_err(lacking)?;
        let comments: PageOf<DiscussionComment> = comments.into();
        let discussion = Discussion {
            comments: Some(comments.total),
            ..discussion
        };
        Ok((discussion, comments))
    }
}

impl Client {
    /// The comments of a discussion from its end on, at most a hundred, oldest first, each with its last hundred replies; and
    /// by what those before them are asked for.
    pub async fn latest_comments(
        &self,
        repo: &Repo,
        number: u64,
        limit: usize,
        before: Option<&str>,
    ) -> Result<(Vec<DiscussionComment>, Option<String>), ApiError> {
        let variables = json!({
            "owner": repo.owner(), "name": repo.name(), "number": number,
            "last": limit.clamp(1, super::PER_PAGE), "before": before,
        });
        let request = LATEST_COMMENTS.with(&variables);
        let seen: Backwards = self.ask(repo, &request, "repository.discussion.comments").await?;
        let earlier = seen.page_info.start_cursor;
        Ok((seen.nodes, earlier.filter(|_| seen.page_info.has_previous_page)))
    }
}

/// A page that is read from its end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Backwards {
    nodes: Vec<DiscussionComment>,
    page_info: Before,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Before {
    has_previous_page: bool,
    start_cursor: Option<String>,
}

/// A discussion after a change, as mutations answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DiscussionPayload {
    /// The discussion.
    pub discussion: Discussion,
}

/// A comment that was made, as the mutation answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CommentPayload {
    /// The comment.
    pub comment: DiscussionComment,
}

/// Whether a conversation is locked, as the mutation answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LockPayload {
    #[serde(rename = "lockedRecord")]
    /// What was locked.
    pub record: LockedRecord,
}

/// What was locked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LockedRecord {
    /// Whether it is.
    pub locked: bool,
}

/// Begins a discussion. Answers a [`DiscussionPayload`].
pub fn create_discussion(repository: &str, category: &str, title: &str, body: &str) -> Request {
    CREATE_DISCUSSION.with(&json!({ "input": {
        "repositoryId": repository, "categoryId": category, "title": title, "body": body,
    }}))
}

/// Comments, or replies to a comment. Answers a [`CommentPayload`].
pub fn comment_on_discussion(discussion: &str, body: &str, reply_to: Option<&str>) -> Request {
    let mut input = json!({ "discussionId": discussion, "body": body });
    if let Some(comment) = reply_to {
        input["replyToId"] = comment.into();
    }
    COMMENT.with(&json!({ "input": input }))
}

/// Gives a discussion another title, text or category. Answers a [`DiscussionPayload`].
pub fn update_discussion(
    discussion: &str,
    title: Option<&str>,
    body: Option<&str>,
    category: Option<&str>,
) -> Request {
    let mut input = json!({ "discussionId": discussion });
    for (name, value) in [("title", title), ("body", body), ("categoryId", category)] {
        if let Some(value) = value {
            input[name] = value.into();
        }
    }
    UPDATE_DISCUSSION.with(&json!({ "input": input }))
}

/// Makes a comment the answer, in place of another one. Answers a [`DiscussionPayload`].
pub fn mark_answer(comment: &str) -> Request {
    MARK_ANSWER.with(&json!({ "input": { "id": comment } }))
}

/// Closes a discussion. Answers a [`DiscussionPayload`].
pub fn close_discussion(discussion: &str, reason: CloseReason) -> Request {
    let reason = match reason {
        CloseReason::Resolved => "RESOLVED",
        CloseReason::Outdated => "OUTDATED",
        CloseReason::Duplicate => "DUPLICATE",
    };
    CLOSE_DISCUSSION.with(&json!({ "input": { "discussionId": discussion, "reason": reason } }))
}

/// Lets only collaborators comment. Answers a [`LockPayload`].
pub fn lock_discussion(discussion: &str, reason: Option<&str>) -> Request {
    let mut input = json!({ "lockableId": discussion });
    if let Some(reason) = reason {
        input["lockReason"] = reason.into();
    }
    LOCK_DISCUSSION.with(&json!({ "input": input }))
}
