//! In: somebody's browser, on its way to GitHub and back. Out: what it went for, and the code it came back with. Never: a way back
//! that was not begun here, by the same browser, at most ten minutes ago, and used once.
//!
//! There is one way back for all: what it is for stands in the record of its state, and nowhere in what the browser carries.

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::Zeroizing;

use super::{AccountError, Accounts};
use crate::agents::{Purpose, Sealed, random};
use crate::clock::after;
use crate::integrations::github::{Granted, Pkce};
use crate::journal::KvKey;

/// Where what was begun is kept, by the hash of its state.
const SPACE: &str = "oauth-states";
/// How long a person may take, in milliseconds; a code of GitHub's lives as long.
const VALID_MS: i64 = 10 * 60_000;
/// How long it is known what became of an agent's state, in milliseconds: a late or second use is told from a forged one.
const AGENT_KNOWN_MS: i64 = 24 * 3_600_000;
/// The same for a state that whoever reaches the sign-in page can have made: as short as makes sense.
const PERSON_KNOWN_MS: i64 = 3_600_000;
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

/// What a browser was sent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Errand {
    /// To sign this agent in.
    Agent(String),
    /// To find out who somebody is who wants to see the dashboard.
    Person {
        /// The page they wanted.
        next: String,
    },
}

impl Errand {
    /// For whom the verifier is sealed. No agent has an empty id.
    fn owner(&self) -> &str {
        match self {
            Self::Agent(agent) => agent,
            Self::Person { .. } => "",
        }
    }

    fn known_ms(&self) -> i64 {
        match self {
            Self::Agent(_) => AGENT_KNOWN_MS,
            Self::Person { .. } => PERSON_KNOWN_MS,
        }
    }
}

/// What is kept of a sign-in on its way.
#[derive(Serialize, Deserialize)]
struct Begun {
    errand: Errand,
    ends_at: Timestamp,
    used_at: Option<Timestamp>,
    /// SHA-256 of what the browser keeps.
    browser: String,
    redirect_uri: String,
    /// The verifier.
    sealed: Sealed,
}

/// What a browser that may came back with.
pub(super) struct Returned {
    /// What for it was sent.
    pub(super) errand: Errand,
    code: String,
    redirect_uri: String,
    pkce: Pkce,
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

    /// Sends a browser to GitHub, to be signed in as `login` there if that is known.
    pub(super) async fn set_out(
        &self,
        errand: Errand,
        scopes: &[String],
        login: Option<&str>,
    ) -> Result<Started, AccountError> {
        let sign_in = self.sign_in()?;
        let vault = |error| AccountError::Vault {
            agent: errand.owner().to_owned(),
            error,
        };
        let text = || Ok::<_, AccountError>(hex::encode(random::<32>().map_err(vault)?));
        let (state, browser) = (text()?, text()?);
        let pkce = Pkce::new(&random().map_err(vault)?);
        let redirect_uri = self.redirect_uri()?;
        let purpose = Purpose {
            what: PURPOSE,
            agent: errand.owner(),
        };
        let verifier = pkce.verifier.expose_secret().as_bytes();
        let sealed = sign_in.vault.seal(purpose, verifier).map_err(vault)?;
        let (now, known_ms) = (self.now(), errand.known_ms());
        let begun = Begun {
            errand,
            ends_at: after(now, VALID_MS),
            used_at: None,
            browser: hash(&browser),
            redirect_uri: redirect_uri.clone(),
            sealed,
        };
        let key = KvKey::new(SPACE, &hash(&state))?;
        let bytes = serde_json::to_vec(&begun).unwrap_or_default();
        self.store()
            .kv_put(&key, Bytes::from(bytes), Some(known_ms), now)
            .await?;
        Ok(Started {
            url: sign_in
                .app
                .authorize_url(&redirect_uri, scopes, &state, &pkce, login),
            browser: browser.into(),
            seconds: VALID_MS / 1_000,
        })
    }

    /// Whether a browser may come back with this. `errand` is said as soon as it is known, for what is refused.
    pub(super) async fn come_back(
        &self,
        callback: &Callback,
        browser: Option<&str>,
        errand: &mut Option<Errand>,
    ) -> Result<Returned, AccountError> {
        let refuse = |why: &str| Err(AccountError::State(why.into()));
        let sign_in = self.sign_in()?;
        let used = self.used_up(callback, browser, errand).await?;
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
        let purpose = Purpose {
            what: PURPOSE,
            agent: used.errand.owner(),
        };
        let verifier = sign_in.vault.open(purpose, &used.sealed);
        let verifier = verifier.map_err(|error| AccountError::Vault {
            agent: used.errand.owner().to_owned(),
            error,
        })?;
        let verifier = Zeroizing::new(String::from_utf8_lossy(&verifier).into_owned());
        Ok(Returned {
            errand: used.errand,
            code: code.to_owned(),
            redirect_uri: used.redirect_uri,
            pkce: Pkce {
                verifier: SecretString::from(verifier.as_str()),
            },
        })
    }

    /// The record of a state, which is used up by this.
    async fn used_up(
        &self,
        callback: &Callback,
        browser: Option<&str>,
        errand: &mut Option<Errand>,
    ) -> Result<Begun, AccountError> {
        let refuse = |why: &str| Err(AccountError::State(why.into()));
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
        *errand = Some(begun.errand.clone());
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
        let known_ms = used.errand.known_ms();
        let first = self
            .store()
            .kv_cas(&key, kept, bytes, Some(known_ms), now)
            .await?;
        match first {
            true => Ok(used),
            false => refuse("the state was used before, and is good for once only; begin again"),
        }
    }

    /// The token that GitHub gives for what a browser came back with.
    pub(super) async fn exchanged(&self, returned: Returned) -> Result<Granted, AccountError> {
        let app = &self.sign_in()?.app;
        let granted = app.exchange(&returned.code, &returned.redirect_uri, &returned.pkce);
        Ok(granted.await?)
    }
}
