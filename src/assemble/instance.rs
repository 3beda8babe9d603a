//! A whole instance: store, tools, rules, reactor, doors; started in this order, stopped in the reverse.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::external;
use super::journal::Journal;
use super::part::part;
use super::pins::JournalPins;
use super::providers::{self, Providers, Tokens};
use super::watch::watch_rules;
use super::{accounts, agents, budgets, files, people, read_rules, starter};
use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{AccountUse, Settings};
use crate::http::{self, AgentDoor, Doors};
use crate::hub::{Hub, HubError};
use crate::journal::{Store, StoreError};
use crate::reactor::{self, JournalTrail, Parts, Reactor, Recovery, RecoverySettings, Timer, Worker};
use crate::rules::{self, RuleBook, SourceFile};
use crate::sandbox::{self, Sandbox};
use crate::store::{OpenError, redis};

/// Why an instance cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store in Redis cannot be opened.
    #[error(transparent)]
    OpenRedis(#[from] redis::OpenError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tools cannot be started.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The rules hold errors or cannot be read, and there is no last good book to run on: what is wrong with them.
    #[error(
        "{0}\nwithout rules there is no start, and no earlier ones are on record; mend this and start again"
    )]
    Rules(String),
    /// Anything else that was wrong with what was given; says what to do.
    #[error("{0}")]
    Other(String),
}

