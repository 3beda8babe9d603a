//! In: a method, a path, a body. Out: JSON, or an [`ApiError`]. Never: what the JSON means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::answer;
use super::rates::Rates;
use crate::budget::{Budgets, Identity};
use crate::clock::Clock;
use crate::integrations::watched::Exchange;
use crate::integrations::within::Within;
use crate::integrations::{Access, ApiError, Failure, Request};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, from its start to the last byte of its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of a key's digest its name has, in bytes.
const NAME_BYTES: usize = 4;
/// How large an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Render's API for one account. Cheap to clone; clones share a pool of connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    clock: Clock,
    budget: Arc<Identity>,
    rates: Rates,
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
        let clock = Clock::system();
        Ok(Self {
            http,
            base,
            budget: Budgets::alone(clock.clone()).identity(&name(&key), None),
            key,
            clock,
            rates: Rates::of(base_url),
        })
    }

    /// The same client, taking the time from `clock`: a rate limit's seconds count from it. Its budget begins anew.
    pub fn with_clock(self, clock: Clock) -> Self {
        let budget = Budgets::alone(clock.clone()).identity(&name(&self.key), None);
        Self {
            clock,
            budget,
            ..self
        }
    }

    /// The same client, within budgets that others share.
    pub fn within_budgets(self, budgets: &Budgets) -> Self {
        let budget = budgets.identity(&name(&self.key), None);
        Self { budget, ..self }
    }

    /// The same client, with other limits than those of its address.
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// The limits it keeps to before an answer tells of them.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// A place for a deploy hook of a service among what else is done to it.
    ///
    /// # Errors
    /// [`Failure::RateLimited`] while there is none.
    pub async fn room_for_hook(&self, service_id: &str) -> Result<(), ApiError> {
        let charges = vec![self.rates.of_service(service_id)];
        Within::begin("render", "Render", Arc::clone(&self.budget), charges)
            .await
            .map(drop)
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
        let path = request.url().path().strip_prefix(self.base.path());
        // What is posted only to be looked at counts as what it is sent as.
        let charge = self.rates.charge(request.method(), path.unwrap_or_default());
        let group = charge.limit.name.to_string();
        let within = Within::begin("render", "Render", Arc::clone(&self.budget), vec![charge]).await?;
        let exchange = Exchange::begun("render", request.method(), Some(request.url().path()));
        let answered = exchange.within(read(http.execute(request), access)).await;
        exchange.ended(answered.as_ref().ok().map(|(status, _, _)| *status));
        let (status, headers, body) = answered?;
        let now = self.clock.now();
        within.told(&group, &headers, now);
        let mut answer = answer::of(status, &headers, &body, access, now);
        match &mut answer {
            Err(error) => match &mut error.failure {
                Failure::RateLimited { retry_at } => {
                    *retry_at = Some(within.refused(Some(&group), *retry_at).await);
                }
                _ => within.accepted(),
            },
            Ok(_) => within.accepted(),
        }
        answer
    }
}

/// A key's name: the same everywhere, and nothing follows from it.
fn name(key: &SecretString) -> String {
    let digest = Sha256::digest(key.expose_secret());
    format!("render key {}", hex::encode(&digest[..NAME_BYTES]))
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
