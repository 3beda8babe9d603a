//! The pins of external servers, for a process that owns no journal: read once, from the server that runs here or from
//! the journal itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::journal::Bare;
use super::pins::JournalPins;
use super::{files, running_server};
use crate::clock::Clock;
use crate::config::Settings;
use crate::hub::{MemoryPins, PinStore, ServerStatus, ToolPin};

/// How long the running server may take to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Pins somebody else owns.
#[derive(Debug)]
pub(super) struct LentPins {
    settings: Settings,
    clock: Clock,
    known: OnceCell<Known>,
}

/// What was found out.
#[derive(Debug, Default)]
struct Known {
    pins: MemoryPins,
    /// How the servers are doing, where one runs that knows.
    servers: Option<Vec<ServerStatus>>,
}

/// What the running server says.
#[derive(Deserialize)]
struct Told {
    servers: Vec<ServerStatus>,
}

impl LentPins {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            clock: Clock::system(),
            known: OnceCell::new(),
        })
    }

    /// How the external servers are doing, if a server runs here that knows.
    pub(super) async fn told(&self) -> Option<Vec<ServerStatus>> {
        self.known().await.servers.clone()
    }

    async fn known(&self) -> &Known {
        let read = async || match self.read().await {
            Ok(known) => known,
            Err(why) => {
                tracing::warn!("which tools of external servers are approved is not known here: {why}");
                Known::default()
            }
        };
        self.known.get_or_init(read).await
    }

    async fn read(&self) -> Result<Known, String> {
        if self.settings.mcp.is_empty() {
            return Ok(Known::default());
        }
        if let Some(url) = running_server(&self.settings) {
            return self.ask(&url).await;
        }
        let Some((_open, journal)) = self.journal().await? else {
            return Ok(Known::default());
        };
        let mut pins = Vec::new();
        for server in self.settings.mcp.keys() {
            let own = journal.load(server).await?;
            pins.extend(own.into_iter().map(|(tool, pin)| (server.clone(), tool, pin)));
        }
        Ok(Known {
            pins: MemoryPins::of(pins),
            servers: None,
        })
    }

    async fn ask(&self, url: &str) -> Result<Known, String> {
        let token = files::admin_token(&self.settings)?;
        let token = token.unwrap_or_else(|| SecretString::from(String::new()));
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ASK_TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let asked = client
            .get(format!("{url}/api/v1/tools"))
            .bearer_auth(token.expose_secret())
            .send()
            .await;
        let answer = asked
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| error.to_string())?;
        let told: Told = answer.json().await.map_err(|error| error.to_string())?;
        let pins = told.servers.iter().flat_map(|server| {
            let tools = server.tools.iter();
            tools.filter_map(move |tool| {
                let name = tool.name.split_once('.')?.1.to_owned();
                Some((server.name.clone(), name, tool.pin.clone()?))
            })
        });
        Ok(Known {
            pins: MemoryPins::of(pins),
            servers: Some(told.servers),
        })
    }

    /// The same to keep something in: where there is none yet it is made, or what a tool was when it was first seen would be
    /// forgotten with this process.
    async fn journal_to_keep(&self) -> Result<Option<(Bare, Arc<dyn PinStore>)>, String> {
        if let Some(there) = self.journal().await? {
            return Ok(Some(there));
        }
        if self.settings.redis.is_some() {
            tracing::warn!(
                "what a tool was when it was seen is forgotten with this process: no server runs that keeps it in Redis"
            );
            return Ok(None);
        }
        let made = Bare::open(&self.settings, false).await;
        let made = made.map_err(|error| error.to_string())?;
        let pins: Arc<dyn PinStore> = JournalPins::new(made.kept(), self.clock.clone());
        Ok(Some((made, pins)))
    }

    /// The journal, opened for as long as both values live: a server must be able to start.
    async fn journal(&self) -> Result<Option<(Bare, Arc<dyn PinStore>)>, String> {
        // To say what a rule may call, no network is needed: what is approved in Redis only the server there knows.
        if self.settings.redis.is_some() {
            return Ok(None);
        }
        let journal = Bare::existing(&self.settings).await;
        let journal = journal.map_err(|error| error.to_string())?;
        Ok(journal.map(|journal| {
            let pins: Arc<dyn PinStore> = JournalPins::new(journal.kept(), self.clock.clone());
            (journal, pins)
        }))
    }
}

#[async_trait]
impl PinStore for LentPins {
    async fn load(&self, server: &str) -> Result<BTreeMap<String, ToolPin>, String> {
        self.known().await.pins.load(server).await
    }

    async fn save(
        &self,
        server: &str,
        tool: &str,
        was: Option<&ToolPin>,
        pin: &ToolPin,
    ) -> Result<bool, String> {
        // A running server looks at the same servers, and keeps what it sees itself.
        if running_server(&self.settings).is_none()
            && let Some((_open, journal)) = self.journal_to_keep().await?
            && !journal.save(server, tool, was, pin).await?
        {
            return Ok(false);
        }
        self.known().await.pins.save(server, tool, was, pin).await
    }
}
