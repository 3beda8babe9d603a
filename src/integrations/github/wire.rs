//! In: a method, a path, a body. Out: status, headers and body as they came. Never: what they mean.
//!
//! octocrab does the work through its own layers; the HTTP client at the bottom is reqwest, because octocrab's default
//! sends two `User-Agent`s and an older API version, follows redirects of writes, and cannot tell a connection that was
//! never made from one that broke.

mod log;

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH, LINK, LOCATION, USER_AGENT,
};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::BoxError;
use tower::util::MapRequestLayer;

use crate::integrations::watched::Exchange;
use crate::integrations::{Access, ApiError, Failure};

pub use log::LogEnd;
pub(super) use log::{end_of, safe_address};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take in all, its answer's body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle connection is kept; shorter than GitHub's own patience, so that we seldom write into a dead one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes. A hundred changed files with their patches fit.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The newest version of the REST API.
const API_VERSION: HeaderValue = HeaderValue::from_static("2026-03-10");
const API_VERSION_NAME: HeaderName = HeaderName::from_static("x-github-api-version");
const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const DIFF: HeaderValue = HeaderValue::from_static("application/vnd.github.diff");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("xmrt/", env!("CARGO_PKG_VERSION")));

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Media {
    Json,
    Diff,
}

impl Media {
    /// A word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Diff => "diff",
        }
    }
}

/// What GitHub answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An octocrab that adds base URL and our headers to every request, and sends it once.
pub(super) fn connect(base_url: &str) -> Result<Octocrab, ApiError> {
    let base: Uri = base_url
        .trim_end_matches('/')
        .parse()
        .ok()
        .filter(|uri: &Uri| uri.scheme().is_some() && uri.authority().is_some())
        .ok_or_else(|| {
            let problem = format!("`{base_url}` is not the URL of an API");
            ApiError::new(Failure::Invalid, problem).with_remedy(super::PUBLIC_API)
        })?;
    let http = bare()?;
    let service = tower::service_fn(move |request| {
        let http = http.clone();
        async move { carry(&http, request).await }
    });
    let connected = OctocrabBuilder::new_empty()
        .with_service(service)
        .with_layer(&MapRequestLayer::new(stamp))
        .with_layer(&BaseUriLayer::new(base))
        .with_auth(AuthState::None)
        .build();
    match connected {
        Ok(octocrab) => Ok(octocrab),
        Err(never) => match never {},
    }
}

/// An HTTP client that adds nothing of ours and follows no redirect.
pub(super) fn bare() -> Result<reqwest::Client, ApiError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| ApiError::new(Failure::Unavailable, format!("no HTTP client: {error}")))
}

/// Sets our headers in place of octocrab's.
fn stamp(mut request: http::Request<OctoBody>) -> http::Request<OctoBody> {
    let headers = request.headers_mut();
    headers.insert(API_VERSION_NAME, API_VERSION);
    headers.insert(USER_AGENT, AGENT);
    if headers.get(ACCEPT) != Some(&DIFF) {
        headers.insert(ACCEPT, JSON);
    }
    request
}

/// One request over reqwest, its answer read to the end: an answer that breaks off is an error here, not later.
async fn carry(
    http: &reqwest::Client,
    request: http::Request<OctoBody>,
) -> Result<http::Response<Full<Bytes>>, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut request = reqwest::Request::try_from(http::Request::from_parts(parts, body))?;
    // A GitHub Enterprise Server has its GraphQL API beside the REST API, not below it.
    if let Some(root) = request.url().path().strip_suffix("/v3/graphql") {
        let beside = format!("{root}/graphql");
        request.url_mut().set_path(&beside);
    }
    let answer: http::Response<reqwest::Body> = http.execute(request).await?.into();
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
    Ok(http::Response::from_parts(parts, Full::new(body.to_bytes())))
}

/// The header that carries a token. The error does not quote it.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, ApiError> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
        ApiError::new(
            Failure::Forbidden,
            "the GitHub token holds characters no token has",
        )
    })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// Sends one request and waits for the whole answer, whatever its status: 304 only if what is read is still as the tag
