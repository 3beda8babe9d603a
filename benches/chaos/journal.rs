//! In: a server's address. Out: its journal as the API tells it: events with the hash of their body, runs, steps.
//! Never: the store; what the suite knows, any user could know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};

use super::fleet::{ADMIN_TOKEN, Addresses};
use super::work;

/// How many questions are asked at once.
const AT_ONCE: usize = 16;
/// The longest page of a list.
const PAGE: usize = 500;
/// How often the newest runs are looked at while everything breaks.
const SAMPLE_EVERY: Duration = Duration::from_millis(400);

/// An event on record.
#[derive(Clone, Debug, Default)]
pub(super) struct Event {
    /// SHA-256 of its body.
    pub(super) hash: String,
    /// How often it came again.
    pub(super) again: u64,
}

/// A run on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) rule: String,
    /// The delivery's id.
    pub(super) event: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) updated_at: String,
    pub(super) generation: u64,
    pub(super) steps: Vec<Step>,
}

/// A step on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Its tool, without the server.
    pub(super) tool: String,
    pub(super) key: String,
    pub(super) state: String,
    pub(super) attempts: u64,
}

/// All that is on record.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    /// By delivery id.
    pub(super) events: BTreeMap<String, Event>,
    pub(super) runs: Vec<Run>,
}

/// Whether nothing can follow a state.
pub(super) fn is_terminal(state: &str) -> bool {
    [
        "succeeded",
        "dead",
        "declined",
        "cancelled",
        "shadowed",
        "superseded",
    ]
    .contains(&state)
}

/// Waits until no run has anything left to do; gives those that still do when the time is over.
pub(super) async fn settled(client: &Client, address: &str, within: Duration) -> Result<Vec<Run>, String> {
    let begun = tokio::time::Instant::now();
    loop {
        let mut open = Vec::new();
        for state in ["queued", "running", "waiting"] {
            let page = ask(client, address, &format!("runs?state={state}&limit={PAGE}")).await?;
            open.extend(list(&page, "runs").map(run));
        }
        if open.is_empty() || begun.elapsed() > within {
            return Ok(open);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Reads the whole journal.
pub(super) async fn read(client: &Client, address: &str) -> Result<Journal, String> {
    let mut journal = Journal::default();
    let events = pages(client, address, "events").await?;
    let ids = events.iter().map(|event| text(event, "id"));
    for shown in each(client, address, "events", ids.collect()).await? {
        // Bodies are sent with their keys in order and without spaces, as they are written here.
        let hash = work::hash(shown["payload"].to_string().as_bytes());
        let again = shown["duplicates_total"].as_u64().unwrap_or(0);
        journal.events.insert(text(&shown, "id"), Event { hash, again });
    }
    let runs = pages(client, address, "runs").await?;
    let ids = runs.iter().map(|run| text(run, "id"));
    journal.runs = each(client, address, "runs", ids.collect())
        .await?
        .iter()
        .map(run)
        .collect();
    Ok(journal)
}

/// All pages of a list.
async fn pages(client: &Client, address: &str, what: &str) -> Result<Vec<Value>, String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ask(client, address, &format!("{what}?limit={PAGE}{cursor}")).await?;
        all.extend(list(&page, what).cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Everything about each of `ids`.
async fn each(client: &Client, address: &str, what: &str, ids: Vec<String>) -> Result<Vec<Value>, String> {
    let ids = Arc::new(Mutex::new(ids));
    let mut asking = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, address, what, ids) = (
            client.clone(),
            address.to_owned(),
            what.to_owned(),
            Arc::clone(&ids),
        );
        asking.spawn(async move {
            let mut shown = Vec::new();
            loop {
                let next = ids.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(id) = next else {
                    return Ok::<_, String>(shown);
                };
                shown.push(ask(&client, &address, &format!("{what}/{id}")).await?);
            }
        });
    }
    let mut all = Vec::new();
    while let Some(shown) = asking.join_next().await {
        all.extend(shown.map_err(|error| error.to_string())??);
    }
    Ok(all)
}

/// Looks at the newest runs again and again: which of them were seen at their end, and with what on record.
pub(super) struct Sampler {
    ends: Arc<Mutex<BTreeMap<String, (String, String)>>>,
    task: JoinHandle<()>,
}

impl Sampler {
    pub(super) fn start(client: Client, addresses: Addresses) -> Self {
        let ends = Arc::<Mutex<BTreeMap<String, (String, String)>>>::default();
        let seen = Arc::clone(&ends);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SAMPLE_EVERY).await;
                let up = addresses
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .last()
                    .cloned();
                let Some(address) = up else { continue };
                // Nobody answers while everything breaks: then there is nothing to see.
                let Ok(page) = ask(&client, &address, "runs?limit=200").await else {
                    continue;
                };
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                for run in list(&page, "runs").map(run).filter(|run| is_terminal(&run.state)) {
                    // The first sight counts: whatever differs from it later has left a terminal state.
                    seen.entry(run.id).or_insert((run.state, run.updated_at));
                }
            }
        });
        Self { ends, task }
    }

    /// The runs that were seen at their end: id → state and time.
    pub(super) fn ends(&self) -> BTreeMap<String, (String, String)> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn run(shown: &Value) -> Run {
    Run {
        id: text(shown, "id"),
        rule: text(shown, "rule"),
        event: text(shown, "event"),
        state: text(shown, "state"),
        reason: text(shown, "reason"),
        updated_at: text(shown, "updated_at"),
        generation: shown["generation"].as_u64().unwrap_or(0),
        steps: list(shown, "steps").map(step).collect(),
    }
}

fn step(shown: &Value) -> Step {
    let tool = shown["call"]["tool"].as_str().unwrap_or_default();
    Step {
        tool: tool.rsplit('.').next().unwrap_or_default().to_owned(),
        key: text(shown, "key"),
        state: text(shown, "state"),
        attempts: shown["attempts"].as_u64().unwrap_or(0),
    }
}

fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

/// `GET` on the API.
pub(super) async fn ask(client: &Client, address: &str, path: &str) -> Result<Value, String> {
    let told = |error: reqwest::Error| format!("GET {path}: {error}");
    let answer = client
        .get(format!("{address}/api/v1/{path}"))
        .bearer_auth(ADMIN_TOKEN)
        .send()
        .await
        .map_err(told)?;
    let (status, body) = (answer.status(), answer.text().await.map_err(told)?);
    match status.is_success() {
        true => serde_json::from_str(&body).map_err(|error| format!("GET {path}: {error}")),
        false => Err(format!("GET {path}: {status} {body}")),
    }
}
