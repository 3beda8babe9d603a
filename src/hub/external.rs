//! In: how to reach an MCP server that is somebody else's. Out: its tools, as far as they are approved, and calls to them.
//! Never: belief in what it says of itself, or a failure that spreads.

mod breaker;
mod child;
mod remote;
mod stderr;
mod stock;
mod supervise;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ClientCapabilities, Tool};
use rmcp::service::ServiceError;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::link::Wire;
use super::pins::{Difference, Pin, PinStore};
use super::switchboard::Listener;
use super::{Doubt, ErrorClass, ToolError, ToolFacts, answer};
use crate::agents::Who;
use crate::clock::Clock;
use crate::telemetry::numbers;
use breaker::Breaker;
use stderr::Tail;
use stock::Shelf;

/// An MCP server that is not built in.
#[derive(Clone, Debug)]
pub struct ExternalServer {
    /// Where it is.
    pub reach: Reach,
    /// The tools that may be used; `None`: all.
    pub tools: Option<Vec<String>>,
    /// What the operator knows of single tools.
    pub overrides: BTreeMap<String, Override>,
    /// Whether what its tools say of themselves (`readOnlyHint`, …) is believed.
    pub believe_annotations: bool,
    /// Whether a tool that is seen for the first time waits for a person, too.
    pub approve_by_hand: bool,
    /// How long one call may take.
    pub call_timeout: Duration,
    /// How long it may take to be there.
    pub start_timeout: Duration,
    /// How often it is asked for its tools while nothing else is asked of it.
    pub health_interval: Duration,
    /// Why it cannot be started at all: a variable that is not set.
    pub missing: Option<String>,
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum Reach {
    /// A child process that speaks on its standard input and output.
    Command {
        /// Program and arguments; no shell.
        command: Vec<String>,
        /// Every variable it sees.
        environment: Vec<(String, SecretString)>,
        /// Those of them that are secrets.
        secrets: Vec<SecretString>,
    },
    /// Streamable HTTP.
    Http {
        /// HTTPS, or this machine.
        url: String,
        /// Sent with every request.
        headers: Vec<(String, SecretString)>,
        /// HTTP to other machines is meant.
        plain_http: bool,
    },
}

/// What the operator knows of a tool; `None` leaves the worst case.
#[derive(Clone, Debug, Default)]
pub struct Override {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy or interrupt something.
    pub destructive: Option<bool>,
    /// How a lost answer is dealt with.
    pub doubt: Option<Doubt>,
    /// When it says that it failed, nothing happened.
    pub failure_is_clean: bool,
}

/// How a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was not asked to be there.
    Dormant,
    /// It is being started or connected to.
    Starting,
    /// It answers.
    Up,
    /// It does not; it is tried again.
    Down,
}

/// A server and its tools, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub condition: Condition,
    /// Why it is down.
    pub why: Option<String>,
    /// How often it had to be started again.
    pub restarts: u64,
    /// The end of what it wrote to its standard error.
    pub stderr: Vec<String>,
    /// Its tools, in order.
    pub tools: Vec<ToolStatus>,
}

/// A tool of an external server, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolStatus {
    /// `server.tool`.
    pub name: String,
    /// Whether it can be used.
    pub standing: Standing,
    /// What is on record of it.
    pub pin: Option<Pin>,
    /// The hash of the contract in use.
    pub approved: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// The hash of the contract that waits for approval.
    pub seen: Option<String>,
    /// How that one differs.
    pub differences: Vec<Difference>,
    /// Why it cannot be used, where that is something else.
    pub why: Option<String>,
}

/// Whether a tool can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is the one that was approved.
    Approved,
    /// It was never approved.
    New,
    /// It is not the one that was approved.
    Changed,
    /// The server no longer has it.
    Missing,
    /// It was never seen.
    Unseen,
    /// It cannot be used as it is.
    Unfit,
}

/// A tool as the hub lists it.
pub(super) struct Contribution {
    pub(super) facts: ToolFacts,
    /// For agents; absent while it is out of use.
    pub(super) listed: Option<Tool>,
    /// Why calls fail at the moment.
    pub(super) unavailable: Option<String>,
}

/// Tells that something changed: a number that rises, and who waits for it.
#[derive(Clone, Debug)]
pub(super) struct Tidings(Arc<(AtomicU64, watch::Sender<u64>)>);

impl Tidings {
    pub(super) fn new() -> Self {
        Self(Arc::new((AtomicU64::new(0), watch::Sender::new(0))))
    }

    pub(super) fn now(&self) -> u64 {
        self.0.0.load(Ordering::Acquire)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.1.subscribe()
    }

    fn tell(&self) {
        let now = self.0.0.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.1.send_replace(now);
    }
}

/// Why a call got no answer.
pub(super) enum Trouble {
    /// Nothing was sent.
    Refused(ToolError),
    /// It was sent, and then this.
    Failed(ServiceError),
    /// It was sent, and this time is over.
    TimedOut(Duration),
}

