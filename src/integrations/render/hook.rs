//! In: the secret address of a deploy hook. Out: a deploy was started, or an [`ApiError`]. Never: the address in an error or a
//! log; whoever has it can deploy.

use std::fmt;
use std::time::Duration;

use reqwest::{Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer;
use crate::clock::Clock;
use crate::integrations::{Access, ApiError, Failure};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How large an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const REMEDY: &str = "copy the deploy hook anew from the service's settings into RENDER_DEPLOY_HOOKS";

/// A way to start deploys of one service that needs no API key.
pub struct DeployHook {
    http: reqwest::Client,
    url: Url,
}

impl DeployHook {
    /// A hook by its address. Redirects are not followed, so that the address goes nowhere else.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the address is none of a deploy hook.
    pub fn new(address: &SecretString) -> Result<Self, ApiError> {
        let url = Url::parse(address.expose_secret()).map_err(|_| {
            ApiError::new(Failure::Invalid, "the configured deploy hook is not a URL").with_remedy(REMEDY)
        })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("xmrt/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(CALL_TIMEOUT)
            .build()
            .map_err(|_| ApiError::new(Failure::Unavailable, "no HTTP client"))?;
        Ok(Self { http, url })
    }

    /// The service it deploys, if its address says so.
    pub fn service_id(&self) -> Option<&str> {
        let mut parts = self.url.path_segments()?;
        parts.next_back().filter(|id| !id.is_empty())
    }

    /// Starts a deploy: of the newest commit, of this one, or of this image. Gives the deploy's id.
    ///
    /// # Errors
    /// Any [`ApiError`]; [`Failure::UnknownEffect`] when the answer names no deploy. Nothing in it names the address.
    pub async fn start(&self, commit: Option<&str>, image: Option<&str>) -> Result<String, ApiError> {
        let mut url = self.url.clone();
        for (name, value) in [("ref", commit), ("imgURL", image)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let lost = |what: &str| ApiError::lost(Access::Write, what);
        let sent = self.http.post(url).send().await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                return Err(ApiError::new(
                    Failure::Unavailable,
                    "the deploy hook cannot be reached",
                ));
            }
            Err(_) => return Err(lost("the deploy hook did not answer")),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|_| lost("the deploy hook's answer broke off"))?
        {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(lost("the deploy hook's answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        let now = Clock::system().now();
        let answer = answer::of(status, &headers, &body, Access::Write, now).map_err(|error| ApiError {
            // The answer's own words may repeat what was sent.
            message: format!("the deploy hook answered {}", status.as_u16()),
            remedy: matches!(error.failure, Failure::Forbidden | Failure::NotFound)
                .then(|| REMEDY.to_owned()),
            ..error
        })?;
        answer
            .pointer("/deploy/id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                lost("the deploy hook was accepted, and its answer does not say which deploy it is")
            })
    }
}

impl fmt::Debug for DeployHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeployHook({:?})", self.service_id())
    }
}