impl From<String> for AssembleError {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

/// The parts of an instance, joined; nothing runs yet.
pub struct Instance {
    /// The stages around the journal.
    pub reactor: Arc<Reactor>,
    /// The routes.
    pub router: http::Router,
    /// The API's bearer token.
    pub admin_token: SecretString,
    /// Whether that token was made just now.
    pub admin_token_is_new: bool,
    recovery: Arc<Recovery>,
    journal: Journal,
    hub: Hub,
    agents: AgentDoor,
    accounts: Accounts,
    sandbox: Option<(Sandbox, sandbox::Running)>,
}

/// An instance at work.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The parts.
    pub instance: Instance,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Puts an instance together. With a sandbox, the providers' APIs are the sandbox's; all else is as configured.
async fn assemble(settings: &Settings, with_sandbox: bool) -> Result<Instance, AssembleError> {
    let clock = Clock::system();
    let journal = Journal::open(settings, clock.now()).await?;
    journal.tell_what_stays_behind(settings).await?;
    let (admin_token, admin_token_is_new) = files::ensure_admin_token(settings)?;
    let mut doors_settings = settings.clone();
    let (mut providers, sandbox) = if with_sandbox {
        let tokens = Tokens::of(settings);
        let sandbox = tokens.sandbox(clock.clone());
        let running = sandbox
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(|error| error.to_string())?;
        let providers = Providers::of_sandbox(&running, &tokens, Some(settings))?;
        // Secrets made up for this process are the ones the doors must know, too.
        for (secrets, secret) in [
            (&mut doors_settings.github_webhook_secrets, tokens.github_secret),
            (&mut doors_settings.render_webhook_secrets, tokens.render_secret),
        ] {
            if secrets.is_empty() {
                secrets.push(secret);
            }
        }
        (providers, Some((sandbox, running)))
    } else {
        (Providers::configured(settings)?, None)
    };
    let github_of_sandbox = sandbox.as_ref().map(|(_, running)| running.github_url());
    let directory = super::directory(settings)?;
    let accounts = accounts::accounts(
        settings,
        github_of_sandbox.as_deref(),
        Arc::clone(&directory),
        Arc::clone(&journal.store),
        clock.clone(),
    )?;
    accounts.let_in(people::people(&settings.file));
    let api = github_of_sandbox.as_deref().unwrap_or(&settings.github_api_url);
    let budgets = budgets::shared(&journal.store, &clock);
    providers.agents = accounts::clients(api, &directory, &accounts)?
        .into_iter()
        .map(|(agent, client)| (agent, budgets::of_github(client, &budgets, settings)))
        .collect();
    budgets::within(&mut providers, &budgets, settings);
    let builder = providers::builder(&providers, Arc::clone(&journal.store), &clock);
    let hub = external::attached(builder, settings)
        .with_directory(directory)
        .pins(JournalPins::new(Arc::clone(&journal.store), clock.clone()))
        .with_trail(JournalTrail::new(Arc::clone(&journal.store), clock.clone()))
        .start()
        .await?;
    accounts::ask_for(&accounts, &hub);
    let reactor = reactor_on(settings, &journal.store, &hub, &clock).await?;
    providers.starter.open(starter::into(&reactor));
    providers.starter.lead_to(&reactor);
    if with_sandbox || settings.file.github.account == AccountUse::Own {
        reactor.account_is_ours_alone();
    }
    tell_what_is_not_configured(&reactor, &providers);
    let doors = Doors::new(
        &doors_settings.github_webhook_secrets,
        &doors_settings.render_webhook_secrets,
        admin_token.clone(),
    )
    .map_err(|error| error.to_string())?;
    let recovery = Recovery::new(Arc::clone(&reactor), recovery_settings(settings, &providers));
    let agents = agent_door(settings, &hub)?;
    let router = http::router(
        Arc::clone(&reactor),
        doors
            .with_agents(agents.clone())
            .with_accounts(accounts.clone())
            .with_budgets(budgets)
            .with_recovery(Arc::clone(&recovery)),
    );
    Ok(Instance {
        reactor,
        recovery,
        router,
        admin_token,
        admin_token_is_new,
        journal,
        hub,
        agents,
        accounts,
        sandbox,
    })
}

/// What works with less, because a provider is not configured.
fn tell_what_is_not_configured(reactor: &Reactor, providers: &Providers) {
    for (part, configured, remedy) in [
        (
            "github",
            providers.github.is_some(),
            "not configured: set GITHUB_TOKEN or GITHUB_APP_ID, or run with --sandbox",
        ),
        (
            "render",
            providers.render.is_some(),
            "not configured: set RENDER_API_KEY, or run with --sandbox",
        ),
    ] {
        reactor.set_degraded(part, (!configured).then(|| remedy.to_owned()));
    }
}

/// The door for agents.
fn agent_door(settings: &Settings, hub: &Hub) -> Result<AgentDoor, AssembleError> {
    let gateways = agents::gateways(hub).map_err(|error| error.to_string())?;
    let door = AgentDoor::new(gateways, &settings.hosts(), &settings.file.http.origins);
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    let door = match settings.conformance_fixtures {
        true => door.with_fixtures(),
        false => door,
    };
    Ok(door)
}

/// How what the providers delivered is compared with the journal.
fn recovery_settings(settings: &Settings, providers: &Providers) -> RecoverySettings {
    let coverage = settings.file.coverage.clone();
    RecoverySettings {
        github: providers.github.is_some(),
        render: providers.render.is_some(),
        every_ms: coverage.every_ms,
        grace_ms: coverage.grace_ms,
        pages: coverage.pages,
        repositories: coverage.repositories,
        organizations: coverage.organizations,
        services: coverage.services,
        hosts: settings.hosts(),
        stale_ms: coverage.stale_ms,
        stale_destructive_ms: coverage.stale_destructive_ms,
    }
}

/// The reactor on the rules in the rules folder, or, where those hold errors or cannot be read, on the last good ones.
async fn reactor_on(
    settings: &Settings,
    store: &Arc<dyn Store>,
    hub: &Hub,
    clock: &Clock,
) -> Result<Arc<Reactor>, AssembleError> {
    let folder = settings.rules.clone();
    let source = move || read_rules(std::slice::from_ref(&folder));
    let catalog = reactor::catalog(&hub.facts(), hub.directory()).opened(hub.open_servers());
    let on_disk = source().and_then(|files| load(&files, settings, &catalog));
    let (book, broken) = match on_disk {
        Ok(book) => (book, None),
        Err(rendered) => (
            last_good(store)
                .await?
                .ok_or_else(|| AssembleError::Rules(rendered.clone()))?,
            Some(rendered),
        ),
    };
    store.keep_book(reactor::book_record(&book), clock.now()).await?;
    let reactor = Reactor::new(Parts {
        store: Arc::clone(store),
        hub: hub.clone(),
        clock: clock.clone(),
        book,
        source: Box::new(source),
        settle_ms: settings.file.limits.settle_ms,
    });
    if let Some(rendered) = broken {
        tracing::error!("the rules hold errors; running on the last good ones:\n{rendered}");
        let why =
            "the rules on disk hold errors; running on the last good ones. `xmrt check` shows the errors";
        reactor.set_degraded("rules", Some(why.into()));
    }
    Ok(reactor)
}

fn load(files: &[SourceFile], settings: &Settings, catalog: &rules::Catalog) -> Result<RuleBook, String> {
    let loaded = rules::load(files, settings.vars(), Some(catalog));
    let rendered = rules::render_diagnostics(files, &loaded.diagnostics, false);
    match loaded.book {
        Some(book) => {
            let (rules, warnings) = (book.rules().len(), loaded.diagnostics.len());
            let folder = super::shown(&settings.rules);
            if rules == 0 {
                tracing::warn!(
                    "there is no rule in {folder}: deliveries are kept, and nothing is done about them"
                );
            } else if warnings > 0 {
                tracing::warn!(
                    "{rules} rule(s) from {folder}; `xmrt check` has {warnings} warning(s) about them"
                );
            } else {
                tracing::info!("{rules} rule(s) from {folder}");
            }
            Ok(book)
        }
        None => Err(rendered),
    }
}

/// The last good book on record, if it can still be read.
async fn last_good(store: &Arc<dyn Store>) -> Result<Option<RuleBook>, StoreError> {
    let Some(record) = store.book(None).await? else {
        return Ok(None);
    };
    let files: Vec<SourceFile> = record
        .rules
        .into_iter()
        .map(|rule| SourceFile {
            path: format!("{}.toml", rule.rule),
            text: rule.text,
            unreadable: None,
        })
        .collect();
    let vars = record.settings.get("vars").cloned().unwrap_or_default();
    Ok(rules::load(&files, &vars, None).book)
}

/// The routes over the store in the data directory, for commands while no server runs.
pub async fn offline(settings: &Settings) -> Result<(http::Router, SecretString), AssembleError> {
    let instance = assemble(settings, false).await?;
    Ok((instance.router, instance.admin_token))
}

/// Starts an instance: it listens, works and watches its rule files until [`Running::stop`].
pub async fn start(settings: &Settings, with_sandbox: bool) -> Result<Running, AssembleError> {
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another with XMRT_LISTEN=127.0.0.1:0",
            settings.listen
        )
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let instance = assemble(settings, with_sandbox).await?;
    let here = format!("http://{address}");
    let sandbox = instance.sandbox.as_ref().map(|(sandbox, running)| {
        sandbox.deliver_to(Some(&here));
        format!("http://{}", running.addr())
    });
    let announced = instance.journal.announce(&here, sandbox.as_deref());
    announced.map_err(|error| format!("{}: {error}", settings.data_dir.display()))?;
    let (stop, stopped) = watch::channel(false);
    let limits = &settings.file.limits;
    let name = format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
    let now = instance.reactor.clock().now();
    instance.journal.begins(settings, &name, now).await?;
    let worker = Worker::new(
        Arc::clone(&instance.reactor),
        name,
        limits.concurrency,
        limits.lease_ms,
    );
    let door_limits = http::Limits {
        connections_max: limits.connections,
        bytes_in_flight_max: limits.body_bytes_in_flight,
        ..http::Limits::default()
    };
    let mut closing = stopped.clone();
    let shutdown = async move {
        let _ = closing.wait_for(|stop| *stop).await;
    };
    let tasks = vec![
        tokio::spawn(http::serve(
            listener,
            instance.router.clone(),
            door_limits,
            shutdown,
        )),
        part("the worker", &stopped, {
            move |stop| Arc::clone(&worker).run(stop)
        }),
        part("the telling of events", &stopped, {
            let reactor = Arc::clone(&instance.reactor);
            move |stop| Arc::clone(&reactor).keep_telling(stop)
        }),
        part("the coordination of agents", &stopped, {
            let reactor = Arc::clone(&instance.reactor);
            move |stop| Arc::clone(&reactor).keep_coordinating(stop)
        }),
        part("the timer", &stopped, {
            let reactor = Arc::clone(&instance.reactor);
            move |stop| Timer::new(Arc::clone(&reactor)).run(stop)
        }),
        tokio::spawn(close_when(stopped.clone(), instance.agents.clone())),
        part("the coverage", &stopped, {
            let recovery = Arc::clone(&instance.recovery);
            move |stop| Arc::clone(&recovery).run(stop)
        }),
        part("the retention", &stopped, {
            let (reactor, policy) = (Arc::clone(&instance.reactor), policy(settings));
            move |stop| Arc::clone(&reactor).retain(policy, stop)
        }),
    ];
    watch_rules(settings, &instance.reactor, stopped.clone());
    people::watch(settings, &instance.accounts, &instance.reactor, stopped.clone());
    instance.journal.look_after(&instance.reactor, stopped.clone());
    instance.hub.wake().await;
    tokio::spawn(external::watch(
        instance.hub.clone(),
        Arc::clone(&instance.reactor),
        stopped,
    ));
    instance.accounts.reached_at(accounts::base(settings, address));
    people::tell_of_the_door(&instance.accounts, &instance.reactor);
    let accounts = instance.accounts.clone();
    tokio::spawn(async move { accounts.sign_out_strangers().await });
    tokio::spawn(warn_of_shared_account(Arc::clone(&instance.reactor)));
    Ok(Running {
        address,
        instance,
        stop,
        tasks,
    })
}

