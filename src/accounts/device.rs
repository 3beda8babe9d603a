//! In: an agent, and a person with a browser somewhere else. Out: the code they type in there; later, the agent signed in.
//! Never: more questions to GitHub than it allows, whoever asks for them.

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::flow::SignedIn;
use super::{AccountError, Accounts};
use crate::agents::{Purpose, Sealed, random};
use crate::clock::after;
use crate::integrations::github::{DeviceAnswer, OauthError};
use crate::journal::KvKey;

/// Where sign-ins of devices are kept that wait for their person, by name.
const SPACE: &str = "oauth-devices";
/// For what a device's code is sealed.
const PURPOSE: &str = "device code";
/// The longest wait between two questions, in seconds.
const INTERVAL_S_MAX: i64 = 60;
/// How long one question to GitHub may keep others from asking, in milliseconds.
const ASKING_MS: i64 = 20_000;

/// What a person is told.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFlow {
    /// What it is asked about by.
    pub flow: String,
    /// What they type in.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// As whom they must be signed in there.
    pub login: String,
    /// What they are asked to agree to.
    pub scopes: Vec<String>,
    /// For how long, in seconds.
    pub expires_in: i64,
    /// How long to wait before asking, in seconds.
    pub interval: i64,
}

/// How far it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum DeviceState {
    /// Nobody has agreed yet: ask again after so many seconds.
    Pending {
        /// The seconds.
        interval: i64,
    },
    /// Somebody has.
    SignedIn(SignedIn),
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    agent: String,
    sealed: Sealed,
    ends_at: Timestamp,
    next_at: Timestamp,
    interval: i64,
}

