//! In: HTTP calls as GitHub's and Render's clients make them, seeds, faults. Out: answers from state, signed webhooks.
//! Stand-ins with a memory: what is written can be read, deploys progress with the clock, webhooks close the loop.
//! Never: the network beyond the given receiver, the real providers, any other room of the crate but `clock`.

mod server;
mod control;
mod act;
mod faults;
mod call;
mod rates;
mod github;
mod render;
mod seed;
mod hooks;
mod webhooks;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
pub use act::SOMEBODY;
pub use render::Pace;
use state::World;

/// How often a listening sandbox looks whether a deploy has come further.
const TICK: Duration = Duration::from_millis(50);
/// How long [`Running::stop`] waits for open connections before it cuts them.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What a sandbox needs to know to be the other side of our clients and our webhook doors.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time of everything in it; a virtual clock makes deploys progress as a test moves it.
    pub clock: Clock,
    /// The only bearer token that the GitHub side accepts; anything else is 401.
    pub github_token: String,
    /// The only API key that the Render side accepts.
    pub render_key: String,
    /// Signs GitHub deliveries; `None` sends them unsigned, as GitHub does for a hook without secret.
    pub github_secret: Option<String>,
    /// Signs Render deliveries (`whsec_…` or bare base64; other text is taken as raw bytes). `None`: unsigned.
    pub render_secret: Option<String>,
    /// Whose token `github_token` is: the author of what we write and the sender of its webhooks.
    pub bot_login: String,
}

/// A handle to one pair of stand-ins; clones share the same state.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    world: Mutex<World>,
    clock: Clock,
    /// Rises whenever something was put into the outbox.
    posted: watch::Sender<u64>,
    /// Rises whenever a delivery came to its end.
    settled: watch::Sender<u64>,
}

/// The page about what can be seeded.
///
/// # Errors
/// A sentence about an example that cannot be seeded, which a test rules out.
pub fn state_reference() -> Result<String, String> {
    seed::markdown()
}

/// JSON Schema of what can be seeded.
///
/// # Errors
/// As [`state_reference`].
pub fn state_schema() -> Result<Value, String> {
    seed::schema()
}

impl Sandbox {
    /// An empty sandbox: no repositories, no services, no webhook target.
    pub fn new(options: Options) -> Self {
        let clock = options.clock.clone();
        Self(Arc::new(Inner {
            world: Mutex::new(World::new(options)),
            clock,
            posted: watch::Sender::new(0),
            settled: watch::Sender::new(0),
        }))
    }

    /// Makes a GitHub App known, installed on every account there is: its webhook is the target, its installation tokens are
    /// taken beside the token, and what is done with them is done by `xmrt-app[bot]`. `private_key` is in PEM; one that
    /// is not makes every call of the App 401.
    #[must_use]
    pub fn with_github_app(self, id: &str, private_key: &str) -> Self {
        let app = github::App::new(id, private_key);
        let mut world = self.world();
        world.outbox.app = Some(app.number());
        world.github.app = Some(app);
        drop(world);
        self
    }

    /// Makes an App known that people can sign in with.
    #[must_use]
    pub fn with_oauth_app(self, client_id: &str, client_secret: &str) -> Self {
        self.world().github.oauth.register(client_id, client_secret);
        self
    }

    /// Puts things into the state; the shape is that of a rule test's `state`, which [`state_reference`] describes: lists of
    /// flat tables with snake_case keys, below `github` and `render`. A time is RFC 3339 or relative to now (`"-10m"`).
    /// Nothing is emitted.
    ///
    /// # Errors
    /// A sentence that names the list, the entry and the key that cannot be understood.
    pub fn seed(&self, state: &Value) -> Result<(), String> {
        seed::seed(&mut self.world(), state)
    }

    /// Makes exist whatever a webhook payload of `source` (`github` or `render`) mentions: the repository, the issue,
    /// the pull request (also as an issue), the workflow run, the service. Other sources and shapes are ignored.
    pub fn seed_from_payload(&self, source: &str, payload: &Value) {
        seed::from_payload(&mut self.world(), source, payload);
    }

    /// Where signed webhooks go: a base URL, to which `/webhooks/github` and `/webhooks/render` are appended.
    /// `None` (the start) keeps them in the log only.
    pub fn deliver_to(&self, base: Option<&str>) {
        self.world().outbox.target = base.map(|base| base.trim_end_matches('/').to_owned());
    }

