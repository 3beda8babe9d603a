//! In: a method, a path, a body. Out: JSON, or an [`ApiError`]. Never: what the JSON means.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::answer;
use crate::clock::Clock;
use crate::integrations::watched::Exchange;
use crate::integrations::{Access, ApiError, Failure, Request};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, from its start to the last byte of its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How large an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Render's API for one account. Cheap to clone; clones share a pool of connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    clock: Clock,
}

impl Client {
    /// A client for `base_url` (`https://api.render.com/v1`), acting with `key`. Redirects are not followed, so that
    /// the key goes nowhere else.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the URL is none, or the key cannot be sent in a header.
    pub fn new(base_url: &str, key: impl Into<SecretString>) -> Result<Self, ApiError> {
        let key = key.into();
        let with_slash = format!("{}/", base_url.trim_end_matches('/'));
        let base = Url::parse(&with_slash)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                ApiError::new(Failure::Invalid, "RENDER_API_URL is not an http(s) URL")
                    .with_remedy("the public one is https://api.render.com/v1")
            })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| {
            ApiError::new(
                Failure::Invalid,
                "RENDER_API_KEY holds a character that no HTTP header may",
            )
            .with_remedy("check it for line breaks")
        })?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("xmrt/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ApiError::new(Failure::Unavailable, format!("no HTTP client: {error}")))?;
        Ok(Self {
            http,
            base,
            key,
            clock: Clock::system(),
        })
    }

    /// The same client, taking the time from `clock`: a rate limit's seconds count from it.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, ApiError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(name, value)| (*name, value)));
        }
        self.send(self.http.get(url), Access::Read).await
    }

    /// Posts a body that changes nothing.
    pub(super) async fn ask(&self, path: &str, media: &str, body: String) -> Result<Value, ApiError> {
        let call = self.http.post(self.url(path)?).header(CONTENT_TYPE, media);
        self.send(call.body(body), Access::Read).await
    }

    /// Writes what `request` says. An empty answer is [`Value::Null`].
    pub(super) async fn write(&self, request: &Request) -> Result<Value, ApiError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| ApiError::new(Failure::Invalid, format!("no such method: {}", request.method)))?;
        let mut call = self.http.request(method, self.url(&request.path)?);
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        self.send(call, Access::Write).await
    }

    fn url(&self, path: &str) -> Result<Url, ApiError> {
        self.base
            .join(path.trim_start_matches('/'))
            .map_err(|error| ApiError::new(Failure::Invalid, format!("path `{path}`: {error}")))
    }

    async fn send(&self, call: reqwest::RequestBuilder, access: Access) -> Result<Value, ApiError> {
        let (http, request) = call.build_split();
        let request = request.map_err(|error| unanswered(&error, access))?;
        let exchange = Exchange::begun("render", request.method(), Some(request.url().path()));
        let answered = exchange.within(read(http.execute(request), access)).await;
        let answer = answered.as_ref().ok();
        exchange.ended(answer.map(|(status, headers, _)| (*status, headers)));
        let (status, headers, body) = answered?;
        answer::of(status, &headers, &body, access, self.clock.now())
    }
}

/// Waits for an answer, and reads it to its end.
async fn read(
    sent: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
    access: Access,
) -> Result<(reqwest::StatusCode, HeaderMap, Vec<u8>), ApiError> {
    let mut response = sent.await.map_err(|error| unanswered(&error, access))?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                return Err(ApiError::lost(
                    access,
                    format!("Render's answer is larger than {ANSWER_BYTES_MAX} bytes"),
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(unanswered(&error, access)),
        }
    }
    Ok((status, headers, body))
}

/// No answer came. Only a connection that never came up proves that nothing happened.
fn unanswered(error: &reqwest::Error, access: Access) -> ApiError {
    let what = if error.is_connect() {
        return ApiError::new(Failure::Unavailable, "Render's API cannot be reached");
    } else if error.is_timeout() {
        "Render's API did not answer in time"
    } else {
        "the connection to Render's API broke before its answer"
    };
    ApiError::lost(access, what)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