/// `unless` says. `path` has no host, so the token goes to the API's only.
pub(super) async fn exchange(
    octocrab: &Octocrab,
    token: &SecretString,
    (access, media): (Access, Media),
    method: Method,
    (path, body): (&str, Option<&Value>),
    unless: Option<&HeaderValue>,
) -> Result<Answer, ApiError> {
    if !path.starts_with('/') {
        let problem = format!("`{path}` is not a path below the API");
        return Err(ApiError::new(Failure::Invalid, problem));
    }
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, bearer(token)?);
    if let Media::Diff = media {
        request = request.header(ACCEPT, DIFF);
    }
    if let Some(tag) = unless {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let mut content = OctoBody::empty();
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, "application/json");
        content = body.to_string().into();
    }
    let request = request
        .body(content)
        .map_err(|error| ApiError::new(Failure::Invalid, format!("`{path}`: {error}")))?;
    let shown = path.split_once('?').map_or(path, |(path, _)| path);
    let exchange = Exchange::begun("github", request.method(), Some(shown));
    let answered = exchange.within(answered(octocrab, request, access)).await;
    let answer = answered.as_ref().ok();
    exchange.ended(answer.map(|answer| answer.status));
    answered
}

async fn answered(
    octocrab: &Octocrab,
    request: http::Request<OctoBody>,
    access: Access,
) -> Result<Answer, ApiError> {
    let answer = octocrab
        .execute(request)
        .await
        .map_err(|error| unanswered(access, &error))?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| unanswered(access, &error))?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    })
}

/// No answer, or not a whole one. Only a connection that never came about proves that nothing was sent.
fn unanswered(access: Access, error: &octocrab::Error) -> ApiError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut deepest = error.to_string();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if error.is_connect() {
                let message = format!("GitHub cannot be reached: {}", innermost(error));
                return ApiError::new(Failure::Unavailable, message);
            }
            if error.is_timeout() {
                let message = format!("GitHub did not answer within {REQUEST_TIMEOUT:?}");
                return ApiError::lost(access, message);
            }
        }
        deepest = error.to_string();
        cause = error.source();
    }
    ApiError::lost(access, format!("GitHub's answer was lost: {deepest}"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl Answer {
    /// The answer as `T`.
    pub(super) fn read<T: DeserializeOwned>(&self, access: Access) -> Result<T, ApiError> {
        // Some writes answer 201 or 204 and nothing else.
        let body: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(body).map_err(|error| {
            let status = self.status.as_u16();
            ApiError::lost(
                access,
                format!("GitHub answered {status}, but not in the form it should: {error}"),
            )
        })
    }

    /// The answer as text; what is not UTF-8 in it is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What the token may do; GitHub says it of some kinds only.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        let told = self.headers.get("x-oauth-scopes")?.to_str().ok()?;
        let scopes = told.split(',').map(str::trim).filter(|scope| !scope.is_empty());
        Some(scopes.map(str::to_owned).collect())
    }

    /// Whether it says that nothing is left of its limit.
    pub(super) fn is_used_up(&self) -> bool {
        self.headers
            .get("x-ratelimit-remaining")
            .is_some_and(|left| left == "0")
            && !self.headers.contains_key("retry-after")
    }

    /// Where the answer sends us instead.
    pub(super) fn redirect(&self) -> Option<&str> {
        self.status
            .is_redirection()
            .then(|| self.headers.get(LOCATION)?.to_str().ok())
            .flatten()
    }

    /// The cursor in the address of the next page that `Link` names. The address itself is not followed, so that the
    /// token goes nowhere else.
    pub(super) fn next_cursor(&self) -> Option<String> {
        self.next("cursor")
    }

    /// The same where GitHub calls the cursor otherwise.
    pub(super) fn next(&self, parameter: &str) -> Option<String> {
        let links = self.headers.get_all(LINK).iter();
        let next = links
            .filter_map(|link| link.to_str().ok())
            .flat_map(|link| link.split(','))
            .find(|link| link.contains("rel=\"next\""))?;
        let address = next.split_once('<')?.1.split_once('>')?.0;
        let address = url::Url::parse(address).ok()?;
        let mut query = address.query_pairs();
        query
            .find(|(name, _)| name == parameter)
            .map(|(_, cursor)| cursor.into_owned())
    }

    /// Whether `Link` names a next page.
    pub(super) fn has_next_page(&self) -> bool {
        self.headers
            .get_all(LINK)
            .iter()
            .filter_map(|link| link.to_str().ok())
            .any(|link| link.contains("rel=\"next\""))
    }
}
