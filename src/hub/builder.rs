//! In: servers, who there is, where calls go on record. Out: a [`Hub`] that has them all, or the first that does not start.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rmcp::ServerHandler;

use super::external::{External, Tidings};
use super::link::{self, Link};
use super::{ExternalServer, Hub, HubError, Inner, LaterHub, MemoryPins, PinStore};
use crate::agents::{Directory, Trail};

/// Collects the servers of a [`Hub`].
#[derive(Default)]
pub struct HubBuilder {
    servers: Vec<(String, Starter)>,
    externals: Vec<(String, ExternalServer)>,
    pins: Option<Arc<dyn PinStore>>,
    later: LaterHub,
    directory: Arc<Directory>,
    trail: Option<Arc<dyn Trail>>,
}

pub(super) type Starting = Pin<Box<dyn Future<Output = Result<Link, HubError>> + Send>>;
pub(super) type Starter = Box<dyn FnOnce(String) -> Starting + Send>;

impl HubBuilder {
    /// Says who there is and what each may do; without it there is nobody but the program and whoever runs it.
    pub fn with_directory(mut self, directory: Arc<Directory>) -> Self {
        self.directory = directory;
        self
    }

    /// Where agents' and people's calls are put on record; without it they are only lines in the log.
    pub fn with_trail(mut self, trail: Arc<dyn Trail>) -> Self {
        self.trail = Some(trail);
        self
    }

    /// Adds a server that runs in this process. What its tools promise in `_meta` is believed.
    pub fn serve<H: ServerHandler + 'static>(mut self, name: &str, handler: H) -> Self {
        self.servers.push((
            name.to_owned(),
            Box::new(move |name| Box::pin(link::in_process(name, handler))),
        ));
        self
    }

    /// The hub to be.
    pub fn later(&self) -> LaterHub {
        self.later.clone()
    }

    /// Adds a server that is somebody else's. It is started by [`Hub::wake`].
    pub fn attach(mut self, name: &str, server: ExternalServer) -> Self {
        self.externals.push((name.to_owned(), server));
        self
    }

    /// Where the approved contracts of external servers are kept; without it, in this process's memory.
    pub fn pins(mut self, pins: Arc<dyn PinStore>) -> Self {
        self.pins = Some(pins);
        self
    }

    /// Starts every server in this process, in the order they were added, and asks each for its tools. If one fails,
    /// those already started are stopped again.
    pub async fn start(self) -> Result<Hub, HubError> {
        let mut started = Inner {
            links: BTreeMap::new(),
            externals: BTreeMap::new(),
            own: BTreeMap::new(),
            listing: ArcSwap::default(),
            tidings: Tidings::new(),
            directory: self.directory,
            trail: self.trail,
        };
        for (name, starter) in self.servers {
            if let Err(error) = started.add(name, starter).await {
                started.stop().await;
                return Err(error);
            }
        }
        let pins = self.pins.unwrap_or_else(|| Arc::new(MemoryPins::default()));
        for (name, server) in self.externals {
            if let Err(error) = started.check_new(&name) {
                started.stop().await;
                return Err(error);
            }
            let external = External::dormant(&name, server, Arc::clone(&pins), started.tidings.clone()).await;
            started.externals.insert(name, external);
        }
        started.listing.store(Arc::new(started.list_now()));
        let hub = Hub(Arc::new(started));
        self.later.is(&hub);
        Ok(hub)
    }
}

impl std::fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let own = self.servers.iter().map(|(name, _)| name);
        f.debug_list()
            .entries(own.chain(self.externals.iter().map(|(name, _)| name)))
            .finish()
    }
}
