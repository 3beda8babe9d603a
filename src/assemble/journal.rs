//! The journal an instance works on: its own in the data directory, or one in Redis that several share.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{AssembleError, files};
use crate::clock::Clock;
use crate::config::{RedisSettings, Settings};
use crate::journal::Store;
use crate::store::redis::{OpenError, Opens, Options, Time};
use crate::store::{self, DataDir, Embedded, Redis};

/// A journal without anything around it, for commands that read it, or take or give it whole.
pub struct Bare {
    store: Arc<dyn Store>,
    /// What keeps the data directory for this process, where it is needed.
    _held: Option<Journal>,
}

impl Bare {
    /// Opens the journal that the settings name, which no server of this data directory may be using; also what an
    /// interrupted import left, if `unfinished`.
    pub async fn open(settings: &Settings, unfinished: bool) -> Result<Self, AssembleError> {
        let opens = if unfinished { Opens::Unfinished } else { Opens::Any };
        let journal = Journal::open_as(settings, Clock::system().now(), opens).await?;
        Ok(Self {
            store: Arc::clone(&journal.store),
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

/// An open journal, and the data directory that goes with it.
pub(super) struct Journal {
    pub(super) store: Arc<dyn Store>,
    place: Place,
    /// Why what is acknowledged may be lost, where that was accepted.
    pub(super) forgets: Option<String>,
}

enum Place {
    Own(Arc<Embedded>),
    /// The journal is elsewhere. The directory still says which process serves here, and keeps the token.
    Shared(DataDir),
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
                    forgets: None,
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
        let forgets = store.server().forgets();
        Ok(Self {
            forgets: (!forgets.is_empty()).then(|| forgets.join("; ")),
            store: Arc::new(store),
            place: Place::Shared(dir),
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

    /// Says in the data directory where this process serves, so that commands find it.
    pub(super) fn announce(&self, address: &str) -> std::io::Result<()> {
        match &self.place {
            Place::Own(store) => store.announce(address),
            Place::Shared(dir) => dir.announce(address),
        }
    }
}
