//! In: an agent that is about to call GitHub. Out: its token, made anew in time. Never: two refreshes of one token, however many
//! processes share the journal: GitHub ends both old tokens with the first.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;

use super::record::Account;
use super::{AccountError, Accounts, SignIn};
use crate::clock::after;
use crate::integrations::github::OauthError;
use crate::journal::KvKey;

/// A token that ends within so many milliseconds is made anew first: the request has to arrive.
const SPARE_MS: i64 = 5 * 60_000;
/// Where it is kept who refreshes, by agent.
const LEASES: &str = "oauth-refreshes";
/// How long a refresh may take, in milliseconds; then another process may try.
const LEASE_MS: i64 = 30_000;
/// How long to wait before it is looked again whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often that is done at most: a little longer than the other one's time.
const LOOKS_MAX: u32 = 350;

impl Accounts {
    /// The token with which an agent acts as its account. Never anybody else's.
    pub async fn token(&self, agent: &str) -> Result<SecretString, AccountError> {
        let login = self.login_of(agent)?.to_owned();
        let sign_in = self.sign_in()?;
        let Some(account) = self.account(agent).await? else {
            return Err(self.signed_out(agent, &login, ""));
        };
        if !is_due(&account, self.now()) {
            return Ok(account.open(&sign_in.vault)?.access);
        }
        // The call that asks may be given up meanwhile. What GitHub gives is kept all the same: it has ended the old tokens.
        let (accounts, agent) = (self.clone(), agent.to_owned());
        let refreshing = tokio::spawn(async move { accounts.refreshed(&agent, &login).await });
        refreshing
            .await
            .unwrap_or_else(|error| Err(OauthError::Unavailable(error.to_string()).into()))
    }

    fn signed_out(&self, agent: &str, login: &str, why: &str) -> AccountError {
        AccountError::SignedOut {
            agent: agent.to_owned(),
            login: login.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The token of an account whose present one is about to end.
    async fn refreshed(&self, agent: &str, login: &str) -> Result<SecretString, AccountError> {
        let sign_in = self.sign_in()?;
        let slot = self.slot(agent);
        let _one_here = slot.lock().await;
        let lease = KvKey::new(LEASES, agent)?;
        for _ in 0..LOOKS_MAX {
            let held = Bytes::from_static(b"1");
            let other = self
                .store()
                .kv_put_if_absent(&lease, held, Some(LEASE_MS), self.now());
            let mine = other.await?.is_none();
            // Read after the lease was taken: whoever had it before may have made the token anew.
            let Some((account, kept)) = self.kept(agent).await? else {
                return Err(self.signed_out(agent, login, ""));
            };
            if mine {
                let done = self.refresh(sign_in, login, (&account, kept)).await;
                self.store().kv_delete(&lease, self.now()).await?;
                return done;
            }
            if !is_due(&account, self.now()) {
                return Ok(account.open(&sign_in.vault)?.access);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let why = "another process makes the token anew, and does not get on";
        Err(OauthError::Unavailable(why.into()).into())
    }

    /// Makes the tokens anew, under the lease.
    async fn refresh(
        &self,
        sign_in: &SignIn,
        login: &str,
        (account, kept): (&Account, Bytes),
    ) -> Result<SecretString, AccountError> {
        let agent = &account.agent;
        if !is_due(account, self.now()) {
            return Ok(account.open(&sign_in.vault)?.access);
        }
        let tokens = account.open(&sign_in.vault)?;
        let ended = has_ended(account, self.now());
        let Some(refresh) = &tokens.refresh else {
            if !ended {
                return Ok(tokens.access);
            }
            let why = ": its token ended, and GitHub gave none to make it anew with";
            return Err(self.signed_out(agent, login, why));
        };
        match sign_in.app.refresh(refresh).await {
            Ok(granted) => {
                let fresh = account.refreshed(&sign_in.vault, &granted, self.now())?;
                if !self.replace(kept, &fresh).await? {
                    // It was signed out, or in anew, meanwhile: what that left counts, and this is not to stay valid.
                    let _ = sign_in.app.revoke(&granted.access_token).await;
                    let why = ": it was signed in or out while its token was made anew; try again";
                    return Err(self.signed_out(agent, login, why));
                }
                self.on_record(
                    "reactor",
                    "agent.refresh",
                    agent,
                    "done",
                    "the token was made anew",
                )
                .await;
                Ok(granted.access_token)
            }
            Err(OauthError::Unavailable(why)) if !ended => {
                tracing::warn!(agent, "a token could not be made anew yet: {why}");
                Ok(tokens.access)
            }
            Err(error @ OauthError::Unavailable(_)) => Err(error.into()),
            Err(error) => {
                if !self.forget(agent, kept).await? {
                    let why = ": it was signed in or out while its token was made anew; try again";
                    return Err(self.signed_out(agent, login, why));
                }
                let note = format!("the token could not be made anew: {error}");
                self.on_record("reactor", "agent.refresh", agent, "refused", &note)
                    .await;
                let why = format!(": {error}");
                Err(self.signed_out(agent, login, &why))
            }
        }
    }

    /// GitHub did not take an agent's token: finds out whether it is gone for good, and forgets it then.
    pub async fn refused(&self, agent: &str) {
        self.forget_if_gone(agent, "reactor", "GitHub does not take its token any more")
            .await;
    }

    /// Asks GitHub whether it takes an agent's token, and forgets one that is gone. `who` is on record as the one whose doing it is.
    pub(super) async fn forget_if_gone(&self, agent: &str, who: &str, note: &str) {
        let (Ok(sign_in), Ok(Some((account, kept)))) = (self.sign_in(), self.kept(agent).await) else {
            return;
        };
        let Ok(tokens) = account.open(&sign_in.vault) else {
            return;
        };
        let checked = match sign_in.app.has_secret() {
            true => sign_in.app.check(&tokens.access).await.map(drop),
            false => sign_in.app.user(&tokens.access).await.map(drop),
        };
        if checked != Err(OauthError::Gone) {
            return;
        }
        match self.forget(agent, kept).await {
            Ok(true) => self.on_record(who, "agent.revoked", agent, "done", note).await,
            // It was signed in anew meanwhile.
            Ok(false) => {}
            Err(error) => tracing::error!(agent, "a token that is gone could not be forgotten: {error}"),
        }
    }

    /// Whether an agent's token is still taken, asked at GitHub; what it finds gone is forgotten.
    pub async fn check(&self, agent: &str) -> Result<Option<Account>, AccountError> {
        if self.account(agent).await?.is_none() {
            return Ok(None);
        }
        // Expired and not refreshable is found out here.
        match self.token(agent).await {
            Ok(_) => self.refused(agent).await,
            Err(AccountError::SignedOut { .. }) => {}
            Err(error) => return Err(error),
        }
        self.account(agent).await
    }
}

fn is_due(account: &Account, now: Timestamp) -> bool {
    account.expires_at.is_some_and(|at| at <= after(now, SPARE_MS))
}

fn has_ended(account: &Account, now: Timestamp) -> bool {
    account.expires_at.is_some_and(|at| at <= now)
}
