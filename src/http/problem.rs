//! In: what went wrong. Out: RFC 9457 `application/problem+json`. Never: a secret, or a place in our code.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::BodyError;
use crate::journal::{StoreError, WordError};
use crate::reactor::LookupError;
use crate::receive::Rejection;

/// After how many seconds a refused request is worth repeating.
const RETRY_AFTER_SECONDS: u32 = 5;

/// An error as its reader gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    more: Map<String, Value>,
    in_doubt: bool,
}

/// On an answer: it is not known whether what was asked for was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct InDoubt;

impl Problem {
    /// `slug` names the kind of problem: its type is `urn:xmrt:problem:<slug>`. `detail` says what is wrong here and
    /// what to do.
    pub fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            slug,
            title,
            detail: detail.into(),
            headers: Vec::new(),
            more: Map::new(),
            in_doubt: false,
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "The request is malformed",
            detail,
        )
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such thing",
            detail,
        )
    }

    /// Nothing can be made durable, or no memory is left for it; the sender should come again.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        let title = "Deliveries cannot be taken at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))
    }

    pub(super) fn with_header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// An extension member.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.into(), value);
        self
    }

    /// Its kind: one of a closed set, fit for a metric's label.
    pub fn slug(&self) -> &'static str {
        self.slug
    }

    /// Its kind in words.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// The headers that belong to it.
    pub(super) fn headers(&self) -> impl Iterator<Item = (http::HeaderName, HeaderValue)> + '_ {
        self.headers.iter().cloned()
    }

    /// What is wrong here.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Its HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = Self::new(
            rejection.status(),
            rejection.slug(),
            rejection.title(),
            rejection.to_string(),
        );
        match rejection.status() {
            StatusCode::UNAUTHORIZED => {
                problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature"))
            }
            StatusCode::PAYLOAD_TOO_LARGE => problem.closing(),
            _ => problem,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        let problem = match error {
            BodyError::TooLarge(_) => {
                let title = "The body is too large";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large", title, detail)
            }
            BodyError::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The request took too long",
                detail,
            ),
            BodyError::Busy => Self::unavailable(detail),
            BodyError::Broken => Self::bad_request(detail),
        };
        problem.closing()
    }
}

impl Problem {
    /// What is left of the request is not read, so the connection cannot be used again.
    pub(super) fn closing(self) -> Self {
        self.with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::NotFound { .. } => Self::not_found(detail),
            StoreError::WrongState { .. }
            | StoreError::Fenced { .. }
            | StoreError::MakeWay { .. }
            | StoreError::Refused(_) => Self::new(
                StatusCode::CONFLICT,
                "wrong-state",
                "The run is not in a state for this",
                detail,
            ),
            StoreError::Unfit { .. } => Self::bad_request(detail),
            // It may have taken what it did not answer for.
            StoreError::Unavailable(_) => Self {
                in_doubt: true,
                ..Self::unavailable(detail)
            },
        }
    }
}

impl From<WordError> for Problem {
    fn from(error: WordError) -> Self {
        let detail = error.to_string();
        match error {
            WordError::Store(error) => error.into(),
            WordError::NotEntitled { .. } => Self::new(
                StatusCode::FORBIDDEN,
                "not-entitled",
                "Somebody else has to say this",
                format!(
                    "{detail}. Whoever has the admin token says who speaks and with which roles: `--as` and `--role` of `xmrt approvals`, `as` \
                     and `roles` in a request"
                ),
            ),
            WordError::Expired { .. } => Self::new(StatusCode::CONFLICT, "expired", "It is too late", detail),
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NoEvent(_) | LookupError::NoRule(..) => Self::not_found(error.to_string()),
            LookupError::Unreadable(why) => {
                let title = "What is on record cannot be read";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", title, why)
            }
            LookupError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:xmrt:problem:{}", self.slug),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.more);
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.extend(self.headers);
        if self.in_doubt {
            response.extensions_mut().insert(InDoubt);
        }
        response
    }
}
