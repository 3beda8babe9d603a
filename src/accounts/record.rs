//! In: a token and whose it is. Out: it sealed in the journal; and back. Never: a token in clear in what is kept.

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{AccountError, Accounts};
use crate::agents::{Purpose, Sealed, Vault, VaultError};
use crate::clock::after;
use crate::integrations::github::Granted;
use crate::journal::{KvBatch, KvChange, KvKey, Store, StoreError, kv_all};

/// Where accounts are kept, by agent.
pub(super) const SPACE: &str = "github-accounts";
/// Where the number of each agent's account is kept, longer than its token.
const IDENTITIES: &str = "github-identities";

/// The account an agent acts as, without its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Whose it is.
    pub agent: String,
    /// Its number on GitHub.
    pub user_id: u64,
    /// Its login when it was last asked.
    pub login: String,
    /// What the token is good for.
    pub scopes: Vec<String>,
    /// How it signed in: `web` or `device`.
    pub by: String,
    /// When.
    pub signed_in_at: Timestamp,
    /// When its token was last made anew.
    pub refreshed_at: Option<Timestamp>,
    /// When the token ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Until when it can be made anew.
    pub refresh_ends_at: Option<Timestamp>,
    /// The tokens, sealed.
    pub(super) sealed: Sealed,
}

/// What is sealed.
#[derive(Serialize)]
struct Secrets<'a> {
    access: &'a str,
    refresh: Option<&'a str>,
}

/// The tokens of an account.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access: SecretString,
    pub(super) refresh: Option<SecretString>,
}

/// Who an account was when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) user_id: u64,
    pub(super) login: String,
}

/// For what the tokens of an account are sealed: they open for this agent and this account only.
fn purpose(user_id: u64) -> String {
    format!("github token of user {user_id}")
}

impl Account {
    /// The account of an agent that was just granted something.
    pub(super) fn new(
        vault: &Vault,
        agent: &str,
        who: &Identity,
        by: &str,
        granted: &Granted,
        now: Timestamp,
    ) -> Result<Self, AccountError> {
        let ends = |seconds: Option<i64>| seconds.map(|seconds| after(now, seconds.saturating_mul(1_000)));
        Ok(Self {
            agent: agent.to_owned(),
            user_id: who.user_id,
            login: who.login.clone(),
            scopes: granted.scopes.clone(),
            by: by.to_owned(),
            signed_in_at: now,
            refreshed_at: None,
            expires_at: ends(granted.expires_in),
            refresh_ends_at: ends(granted.refresh_token_expires_in),
            sealed: seal(vault, agent, who.user_id, granted)?,
        })
    }

    /// The same account with what a refresh gave.
    pub(super) fn refreshed(
        &self,
        vault: &Vault,
        granted: &Granted,
        now: Timestamp,
    ) -> Result<Self, AccountError> {
        let who = Identity {
            user_id: self.user_id,
            login: self.login.clone(),
        };
        let fresh = Self::new(vault, &self.agent, &who, &self.by, granted, now)?;
        Ok(Self {
            // An answer without scopes says nothing about them.
            scopes: match granted.scopes.is_empty() {
                true => self.scopes.clone(),
                false => fresh.scopes.clone(),
            },
            signed_in_at: self.signed_in_at,
            refreshed_at: Some(now),
            ..fresh
        })
    }

    /// Its tokens.
    pub(super) fn open(&self, vault: &Vault) -> Result<Tokens, AccountError> {
        let what = purpose(self.user_id);
        let purpose = Purpose {
            what: &what,
            agent: &self.agent,
        };
        let failed = |error| AccountError::Vault {
            agent: self.agent.clone(),
            error,
        };
        let secret = vault.open(purpose, &self.sealed).map_err(failed)?;
        serde_json::from_slice(&secret).map_err(|_| failed(VaultError::Foreign))
    }

    /// The same account, sealed with the key that seals now.
    pub(super) fn sealed_anew(&self, vault: &Vault) -> Result<Self, AccountError> {
        let tokens = self.open(vault)?;
        let granted = Granted {
            access_token: tokens.access,
            scopes: Vec::new(),
            expires_in: None,
            refresh_token: tokens.refresh,
            refresh_token_expires_in: None,
        };
        Ok(Self {
            sealed: seal(vault, &self.agent, self.user_id, &granted)?,
            ..self.clone()
        })
    }

