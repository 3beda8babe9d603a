//! In: an OAuth App, and what somebody wants of it. Out: GitHub's answer: where to send a browser, a code for a device, a
//! token, what a token is worth. Never: a token or a secret in an error or a log; a redirect that is followed.
//!
//! GitHub answers most errors of these pages with status 200 and an `error`; what they mean is [`OauthError`].

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{Me, wire};

mod pkce;
mod teams;

pub use pkce::Pkce;
pub use teams::InTeam;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much of GitHub's words an error repeats, in characters.
const WORDS_CHARS_MAX: usize = 200;

/// Why GitHub gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OauthError {
    /// It answered with one of its errors.
    #[error("GitHub answered `{code}`: {words}")]
    Refused {
        /// As `bad_verification_code`.
        code: String,
        /// What it said about it.
        words: String,
    },
    /// The token, or the authorization behind it, is not valid any more.
    #[error("GitHub does not take the token any more: it expired, or was revoked")]
    Gone,
    /// It is away, or answered something that cannot be understood.
    #[error("GitHub's sign-in cannot be reached: {0}")]
    Unavailable(String),
}

impl OauthError {
    /// Whether it may go better later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// GitHub's word for it, where it said one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// An OAuth App, or the user side of a GitHub App, and where its pages are.
#[derive(Clone)]
pub struct OauthApp {
    web: Url,
    api: Url,
    client_id: String,
    client_secret: Option<SecretString>,
    http: reqwest::Client,
}

impl fmt::Debug for OauthApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthApp")
            .field("web", &self.web.as_str())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// What a device is told to tell its person.
#[derive(Clone, Debug, Deserialize)]
pub struct DeviceCode {
    /// By what is asked whether the person has agreed.
    pub device_code: SecretString,
    /// What the person types in.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// For how long, in seconds.
    pub expires_in: i64,
    /// How long to wait between two questions, in seconds.
    #[serde(default = "five")]
    pub interval: i64,
}

fn five() -> i64 {
    5
}

/// A token that GitHub gave.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub access_token: SecretString,
    /// What it is good for, as GitHub says: fewer than asked for, where the person granted fewer.
    pub scopes: Vec<String>,
    /// How long it lives, in seconds; `None`: until it is revoked.
    pub expires_in: Option<i64>,
    /// For what it is exchanged when it has expired.
    pub refresh_token: Option<SecretString>,
    /// How long that lives, in seconds.
    pub refresh_token_expires_in: Option<i64>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    expires_in: Option<i64>,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    refresh_token_expires_in: Option<i64>,
}

/// What comes of asking whether a person has agreed.
#[derive(Clone, Debug)]
pub enum DeviceAnswer {
    /// They have.
    Granted(Box<Granted>),
    /// Not yet. Ask again after so many seconds, if GitHub said how many.
    Pending(Option<i64>),
}

/// What a token turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whose it is.
    pub user: CheckedUser,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedUser {
    /// Its number, which does not change.
    pub id: u64,
    /// Its name, which may.
    pub login: String,
}

