//! In: a token somebody was granted for an agent. Out: the agent signed in, if it is the account that is expected. Never: a
//! token of a stranger's account that is kept, or that stays valid when it can be revoked.

use serde::Serialize;

use super::record::{Account, Identity};
use super::scopes;
use super::{AccountError, Accounts};
use crate::agents::VaultError;
use crate::integrations::github::Granted;

/// What came of signing in.
#[derive(Clone, Debug, Serialize)]
pub struct SignedIn {
    /// The agent.
    pub agent: String,
    /// The account's login.
    pub login: String,
    /// The account's number.
    pub user_id: u64,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What the role needs and was not granted: the scope, and the tools that will fail without it.
    pub missing: Vec<scopes::Missing>,
    /// What a person should know besides.
    pub note: Option<String>,
}

impl Accounts {
    /// Finds out whose token it is, and keeps it if it is the account that is expected.
    pub(super) async fn finish(
        &self,
        agent: &str,
        by: &str,
        granted: Granted,
    ) -> Result<SignedIn, AccountError> {
        match self.settle(agent, by, &granted).await {
            Ok(signed_in) => {
                let mut note = format!("as {} ({}), by {by}", signed_in.login, signed_in.user_id);
                if !signed_in.missing.is_empty() {
                    let missing = signed_in.missing.iter().map(|missing| missing.scope.as_str());
                    note = format!("{note}; not granted: {}", missing.collect::<Vec<_>>().join(", "));
                }
                self.on_record(agent, "agent.login", agent, "done", &note).await;
                Ok(signed_in)
            }
            Err(error) => {
                // What is not kept shall not stay valid.
                if let Ok(sign_in) = self.sign_in()
                    && sign_in.app.has_secret()
                    && let Err(why) = sign_in.app.revoke(&granted.access_token).await
                {
                    tracing::warn!(agent, "a token that was not kept could not be revoked: {why}");
                }
                Err(error)
            }
        }
    }

    async fn settle(&self, agent: &str, by: &str, granted: &Granted) -> Result<SignedIn, AccountError> {
        let sign_in = self.sign_in()?;
        let expected = self.login_of(agent)?;
        let me = sign_in.app.user(&granted.access_token).await?;
        let note = self.recognize(agent, expected, &me.login, me.id).await?;
        let who = Identity {
            user_id: me.id,
            login: me.login,
        };
        let account = Account::new(&sign_in.vault, agent, &who, by, granted, self.now())?;
        self.keep_identity(agent, &who).await?;
        self.keep(&account).await?;
        Ok(SignedIn {
            agent: agent.to_owned(),
            missing: self.asked(agent).missing(&account.scopes),
            login: account.login,
            user_id: account.user_id,
            scopes: account.scopes,
            note,
        })
    }

    /// Whether it is the account that is expected. One that was seen before is told by its number: its login may have changed,
    /// and a login may have become somebody else's.
    async fn recognize(
        &self,
        agent: &str,
        expected: &str,
        login: &str,
        id: u64,
    ) -> Result<Option<String>, AccountError> {
        let known = self.identity(agent).await?;
        let is_expected = login.eq_ignore_ascii_case(expected);
        match known {
            Some(known) if known.user_id == id && is_expected => Ok(None),
            Some(known) if known.user_id == id => Ok(Some(format!(
                "the account is called {login} now; set `github_login = \"{login}\"` for agent `{agent}`"
            ))),
            Some(known) if is_expected => Err(AccountError::WrongAccount(format!(
                "the login {login} belongs to another account now (number {id}; agent `{agent}` was signed in as number {}): if \
                 that is meant, `xmrt agents logout {agent}` first",
                known.user_id
            ))),
            _ if is_expected => Ok(None),
            _ => Err(AccountError::WrongAccount(format!(
                "agent `{agent}` acts as {expected}, and the person who agreed is {login}: sign out of GitHub there, sign in \
                 as {expected}, and begin again"
            ))),
        }
    }

    /// Ends what an agent may do as its account: the token is revoked at GitHub and forgotten, and who it was, too. Gives
    /// whether it was signed in.
    pub async fn sign_out(&self, agent: &str, who: &str) -> Result<bool, AccountError> {
        let Some((account, kept)) = self.kept(agent).await? else {
            self.forget_identity(agent).await?;
            return Ok(false);
        };
        let sign_in = self.sign_in()?;
        // What cannot be opened any more cannot be revoked here, and not be used either.
        let note = match account.open(&sign_in.vault) {
            Ok(tokens) if sign_in.app.has_secret() => {
                sign_in.app.revoke(&tokens.access).await?;
                "the token is revoked at GitHub"
            }
            Ok(_) => {
                "without GITHUB_CLIENT_SECRET the token could not be revoked at GitHub: its owner does that in their settings"
            }
            Err(AccountError::Vault {
                error: VaultError::OtherKey(_) | VaultError::Foreign,
                ..
            }) => {
                "the token cannot be opened, so it could not be revoked at GitHub: its owner does that in their settings"
            }
            Err(error) => return Err(error),
        };
        if !self.forget(agent, kept).await? {
            return Err(AccountError::State(format!(
                "agent `{agent}` was signed in anew, or its token made anew, at the same moment: say it again"
            )));
        }
        self.forget_identity(agent).await?;
        self.on_record(who, "agent.logout", agent, "done", note).await;
        Ok(true)
    }

    /// Signs out who is not in `xmrt.toml` any more, or acts as no account any more.
    pub async fn sign_out_strangers(&self) {
        let found = match super::accounts(self.store(), self.now()).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!("agents that are gone could not be signed out: {error}"),
        };
        for account in found {
            if self.login_of(&account.agent).is_ok() {
                continue;
            }
            if let Err(error) = self.sign_out(&account.agent, crate::agents::REACTOR).await {
                tracing::warn!(
                    agent = account.agent,
                    "it is not in xmrt.toml any more, and could not be signed out of GitHub: {error}"
                );
            }
        }
    }

    /// GitHub says that somebody took back what they had agreed to: whoever acts as that account stops. The word may be an old
    /// one that is delivered late or again, when the owner has agreed anew: so GitHub is asked whether it takes the token. While
    /// it does not answer, the token stays; if it is gone, the next call finds that out.
    pub async fn revoked_by(&self, user_id: u64) {
        let found = match super::accounts(self.store(), self.now()).await {
            Ok(found) => found,
            Err(error) => return tracing::error!("a revocation could not be looked into: {error}"),
        };
        for account in found.iter().filter(|account| account.user_id == user_id) {
            let note = "its owner took back what they had agreed to";
            self.forget_if_gone(&account.agent, &account.login, note).await;
        }
    }
}
