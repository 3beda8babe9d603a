//! In: a browser that comes back from GitHub. Out: an agent that is signed in, or a person who is known, by what it went for. Never:
//! a refusal that is on record nowhere, or more of them than strangers should be able to bring about.

use super::flow::SignedIn;
use super::people::Visitor;
use super::trip::{Callback, Errand, Returned, Started};
use super::{AccountError, Accounts};
use crate::integrations::github::OauthError;

/// What came of a browser that came back.
#[derive(Clone, Debug)]
pub enum Arrived {
    /// An agent is signed in.
    Agent(SignedIn),
    /// Somebody is let in.
    Person {
        /// Who.
        visitor: Visitor,
        /// The page they wanted.
        next: String,
    },
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct TurnedAway {
    /// Why.
    pub error: AccountError,
    /// The page that a person wanted; `None`: an agent was to be signed in, or nobody knows.
    pub person: Option<String>,
}

impl Accounts {
    /// Begins to sign an agent in through a browser.
    pub async fn start(&self, agent: &str) -> Result<Started, AccountError> {
        let sign_in = self.sign_in()?;
        let login = self.login_of(agent)?.to_owned();
        if !sign_in.app.has_secret() {
            let why = "a browser needs GITHUB_CLIENT_SECRET; without it there is `xmrt agents login`";
            return Err(AccountError::NotSetUp(why.into()));
        }
        let scopes = self.asked(agent).scopes();
        self.set_out(Errand::Agent(agent.to_owned()), &scopes, Some(&login))
            .await
    }

    /// Ends what was begun, with what a browser came back with, and what it kept. Whatever is refused is on record.
    pub async fn callback(&self, callback: &Callback, browser: Option<&str>) -> Result<Arrived, TurnedAway> {
        let mut errand = None;
        let answer = match self.come_back(callback, browser, &mut errand).await {
            Ok(returned) => self.arrive(returned).await,
            Err(error) => Err(error),
        };
        let error = match answer {
            Ok(arrived) => return Ok(arrived),
            Err(error) => error,
        };
        // Whoever makes such an address up must not push the others out of the record.
        let window = match &errand {
            Some(_) => &self.0.refusals,
            None => &self.0.strangers,
        };
        if window.one_more() {
            let outcome = match &error {
                AccountError::Denied(_) => "denied",
                AccountError::Store(_) => "unavailable",
                AccountError::Github(error) if error.is_away() => "unavailable",
                _ => "refused",
            };
            let note = error.to_string();
            match &errand {
                Some(Errand::Person { .. }) => {
                    let who = match &error {
                        AccountError::NotLetIn { login, .. } => super::people::name_of(login),
                        _ => "a browser".to_owned(),
                    };
                    self.of_person(&who, "dashboard.login", outcome, &note).await;
                }
                Some(Errand::Agent(agent)) => {
                    self.on_record("a browser", "agent.login", agent, outcome, &note)
                        .await;
                }
                // Nothing was begun that it could be the end of.
                None => {
                    self.of_person("a browser", "oauth.callback", outcome, &note)
                        .await;
                }
            }
        }
        Err(TurnedAway {
            error,
            person: match errand {
                Some(Errand::Person { next }) => Some(next),
                _ => None,
            },
        })
    }

    async fn arrive(&self, returned: Returned) -> Result<Arrived, AccountError> {
        let errand = returned.errand.clone();
        // The browser may go away meanwhile. What GitHub gives then is kept, or revoked, all the same.
        let accounts = self.clone();
        let arriving = tokio::spawn(async move {
            let granted = accounts.exchanged(returned).await?;
            Ok(match errand {
                Errand::Agent(agent) => Arrived::Agent(accounts.finish(&agent, "web", granted).await?),
                Errand::Person { next } => Arrived::Person {
                    visitor: accounts.admit(granted).await?,
                    next,
                },
            })
        });
        arriving
            .await
            .unwrap_or_else(|error| Err(OauthError::Unavailable(error.to_string()).into()))
    }
}
