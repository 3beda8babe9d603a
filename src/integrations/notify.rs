//! In: a text for people, the secret address it goes to. Out: delivered, or an [`ApiError`]. Never: the address in an
//! error or a log; whoever has it can post.

use std::fmt;
use std::time::Duration;

use reqwest::{Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::watched::Exchange;
use super::{Access, ApiError, Failure};

/// How long a notification may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Discord refuses a longer `content`, in characters.
const CONTENT_CHARS_MAX: usize = 2_000;
/// What is sent of a text at most, in characters; Slack cuts about here.
pub const TEXT_CHARS_MAX: usize = 30_000;

/// Posts notifications. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(reqwest::Client);

impl Notifier {
    /// A notifier. Redirects are not followed.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the platform gives no HTTP client.
    pub fn new() -> Result<Self, ApiError> {
        reqwest::Client::builder()
            .user_agent(concat!("xmrt/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(CALL_TIMEOUT)
            .build()
            .map(Self)
            .map_err(|error| ApiError::new(Failure::Unavailable, format!("no HTTP client: {error}")))
    }

    /// Posts `{text, content}`: Slack and what imitates it read the one, Discord the other.
    ///
    /// # Errors
    /// Any [`ApiError`]; nothing in it names the address.
    pub async fn post(&self, to: &SecretString, text: &str) -> Result<(), ApiError> {
        let url = Url::parse(to.expose_secret())
            .map_err(|_| ApiError::new(Failure::Invalid, "the configured address is not a URL"))?;
        let text: String = harmless(text).chars().take(TEXT_CHARS_MAX).collect();
        let content: String = if text.chars().count() > CONTENT_CHARS_MAX {
            text.chars().take(CONTENT_CHARS_MAX - 1).chain(['…']).collect()
        } else {
            text.clone()
        };
        let exchange = Exchange::begun("notify", &reqwest::Method::POST, None);
        let request = self
            .0
            .post(url)
            .json(&json!({ "text": text, "content": content }));
        let sent = exchange.within(request.send()).await;
        exchange.ended(sent.as_ref().ok().map(reqwest::Response::status));
        let status = match sent {
            Ok(response) => response.status(),
            Err(error) if error.is_connect() => {
                return Err(ApiError::new(
                    Failure::Unavailable,
                    "the address cannot be reached",
                ));
            }
            Err(_) => {
                return Err(ApiError::lost(
                    Access::Write,
                    "the address did not answer in time",
                ));
            }
        };
        let failure = match status.as_u16() {
            200..=299 => return Ok(()),
            401 | 403 => Failure::Forbidden,
            404 | 410 => Failure::NotFound,
            429 => Failure::RateLimited { retry_at: None },
            500..=599 => Failure::UnknownEffect,
            _ => Failure::Invalid,
        };
        Err(ApiError {
            failure,
            status: Some(status.as_u16()),
            message: format!("the address answered {status}"),
            remedy: None,
        })
    }
}

/// Takes the power to ping everybody out of a text: `@everyone`, `@here`, `<!channel>`. Titles of issues get into
/// notifications, and anybody can write one.
fn harmless(text: &str) -> String {
    text.replace("<!", "<\u{200b}!")
        .replace("@everyone", "@\u{200b}everyone")
        .replace("@here", "@\u{200b}here")
        .replace("@channel", "@\u{200b}channel")
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}
