//! In: another key. Out: every token sealed with it. Never: a moment in which a token opens with no key at hand.

use secrecy::SecretString;
use serde::Serialize;

use super::{AccountError, Accounts, accounts};
use crate::agents::new_key;

/// Where keys are kept that this program made itself.
pub trait KeyFile: Send + Sync + std::fmt::Debug {
    /// Keeps these keys and no others, the one that seals first; durable on return.
    fn keep(&self, keys: &[SecretString]) -> Result<(), String>;
    /// The keys that are kept.
    fn kept(&self) -> Result<Vec<SecretString>, String>;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rekeyed {
    /// The name of the key that seals now.
    pub key: String,
    /// How many accounts were sealed anew.
    pub sealed: usize,
    /// Accounts whose tokens could not be opened, by agent, and why: they sign in again.
    pub failed: Vec<(String, String)>,
    /// Whether the key was made for this.
    pub made: bool,
}

impl Accounts {
    /// Seals every token with the key that seals now; where the keys are our own, with one that is made for it. What was
    /// sealed before opens until all is done.
    pub async fn rekey(&self, who: &str) -> Result<Rekeyed, AccountError> {
        let vault = &self.sign_in()?.vault;
        let file_failed = AccountError::NotSetUp;
        let failed = |error| AccountError::Vault {
            agent: "any".into(),
            error,
        };
        let made = match &self.0.key_file {
            Some(file) => {
                let key = new_key().map_err(failed)?;
                let mut keys = vec![key.clone()];
                keys.extend(file.kept().map_err(file_failed)?);
                // On the disk first: nothing is sealed with a key that could be lost.
                file.keep(&keys).map_err(file_failed)?;
                vault.add(&key).map_err(failed)?;
                Some((file, key))
            }
            None => None,
        };
        let mut done = Rekeyed {
            key: vault.key_id(),
            sealed: 0,
            failed: Vec::new(),
            made: made.is_some(),
        };
        for account in accounts(self.store(), self.now()).await? {
            match self.sealed_anew(&account.agent).await {
                Ok(sealed) => done.sealed += usize::from(sealed),
                Err(error @ AccountError::Store(_)) => return Err(error),
                Err(error) => done.failed.push((account.agent, error.to_string())),
            }
        }
        if let Some((file, key)) = made {
            file.keep(&[key]).map_err(file_failed)?;
            vault.drop_former();
        }
        let note = format!(
            "{} tokens sealed with key {}, {} not",
            done.sealed,
            done.key,
            done.failed.len()
        );
        self.on_record(who, "vault.rekey", "all", "done", &note).await;
        Ok(done)
    }

    /// Seals an account's tokens with the key that seals now. A refresh may come in between; then its tokens are.
    async fn sealed_anew(&self, agent: &str) -> Result<bool, AccountError> {
        let vault = &self.sign_in()?.vault;
        loop {
            let Some((account, kept)) = self.kept(agent).await? else {
                return Ok(false);
            };
            if vault.is_current(&account.sealed) {
                return Ok(false);
            }
            if self.replace(kept, &account.sealed_anew(vault)?).await? {
                return Ok(true);
            }
        }
    }
}