    /// What there is to see of it.
    pub fn shown(&self) -> serde_json::Value {
        let mut shown = serde_json::json!(self);
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("sealed");
            shown.insert("sealed_with".into(), self.sealed.key_id().into());
        }
        shown
    }

    pub(super) fn packed(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

fn seal(vault: &Vault, agent: &str, user_id: u64, granted: &Granted) -> Result<Sealed, AccountError> {
    let secrets = Secrets {
        access: granted.access_token.expose_secret(),
        refresh: granted.refresh_token.as_ref().map(ExposeSecret::expose_secret),
    };
    let secrets = Zeroizing::new(serde_json::to_vec(&secrets).unwrap_or_default());
    let what = purpose(user_id);
    let purpose = Purpose { what: &what, agent };
    vault
        .seal(purpose, &secrets)
        .map_err(|error| AccountError::Vault {
            agent: agent.to_owned(),
            error,
        })
}

fn key(agent: &str) -> Result<KvKey, StoreError> {
    KvKey::new(SPACE, agent)
}

/// All accounts on record, by agent; also of agents that are not in `xmrt.toml` any more.
pub async fn accounts(store: &dyn Store, now: Timestamp) -> Result<Vec<Account>, StoreError> {
    let kept = kv_all(store, SPACE, "", now).await?;
    Ok(kept.iter().filter_map(|entry| read(&entry.value)).collect())
}

fn read(value: &Bytes) -> Option<Account> {
    serde_json::from_slice(value).ok()
}

impl Accounts {
    /// The account an agent is signed in as.
    pub async fn account(&self, agent: &str) -> Result<Option<Account>, AccountError> {
        Ok(self.kept(agent).await?.map(|(account, _)| account))
    }

    /// The same, with its bytes, to be replaced by nothing but what follows from them.
    pub(super) async fn kept(&self, agent: &str) -> Result<Option<(Account, Bytes)>, AccountError> {
        let Some(bytes) = self.store().kv_get(&key(agent)?, self.now()).await? else {
            return Ok(None);
        };
        Ok(read(&bytes).map(|account| (account, bytes)))
    }

    pub(super) async fn keep(&self, account: &Account) -> Result<(), AccountError> {
        let key = key(&account.agent)?;
        let put = self.store().kv_put(&key, account.packed(), None, self.now());
        Ok(put.await?)
    }

    /// Keeps `account` if what is kept is still `before`.
    pub(super) async fn replace(&self, before: Bytes, account: &Account) -> Result<bool, AccountError> {
        let key = key(&account.agent)?;
        let replaced = self
            .store()
            .kv_cas(&key, before, account.packed(), None, self.now());
        Ok(replaced.await?)
    }

    /// Forgets the account's token, if it is still the one that was read; who it was stays known. Whoever signed in anew in
    /// between stays signed in.
    pub(super) async fn forget(&self, agent: &str, read: Bytes) -> Result<bool, AccountError> {
        let key = key(agent)?;
        let forgets = KvBatch {
            expects: vec![(key.clone(), Some(read))],
            changes: vec![(key, KvChange::Delete)],
            audit: Vec::new(),
        };
        Ok(self.store().kv_batch(forgets, self.now()).await?)
    }

    pub(super) async fn identity(&self, agent: &str) -> Result<Option<Identity>, AccountError> {
        let key = KvKey::new(IDENTITIES, agent)?;
        let kept = self.store().kv_get(&key, self.now()).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
    }

    pub(super) async fn keep_identity(&self, agent: &str, who: &Identity) -> Result<(), AccountError> {
        let key = KvKey::new(IDENTITIES, agent)?;
        let bytes = serde_json::to_vec(who).unwrap_or_default().into();
        Ok(self.store().kv_put(&key, bytes, None, self.now()).await?)
    }

    pub(super) async fn forget_identity(&self, agent: &str) -> Result<(), AccountError> {
        let key = KvKey::new(IDENTITIES, agent)?;
        self.store().kv_delete(&key, self.now()).await?;
        Ok(())
    }
}