/// How long what is kept.
fn policy(settings: &Settings) -> reactor::Policy {
    let retention = &settings.file.retention;
    reactor::Policy {
        events_ms: retention.events.ms,
        runs_ms: retention.runs.ms,
        audit_ms: retention.audit.ms,
        size_bytes_max: retention.size.map(|size| size.bytes),
    }
}

/// Says once whose account we act through, where that matters. GitHub is asked, so nothing waits for it.
async fn warn_of_shared_account(reactor: Arc<Reactor>) {
    if let Some(warning) = reactor.shared_account().await {
        tracing::warn!("{warning}");
    }
}

/// Agents' calls and streams must end before their connections can.
async fn close_when(mut stopped: watch::Receiver<bool>, agents: AgentDoor) {
    let _ = stopped.wait_for(|stop| *stop).await;
    agents.close().await;
}

impl Instance {
    /// The sandbox, where there is one.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref().map(|(sandbox, _)| sandbox)
    }

    /// The address of the sandbox, where there is one.
    pub fn sandbox_address(&self) -> Option<SocketAddr> {
        self.sandbox.as_ref().map(|(_, running)| running.addr())
    }
}

impl Running {
    /// Stops in order: no new connections or runs, what is under way is finished or given back, then the tools.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a part of the server died; why, the line of its panic says");
            }
        }
        self.instance.hub.stop().await;
        if let Some((_, running)) = self.instance.sandbox {
            running.stop().await;
        }
    }
}