impl OauthApp {
    /// The App of this client id at the GitHub whose pages are at `web` and whose API is at `api`. Without a secret only
    /// devices can sign in.
    pub fn new(
        web: &str,
        api: &str,
        client_id: &str,
        client_secret: Option<SecretString>,
    ) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if client_id.is_empty() || !client_id.chars().all(fits) {
            return Err(format!(
                "GITHUB_CLIENT_ID is `{client_id}`, which is no client id; it stands on the App's settings page"
            ));
        }
        let parse = |text: &str| {
            let mut text = text.trim_end_matches('/').to_owned();
            text.push('/');
            Url::parse(&text).map_err(|error| format!("`{text}` is not a URL: {error}"))
        };
        Ok(Self {
            web: parse(web)?,
            api: parse(api)?,
            client_id: client_id.to_owned(),
            client_secret,
            http: wire::bare().map_err(|error| error.to_string())?,
        })
    }

    /// Whether browsers can sign in, and tokens be looked at and revoked.
    pub fn has_secret(&self) -> bool {
        self.client_secret.is_some()
    }

    /// Who answers on the sign-in pages, as RFC 9207 names it.
    pub fn issuer(&self) -> String {
        self.at(&self.web, "login/oauth").to_string()
    }

    /// Where a browser is sent to sign in as `login`.
    pub fn authorize_url(
        &self,
        redirect_uri: &str,
        scopes: &[String],
        state: &str,
        pkce: &Pkce,
        login: Option<&str>,
    ) -> Url {
        let mut url = self.at(&self.web, "login/oauth/authorize");
        let challenge = pkce.challenge();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("allow_signup", "false");
        match login {
            Some(login) => query.append_pair("login", login),
            None => query.append_pair("prompt", "select_account"),
        };
        drop(query);
        url
    }

    /// Whether GitHub knows this App by its id and secret. It is asked for a token for a code that it never gave: it looks at who asks
    /// first, and no person has to do anything.
    pub async fn is_known(&self) -> Result<bool, OauthError> {
        match self.token(&[("code", "none")]).await {
            Err(error) if error.code() == Some("incorrect_client_credentials") => Ok(false),
            Err(error) if error.code().is_none() => Err(error),
            Ok(_) | Err(_) => Ok(true),
        }
    }

    /// Exchanges the code a browser came back with.
    pub async fn exchange(&self, code: &str, redirect_uri: &str, pkce: &Pkce) -> Result<Granted, OauthError> {
        self.token(&[
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", pkce.verifier.expose_secret()),
        ])
        .await
    }

    /// Begins the sign-in of a device.
    pub async fn device(&self, scopes: &[String]) -> Result<DeviceCode, OauthError> {
        let form = [
            ("client_id", self.client_id.as_str()),
            ("scope", &scopes.join(" ")),
        ];
        let answer = self.post("login/device/code", &form).await?;
        serde_json::from_value(answer).map_err(|error| odd(&error))
    }

    /// Asks whether the person has agreed.
    pub async fn device_answer(&self, device_code: &SecretString) -> Result<DeviceAnswer, OauthError> {
        let form = [
            ("client_id", self.client_id.as_str()),
            ("device_code", device_code.expose_secret()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ];
        let answer = match self.ask("login/oauth/access_token", &form).await? {
            answer if answer["error"] == "authorization_pending" => return Ok(DeviceAnswer::Pending(None)),
            answer if answer["error"] == "slow_down" => {
                return Ok(DeviceAnswer::Pending(answer["interval"].as_i64().or(Some(10))));
            }
            answer => said(answer)?,
        };
        Ok(DeviceAnswer::Granted(Box::new(granted(answer)?)))
    }

    /// Exchanges a refresh token. Both old tokens are dead afterwards, also if the answer is lost on the way.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Granted, OauthError> {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
        ])
        .await
    }

    /// Whose a token is, asked with the token itself.
    pub async fn user(&self, token: &SecretString) -> Result<Me, OauthError> {
        let (status, answer) = self.read("user", token).await?;
        match status {
            StatusCode::OK => serde_json::from_value(answer).map_err(|error| odd(&error)),
            StatusCode::UNAUTHORIZED => Err(OauthError::Gone),
            status => Err(OauthError::Unavailable(format!("it answered {status}"))),
        }
    }

    async fn read(&self, path: &str, token: &SecretString) -> Result<(StatusCode, Value), OauthError> {
        let request = self.http.get(self.at(&self.api, path));
        self.sent(request.bearer_auth(token.expose_secret())).await
    }

    /// Whether a token is still taken, and what it is. Needs the App's secret.
    pub async fn check(&self, token: &SecretString) -> Result<Checked, OauthError> {
        let (status, answer) = self.about(reqwest::Method::POST, "token", token).await?;
        match status {
            StatusCode::OK => serde_json::from_value(answer).map_err(|error| odd(&error)),
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Err(OauthError::Gone),
            status => Err(OauthError::Unavailable(format!("it answered {status}"))),
        }
    }

    /// Revokes a token. That it was not valid any more is fine. Needs the App's secret.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), OauthError> {
        let (status, _) = self.about(reqwest::Method::DELETE, "token", token).await?;
        match status {
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(()),
            status => Err(OauthError::Unavailable(format!("it answered {status}"))),
        }
    }

    /// A request about a token, with the App's own name and secret.
    async fn about(
        &self,
        method: reqwest::Method,
        what: &str,
        token: &SecretString,
    ) -> Result<(StatusCode, Value), OauthError> {
        let Some(secret) = &self.client_secret else {
            return Err(OauthError::Unavailable("GITHUB_CLIENT_SECRET is not set".into()));
        };
        let path = format!("applications/{}/{what}", self.client_id);
        let request = self
            .http
            .request(method, self.at(&self.api, &path))
            .basic_auth(&self.client_id, Some(secret.expose_secret()))
            .json(&json!({ "access_token": token.expose_secret() }));
        self.sent(request).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<Granted, OauthError> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client_id));
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        granted(self.post("login/oauth/access_token", &form).await?)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, OauthError> {
        said(self.ask(path, form).await?)
    }

    /// What GitHub answers, one of its errors included.
    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, OauthError> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .http
            .post(self.at(&self.web, path))
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let (status, answer) = self.sent(request).await?;
        let spoken = answer.get("error").is_some() || status.is_success();
        match spoken {
            true => Ok(answer),
            false => Err(OauthError::Unavailable(format!("it answered {status}"))),
        }
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<(StatusCode, Value), OauthError> {
        let away = |error: reqwest::Error| OauthError::Unavailable(error.without_url().to_string());
        let answer = request
            .header(ACCEPT, "application/json")
            .header(
                http::header::USER_AGENT,
                concat!("xmrt/", env!("CARGO_PKG_VERSION")),
            )
            .timeout(ANSWER_TIMEOUT)
            .send();
        let mut answer = answer.await.map_err(away)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(away)? {
            if body.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(OauthError::Unavailable("its answer is too long".into()));
            }
            body.extend_from_slice(&part);
        }
        if body.is_empty() {
            return Ok((status, Value::Null));
        }
        // What it is, is not repeated: it may hold a token.
        let answer = serde_json::from_slice(&body)
            .map_err(|_| OauthError::Unavailable(format!("it answered {status}, and no JSON")))?;
        Ok((status, answer))
    }

    fn at(&self, base: &Url, path: &str) -> Url {
        // A base that ends in a slash takes every path of ours.
        base.join(path).unwrap_or_else(|_| base.clone())
    }
}

