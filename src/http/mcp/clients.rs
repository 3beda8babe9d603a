//! In: who asks for what. Out: room for it or none; whose a session is. Never: one client in the way of the others, or of the
//! webhooks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode, header};
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use super::super::Problem;
use crate::agents::Who;
use crate::clock::Clock;

/// Requests whose answers are not wholly sent, streams included, of all clients. The server has four times as many connections, for
/// webhooks and for who asks whether it is well.
const OPEN_MAX: usize = 1_024;
/// The same, of one agent or person.
const OPEN_BY_ONE_MAX: usize = 128;
/// How many sessions of clients that still need one are kept for one endpoint.
const SESSIONS_MAX: usize = 256;
/// The same, of one agent or person.
const SESSIONS_BY_ONE_MAX: usize = 32;
/// After so long without a request, and with no stream open, a session gives way.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// After how many seconds a client that found no room should come again.
const RETRY_AFTER_SECONDS: u32 = 30;

/// How much each client has open.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<String, usize>>);

/// A request under way; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    clients: Arc<Clients>,
    who: String,
}

impl Clients {
    /// Room for one more request.
    pub(super) fn enter(self: &Arc<Self>, who: &Who) -> Result<Place, Problem> {
        let who = who.to_string();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(who.clone()).or_default();
        if *own >= OPEN_BY_ONE_MAX {
            let detail =
                format!("{OPEN_BY_ONE_MAX} requests and streams of `{who}` are open; end some first");
            return Err(no_room("too-many-requests", detail));
        }
        if all >= OPEN_MAX {
            let detail = format!("{OPEN_MAX} requests and streams of agents are open");
            return Err(no_room("too-many-requests", detail));
        }
        *own += 1;
        let clients = Arc::clone(self);
        Ok(Place { clients, who })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.who);
            }
        }
    }
}

fn no_room(slug: &'static str, detail: String) -> Problem {
    let title = "There is no room for this at the moment";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, title, detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))
}

/// Whose a session is, and what it is doing.
#[derive(Debug)]
struct Owned {
    who: Who,
    open: usize,
    last: Instant,
}

/// The sessions of one endpoint, by id.
#[derive(Debug)]
pub(super) struct Sessions {
    kept: Arc<LocalSessionManager>,
    owned: Mutex<HashMap<String, Owned>>,
}

/// A session in use; until this is dropped it does not give way.
#[derive(Debug)]
pub(super) struct InUse {
    sessions: Arc<Sessions>,
    id: String,
}

impl Sessions {
    pub(super) fn of(kept: Arc<LocalSessionManager>) -> Arc<Self> {
        Arc::new(Self {
            kept,
            owned: Mutex::default(),
        })
    }

    /// Uses a session. Who did not begin it is told what is told of one that there is not.
    pub(super) fn enter(self: &Arc<Self>, id: &str, who: &Who) -> Result<Option<InUse>, Problem> {
        let mut owned = self.owned();
        match owned.get_mut(id) {
            // Of an earlier process, or ended: the SDK's to say.
            None => Ok(None),
            Some(session) if session.who != *who => Err(Problem::not_found(
                "there is no such session; begin one with `initialize`",
            )),
            Some(session) => {
                session.open += 1;
                session.last = Clock::monotonic();
                let (sessions, id) = (Arc::clone(self), id.to_owned());
                Ok(Some(InUse { sessions, id }))
            }
        }
    }

    /// A session began.
    pub(super) fn begun(&self, id: &str, who: Who) {
        let last = Clock::monotonic();
        self.owned().insert(id.to_owned(), Owned { who, open: 0, last });
    }

    /// Room for one more session of `who`; those that nobody uses any more give way.
    pub(super) async fn room(&self, who: &Who) -> Result<(), Problem> {
        let there: Vec<String> = {
            let kept = self.kept.sessions.read().await;
            kept.keys().map(ToString::to_string).collect()
        };
        let idle: Vec<String> = {
            let mut owned = self.owned();
            owned.retain(|id, _| there.contains(id));
            let idle = |session: &Owned| session.open == 0 && session.last.elapsed() >= SESSION_IDLE;
            let idle = owned.iter().filter(|(_, session)| idle(session));
            idle.map(|(id, _)| id.clone()).collect()
        };
        for id in idle {
            let _ = self.kept.close_session(&id.as_str().into()).await;
            self.owned().remove(&id);
        }
        let owned = self.owned();
        let own = owned.values().filter(|session| session.who == *who).count();
        let how = "end some with DELETE, or use protocol revision 2026-07-28, which needs none";
        if own >= SESSIONS_BY_ONE_MAX {
            let detail = format!("{SESSIONS_BY_ONE_MAX} sessions of `{who}` are open; {how}");
            return Err(no_room("too-many-sessions", detail));
        }
        if owned.len() >= SESSIONS_MAX {
            let detail = format!("{SESSIONS_MAX} sessions are open; {how}");
            return Err(no_room("too-many-sessions", detail));
        }
        Ok(())
    }

    fn owned(&self) -> MutexGuard<'_, HashMap<String, Owned>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(session) = self.sessions.owned().get_mut(&self.id) {
            session.open -= 1;
            session.last = Clock::monotonic();
        }
    }
}
