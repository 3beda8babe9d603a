//! In: the reactor and what guards the doors. Out: the routes. Never: what a route does.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{any, get};
use secrecy::{ExposeSecret, SecretString};

use super::counters::{Counters, RefusalLog};
use super::mcp::{self, AgentDoor};
use super::{answer, api, health, pages, webhooks};
use crate::accounts::Accounts;
use crate::agents::Refusals;
use crate::budget::Budgets;
use crate::reactor::{Reactor, Recovery};
use crate::receive::{GithubSecret, SecretError, StandardSecret};

/// What guards the doors.
#[derive(Debug)]
pub struct Doors {
    pub(super) github: Vec<GithubSecret>,
    pub(super) render: Vec<StandardSecret>,
    pub(super) admin_token: SecretString,
    pub(super) agents: Option<AgentDoor>,
    pub(super) recovery: Option<Arc<Recovery>>,
    pub(super) accounts: Option<Accounts>,
    pub(super) budgets: Option<Budgets>,
}

impl Doors {
    /// Takes the secrets of the two providers' webhooks, any number each (none: that door answers 503), and the bearer
    /// token of the API. Fails on a secret that can never verify anything.
    pub fn new(
        github: &[SecretString],
        render: &[SecretString],
        admin_token: SecretString,
    ) -> Result<Self, SecretError> {
        let github = github
            .iter()
            .map(|secret| GithubSecret::new(secret.expose_secret()));
        let render = render
            .iter()
            .map(|secret| StandardSecret::new(secret.expose_secret()));
        Ok(Self {
            github: github.collect::<Result<_, _>>()?,
            render: render.collect::<Result<_, _>>()?,
            admin_token,
            agents: None,
            recovery: None,
            accounts: None,
            budgets: None,
        })
    }

    /// Lets people have gaps looked for.
    pub fn with_recovery(self, recovery: Arc<Recovery>) -> Self {
        Self {
            recovery: Some(recovery),
            ..self
        }
    }

    /// Lets people sign agents in to GitHub.
    pub fn with_accounts(self, accounts: Accounts) -> Self {
        Self {
            accounts: Some(accounts),
            ..self
        }
    }

    /// Lets people see what is left of the providers' limits.
    pub fn with_budgets(self, budgets: Budgets) -> Self {
        Self {
            budgets: Some(budgets),
            ..self
        }
    }

    /// Lets agents in, too, with the same bearer token.
    pub fn with_agents(self, agents: AgentDoor) -> Self {
        Self {
            agents: Some(agents),
            ..self
        }
    }
}

/// What all routes share.
pub(super) struct App {
    pub(super) reactor: Arc<Reactor>,
    pub(super) doors: Doors,
    pub(super) counters: Counters,
    pub(super) refusals: RefusalLog,
    /// Of bearers of tokens that are none of ours, for the audit trail.
    pub(super) strangers: Refusals,
    pub(super) desk: pages::Desk,
}

impl App {
    pub(super) fn new(reactor: Arc<Reactor>, doors: Doors) -> Arc<Self> {
        Arc::new(Self {
            reactor,
            doors,
            counters: Counters::install(),
            refusals: RefusalLog::default(),
            strangers: Refusals::default(),
            desk: pages::Desk::default(),
        })
    }
}

/// The state of a handler.
pub(super) type Shared = State<Arc<App>>;

/// All routes. Served by [`serve`](super::serve), or called directly by a command that opened the store itself.
pub fn router(reactor: Arc<Reactor>, doors: Doors) -> Router {
    let app = App::new(reactor, doors);
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/webhooks/{source}", any(webhooks::receive))
        .nest(api::ROOT, api::routes(&app))
        .merge(mcp::routes())
        .merge(pages::routes(&app))
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(from_fn_with_state(Arc::clone(&app), api::authorized))
        .layer(map_response(answer::secured))
        .layer(from_fn(answer::identified))
        .with_state(app)
}