    /// How long the phases of a deploy take from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.world().render.pace = pace;
    }

    /// Adds fault rules, as `POST /_sandbox/faults` does (a list, or one rule).
    ///
    /// `{"match": {provider, method, path, operation}, "times": n, "kind": …}`: all of `match` is optional and may
    /// stand beside `kind` instead; `path` (below the base URL) and `operation` may hold `*`; without `times` a rule
    /// stays. Several rules may hit one call. Kinds: `latency` (ms), `status` (status, `[retry_after, reset_in,
    /// secondary, message]`; nothing happens), `reply_lost`, `hang` (`effect`, default true), `empty_202`,
    /// `lagging_reads` (ms), `webhook_before_reply`, `foreign_writer`.
    ///
    /// # Errors
    /// A sentence that names the rule and what is wrong with it; then none of them is added.
    pub fn add_faults(&self, rules: &Value) -> Result<usize, String> {
        self.world().faults.add(rules)
    }

    /// Takes all fault rules away, as `DELETE /_sandbox/faults` does.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Brings every deploy to where it belongs by now and posts the webhooks of what happened on the way.
    pub fn tick(&self) {
        let mut world = self.world();
        render::tick(&mut world);
        drop(world);
        self.announce();
    }

    /// Lets a person or a machine do something outside our API, as `POST /_sandbox/act` does; waits until the webhooks
    /// of it were answered (when there is a target).
    ///
    /// `{"do": …, "by": login, …}`, with (optional in brackets; `number` is an issue's or a pull request's):
    /// - `open_issue` repo, title, [body, labels, author_association]; `close_issue`, `reopen_issue` repo, number;
    ///   `edit_issue` repo, number, [title, body]; `label_issue` repo, number, label; `comment` repo, number, body;
    /// - `open_pull_request` repo, title, [body, head, base, draft, author_association, files: names or
    ///   `{filename, status, additions, deletions, patch}`]; `merge_pull_request` repo, number;
    /// - `push` repo, [branch, sha, message, added, removed, modified]: services that deploy on commits of that branch
    ///   do; `complete_workflow_run` repo, [id, name, event, branch, sha, conclusion, logs]: success on a branch's head
    ///   deploys the services that wait for checks; `rerun` repo, id; `ping` repo;
    /// - `deploy` service_id, [service_name, commit, message, trigger, fails, after, logs], where fails is `build`,
    ///   `update` or `live` (then after e.g. `"2s"`); `fail_next_deploy` service_id, [fails, after, logs];
    ///   `server_failed` service_id, \[logs\]; `server_available` service_id; `event` service_id, type, \[status, details\].
    ///
    /// Gives `{result, deliveries}`: what was made, and each delivery with the receiver's answer.
    ///
    /// # Errors
    /// A sentence that names the act and what it lacks.
    pub async fn act(&self, act: &Value) -> Result<Value, String> {
        act::perform(self, act).await
    }

    /// Every write that took effect, oldest first: `{n, at, provider, operation, target, actor, detail, result, key?}`.
    pub fn effects(&self) -> Vec<Value> {
        self.world().effects.iter().cloned().collect()
    }

    /// The writes that took effect after the one numbered `n`, oldest first.
    pub fn effects_after(&self, n: u64) -> Vec<Value> {
        state::after(&self.world().effects, n)
    }

    /// The latest requests, oldest first: `{n, at, provider, operation, method, path, query, status}`; without a status
    /// where the answer was lost or never given.
    pub fn requests(&self) -> Vec<Value> {
        self.world().requests.iter().cloned().collect()
    }

    /// The requests after the one numbered `n`, oldest first.
    pub fn requests_after(&self, n: u64) -> Vec<Value> {
        state::after(&self.world().requests, n)
    }

    /// The latest webhook deliveries, oldest first, with what the receiver answered.
    pub fn deliveries(&self) -> Vec<Value> {
        self.world().outbox.log()
    }

    /// Opens the doors on `addr` (port 0: any free one) and starts to deliver webhooks.
    ///
    /// # Errors
    /// Whatever keeps the address from being bound.
    pub async fn listen(&self, addr: SocketAddr) -> io::Result<Running> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        self.world().base = format!("http://{addr}");
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(server::serve(self.clone(), listener, stopped.clone())),
            tokio::spawn(webhooks::deliver(
                self.clone(),
                state::Provider::Github,
                stopped.clone(),
            )),
            tokio::spawn(webhooks::deliver(
                self.clone(),
                state::Provider::Render,
                stopped.clone(),
            )),
            tokio::spawn(keep_ticking(self.clone(), stopped)),
        ];
        Ok(Running { addr, stop, tasks })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the couriers when there is something to carry.
    fn announce(&self) {
        let posted = self.world().outbox.posted();
        self.0
            .posted
            .send_if_modified(|seen| std::mem::replace(seen, posted) != posted);
    }
}

async fn keep_ticking(sandbox: Sandbox, mut stopped: watch::Receiver<bool>) {
    let mut beat = tokio::time::interval(TICK);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = beat.tick() => sandbox.tick(),
        }
    }
}

/// A sandbox with open doors. Dropping it closes them at once; [`Running::stop`] does it in good order.
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a GitHub client (`GITHUB_API_URL`).
    pub fn github_url(&self) -> String {
        format!("http://{}/github", self.addr)
    }

    /// The base URL for a Render client (`RENDER_API_URL`).
    pub fn render_url(&self) -> String {
        format!("http://{}/render/v1", self.addr)
    }

    /// The base URL of the control routes.
    pub fn control_url(&self) -> String {
        format!("http://{}/_sandbox", self.addr)
    }

    /// Stops listening and delivering; hanging calls are let go, connections still open after two seconds are cut.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut self.tasks);
        let all = async {
            for task in &mut tasks {
                // A task that was cut has nothing left to tell.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
