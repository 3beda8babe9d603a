//! In: progress that a server reports. Out: the same, to whoever made the call it belongs to. Never: a call's answer.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use rmcp::ClientHandler;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{NotificationContext, RequestHandle, RoleClient, ServiceError};
use tokio::sync::mpsc::Sender;

/// Who hears of a call's progress. A full channel loses reports: the next one says more anyway.
pub(super) type Listener = Sender<ProgressNotificationParam>;

type Lines = std::sync::Mutex<HashMap<ProgressToken, Listener>>;

/// Our end of one connection: who waits for which progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Switchboard {
    lines: Arc<Lines>,
    /// Held while a call is sent and its line connected, so that no report can come in between.
    connecting: Arc<tokio::sync::RwLock<()>>,
    /// Told when the server says that its tools are others now.
    look: Option<Arc<tokio::sync::Notify>>,
}

impl Switchboard {
    /// One that passes on that the server's tools changed.
    pub(super) fn looking(look: Arc<tokio::sync::Notify>) -> Self {
        Self {
            look: Some(look),
            ..Self::default()
        }
    }

    /// Sends a request and connects its progress to `listener` until the [`Line`] is dropped.
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
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.insert(token.clone(), listener);
        let line = Line {
            lines: Arc::clone(&self.lines),
            token,
        };
        Ok((handle, line))
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
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = lines.get(&report.progress_token) {
            let _ = listener.try_send(report);
        }
    }
}

/// A connected line; disconnects when dropped.
pub(super) struct Line {
    lines: Arc<Lines>,
    token: ProgressToken,
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.remove(&self.token);
    }
}
