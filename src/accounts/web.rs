//! In: a person's browser, on its way to GitHub and back. Out: an agent signed in. Never: a way back that was not begun here, by
//! the same browser, at most ten minutes ago, and used once.

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::Zeroizing;

use super::flow::SignedIn;
use super::{AccountError, Accounts};
use crate::agents::{Purpose, Sealed, random};
use crate::clock::after;
use crate::integrations::github::{OauthError, Pkce};
use crate::journal::KvKey;

/// Where what was begun is kept, by the hash of its state.
const SPACE: &str = "oauth-states";
/// How long a person may take, in milliseconds; a code of GitHub's lives as long.
const VALID_MS: i64 = 10 * 60_000;
/// How long it is known what became of a state, in milliseconds: a late or second use is told from a forged one.
const KNOWN_MS: i64 = 24 * 3_600_000;
/// The path GitHub sends the browser back to.
const CALLBACK: &str = "/oauth/github/callback";
/// What a state is sealed for.
const PURPOSE: &str = "oauth state";

/// A sign-in that was begun.
#[derive(Debug)]
pub struct Started {
    /// Where the browser goes.
    pub url: Url,
    /// What the browser keeps, in a cookie, and brings back.
    pub browser: SecretString,
    /// For how long, in seconds.
    pub seconds: i64,
}

/// What a browser came back with.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Callback {
    /// For what a token is given.
    pub code: Option<String>,
    /// Which sign-in it belongs to.
    pub state: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
    /// Who answers, where they say so (RFC 9207).
    pub iss: Option<String>,
}

