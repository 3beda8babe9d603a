//! The journal an instance works on: its own in the data directory, or one in Redis that several share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{AssembleError, files, running_server};
use crate::clock::Clock;
use crate::config::{RedisSettings, Settings};
use crate::journal::{Store, StoreError};
use crate::reactor::Reactor;
use crate::store::redis::{OpenError, Opens, Options, Server, Time};
use crate::store::{self, DataDir, Embedded, Redis};

/// The name of Redis among the degraded parts.
const REDIS: &str = "redis";
/// How long a command waits for another one that has the data directory at the moment.
const HELD_MAX: Duration = Duration::from_secs(3);
/// How often it tries meanwhile.
const HELD_PAUSE: Duration = Duration::from_millis(20);
/// How often Redis is asked whether it still keeps what it acknowledges.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// A journal without anything around it, for commands that read it, or take or give it whole.
pub struct Bare {
    store: Arc<dyn Store>,
    server: Option<Server>,
    /// What keeps the data directory for this process, where it is needed.
    _held: Option<Journal>,
}

impl Bare {
    /// Opens the journal that the settings name, which no server of this data directory may be using; also what an
    /// interrupted import left, if `unfinished`.
    pub async fn open(settings: &Settings, unfinished: bool) -> Result<Self, AssembleError> {
        let opens = if unfinished { Opens::Unfinished } else { Opens::Any };
        let begun = Clock::monotonic();
        let journal = loop {
            match Journal::open_as(settings, Clock::system().now(), opens).await {
                // Another command looks into it, too, and is done soon. A server stays.
                Err(AssembleError::Open(store::OpenError::Held { .. }))
                    if begun.elapsed() < HELD_MAX && running_server(settings).is_none() =>
                {
                    tokio::time::sleep(HELD_PAUSE).await;
                }
                opened => break opened?,
            }
        };
        Ok(Self {
            store: Arc::clone(&journal.store),
            server: journal.server.clone(),
            _held: Some(journal),
        })
    }

