//! In: what the providers and the person who is told were asked for. Out: all of it, with its times. Never: a question
//! to the reactor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::work::{self, TELL};

/// How often the sandbox is asked what happened; it forgets what is older than some thousand entries.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Something that took effect.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    /// Which event it is about.
    pub(super) event: Option<u64>,
    pub(super) operation: String,
    pub(super) target: String,
    /// Whether it was made with our token, and not by a foreign writer.
    pub(super) ours: bool,
    /// The step's key, where the effect carries one.
    pub(super) key: Option<String>,
}

/// A request, as the sandbox saw it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) at_ms: i64,
    pub(super) path: String,
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) effects: Vec<Effect>,
    pub(super) requests: Vec<Request>,
    /// How often a person was told of an event.
    pub(super) told: BTreeMap<u64, u64>,
    /// The sandbox had forgotten something before it was asked: then nothing can be said.
    pub(super) gaps: Vec<String>,
    last: (u64, u64),
}

/// Who looks on.
pub(super) struct Witness {
    seen: Arc<Mutex<Seen>>,
    client: Client,
    sandbox: String,
    bot: String,
    watching: JoinHandle<()>,
    listening: JoinHandle<()>,
    /// Where notifications go.
    pub(super) notify_url: String,
}

impl Witness {
    /// Looks on at the sandbox at `sandbox`, and listens for notifications.
    pub(super) async fn start(client: Client, sandbox: &str) -> Result<Self, String> {
        let seen = Arc::<Mutex<Seen>>::default();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let app = Router::new()
            .route("/told", post(told))
            .with_state(Arc::clone(&seen));
        let listening = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let state = ask(&client, sandbox, "state").await?;
        let bot = state["bot_login"].as_str().unwrap_or_default().to_owned();
        let watching = {
            let (client, sandbox, bot, seen) =
                (client.clone(), sandbox.to_owned(), bot.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                loop {
                    if let Err(why) = look(&client, &sandbox, &bot, &seen).await {
                        lock(&seen).gaps.push(why);
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            })
        };
        Ok(Self {
            seen,
            client,
            sandbox: sandbox.to_owned(),
            bot,
            watching,
            listening,
            notify_url: format!("http://{address}/told"),
        })
    }

    /// All that happened until now.
    pub(super) async fn all(&self) -> Result<Seen, String> {
        look(&self.client, &self.sandbox, &self.bot, &self.seen).await?;
        Ok(lock(&self.seen).clone())
    }

    /// Waits until somebody asked for what is at or below `path`, after the first `from` requests; false when nobody did.
    pub(super) async fn requested(&self, path: &str, from: usize, within: Duration) -> bool {
        let begun = tokio::time::Instant::now();
        loop {
            // An error shows in the gaps.
            let _ = look(&self.client, &self.sandbox, &self.bot, &self.seen).await;
            let found = lock(&self.seen).requests[from..]
                .iter()
                .any(|request| work::concerns(&request.path, path));
            if found || begun.elapsed() > within {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// How many requests were seen.
    pub(super) fn requests(&self) -> usize {
        lock(&self.seen).requests.len()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.watching.abort();
        self.listening.abort();
    }
}

async fn told(State(seen): State<Arc<Mutex<Seen>>>, body: String) {
    let text = serde_json::from_str::<Value>(&body).unwrap_or_default();
    let event = text["text"]
        .as_str()
        .and_then(|text| text.strip_prefix("About ")?.parse().ok());
    match event {
        Some(event) => *lock(&seen).told.entry(event).or_default() += 1,
        None => lock(&seen)
            .gaps
            .push(format!("a notification nobody asked for: {body}")),
    }
}

/// Fetches what is new. Two lookers at once see the same entries; each entry is taken once.
async fn look(client: &Client, sandbox: &str, bot: &str, seen: &Mutex<Seen>) -> Result<(), String> {
    let (effects, requests) = lock(seen).last;
    let effects = ask(client, sandbox, &format!("effects?after={effects}")).await?;
    let requests = ask(client, sandbox, &format!("requests?after={requests}")).await?;
    let mut seen = lock(seen);
    let mut last = seen.last;
    for entry in effects["effects"].as_array().into_iter().flatten() {
        if take(&mut seen.gaps, &mut last.0, entry, "effects") {
            let effect = effect(entry, bot);
            seen.effects.push(effect);
        }
    }
    for entry in requests["requests"].as_array().into_iter().flatten() {
        if take(&mut seen.gaps, &mut last.1, entry, "requests") {
            seen.requests.push(Request {
                at_ms: millis(&entry["at"]),
                path: entry["path"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    seen.last = last;
    Ok(())
}

/// Whether an entry is new; notes what is missing before it.
fn take(gaps: &mut Vec<String>, last: &mut u64, entry: &Value, log: &str) -> bool {
    let n = entry["n"].as_u64().unwrap_or(0);
    if n <= *last {
        return false;
    }
    if n != *last + 1 {
        gaps.push(format!(
            "{log} {} to {} were forgotten before they were seen",
            *last + 1,
            n - 1
        ));
    }
    *last = n;
    true
}

fn effect(entry: &Value, bot: &str) -> Effect {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let (operation, target) = (text("operation"), text("target"));
    Effect {
        event: work::event_of(&operation, &target, &entry["detail"]),
        ours: entry["actor"] == bot,
        key: entry["key"].as_str().map(str::to_owned),
        operation,
        target,
    }
}

/// Notifications as effects: what a person was told.
pub(super) fn notifications(seen: &Seen) -> impl Iterator<Item = ((u64, &'static str), u64)> + '_ {
    seen.told.iter().map(|(event, times)| ((*event, TELL), *times))
}

fn millis(at: &Value) -> i64 {
    at.as_str()
        .and_then(|at| at.parse::<jiff::Timestamp>().ok())
        .map_or(0, jiff::Timestamp::as_millisecond)
}

async fn ask(client: &Client, sandbox: &str, what: &str) -> Result<Value, String> {
    let answer = client.get(format!("{sandbox}/_sandbox/{what}")).send().await;
    let answer = answer.map_err(|error| format!("the sandbox: {error}"))?;
    answer
        .json()
        .await
        .map_err(|error| format!("the sandbox: {error}"))
}

/// Tells the sandbox something.
pub(super) async fn tell(client: &Client, sandbox: &str, what: &str, body: &Value) -> Result<(), String> {
    let url = format!("{sandbox}/_sandbox/{what}");
    let answer = client
        .post(url)
        .json(body)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("the sandbox: {what}: {status} {text}")),
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
