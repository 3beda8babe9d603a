//! The providers a process talks to: the real ones, the sandbox, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::random_secret;
use crate::clock::Clock;
use crate::config::{GithubApp, GithubOauth, Settings};
use crate::hub::{Hub, HubBuilder, LaterHub};
use crate::integrations::{github, render};
use crate::journal::Store;
use crate::sandbox::{Options, Running, Sandbox};
use crate::tools;

/// The login of the sandbox's account that our token belongs to.
const SANDBOX_LOGIN: &str = "xmrt-bot";

/// Clients for the providers; `None` is a provider that is not configured.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// GitHub.
    pub github: Option<github::Client>,
    /// What GitHub signs its deliveries to this program with.
    pub github_secret: Option<SecretString>,
    /// Render.
    pub render: Option<render::Client>,
    /// Render's deploy hooks, by name.
    pub deploy_hooks: BTreeMap<String, SecretString>,
    /// GitHub as the accounts of agents that have their own, by agent.
    pub agents: BTreeMap<String, github::Client>,
    /// Where `xmrt.notify` can send to.
    pub notify: BTreeMap<String, SecretString>,
    /// Whether rules are only tested with them.
    pub rehearsal: bool,
    /// Where `xmrt.trigger_rule` leads, once there is a reactor.
    pub starter: tools::xmrt::Starter,
}

impl Providers {
    /// The providers the settings name.
    pub(super) fn configured(settings: &Settings) -> Result<Self, String> {
        let api = &settings.github_api_url;
        let github = match (&settings.github_app, &settings.github_token) {
            (Some(app), _) => Some(of_app(api, app)?),
            (None, Some(token)) => Some(github::Client::new(api, token.clone()).map_err(|e| e.to_string())?),
            (None, None) => None,
        };
        let render = match &settings.render_api_key {
            Some(key) => {
                Some(render::Client::new(&settings.render_api_url, key.clone()).map_err(|e| e.to_string())?)
            }
            None => None,
        };
        Ok(Self {
            github,
            github_secret: settings.github_webhook_secrets.first().cloned(),
            render,
            deploy_hooks: settings.deploy_hooks.clone(),
            agents: BTreeMap::new(),
            notify: settings.notify_urls.clone(),
            rehearsal: false,
            starter: tools::xmrt::Starter::default(),
        })
    }

    /// The providers a running sandbox stands in for; without settings, for the tests of rules.
    pub(super) fn of_sandbox(
        running: &Running,
        tokens: &Tokens,
        settings: Option<&Settings>,
    ) -> Result<Self, String> {
        let api = running.github_url();
        let github = match &tokens.github_app {
            Some(app) => of_app(&api, app)?,
            None => github::Client::new(&api, tokens.github.clone()).map_err(|e| e.to_string())?,
        };
        let render =
            render::Client::new(&running.render_url(), tokens.render.clone()).map_err(|e| e.to_string())?;
        let notify = settings
            .map(|settings| settings.notify_urls.clone())
            .unwrap_or_default();
        Ok(Self {
            github: Some(github),
            github_secret: Some(tokens.github_secret.clone()),
            render: Some(render),
            // They lead to Render itself, and never to what stands in for it.
            deploy_hooks: BTreeMap::new(),
            agents: BTreeMap::new(),
            notify,
            rehearsal: settings.is_none(),
            starter: tools::xmrt::Starter::default(),
        })
    }
}

/// A client that acts as an App.
fn of_app(api: &str, app: &GithubApp) -> Result<github::Client, String> {
    let key = github::AppKey::new(&app.id, &app.private_key)
        .map_err(|problem| format!("GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY: {problem}"))?;
    github::Client::of_app(api, key).map_err(|error| error.to_string())
}

/// The credentials a sandbox accepts and signs with.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) github: SecretString,
    pub(super) github_app: Option<GithubApp>,
    pub(super) oauth: Option<GithubOauth>,
    pub(super) render: SecretString,
    pub(super) github_secret: SecretString,
    pub(super) render_secret: SecretString,
}

impl Tokens {
    /// The configured ones; each that is not configured is made up for this process.
    pub(super) fn of(settings: &Settings) -> Self {
        let first = |secrets: &[SecretString]| secrets.first().cloned();
        Self {
            github: settings.github_token.clone().unwrap_or_else(random_secret),
            github_app: settings.github_app.clone(),
            oauth: settings.github_oauth.clone(),
            render: settings.render_api_key.clone().unwrap_or_else(random_secret),
            github_secret: first(&settings.github_webhook_secrets).unwrap_or_else(random_secret),
            render_secret: first(&settings.render_webhook_secrets).unwrap_or_else(random_webhook_secret),
        }
    }

