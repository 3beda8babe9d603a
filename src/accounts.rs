//! In: an agent, and a person who owns an account on GitHub. Out: the token with which the agent acts as that account, fresh
//! and for that agent only; or who the person is, for the dashboard. Never: another account's token in its place; a token that is not
//! sealed, anywhere but in memory and on its way to GitHub.
//!
//! An account is told by its number on GitHub, which does not change, and must have the login that `xmrt.toml` expects when
//! it is first seen. Everything about it is in the journal, so replicas share it; what is secret in it is sealed by the vault.

mod record;
mod scopes;
mod flow;
mod trip;
mod web;
mod people;
mod admit;
mod device;
mod fresh;
mod lent;
mod rekey;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;

use crate::agents::{Directory, Refusals, Vault, VaultError};
use crate::clock::Clock;
use crate::integrations::github::{OauthApp, OauthError};
use crate::journal::{AuditEntry, Store, StoreError};

pub use device::{DeviceFlow, DeviceState};
pub use flow::SignedIn;
pub use lent::Lent;
pub use people::{Level, People, Person, Standing, Team, Visitor};
pub use record::{Account, accounts};
pub use rekey::{KeyFile, Rekeyed};
pub use scopes::{Asked, needed};
pub use trip::{Callback, Started};
pub use web::{Arrived, TurnedAway};

/// Why an agent has no token, or got none.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such agent.
    #[error("there is no agent `{0}` in xmrt.toml")]
    NoAgent(String),
    /// The agent acts as no account of its own.
    #[error(
        "agent `{0}` has no `github_login`: add the login of its account to its `[[agent]]` in xmrt.toml"
    )]
    NoLogin(String),
    /// Signing in is not set up.
    #[error("signing in to GitHub is not set up: {0}")]
    NotSetUp(String),
    /// It has not signed in, or not any more.
    #[error("agent `{agent}` is not signed in to GitHub as `{login}`{why}")]
    SignedOut {
        /// The agent.
        agent: String,
        /// Its account.
        login: String,
        /// Since when or why, where that is known; begins with a sign of its own.
        why: String,
    },
    /// Somebody signed in whom nobody expects.
    #[error("{0}")]
    WrongAccount(String),
    /// Somebody wants to see the dashboard whom nobody lets in.
    #[error("{login} cannot sign in: {why}")]
    NotLetIn {
        /// Their login on GitHub.
        login: String,
        /// Why not, and what would help.
        why: String,
    },
    /// What came back does not belong to a sign-in that was begun here, or not any more.
    #[error("{0}")]
    State(String),
    /// The person did not agree.
    #[error("GitHub says that it was not agreed to: {0}")]
    Denied(String),
    /// GitHub gave no token.
    #[error(transparent)]
    Github(#[from] OauthError),
    /// A token cannot be sealed or opened.
    #[error("the token of agent `{agent}`: {error}")]
    Vault {
        /// Whose.
        agent: String,
        /// Why not.
        error: VaultError,
    },
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What signing in needs.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The App that asks.
    pub app: OauthApp,
    /// Where tokens are sealed.
    pub vault: Vault,
}

/// The accounts agents act as. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    /// `Err` says what is missing.
    sign_in: Result<SignIn, String>,
    key_file: Option<Arc<dyn KeyFile>>,
    store: Arc<dyn Store>,
    clock: Clock,
    directory: Arc<Directory>,
    /// Where browsers reach us, without a slash at its end; `Err` says why none does.
    base: OnceLock<Result<String, String>>,
    /// What each agent's role needs; known once the tools are.
    asked: OnceLock<BTreeMap<String, Asked>>,
    /// One refresh of an agent's token at a time in this process.
    refreshing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    refusals: Refusals,
    /// The same of browsers that come back from where nobody sent them.
    strangers: Refusals,
    /// Who is let in to the dashboard; replaced when `xmrt.toml` changes.
    people: ArcSwap<People>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts")
            .field("sign_in", &self.sign_in)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// The accounts of the agents in `directory`. Without what signing in needs, `sign_in` says what is missing.
    pub fn new(
        directory: Arc<Directory>,
        store: Arc<dyn Store>,
        clock: Clock,
        sign_in: Result<SignIn, String>,
        key_file: Option<Arc<dyn KeyFile>>,
    ) -> Self {
        Self(Arc::new(Inner {
            sign_in,
            key_file,
            store,
            clock,
            directory,
            base: OnceLock::new(),
            asked: OnceLock::new(),
            refreshing: Mutex::default(),
            refusals: Refusals::default(),
            strangers: Refusals::default(),
            people: ArcSwap::default(),
        }))
    }

    /// Says where browsers reach us: `https://xmrt.example.com`; or why none does. The first word counts.
    pub fn reached_at(&self, base: Result<String, String>) {
        let _ = self.0.base.set(base);
    }

    /// Says what each agent's role needs of GitHub. The first word counts.
    pub fn ask_for(&self, asked: BTreeMap<String, Asked>) {
        let _ = self.0.asked.set(asked);
    }

    /// What an agent's role needs.
    pub fn asked(&self, agent: &str) -> Asked {
        let asked = self.0.asked.get().and_then(|asked| asked.get(agent));
        asked.cloned().unwrap_or_default()
    }

    /// Whether signing in is set up; otherwise what is missing.
    pub fn is_set_up(&self) -> Result<(), &str> {
        self.0.sign_in.as_ref().map(drop).map_err(String::as_str)
    }

    fn sign_in(&self) -> Result<&SignIn, AccountError> {
        let sign_in = self.0.sign_in.as_ref();
        sign_in.map_err(|why| AccountError::NotSetUp(why.clone()))
    }

    /// The login an agent's account must have.
    fn login_of(&self, agent: &str) -> Result<&str, AccountError> {
        let known = self.0.directory.agent(agent);
        let known = known.ok_or_else(|| AccountError::NoAgent(agent.to_owned()))?;
        let login = known.github_login.as_deref();
        login.ok_or_else(|| AccountError::NoLogin(agent.to_owned()))
    }

    fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    fn now(&self) -> jiff::Timestamp {
        self.0.clock.now()
    }

    fn slot(&self, agent: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut slots = self.0.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(agent.to_owned()).or_default())
    }

    /// Puts on record what became of an agent's account. What strangers can bring about is so only within bounds.
    async fn on_record(&self, who: &str, what: &str, agent: &str, outcome: &str, note: &str) {
        let entry = AuditEntry {
            who: who.into(),
            what: what.into(),
            outcome: outcome.into(),
            target: Some(agent.into()),
            note: Some(crate::agents::scrubbed(note)),
            ..AuditEntry::default()
        };
        self.kept_on_record(entry).await;
    }

    async fn kept_on_record(&self, entry: AuditEntry) {
        let (who, what, outcome) = (&entry.who, entry.what.clone(), &entry.outcome);
        let (target, note) = (
            entry.target.clone().unwrap_or_default(),
            entry.note.as_deref().unwrap_or_default(),
        );
        tracing::info!(target: "audit", who, what, agent = target, outcome, "{note}");
        if let Err(error) = self.store().audit(vec![entry], self.now()).await {
            tracing::error!(target: "audit", what, agent = target, "this is not in the audit trail, which cannot be written: {error}");
        }
    }
}
