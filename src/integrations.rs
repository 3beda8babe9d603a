//! In: requests of our own, with the token as an argument. Out: the provider's answer, typed, or an [`ApiError`].
//! Never: a decision, a retry of a write, a secret in a log.

pub mod github;
pub mod render;
pub mod notify;
mod watched;
mod within;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// A write, before it is sent: what a dry run shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path and query, below the API's base URL.
    pub path: String,
    /// JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// Whether a request may change something. It decides what a lost answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It cannot.
    Read,
    /// It may.
    Write,
}

/// A provider said no, or nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind.
    pub failure: Failure,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The provider's name and message; never a secret.
    pub message: String,
    /// What the caller can do about it.
    pub remedy: Option<String>,
}

/// The kinds of failure, as callers act on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 400, 413, 422: the request is wrong.
    Invalid,
    /// 404, 410: not there, or hidden.
    NotFound,
    /// 401, 403: we may not.
    Forbidden,
    /// 405, 409, 412, 423: not in its present state.
    Conflict,
    /// 403 or 429, for too many requests.
    RateLimited {
        /// When to try again, if the provider said.
        retry_at: Option<Timestamp>,
    },
    /// It did not happen: the provider was not reached, or only something was to be read.
    Unavailable,
    /// It may have happened: a write without an answer that says so.
    UnknownEffect,
}

impl ApiError {
    /// A failure without a status or remedy.
    pub fn new(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            status: None,
            message: message.into(),
            remedy: None,
        }
    }

    /// An answer that never came, or came without what it must hold: nothing happened if only reading was asked for.
    pub fn lost(access: Access, message: impl Into<String>) -> Self {
        let failure = match access {
            Access::Read => Failure::Unavailable,
            Access::Write => Failure::UnknownEffect,
        };
        Self::new(failure, message)
    }

    /// The same failure, with what to do about it.
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}
