//! In: a GraphQL document and its variables. Out: the answer's data, or what its errors mean. Never: a document of its own.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::app::Reach;
use super::{Client, Repo, wire};
use crate::integrations::{Access, ApiError, Failure, Request};

/// The most of GitHub's messages that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// What several documents select, as fragments. A document gets those that it spreads.
const FRAGMENTS: &[&str] = &[
    include_str!("documents/fragments/blob_fields.graphql"),
    include_str!("documents/fragments/comment_fields.graphql"),
    include_str!("documents/fragments/commit_date.graphql"),
    include_str!("documents/fragments/discussion_fields.graphql"),
    include_str!("documents/fragments/pull_fields.graphql"),
];

/// A document and the name of its one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// A document whose one field `file0` is asked for several times, each with a variable of its own.
#[derive(Debug)]
pub(super) struct Repeated {
    name: &'static str,
    text: String,
}

/// A constant for the document in `documents/<file>.graphql`, whose operation has that name.
macro_rules! document {
    ($constant:ident, $name:literal, $file:literal) => {
        const $constant: Document = Document {
            name: $name,
            text: include_str!(concat!("documents/", $file, ".graphql")),
        };
    };
}

pub(super) use document;

impl Document {
    /// The request that carries it out.
    pub(super) fn with(self, variables: &Value) -> Request {
        request(self.name, self.text, variables)
    }

    /// The same document with so many fields like `file0`. Only one is written down: it is the one that is held against the
    /// schema, and the others are its copies.
    pub(super) fn repeated(self, count: usize) -> Repeated {
        let copies = |one: &str, between: &str| {
            let all: Vec<String> = (0..count)
                .map(|index| one.replace("file0", &format!("file{index}")))
                .collect();
            all.join(between)
        };
        let declared = "$file0: String!";
        let text = self.text.replacen(declared, &copies(declared, ", "), 1);
        let begin = text.find("    file0:").unwrap_or(text.len());
        let end = text[begin..]
            .find("    }\n")
            .map_or(begin, |end| begin + end + "    }\n".len());
        let text = format!(
            "{}{}{}",
            &text[..begin],
            copies(&text[begin..end], ""),
            &text[end..]
        );
        Repeated {
            name: self.name,
            text,
        }
    }
}

impl Repeated {
    /// The request that carries it out.
    pub(super) fn with(&self, variables: &Value) -> Request {
        request(self.name, &self.text, variables)
    }
}

fn request(name: &str, text: &str, variables: &Value) -> Request {
    Request {
        method: "POST",
        path: "/graphql".to_owned(),
        body: Some(json!({ "query": whole(text), "operationName": name, "variables": variables })),
    }
}

/// The operation, and the fragments that it spreads: GitHub refuses one that is missing, and one too many.
fn whole(text: &str) -> String {
    let spreads = |fragment: &&&str| {
        let name = fragment.split_whitespace().nth(1);
        let mut lines = text.lines();
        lines.any(|line| line.trim_start().strip_prefix("...") == name)
    };
    let fragments = FRAGMENTS.iter().filter(spreads).copied();
    std::iter::once(text).chain(fragments).collect()
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
}

impl Client {
    /// Reads with a document. `what` is the path in the data to what is read, `repository.discussion` say.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        repo: &Repo,
        request: &Request,
        what: &str,
    ) -> Result<T, ApiError> {
        let reach = Reach::Repository(repo.to_string());
        self.answer(&reach, request, Access::Read, what).await
    }

    /// Sends a GraphQL write about a repository, once. What it gives is the one field of the answer's data.
    ///
    /// An answer that says it was done but lacks what it must hold is [`Failure::UnknownEffect`].
    pub async fn mutate<T: DeserializeOwned>(&self, repo: &Repo, request: &Request) -> Result<T, ApiError> {
        let reach = Reach::Repository(repo.to_string());
        self.answer(&reach, request, Access::Write, "").await
    }

    /// The same, of a write about two repositories of one owner.
    pub async fn mutate_both<T: DeserializeOwned>(
        &self,
        (one, other): (&Repo, &Repo),
        request: &Request,
    ) -> Result<T, ApiError> {
        let reach = Reach::Both(one.clone(), other.clone());
        self.answer(&reach, request, Access::Write, "").await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        reach: &Reach,
        request: &Request,
        access: Access,
        what: &str,
    ) -> Result<T, ApiError> {
        let form = (access, wire::Media::Json);
        let answer = self
            .exchange(
                reach,
                form,
                http::Method::POST,
                &request.path,
                request.body.as_ref(),
            )
            .await?;
        let limit_is_up = answer
            .headers
            .get("x-ratelimit-remaining")
            .is_some_and(|left| left == "0");
        let envelope: Envelope = answer.read(access)?;
        if !envelope.errors.is_empty() {
            let limited = limit_is_up.then(|| self.refused_for_limit(access, &answer));
            return Err(refused(access, &envelope.errors, limited));
        }
        let found = match what {
            "" => envelope
                .data
                .as_object()
                .and_then(|data| data.values().next())
                .cloned()
                .unwrap_or_default(),
            path => path.split('.').fold(envelope.data, |data, field| {
                data.get(field).cloned().unwrap_or_default()
            }),
        };
        serde_json::from_value(found).map_err(|error| {
            let problem = format!("GitHub answered, but not in the form it should: {error}");
            ApiError::lost(access, problem)
        })
    }

    /// GraphQL says in a 200 that there are no points left; when there are again stands in the same headers as REST's.
    fn refused_for_limit(&self, access: Access, answer: &wire::Answer) -> Failure {
        let now = self.0.clock.now();
        super::refused(access, StatusCode::TOO_MANY_REQUESTS, &answer.headers, b"{}", now).failure
    }
}

/// What GraphQL's errors mean. The first says it; the others are told.
fn refused(access: Access, problems: &[Problem], limited: Option<Failure>) -> ApiError {
    let kind = problems.iter().find_map(|problem| problem.kind.as_deref());
    let words: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let words: String = words.join("; ").chars().take(MESSAGE_CHARS_MAX).collect();
    let message = format!("GitHub answered: {words}");
    let (failure, remedy) = match kind {
        Some("RATE_LIMITED" | "RATE_LIMIT") => {
            (limited.unwrap_or(Failure::RateLimited { retry_at: None }), None)
        }
        Some("NOT_FOUND") => (
            Failure::NotFound,
            Some("it is not there, or the token may not see it"),
        ),
        Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => (
            Failure::Forbidden,
            Some("the token lacks the permission: check what GITHUB_TOKEN may do"),
        ),
        Some("STALE_DATA" | "CONFLICT") => (Failure::Conflict, None),
        Some("SERVICE_UNAVAILABLE" | "INTERNAL" | "MAX_NODE_LIMIT_EXCEEDED" | "TIMEOUT") => {
            return ApiError::lost(access, message);
        }
        // "Something went wrong while executing your query", and nobody knows what.
        None if words.starts_with("Something went wrong") => return ApiError::lost(access, message),
        _ => (Failure::Invalid, None),
    };
    ApiError {
        failure,
        status: Some(200),
        message,
        remedy: remedy.map(str::to_owned),
    }
}