impl Waiting {
    fn packed(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// What GitHub says of a code.
enum Answered {
    /// The sign-in is over.
    Over(DeviceState),
    /// It is not; how often to ask, where that changed, or why there was no answer.
    NotYet(Result<Option<i64>, OauthError>),
}

impl Accounts {
    /// Begins to sign an agent in through a browser elsewhere.
    pub async fn device(&self, agent: &str) -> Result<DeviceFlow, AccountError> {
        let sign_in = self.sign_in()?;
        let login = self.login_of(agent)?.to_owned();
        let scopes = self.asked(agent).scopes();
        let vault = |error| AccountError::Vault {
            agent: agent.to_owned(),
            error,
        };
        let code = sign_in.app.device(&scopes).await?;
        let flow = hex::encode(random::<16>().map_err(vault)?);
        let purpose = Purpose { what: PURPOSE, agent };
        let now = self.now();
        let interval = code.interval.clamp(1, INTERVAL_S_MAX);
        let lasts_ms = code.expires_in.clamp(1, 3_600) * 1_000;
        let waiting = Waiting {
            agent: agent.to_owned(),
            sealed: sign_in
                .vault
                .seal(purpose, code.device_code.expose_secret().as_bytes())
                .map_err(vault)?,
            ends_at: after(now, lasts_ms),
            next_at: after(now, interval * 1_000),
            interval,
        };
        let key = KvKey::new(SPACE, &flow)?;
        self.store()
            .kv_put(&key, waiting.packed(), Some(lasts_ms), now)
            .await?;
        Ok(DeviceFlow {
            flow,
            user_code: code.user_code,
            verification_uri: code.verification_uri,
            login,
            scopes,
            expires_in: lasts_ms / 1_000,
            interval,
        })
    }

    /// Asks whether the person has agreed; not more often than GitHub allows, however often this is called.
    pub async fn device_state(&self, agent: &str, flow: &str) -> Result<DeviceState, AccountError> {
        let answer = self.ask_about(agent, flow).await;
        if let Err(error) = &answer
            && !matches!(
                error,
                AccountError::State(_)
                    | AccountError::Store(_)
                    | AccountError::Github(OauthError::Unavailable(_))
            )
        {
            let outcome = match error {
                AccountError::Denied(_) => "denied",
                _ => "refused",
            };
            self.on_record(agent, "agent.login", agent, outcome, &error.to_string())
                .await;
        }
        answer
    }

    async fn ask_about(&self, agent: &str, flow: &str) -> Result<DeviceState, AccountError> {
        let sign_in = self.sign_in()?;
        let over = || AccountError::State("this sign-in is over, or was never begun; begin again".into());
        let key = KvKey::new(SPACE, flow).map_err(|_| over())?;
        let now = self.now();
        let kept = self.store().kv_get(&key, now).await?.ok_or_else(over)?;
        let mut waiting: Waiting = serde_json::from_slice(&kept).map_err(|_| over())?;
        if waiting.agent != agent {
            return Err(over());
        }
        let pending = |waiting: &Waiting| DeviceState::Pending {
            interval: waiting.interval,
        };
        if now < waiting.next_at {
            return Ok(pending(&waiting));
        }
        // Whoever asks says so first: two that ask at once would be told to slow down.
        waiting.next_at = after(now, ASKING_MS);
        let left = |waiting: &Waiting| (waiting.ends_at.as_millisecond() - now.as_millisecond()).max(1);
        let asking = waiting.packed();
        let mine = self
            .store()
            .kv_cas(&key, kept, asking.clone(), Some(left(&waiting)), now)
            .await?;
        if !mine {
            return Ok(pending(&waiting));
        }
        let purpose = Purpose { what: PURPOSE, agent };
        let code = sign_in
            .vault
            .open(purpose, &waiting.sealed)
            .map_err(|error| AccountError::Vault {
                agent: agent.to_owned(),
                error,
            })?;
        let code = Zeroizing::new(String::from_utf8_lossy(&code).into_owned());
        let code = SecretString::from(code.as_str());
        // Whoever asks may go away meanwhile: the code gives its token once.
        let (accounts, of, at) = (self.clone(), agent.to_owned(), key.clone());
        let asking_github = tokio::spawn(async move { accounts.answered(&of, &at, &code).await });
        let answered = asking_github
            .await
            .unwrap_or_else(|error| Err(OauthError::Unavailable(error.to_string()).into()))?;
        let answer = match answered {
            Answered::Over(state) => return Ok(state),
            Answered::NotYet(answer) => answer,
        };
        let slower = answer.as_ref().ok().copied().flatten();
        waiting.interval = slower.unwrap_or(waiting.interval).clamp(1, INTERVAL_S_MAX);
        waiting.next_at = after(self.now(), waiting.interval * 1_000);
        let next = waiting.packed();
        // Where somebody was quicker, they know as much.
        self.store()
            .kv_cas(&key, asking, next, Some(left(&waiting)), self.now())
            .await?;
        Ok(answer.map(|_| pending(&waiting))?)
    }

    /// Asks GitHub, and sees it through where that ends the sign-in.
    async fn answered(
        &self,
        agent: &str,
        key: &KvKey,
        code: &SecretString,
    ) -> Result<Answered, AccountError> {
        match self.sign_in()?.app.device_answer(code).await {
            Ok(DeviceAnswer::Pending(slower)) => Ok(Answered::NotYet(Ok(slower))),
            Err(OauthError::Unavailable(why)) => Ok(Answered::NotYet(Err(OauthError::Unavailable(why)))),
            over => {
                // A code gives a token once, and none after it was refused. What was granted counts all the same.
                if let Err(error) = self.store().kv_delete(key, self.now()).await {
                    tracing::warn!(agent, "a sign-in that is over is kept until it expires: {error}");
                }
                self.ended(agent, over).await.map(Answered::Over)
            }
        }
    }

    async fn ended(
        &self,
        agent: &str,
        answer: Result<DeviceAnswer, OauthError>,
    ) -> Result<DeviceState, AccountError> {
        match answer {
            Ok(DeviceAnswer::Granted(granted)) => {
                let signed_in = self.finish(agent, "device", *granted).await?;
                Ok(DeviceState::SignedIn(signed_in))
            }
            Ok(DeviceAnswer::Pending(_)) => {
                Err(AccountError::State("this sign-in is over; begin again".into()))
            }
            Err(error) if error.code() == Some("access_denied") => {
                Err(AccountError::Denied("the person did not agree".into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}
