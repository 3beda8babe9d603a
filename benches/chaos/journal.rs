//! In: a server's address. Out: its journal as its export tells it: events with the hash of their body, runs, steps.
//! Never: the store; what the suite knows, any user could know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::fleet::{ADMIN_TOKEN, Addresses};
use super::work;

/// The longest page of a list.
const PAGE: usize = 500;
/// How long an export of everything may take.
const EXPORTED_WITHIN: Duration = Duration::from_secs(600);
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
    /// Who holds its lease.
    pub(super) worker: Option<String>,
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
    /// The id that its result gives.
    pub(super) result: String,
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
    const OPEN: [&str; 4] = ["delayed", "queued", "running", "waiting"];
    let begun = tokio::time::Instant::now();
    loop {
        let mut open = Vec::new();
        for state in OPEN {
            let page = ask(client, address, &format!("runs?state={state}&limit={PAGE}")).await?;
            open.extend(list(&page, "runs").map(run));
        }
        let over = begun.elapsed() > within;
        if over && !open.is_empty() {
            return Ok(open);
        }
        // A run that changes its state while it is asked for state by state slips through; these are of one moment.
        let counts = match open.is_empty() {
            true => ask(client, address, "journal").await?["counts"].take(),
            false => Value::Null,
        };
        if OPEN.iter().all(|state| counts[*state] == 0) {
            return Ok(open);
        }
        if over {
            return Err(format!("there are runs left, and none can be seen: {counts}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Reads the whole journal, from its export. An export that was cut off is an error.
pub(super) async fn read(client: &Client, address: &str) -> Result<Journal, String> {
    let mut journal = Journal::default();
    let asked = client
        .get(format!("{address}/api/v1/export"))
        .timeout(EXPORTED_WITHIN);
    let mut answer = answered(asked, "export").await?;
    let (mut lines, mut records, mut end) = (Vec::new(), 0, None);
    while let Some(piece) = answer
        .chunk()
        .await
        .map_err(|error| format!("the export broke off: {error}"))?
    {
        lines.extend_from_slice(&piece);
        while let Some(at) = line_end(&lines) {
            let line: Vec<u8> = lines.drain(..=at).collect();
            let line: Value =
                serde_json::from_slice(&line).map_err(|error| format!("a line of the export: {error}"))?;
            match line["end"]["records"].as_u64() {
                Some(told) => end = Some(told),
                None => records += journal.take(&line),
            }
        }
    }
    match end {
        Some(told) if told == records && lines.is_empty() => Ok(journal),
        _ => Err(format!("{records} records were exported; its end says {end:?}")),
    }
}

fn line_end(lines: &[u8]) -> Option<usize> {
    lines.iter().position(|byte| *byte == b'\n')
}

impl Journal {
    /// Takes one line of an export; says how many records that is.
    fn take(&mut self, line: &Value) -> u64 {
        if let Some(event) = line["event"].as_object() {
            let record = &event["record"];
            // The body itself, not what the program says its hash is.
            let hash = work::hash(record["body"]["text"].as_str().unwrap_or_default().as_bytes());
            let again = record["duplicates_total"].as_u64().unwrap_or(0);
            self.events
                .insert(text(&record["key"], "id"), Event { hash, again });
        } else if line["run"].is_object() {
            let mut kept = run(&line["run"]["run"]);
            kept.event = text(&line["run"]["run"]["event"], "id");
            kept.steps = list(&line["run"], "steps").map(step).collect();
            self.runs.push(kept);
        }
        u64::from(line["journal"].is_null())
    }
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
        worker: shown["worker"].as_str().map(str::to_owned),
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
        result: text(&shown["result"], "id"),
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
    let asked = client.get(format!("{address}/api/v1/{path}"));
    let body = answered(asked, path).await?.text().await;
    let body = body.map_err(|error| format!("GET {path}: {error}"))?;
    serde_json::from_str(&body).map_err(|error| format!("GET {path}: {error}"))
}

/// The answer to a question, if it is one of success.
async fn answered(asked: RequestBuilder, path: &str) -> Result<Response, String> {
    let answer = asked
        .bearer_auth(ADMIN_TOKEN)
        .send()
        .await
        .map_err(|error| format!("GET {path}: {error}"))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(format!(
            "GET {path}: {status} {}",
            answer.text().await.unwrap_or_default()
        )),
    }
}

/// How many tasks a server says it has.
pub(super) async fn tasks(client: &Client, address: &str) -> Result<u64, String> {
    let answer = answered(client.get(format!("{address}/metrics")), "metrics").await?;
    let text = answer
        .text()
        .await
        .map_err(|error| format!("GET metrics: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("xmrt_runtime_tasks ")?.trim().parse().ok())
        .ok_or_else(|| "the metrics do not say how many tasks there are".to_owned())
}
