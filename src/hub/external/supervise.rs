//! In: a server that is to be there. Out: that it is, again and again until the end. Never: an orphan.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ClientServiceExt;
use rmcp::model::ProtocolVersion;
use rmcp::service::{ClientLifecycleMode, Peer, RoleClient, RunningService};

use super::child::{self, Child};
use super::{Condition, External, Reach, remote};
use crate::clock::Clock;
use crate::hub::link::Wire;
use crate::hub::switchboard::Switchboard;

/// How long a server may take to list its tools.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the client may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause before the first new attempt; it doubles with each that fails.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A server that was there for so long has a clean slate.
const STABLE: Duration = Duration::from_secs(60);
/// So many looks in a row may fail.
const LOOKS_FAILED_MAX: u32 = 2;

/// A server that was reached.
struct Live {
    client: RunningService<RoleClient, Switchboard>,
    child: Option<Child>,
}

impl External {
    /// Keeps the server going until the end is asked for.
    pub(super) async fn supervise(self: Arc<Self>) {
        let mut failures: u32 = 0;
        loop {
            let begun = Clock::monotonic();
            let why = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                reached = self.reach(failures) => match reached {
                    Ok(live) => self.accompany(live).await,
                    Err(why) => why,
                },
            };
            if self.stop.is_cancelled() {
                break;
            }
            if begun.elapsed() >= STABLE {
                failures = 0;
            }
            let pause = PAUSE.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
            failures += 1;
            self.went_down(&why, pause);
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            self.shelf().restarts += 1;
        }
        self.wire.store(None);
        self.shelf().condition = Condition::Dormant;
        self.tidings.tell();
    }

    fn went_down(&self, why: &str, pause: Duration) {
        self.wire.store(None);
        let mut why = self.tail.redacted(why);
        if let Some(last) = self.tail.lines().last() {
            why = format!("{why}; its last words: {last}");
        }
        tracing::warn!(
            mcp.server = self.name,
            "the MCP server is down, and tried again in {pause:?}: {why}"
        );
        let mut shelf = self.shelf();
        (shelf.condition, shelf.why) = (Condition::Down, Some(why));
        drop(shelf);
        self.tidings.tell();
    }

    /// Starts or connects to the server, and takes stock of its tools.
    async fn reach(&self, failures: u32) -> Result<Live, String> {
        if let Some(missing) = &self.spec.missing {
            return Err(missing.clone());
        }
        let limit = self.spec.start_timeout;
        let late = || format!("it did not answer within {limit:?}");
        let live = tokio::time::timeout(limit, self.connect(failures))
            .await
            .map_err(|_elapsed| late())??;
        let peer = live.client.peer().clone();
        let stock = tokio::time::timeout(LIST_TIMEOUT.max(limit), self.take_stock(&peer)).await;
        match stock.unwrap_or_else(|_elapsed| Err(late())) {
            Ok(()) => Ok(live),
            Err(why) => {
                live.close().await;
                Err(why)
            }
        }
    }

    async fn connect(&self, failures: u32) -> Result<Live, String> {
        // A server of an older revision may take offense at the first question of the newer ones. So every second
        // attempt begins as the older revisions do.
        let hello = match failures % 2 {
            0 => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: None,
            },
            _ => ClientLifecycleMode::Initialize,
        };
        let switchboard = Switchboard::looking(Arc::clone(&self.look));
        match &self.spec.reach {
            Reach::Command {
                command, environment, ..
            } => {
                let (mut child, output, input) = child::spawn(command, environment, &self.tail)?;
                let greeting = switchboard.serve_with_lifecycle((output, input), hello);
                let client = tokio::select! {
                    client = greeting => client.map_err(|error| format!("it does not speak MCP: {error}"))?,
                    ended = child.ended() => return Err(ended),
                };
                let child = Some(child);
                Ok(Live { client, child })
            }
            Reach::Http {
                url,
                headers,
                plain_http,
            } => {
                let transport = remote::transport(url, headers, *plain_http)?;
                let client = switchboard.serve_with_lifecycle(transport, hello).await;
                let client = client.map_err(|error| chain(&error))?;
                Ok(Live { client, child: None })
            }
        }
    }

    /// Stays with a server that is there, until it is not. Says why.
    async fn accompany(&self, mut live: Live) -> String {
        let peer = live.client.peer().clone();
        let wire = Wire::new(peer.clone(), live.client.service().clone());
        self.wire.store(Some(Arc::new(wire)));
        self.breaker().answered();
        {
            let mut shelf = self.shelf();
            (shelf.condition, shelf.why) = (Condition::Up, None);
        }
        tracing::info!(mcp.server = self.name, "the MCP server is up");
        self.tidings.tell();
        let mut failed = 0;
        let why = loop {
            let child = live.child.as_mut();
            let ended = async move {
                match child {
                    Some(child) => child.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break String::new(),
                ended = ended => break ended,
                () = self.look.notified() => {}
                () = tokio::time::sleep(self.spec.health_interval) => {}
            }
            if peer.is_transport_closed() {
                // The child's end says more, if it ends.
                break match &mut live.child {
                    Some(child) => tokio::time::timeout(CLOSE_TIMEOUT, child.ended())
                        .await
                        .unwrap_or_else(|_elapsed| "it closed its output".to_owned()),
                    None => "the connection is closed".to_owned(),
                };
            }
            match self.look_after(&peer).await {
                Ok(()) => failed = 0,
                Err(why) => {
                    failed += 1;
                    if failed >= LOOKS_FAILED_MAX {
                        break why;
                    }
                    self.look.notify_one();
                }
            }
        };
        self.wire.store(None);
        live.close().await;
        why
    }

    /// Asks for the tools: that is how to know that it lives, and that they are the same. A server that works on a call
    /// is left alone: many do one thing at a time.
    async fn look_after(&self, peer: &Peer<RoleClient>) -> Result<(), String> {
        if *self.calls.borrow() > 0 {
            return Ok(());
        }
        let looked = tokio::time::timeout(LIST_TIMEOUT, self.take_stock(peer)).await;
        let looked = looked
            .unwrap_or_else(|_elapsed| Err(format!("it did not list its tools within {LIST_TIMEOUT:?}")));
        self.tidings.tell();
        looked
    }
}

impl Live {
    async fn close(mut self) {
        // This closes a child's input, which asks it to end.
        if let Err(error) = self.client.close_with_timeout(CLOSE_TIMEOUT).await {
            tracing::warn!(%error, "an MCP client did not close in order");
        }
        if let Some(child) = self.child.take() {
            child.end().await;
        }
    }
}

/// An error and what it comes from: the SDK's own words often leave out the part that matters.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // The SDK keeps to itself why a redirect was refused.
    if text.contains("error following redirect") {
        text.push_str("; it leads to another origin, or too often to the same: that is not followed");
    }
    text
}