fn said(answer: Value) -> Result<Value, OauthError> {
    let Some(code) = answer["error"].as_str() else {
        return Ok(answer);
    };
    let cut = |text: &str| text.chars().take(WORDS_CHARS_MAX).collect::<String>();
    Err(OauthError::Refused {
        code: cut(code),
        words: cut(answer["error_description"].as_str().unwrap_or("it says no more")),
    })
}

fn granted(answer: Value) -> Result<Granted, OauthError> {
    let answer: TokenAnswer = serde_json::from_value(answer).map_err(|error| odd(&error))?;
    let scopes = answer.scope.split([',', ' ']).map(str::trim);
    let scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned);
    let secret = |text: &SecretString| wire::bearer(text).is_ok();
    if !secret(&answer.access_token) {
        return Err(OauthError::Unavailable(
            "its token holds characters no token has".into(),
        ));
    }
    Ok(Granted {
        access_token: answer.access_token,
        scopes: scopes.collect(),
        expires_in: answer.expires_in,
        refresh_token: answer.refresh_token,
        refresh_token_expires_in: answer.refresh_token_expires_in,
    })
}

/// The error's own words would quote what was read.
fn odd(error: &serde_json::Error) -> OauthError {
    let kind = match error.is_data() {
        true => "a field is missing, or of another type",
        false => "it is not JSON",
    };
    OauthError::Unavailable(format!("its answer cannot be read: {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_with_state_challenge_and_the_login_that_is_meant() {
        let app = OauthApp::new(
            "https://github.example",
            "https://github.example/api/v3",
            "Iv1.abc",
            None,
        )
        .unwrap();
        let url = app.authorize_url(
            "https://xmrt.example/oauth/github/callback",
            &["repo".into(), "read:org".into()],
            "state",
            &Pkce::new(&[7; 32]),
            Some("acme-eliza"),
        );
        insta::assert_snapshot!(url, @"https://github.example/login/oauth/authorize?client_id=Iv1.abc&redirect_uri=https%3A%2F%2Fxmrt.example%2Foauth%2Fgithub%2Fcallback&scope=repo+read%3Aorg&state=state&code_challenge=3Ev4DHdHPRMPoN6GukAY_pi7IUAF5qWJHRK6kURvnoE&code_challenge_method=S256&allow_signup=false&login=acme-eliza");
        assert!(OauthApp::new("https://github.example", "https://github.example", "a b", None).is_err());
    }

    #[test]
    fn errors_come_with_status_200_and_quote_no_token() {
        let error =
            said(json!({ "error": "bad_verification_code", "error_description": "The code is expired." }));
        assert_eq!(error.unwrap_err().code(), Some("bad_verification_code"));
        let odd = granted(json!({ "access_token": 7, "refresh_token": "ghr_secret" })).unwrap_err();
        assert!(!odd.to_string().contains("ghr_"), "{odd}");
        let granted =
            granted(json!({ "access_token": "t", "scope": "repo,gist", "token_type": "bearer" })).unwrap();
        assert_eq!(granted.scopes, ["repo", "gist"]);
    }
}