/// What is kept of a sign-in on its way.
#[derive(Serialize, Deserialize)]
struct Begun {
    agent: String,
    ends_at: Timestamp,
    used_at: Option<Timestamp>,
    /// SHA-256 of what the browser keeps.
    browser: String,
    redirect_uri: String,
    /// The verifier.
    sealed: Sealed,
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Accounts {
    /// The address GitHub sends browsers back to: exactly this one, whatever a request says about where it came to.
    fn redirect_uri(&self) -> Result<String, AccountError> {
        match self.0.base.get() {
            Some(Ok(base)) => Ok(format!("{base}{CALLBACK}")),
            Some(Err(why)) => Err(AccountError::NotSetUp(why.clone())),
            None => Err(AccountError::NotSetUp("no server is running".into())),
        }
    }

    /// Begins to sign an agent in through a browser.
    pub async fn start(&self, agent: &str) -> Result<Started, AccountError> {
        let sign_in = self.sign_in()?;
        let login = self.login_of(agent)?.to_owned();
        if !sign_in.app.has_secret() {
            let why = "a browser needs GITHUB_CLIENT_SECRET; without it there is `xmrt agents login`";
            return Err(AccountError::NotSetUp(why.into()));
        }
        let vault = |error| AccountError::Vault {
            agent: agent.to_owned(),
            error,
        };
        let text = || Ok::<_, AccountError>(hex::encode(random::<32>().map_err(vault)?));
        let (state, browser) = (text()?, text()?);
        let pkce = Pkce::new(&random().map_err(vault)?);
        let redirect_uri = self.redirect_uri()?;
        let purpose = Purpose { what: PURPOSE, agent };
        let verifier = pkce.verifier.expose_secret().as_bytes();
        let now = self.now();
        let begun = Begun {
            agent: agent.to_owned(),
            ends_at: after(now, VALID_MS),
            used_at: None,
            browser: hash(&browser),
            redirect_uri: redirect_uri.clone(),
            sealed: sign_in.vault.seal(purpose, verifier).map_err(vault)?,
        };
        let key = KvKey::new(SPACE, &hash(&state))?;
        let bytes = serde_json::to_vec(&begun).unwrap_or_default();
        self.store()
            .kv_put(&key, Bytes::from(bytes), Some(KNOWN_MS), now)
            .await?;
        let scopes = self.asked(agent).scopes();
        Ok(Started {
            url: sign_in
                .app
                .authorize_url(&redirect_uri, &scopes, &state, &pkce, Some(&login)),
            browser: browser.into(),
            seconds: VALID_MS / 1_000,
        })
    }

    /// Signs an agent in with what a browser came back with, and what it kept. Whatever is refused is on record.
    pub async fn callback(
        &self,
        callback: &Callback,
        browser: Option<&str>,
    ) -> Result<SignedIn, AccountError> {
        let mut agent = None;
        let answer = self.come_back(callback, browser, &mut agent).await;
        if let Err(error) = &answer
            && self.0.refusals.one_more()
        {
            let outcome = match error {
                AccountError::Denied(_) => "denied",
                AccountError::Store(_) => "unavailable",
                _ => "refused",
            };
            let about = agent.as_deref().unwrap_or("nobody known");
            self.on_record("a browser", "agent.login", about, outcome, &error.to_string())
                .await;
        }
        answer
    }

    async fn come_back(
        &self,
        callback: &Callback,
        browser: Option<&str>,
        agent: &mut Option<String>,
    ) -> Result<SignedIn, AccountError> {
        let refuse = |why: &str| Err(AccountError::State(why.into()));
        let sign_in = self.sign_in()?;
        let Some(state) = callback.state.as_deref().filter(|state| !state.is_empty()) else {
            return refuse("the answer names no state: it belongs to no sign-in of ours; begin again");
        };
        let key = KvKey::new(SPACE, &hash(state))?;
        let now = self.now();
        let Some(kept) = self.store().kv_get(&key, now).await? else {
            return refuse("the state is none that was given out here, or is long over; begin again");
        };
        let Ok(begun) = serde_json::from_slice::<Begun>(&kept) else {
            return refuse("what was kept of this sign-in cannot be read; begin again");
        };
        *agent = Some(begun.agent.clone());
        if begun.used_at.is_some() {
            return refuse("the state was used before, and is good for once only; begin again");
        }
        if begun.ends_at <= now {
            return refuse("the state has expired: a person has ten minutes; begin again");
        }
        let same = hash(browser.unwrap_or_default());
        if !bool::from(same.as_bytes().ct_eq(begun.browser.as_bytes())) {
            return refuse("the sign-in was begun in another browser; begin and end it in one");
        }
        let used = Begun {
            used_at: Some(now),
            ..begun
        };
        let bytes = Bytes::from(serde_json::to_vec(&used).unwrap_or_default());
        let first = self
            .store()
            .kv_cas(&key, kept, bytes, Some(KNOWN_MS), now)
            .await?;
        if !first {
            return refuse("the state was used before, and is good for once only; begin again");
        }
        if callback
            .iss
            .as_ref()
            .is_some_and(|iss| *iss != sign_in.app.issuer())
        {
            return refuse("the answer says that it is of another server than was asked; begin again");
        }
        if let Some(error) = &callback.error {
            let words = callback.error_description.as_deref().unwrap_or("it says no more");
            let words: String = format!("{error}: {words}").chars().take(200).collect();
            return Err(AccountError::Denied(words));
        }
        let Some(code) = callback.code.as_deref().filter(|code| !code.is_empty()) else {
            return refuse("the answer holds no code; begin again");
        };
        if used.redirect_uri != self.redirect_uri()? {
            return refuse("the sign-in was begun under another address of this server; begin again");
        }
        let failed = |error| AccountError::Vault {
            agent: used.agent.clone(),
            error,
        };
        let purpose = Purpose {
            what: PURPOSE,
            agent: &used.agent,
        };
        let verifier = sign_in.vault.open(purpose, &used.sealed).map_err(failed)?;
        let verifier = Zeroizing::new(String::from_utf8_lossy(&verifier).into_owned());
        let pkce = Pkce {
            verifier: SecretString::from(verifier.as_str()),
        };
        // The browser may go away meanwhile. What GitHub gives then is kept, or revoked, all the same.
        let (accounts, code) = (self.clone(), code.to_owned());
        let exchanging = tokio::spawn(async move {
            let app = &accounts.sign_in()?.app;
            let granted = app.exchange(&code, &used.redirect_uri, &pkce).await?;
            accounts.finish(&used.agent, "web", granted).await
        });
        exchanging
            .await
            .unwrap_or_else(|error| Err(OauthError::Unavailable(error.to_string()).into()))
    }
}
