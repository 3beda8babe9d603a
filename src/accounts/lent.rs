//! In: a request of an agent's own client. Out: the agent's token, or what to do about there being none. Never: any other token.

use async_trait::async_trait;
use secrecy::SecretString;

use super::{AccountError, Accounts};
use crate::integrations::github::{Lender, OauthError};
use crate::integrations::{ApiError, Failure};

/// What gives an agent's client its token.
#[derive(Clone, Debug)]
pub struct Lent {
    accounts: Accounts,
    agent: String,
}

impl Lent {
    /// For this agent.
    pub fn new(accounts: Accounts, agent: &str) -> Self {
        Self {
            accounts,
            agent: agent.to_owned(),
        }
    }
}

#[async_trait]
impl Lender for Lent {
    fn name(&self) -> String {
        format!("agent {}", self.agent)
    }

    async fn token(&self) -> Result<SecretString, ApiError> {
        self.accounts.token(&self.agent).await.map_err(|error| {
            let (failure, remedy) = match &error {
                AccountError::Store(_) | AccountError::Github(OauthError::Unavailable(_)) => {
                    (Failure::Unavailable, None)
                }
                AccountError::NotSetUp(_) | AccountError::NoLogin(_) | AccountError::NoAgent(_) => (
                    Failure::Forbidden,
                    Some("a person sets it up; see docs/agents.md".to_owned()),
                ),
                _ => (
                    Failure::Forbidden,
                    Some(format!(
                        "a person signs it in: `xmrt agents login {}`",
                        self.agent
                    )),
                ),
            };
            let refusal = ApiError::new(failure, error.to_string());
            match remedy {
                Some(remedy) => refusal.with_remedy(remedy),
                None => refusal,
            }
        })
    }

    async fn refused(&self) {
        self.accounts.refused(&self.agent).await;
    }
}