/// One external server.
#[derive(Debug)]
pub(super) struct External {
    pub(super) name: String,
    pub(super) spec: ExternalServer,
    pins: Arc<dyn PinStore>,
    shelf: Mutex<Shelf>,
    wire: ArcSwapOption<Wire>,
    breaker: Mutex<Breaker>,
    tail: Arc<Tail>,
    tidings: Tidings,
    calls: watch::Sender<usize>,
    /// Somebody has a reason to look at the server now.
    look: Arc<Notify>,
    stop: CancellationToken,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl External {
    /// A server that is not there yet; what is on record of its tools is known.
    pub(super) async fn dormant(
        name: &str,
        spec: ExternalServer,
        pins: Arc<dyn PinStore>,
        tidings: Tidings,
    ) -> Arc<Self> {
        let secrets = match &spec.reach {
            Reach::Command { secrets, .. } => secrets.clone(),
            Reach::Http { headers, .. } => headers.iter().map(|(_, value)| value.clone()).collect(),
        };
        let external = Self {
            name: name.to_owned(),
            pins,
            shelf: Mutex::default(),
            wire: ArcSwapOption::empty(),
            breaker: Mutex::default(),
            tail: Tail::new(name, secrets),
            tidings,
            calls: watch::Sender::new(0),
            look: Arc::default(),
            stop: CancellationToken::new(),
            task: tokio::sync::Mutex::default(),
            spec,
        };
        external.read_pins().await;
        Arc::new(external)
    }

    /// Starts it, and keeps it going until [`External::stop`].
    pub(super) async fn wake(self: &Arc<Self>) {
        let mut task = self.task.lock().await;
        if task.is_none() && !self.stop.is_cancelled() {
            self.shelf().condition = Condition::Starting;
            *task = Some(tokio::spawn(Arc::clone(self).supervise()));
        }
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take()
            && task.await.is_err()
        {
            tracing::error!(
                mcp.server = self.name,
                "the supervisor died; why, the line of its panic says"
            );
        }
    }

    /// Waits until the first attempt to reach it has come to something.
    pub(super) async fn tried(&self) {
        let mut changes = self.tidings.subscribe();
        while matches!(self.shelf().condition, Condition::Starting) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// What the server says it is for.
    pub(super) fn instructions(&self) -> Option<String> {
        self.wire.load().as_ref()?.instructions()
    }

    /// The connection, while the server is up.
    pub(super) fn wire(&self) -> Option<Arc<Wire>> {
        self.wire.load_full()
    }

    /// Calls a tool that is in use, at most as long as the server's own setting allows.
    pub(super) async fn call(
        &self,
        tool: &str,
        request: CallToolRequestParams,
        (who, listener, capabilities): (&Who, Option<Listener>, Option<ClientCapabilities>),
        timeout: Duration,
    ) -> Result<CallToolResponse, Trouble> {
        self.usable(tool).map_err(Trouble::Refused)?;
        let wire = self.wire.load_full();
        let wire = wire
            .filter(|wire| !wire.peer.is_transport_closed())
            .ok_or_else(|| Trouble::Refused(self.down()))?;
        self.breaker()
            .admit(Clock::monotonic())
            .map_err(|left| Trouble::Refused(self.paused(left)))?;
        wire.switchboard.used_by(&who.to_string());
        let _counted = Counted::new(&self.calls);
        let mut undecided = Undecided(Some(self));
        let timeout = timeout.min(self.spec.call_timeout);
        let answer = tokio::time::timeout(timeout, wire.call(request, listener, capabilities)).await;
        undecided.0 = None;
        match answer {
            Ok(Ok(answer)) => {
                self.breaker().answered();
                Ok(answer)
            }
            // An error is an answer, too: the server is there.
            Ok(Err(error @ ServiceError::McpError(_))) => {
                self.breaker().answered();
                Err(Trouble::Failed(error))
            }
            Ok(Err(error)) => {
                self.failed(&error.to_string());
                Err(Trouble::Failed(error))
            }
            Err(_elapsed) => {
                self.failed("calls are not answered in time");
                Err(Trouble::TimedOut(timeout))
            }
        }
    }

    fn failed(&self, why: &str) {
        if self.breaker().failed(Clock::monotonic()) {
            numbers::BREAKER_OPENED.count([&self.name]);
            let why = self.tail.redacted(why);
            tracing::warn!(mcp.server = self.name, "calls are held back for a while: {why}");
        }
        self.look.notify_one();
    }

    fn down(&self) -> ToolError {
        let shelf = self.shelf();
        let why = match (&shelf.why, shelf.condition) {
            (Some(why), _) => why.clone(),
            (None, Condition::Dormant) => "it is not started here".to_owned(),
            (None, _) => "it is being started".to_owned(),
        };
        self.unavailable(format!("the MCP server `{}` is not there: {why}", self.name))
    }

    fn paused(&self, left: Duration) -> ToolError {
        let message = format!(
            "the MCP server `{}` did not answer the last calls; the next one is tried in {} s",
            self.name,
            left.as_secs() + 1
        );
        self.unavailable(message)
    }

    fn unavailable(&self, message: String) -> ToolError {
        ToolError::new(ErrorClass::Unavailable, message)
            .with_remedy(format!("`xmrt tools` shows how `{}` is doing", self.name))
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a tool: the server's word for it, as far as it is believed, and the operator's.
    fn facts(&self, name: &str, tool: Tool) -> ToolFacts {
        let mut facts = answer::facts(&self.name, tool, self.spec.believe_annotations);
        if let Some(known) = self.spec.overrides.get(name) {
            facts.read_only = known.read_only.unwrap_or(facts.read_only);
            facts.destructive = known.destructive.unwrap_or(facts.destructive) && !facts.read_only;
            facts.promises.doubt = known.doubt.unwrap_or(facts.promises.doubt);
        }
        facts
    }
}

/// A call under way that nobody has decided about; dropped so, it says nothing of the server.
struct Undecided<'a>(Option<&'a External>);

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        if let Some(external) = self.0 {
            external.breaker().given_up();
        }
    }
}

/// Counts a call as long as it lasts.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(calls: &'a watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

/// Whether a pin stands for what is there now.
fn standing(pin: Option<&Pin>) -> Standing {
    match pin {
        None => Standing::Unseen,
        Some(pin) if !pin.is_quarantined() => Standing::Approved,
        Some(pin) if pin.approved.is_some() => Standing::Changed,
        Some(_) => Standing::New,
    }
}
