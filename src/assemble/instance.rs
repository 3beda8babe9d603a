//! A whole instance: store, tools, rules, reactor, doors; started in this order, stopped in the reverse.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::Watcher;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::external;
use super::journal::Journal;
use super::pins::JournalPins;
use super::providers::{self, Providers, Tokens};
use super::{accounts, agents, budgets, files, read_rules, starter};
use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{AccountUse, Settings};
use crate::http::{self, AgentDoor, Doors};
use crate::hub::{Hub, HubError};
use crate::journal::{Store, StoreError};
use crate::reactor::{
    self, JournalTrail, Parts, Reactor, Recovery, RecoverySettings, ReloadError, Timer, Worker,
};
use crate::rules::{self, RuleBook, SourceFile};
use crate::sandbox::{self, Sandbox};
use crate::store::{OpenError, redis};

/// How long after the last change to a rule file a reload waits for the next one.
const RELOAD_QUIET: Duration = Duration::from_millis(200);
/// How often it is looked whether the rules folder is still the one that is watched.
const FOLDER_LOOK: Duration = Duration::from_secs(1);
/// How long after its death a part of the server is begun again.
const BEGUN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is left to people where files cannot be watched.
const RELOAD_BY_HAND: &str = "reload with SIGHUP or POST /api/v1/rules/reload";

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
    tell_what_is_missing(&reactor, &providers);
    let doors = Doors::new(
        &doors_settings.github_webhook_secrets,
        &doors_settings.render_webhook_secrets,
        admin_token.clone(),
    )
    .map_err(|error| error.to_string())?;
    let recovery = Recovery::new(Arc::clone(&reactor), recovery_settings(settings, &providers));
    let gateways = agents::gateways(&hub).map_err(|error| error.to_string())?;
    let agents = AgentDoor::new(gateways, &settings.hosts(), &settings.file.http.origins);
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    let agents = match settings.conformance_fixtures {
        true => agents.with_fixtures(),
        false => agents,
    };
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

/// Says which providers are not configured: such an instance is degraded, and works.
fn tell_what_is_missing(reactor: &Reactor, providers: &Providers) {
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
    let unsaid = |error: std::io::Error| format!("{}: {error}", settings.data_dir.display());
    // The sandbox first: whoever finds the server finds it, too.
    if let Some((sandbox, running)) = &instance.sandbox {
        sandbox.deliver_to(Some(&format!("http://{address}")));
        let at = format!("http://{}", running.addr());
        instance.journal.announce_sandbox(&at).map_err(unsaid)?;
    }
    let announced = instance.journal.announce(&format!("http://{address}"));
    announced.map_err(unsaid)?;
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
    instance.journal.look_after(&instance.reactor, stopped.clone());
    instance.hub.wake().await;
    tokio::spawn(external::watch(
        instance.hub.clone(),
        Arc::clone(&instance.reactor),
        stopped,
    ));
    instance.accounts.reached_at(accounts::base(settings, address));
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

/// Keeps a part of the server at work until `stopped`: one that dies of a bug is begun again. What it had in hand is in the
/// journal, under leases that end.
fn part<F>(
    name: &'static str,
    stopped: &watch::Receiver<bool>,
    begin: impl Fn(watch::Receiver<bool>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut stop = stopped.clone();
    tokio::spawn(async move {
        while let Err(error) = tokio::spawn(begin(stop.clone())).await {
            tracing::error!("{name} died, which is a bug in xmrt, and is begun again: {error}");
            let pause = tokio::time::timeout(BEGUN_AGAIN_AFTER, stop.wait_for(|stop| *stop));
            if pause.await.is_ok() {
                return;
            }
        }
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

/// Watches the folder that stands at `folder` now, and no other.
fn watch_folder(watcher: &mut Option<notify::RecommendedWatcher>, folder: &Path) {
    let Some(watcher) = watcher else { return };
    // An error only says that the former folder is gone, or that there was none.
    let _ = watcher.unwatch(folder);
    if let Err(error) = watcher.watch(folder, notify::RecursiveMode::Recursive) {
        tracing::warn!("rule files are not watched ({error}); {RELOAD_BY_HAND}");
    }
}

/// Reloads when a rule file changes, when the rules folder is replaced, and on SIGHUP.
fn watch_rules(settings: &Settings, reactor: &Arc<Reactor>, mut stopped: watch::Receiver<bool>) {
    let folder = settings.rules.clone();
    let mut watched = files::identity(&folder);
    let (changed, mut changes) = tokio::sync::mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touches = event.is_ok_and(|event| !event.kind.is_access());
        if touches {
            // A full channel already says what this would say.
            let _ = changed.try_send(());
        }
    });
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!("rule files are not watched ({error}); {RELOAD_BY_HAND}"))
        .ok();
    watch_folder(&mut watcher, &folder);
    let reactor = Arc::clone(reactor);
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    tokio::spawn(async move {
        let mut hangup = hangup.ok();
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => {
                        hangup.recv().await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = stopped.changed() => return,
                Some(()) = changes.recv() => {
                    // An editor writes a file in several steps: wait until it is quiet.
                    while tokio::time::timeout(RELOAD_QUIET, changes.recv()).await.is_ok_and(|change| change.is_some()) {}
                }
                () = hung_up => {}
                // A watch follows the folder it was set on, also when another one has taken its name.
                () = tokio::time::sleep(FOLDER_LOOK) => {
                    let there = files::identity(&folder);
                    if there == watched {
                        continue;
                    }
                    watched = there;
                    if there.is_some() {
                        watch_folder(&mut watcher, &folder);
                    }
                }
            }
            if let Err(ReloadError::Broken(files, diagnostics)) = reactor.reload().await {
                tracing::error!("{}", rules::render_diagnostics(&files, &diagnostics, false));
            }
        }
    });
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
            if let Err(error) = task.await {
                tracing::error!("a part of the server died: {error}");
            }
        }
        self.instance.hub.stop().await;
        if let Some((_, running)) = self.instance.sandbox {
            running.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_dies_is_begun_again_and_ends_when_it_is_told_to() {
        let (stop, stopped) = watch::channel(false);
        let (begun, mut seen) = watch::channel(0);
        let task = part("a test", &stopped, move |mut stop| {
            begun.send_modify(|times| *times += 1);
            let first = *begun.borrow() == 1;
            async move {
                if first {
                    std::panic::resume_unwind(Box::new("a bug"));
                }
                let _ = stop.wait_for(|stop| *stop).await;
            }
        });
        seen.wait_for(|times| *times == 2).await.unwrap();
        stop.send(true).unwrap();
        task.await.unwrap();
        assert_eq!(*seen.borrow(), 2);
    }
}
