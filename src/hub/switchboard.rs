//! In: what a server says besides its answers. Out: the same, to whoever made the call it belongs to, or watches what it is about. Never: a
//! call's answer; to one caller what another one's call gave rise to.

#![expect(deprecated, reason = "clients and servers of today still speak of logging")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::ClientHandler;
use rmcp::model::{
    LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken,
    ResourceUpdatedNotificationParam,
};
use rmcp::service::{NotificationContext, RequestHandle, RoleClient, ServiceError};
use tokio::sync::broadcast;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// Words of changed resources on their way; who misses some is told so.
const UPDATES_MAX: usize = 64;

/// What is heard of a call before its answer.
#[derive(Debug)]
pub(super) enum Heard {
    /// How far it is.
    Progress(ProgressNotificationParam),
    /// What the server says to a person about it.
    Said(LoggingMessageNotificationParam),
}

/// Who hears of a call. A full channel loses reports: the next one says more anyway.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) ear: Sender<Heard>,
    /// From which severity on it wants to hear what the server says.
    pub(super) level: Option<LoggingLevel>,
}

/// What is under way over one connection.
#[derive(Debug, Default)]
struct Lines {
    listeners: HashMap<ProgressToken, Listener>,
    /// For whom it was used since it began: nobody yet, one, or several.
    users: Users,
}

#[derive(Debug, Default)]
enum Users {
    #[default]
    None,
    One(String),
    Several,
}

/// Our end of one connection: who waits for what.
#[derive(Clone, Debug)]
pub(super) struct Switchboard {
    lines: Arc<Mutex<Lines>>,
    /// Held while a call is sent and its line connected, so that no report can come in between.
    connecting: Arc<tokio::sync::RwLock<()>>,
    /// Told when the server says that its tools are others now.
    look: Option<Arc<tokio::sync::Notify>>,
    /// The addresses of resources that a server of an older revision says are others now.
    updates: broadcast::Sender<String>,
    /// The connection is gone.
    ended: CancellationToken,
}

impl Default for Switchboard {
    fn default() -> Self {
        Self {
            lines: Arc::default(),
            connecting: Arc::default(),
            look: None,
            updates: broadcast::Sender::new(UPDATES_MAX),
            ended: CancellationToken::new(),
        }
    }
}

impl Switchboard {
    /// One that passes on that the server's tools changed.
    pub(super) fn looking(look: Arc<tokio::sync::Notify>) -> Self {
        Self {
            look: Some(look),
            ..Self::default()
        }
    }

    /// For whoever wants to know which resources change from now on, until the connection is gone.
    pub(super) fn updates(&self) -> (broadcast::Receiver<String>, CancellationToken) {
        (self.updates.subscribe(), self.ended.clone())
    }

    /// The connection is gone.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// It is used for somebody.
    pub(super) fn used_by(&self, who: &str) {
        let users = &mut self.lines().users;
        match users {
            Users::None => *users = Users::One(who.to_owned()),
            Users::One(known) if known != who => *users = Users::Several,
            Users::One(_) | Users::Several => {}
        }
    }

    /// Sends a request and connects it to `listener` until the [`Line`] is dropped.
    pub(super) async fn connected<F>(
        &self,
        listener: Listener,
        send: impl FnOnce() -> F,
    ) -> Result<(RequestHandle<RoleClient>, Line), ServiceError>
    where
        F: Future<Output = Result<RequestHandle<RoleClient>, ServiceError>>,
    {
        let _connecting = self.connecting.write().await;
        let handle = send().await?;
        let token = handle.progress_token.clone();
        self.lines().listeners.insert(token.clone(), listener);
        let line = Line {
            board: self.clone(),
            token,
        };
        Ok((handle, line))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientHandler for Switchboard {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        if let Some(look) = &self.look {
            look.notify_one();
        }
    }

    async fn on_progress(&self, report: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let _connected = self.connecting.read().await;
        if let Some(listener) = self.lines().listeners.get(&report.progress_token) {
            let _ = listener.ear.try_send(Heard::Progress(report));
        }
    }

    /// Such a message does not say to which call it belongs, nor whether that is still waited for. So it is passed on only where the
    /// connection was never used for anybody else, and to the call under way if there is but one.
    async fn on_logging_message(
        &self,
        said: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let _connected = self.connecting.read().await;
        let lines = self.lines();
        let mut listeners = lines.listeners.values();
        let listener = match (&lines.users, listeners.next(), listeners.next()) {
            (Users::One(_), Some(listener), None) => listener,
            _ => {
                tracing::debug!("a server's log message was passed on to nobody");
                return;
            }
        };
        if listener
            .level
            .is_some_and(|level| level as u8 <= said.level as u8)
        {
            let _ = listener.ear.try_send(Heard::Said(said));
        }
    }

    async fn on_resource_updated(
        &self,
        updated: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let _ = self.updates.send(updated.uri);
    }
}

/// A connected line; disconnects when dropped.
pub(super) struct Line {
    board: Switchboard,
    token: ProgressToken,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.board.lines().listeners.remove(&self.token);
    }
}