    /// Opens the journal that the settings name, if there is one, to read it. None is made.
    pub async fn existing(settings: &Settings) -> Result<Option<Self>, AssembleError> {
        let Some(redis) = &settings.redis else {
            return match Embedded::exists(&settings.data_dir) {
                true => Self::open(settings, false).await.map(Some),
                false => Ok(None),
            };
        };
        // Others may be at work in it: nothing of theirs is touched, and nothing is noted here.
        match Redis::open(&options(redis, None, Opens::Existing), Clock::system().now()).await {
            Ok(store) => Ok(Some(Self {
                server: Some(store.server().clone()),
                store: Arc::new(store),
                _held: None,
            })),
            Err(OpenError::NoJournal { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The journal.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// How safe what it acknowledges is, in words: there is one window of loss, and it depends on the store's settings.
    pub fn safety(&self) -> &'static str {
        match &self.server {
            Some(server) => server.safety(),
            None => "what is acknowledged is on disk",
        }
    }

    /// What may make it forget or refuse, where that was accepted or is near: consequence and remedy in words.
    pub fn warnings(&self) -> Vec<String> {
        self.server.as_ref().map(warnings).unwrap_or_default()
    }

    /// The same for somebody who keeps it; it is open for no longer than this value.
    pub(super) fn kept(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}

fn options(redis: &RedisSettings, note_dir: Option<&Path>, opens: Opens) -> Options {
    Options {
        url: redis.url.clone(),
        prefix: redis.prefix.clone(),
        allow_volatile: redis.allow_volatile,
        note_dir: note_dir.map(Path::to_owned),
        opens,
        time: Time::OfServer,
    }
}

/// Copies the journal in the data directory into a file, whoever serves it.
pub fn back_up(settings: &Settings, to: &Path) -> Result<(), AssembleError> {
    if !Embedded::exists(&settings.data_dir) {
        return Err(format!("there is no journal in {}", settings.data_dir.display()).into());
    }
    Ok(store::back_up(&settings.data_dir, to, Clock::system().now())?)
}

/// What is damaged in the SQLite journal that the settings name, if there is one and something is; whoever serves it.
pub async fn damage(settings: &Settings) -> Option<String> {
    if settings.redis.is_some() || !Embedded::exists(&settings.data_dir) {
        return None;
    }
    let dir = settings.data_dir.clone();
    let looked = tokio::task::spawn_blocking(move || store::damage(&dir)).await;
    match looked {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// An open journal, and the data directory that goes with it.
pub(super) struct Journal {
    pub(super) store: Arc<dyn Store>,
    place: Place,
    /// What the server that keeps it said about itself.
    server: Option<Server>,
}

/// What may make a server forget or refuse: consequence and remedy in words.
fn warnings(server: &Server) -> Vec<String> {
    [server.forgets(), server.nearly_full().into_iter().collect()].concat()
}

enum Place {
    Own(Arc<Embedded>),
    /// The journal is elsewhere. The directory still says which process serves here, and keeps the token.
    Shared(DataDir, Arc<Redis>),
}

impl Journal {
    /// Opens the journal that the settings name, and takes the data directory for this process.
    pub(super) async fn open(settings: &Settings, now: Timestamp) -> Result<Self, AssembleError> {
        Self::open_as(settings, now, Opens::Any).await
    }

    /// The same, saying what may be opened in Redis.
    async fn open_as(settings: &Settings, now: Timestamp, opens: Opens) -> Result<Self, AssembleError> {
        match &settings.redis {
            Some(redis) => Self::shared(settings, redis, now, opens).await,
            None => {
                let store = Arc::new(Embedded::open(&settings.data_dir, now)?);
                if let Some(former) = store.former_epoch() {
                    tracing::error!(
                        former.id,
                        "the journal in {} is another than before: what that one knew is lost, and events it knew may \
                         come again; `xmrt coverage` shows which",
                        settings.data_dir.display()
                    );
                }
                Ok(Self {
                    store: Arc::clone(&store) as Arc<dyn Store>,
                    place: Place::Own(store),
                    server: None,
                })
            }
        }
    }

    async fn shared(
        settings: &Settings,
        redis: &RedisSettings,
        now: Timestamp,
        opens: Opens,
    ) -> Result<Self, AssembleError> {
        let dir = DataDir::take(&settings.data_dir)?;
        let options = options(redis, Some(&settings.data_dir), opens);
        let store = Redis::open(&options, now).await?;
        let store = Arc::new(store);
        Ok(Self {
            server: Some(store.server().clone()),
            store: Arc::clone(&store) as Arc<dyn Store>,
            place: Place::Shared(dir, store),
        })
    }

    /// A worker of this name begins here. Leases of the one that was here before are given back at once: it held this
    /// data directory, so it is gone. (The embedded store does that by itself when it is opened.)
    pub(super) async fn begins(
        &self,
        settings: &Settings,
        worker: &str,
        now: Timestamp,
    ) -> Result<(), AssembleError> {
        if matches!(self.place, Place::Own(_)) {
            return Ok(());
        }
        if let Some(former) = files::former_worker(settings) {
            self.store.release(&former, false, now).await?;
        }
        // Before it can hold anything: a crash must not find it without a name.
        files::note_worker(settings, worker)
            .map_err(|error| format!("{}: {error}", settings.worker_file().display()).into())
    }

    /// Says so where this data directory was used with another journal, which stays behind with all that it knows: whoever
    /// sets REDIS_URL, or loses it, begins anew. A journal that was exported and imported is the same one.
    pub(super) async fn tell_what_stays_behind(&self, settings: &Settings) -> Result<(), StoreError> {
        let (dir, present) = (settings.data_dir.display(), self.store.epoch().await?);
        let noted = store::noted(&settings.data_dir);
        match &self.place {
            Place::Shared(..) if Embedded::exists(&settings.data_dir) => {
                if let Some(other) = noted.embedded.filter(|other| other.id != present.id) {
                    tracing::warn!(
                        "{dir}/journal.db holds another journal, since {}: its events, the runs it has not finished and what it \
                         would recognize are not in Redis. `REDIS_URL= xmrt export` and `xmrt import` move them (docs/state.md); \
                         if they are not wanted, move journal.db away",
                        other.created_at
                    );
                }
            }
            Place::Shared(..) => {}
            Place::Own(_) => {
                // Of the same identity it went on after it was moved there: what is here is an old copy.
                if let Some(other) = noted.redis {
                    tracing::warn!(
                        "before, {dir} was used with a journal in Redis, since {}, and REDIS_URL is not set now: its events, the \
                         runs it has not finished and what it would recognize are not in this one. Set REDIS_URL again, or move \
                         them with `xmrt export` and `xmrt import` (docs/state.md); if they are not wanted, delete \
                         {dir}/epoch-redis",
                        other.created_at
                    );
                }
            }
        }
        Ok(())
    }

    /// Says among the degraded parts whether the server may forget or is nearly full, now and until `stopped` turns true:
    /// its settings can be changed while it is used, and it can be started again with others.
    pub(super) fn look_after(&self, reactor: &Arc<Reactor>, mut stopped: watch::Receiver<bool>) {
        let say = |reactor: &Reactor, server: &Server| {
            let warnings = warnings(server);
            reactor.set_degraded(REDIS, (!warnings.is_empty()).then(|| warnings.join("; ")));
        };
        let (Place::Shared(_, redis), Some(server)) = (&self.place, &self.server) else {
            return;
        };
        say(reactor, server);
        let (redis, reactor) = (Arc::clone(redis), Arc::clone(reactor));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(ASK_EVERY) => {}
                }
                // While it is away the journal is degraded, which says enough.
                if let Ok(server) = redis.ask_server().await {
                    say(&reactor, &server);
                }
            }
        });
    }

    /// Says in the data directory where this process serves, and where its sandbox does, so that commands find them.
    pub(super) fn announce(&self, address: &str, sandbox: Option<&str>) -> std::io::Result<()> {
        match &self.place {
            Place::Own(store) => store.announce(address, sandbox),
            Place::Shared(dir, _) => dir.announce(address, sandbox),
        }
    }
}
