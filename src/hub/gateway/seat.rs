//! In: what one client said once for all its requests. Out: the same, for as long as it is connected. Never: what another client said.

#![expect(deprecated, reason = "clients of older revisions know nothing else")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::model::{ErrorData, LoggingLevel};
use rmcp::service::{RequestContext, RoleServer};
use tokio_util::task::AbortOnDropHandle;

/// How many resources one client may watch.
pub(super) const WATCHED_BY_ONE_MAX: usize = 64;
/// No level was chosen: nothing is said.
const SILENT: u8 = u8::MAX;

/// One client's place at an endpoint. A client of the newest revision has one for each request.
#[derive(Debug)]
pub(super) struct Seat {
    level: AtomicU8,
    watched: Mutex<BTreeMap<String, AbortOnDropHandle<()>>>,
    /// Who tells it that the tools are others now.
    list: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Default for Seat {
    fn default() -> Self {
        Self {
            level: AtomicU8::new(SILENT),
            watched: Mutex::default(),
            list: Mutex::default(),
        }
    }
}

impl Seat {
    pub(super) fn set_level(&self, level: LoggingLevel) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// From which severity on a client wants to hear what is said about a request: the request's own word, or the session's.
    pub(super) fn level(&self, context: &RequestContext<RoleServer>) -> Option<LoggingLevel> {
        let chosen = self.level.load(Ordering::Relaxed);
        let of_session = LEVELS.into_iter().find(|level| *level as u8 == chosen);
        context.meta.log_level().or(of_session)
    }

    /// Whether there is room for one more to be watched.
    pub(super) fn check_room(&self, uri: &str) -> Result<(), ErrorData> {
        let watched = self.watched();
        if watched.len() < WATCHED_BY_ONE_MAX || watched.contains_key(uri) {
            return Ok(());
        }
        let message =
            format!("{WATCHED_BY_ONE_MAX} resources are watched already; unsubscribe from one first");
        Err(ErrorData::invalid_params(message, None))
    }

    pub(super) fn watch(&self, uri: String, teller: AbortOnDropHandle<()>) {
        self.watched().insert(uri, teller);
    }

    /// Whether it was watched.
    pub(super) fn leave(&self, uri: &str) -> bool {
        self.watched().remove(uri).is_some()
    }

    pub(super) fn tell_of_list(&self, teller: AbortOnDropHandle<()>) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = Some(teller);
    }

    fn watched(&self) -> MutexGuard<'_, BTreeMap<String, AbortOnDropHandle<()>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LEVELS: [LoggingLevel; 8] = [
    LoggingLevel::Debug,
    LoggingLevel::Info,
    LoggingLevel::Notice,
    LoggingLevel::Warning,
    LoggingLevel::Error,
    LoggingLevel::Critical,
    LoggingLevel::Alert,
    LoggingLevel::Emergency,
];