    /// Made up for this process.
    pub(super) fn random() -> Self {
        let github_secret = random_secret();
        Self {
            github: random_secret(),
            github_app: None,
            oauth: None,
            render: random_secret(),
            github_secret,
            render_secret: random_webhook_secret(),
        }
    }

    /// A sandbox that accepts and signs with these.
    pub(super) fn sandbox(&self, clock: Clock) -> Sandbox {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let sandbox = Sandbox::new(Options {
            clock,
            github_token: text(&self.github),
            render_key: text(&self.render),
            github_secret: Some(text(&self.github_secret)),
            render_secret: Some(text(&self.render_secret)),
            bot_login: SANDBOX_LOGIN.into(),
        });
        let sandbox = match &self.oauth {
            Some(oauth) => {
                let secret = oauth.client_secret.as_ref().map(text).unwrap_or_default();
                sandbox.with_oauth_app(&oauth.client_id, &secret)
            }
            None => sandbox,
        };
        match &self.github_app {
            Some(app) => sandbox.with_github_app(&app.id, &text(&app.private_key)),
            None => sandbox,
        }
    }
}

/// A sandbox with the settings' credentials.
pub fn sandbox(settings: &Settings, clock: Clock) -> Sandbox {
    Tokens::of(settings).sandbox(clock)
}

/// A sandbox with made-up credentials, and the settings of a server that is to know them.
pub fn demo_sandbox(clock: Clock) -> (Sandbox, Vec<(String, String)>) {
    let tokens = Tokens::random();
    let settings = [
        ("GITHUB_TOKEN", &tokens.github),
        ("RENDER_API_KEY", &tokens.render),
        ("GITHUB_WEBHOOK_SECRET", &tokens.github_secret),
        ("RENDER_WEBHOOK_SECRET", &tokens.render_secret),
    ];
    let settings = settings
        .iter()
        .map(|(name, secret)| ((*name).to_owned(), secret.expose_secret().to_owned()))
        .collect();
    (tokens.sandbox(clock), settings)
}

/// A secret in the form Standard Webhooks wants: `whsec_` and base64.
fn random_webhook_secret() -> SecretString {
    use base64::Engine;
    let bytes = [
        uuid::Uuid::new_v4().into_bytes(),
        uuid::Uuid::new_v4().into_bytes(),
    ]
    .concat();
    format!(
        "whsec_{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
    .into()
}

/// The built-in servers, in the order they are started.
pub(super) const SERVERS: [&str; 3] = ["github", "render", "xmrt"];

/// The `github` server.
pub(super) fn github_server(providers: &Providers, clock: &Clock) -> tools::github::Server {
    tools::github::Server::with_accounts(
        providers.github.clone(),
        providers.github_secret.clone(),
        providers.agents.clone(),
    )
    .with_clock(clock.clone())
}

/// The `render` server.
pub(super) fn render_server(providers: &Providers, clock: &Clock) -> tools::render::Server {
    tools::render::Server::with_hooks(providers.render.clone(), providers.deploy_hooks.clone())
        .with_clock(clock.clone())
}

/// The `xmrt` server over a journal.
pub(super) fn own_server(
    providers: &Providers,
    store: Arc<dyn Store>,
    clock: &Clock,
    hub: LaterHub,
) -> tools::xmrt::Server {
    let parts = tools::xmrt::XmrtParts {
        store,
        github: providers.github.clone(),
        render: providers.render.clone(),
        agents: providers.agents.clone(),
        notify: providers.notify.clone(),
        starter: providers.starter.clone(),
        clock: clock.clone(),
        hub,
    };
    match providers.rehearsal {
        true => tools::xmrt::Server::rehearsal(parts),
        false => tools::xmrt::Server::new(parts),
    }
}

/// A hub with the three built-in servers, to add others to.
pub(super) fn builder(providers: &Providers, store: Arc<dyn Store>, clock: &Clock) -> HubBuilder {
    let builder = Hub::builder();
    let later = builder.later();
    builder
        .serve(SERVERS[0], github_server(providers, clock))
        .serve(SERVERS[1], render_server(providers, clock))
        .serve(SERVERS[2], own_server(providers, store, clock, later))
}
