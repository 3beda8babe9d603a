//! In: how many events may be sent by now. Out: every request that was made for each, and what was answered.
//! Never: an event given up; what is not acknowledged is sent again, as providers do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::fleet::{Addresses, GITHUB_SECRET};
use super::work::{self, Delivery};

/// How many send at once.
const SENDERS: usize = 24;
/// How long a sender waits for an answer: longer than the reactor may take for one.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// Events change places within groups of so many.
const SHUFFLED: u64 = 48;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Under which id it was sent.
    pub(super) id: String,
    /// `None`: nobody answered, or the answer broke off.
    pub(super) status: Option<u16>,
    pub(super) duplicate: bool,
    /// The event that the answer names.
    pub(super) event: String,
    /// The runs that the answer names: `(id, rule)`.
    pub(super) runs: Vec<(String, String)>,
}

/// Everything that was sent for one event.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) hash: String,
    pub(super) answers: Vec<Answer>,
}

impl Sent {
    /// Whether somebody said that it was taken.
    pub(super) fn acknowledged(&self) -> bool {
        self.answers.iter().any(|answer| answer.status == Some(202))
    }
}

/// All that was sent, by event.
pub(super) type Log = Arc<Mutex<BTreeMap<u64, Sent>>>;

/// Sends events as fast as it is allowed to.
pub(super) struct Sender {
    pub(super) log: Log,
    allowed: watch::Sender<u64>,
    acknowledged: Arc<AtomicU64>,
    tasks: JoinSet<()>,
    post: Post,
}

#[derive(Clone)]
struct Post {
    client: Client,
    seed: u64,
    addresses: Addresses,
    log: Log,
}

impl Sender {
    /// Sends the events below `until`, beginning at `from`, none of them before it is allowed.
    pub(super) fn start(
        seed: u64,
        events: std::ops::Range<u64>,
        addresses: Addresses,
    ) -> Result<Self, String> {
        let client = client()?;
        let (allowed, _) = watch::channel(events.start);
        let (log, acknowledged) = (Log::default(), Arc::new(AtomicU64::new(0)));
        let post = Post {
            client,
            seed,
            addresses,
            log: Arc::clone(&log),
        };
        let (next, mut tasks) = (Arc::new(AtomicU64::new(events.start)), JoinSet::new());
        for _ in 0..SENDERS {
            let (post, next, mut seen) = (post.clone(), Arc::clone(&next), allowed.subscribe());
            let (acknowledged, events) = (Arc::clone(&acknowledged), events.clone());
            tasks.spawn(async move {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= events.end || seen.wait_for(|allowed| place < *allowed).await.is_err() {
                        return;
                    }
                    post.event(shuffled(post.seed, place, &events)).await;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Ok(Self {
            log,
            allowed,
            acknowledged,
            tasks,
            post,
        })
    }

    /// Lets the events below `until` go.
    pub(super) fn allow(&self, until: u64) {
        self.allowed.send_if_modified(|allowed| {
            let more = until > *allowed;
            *allowed = until.max(*allowed);
            more
        });
    }

    /// How many are acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Sends one event now, until it is acknowledged.
    pub(super) async fn now(&self, n: u64) {
        self.post.until_taken(n, &work::delivery(self.post.seed, n)).await;
    }

    /// Sends one event once, to whoever listens at an address, and takes its word.
    pub(super) async fn to(&self, n: u64, address: &str) {
        let delivery = work::delivery(self.post.seed, n);
        let answer = self.post.ask(address, &delivery.id, &delivery).await;
        self.post.note(n, &delivery, answer);
    }

    /// Waits until all are acknowledged.
    pub(super) async fn done(&mut self) -> Result<(), String> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| format!("a sender died: {error}"))?;
        }
        Ok(())
    }
}

impl Post {
    /// Sends an event until it is acknowledged, with the repetitions that its number asks for.
    async fn event(&self, n: u64) {
        let delivery = work::delivery(self.seed, n);
        let mut dice = Dice::of(self.seed, "repetitions", n);
        if dice.permille(15) {
            // Three at once: all may be first.
            let copy = || self.once(n, &delivery.id, &delivery);
            tokio::join!(copy(), copy(), copy());
        }
        self.until_taken(n, &delivery).await;
        if dice.permille(40) {
            tokio::time::sleep(Duration::from_millis(dice.within(0, 200))).await;
            self.once(n, &delivery.id, &delivery).await;
        }
        if dice.permille(20) {
            // The same body under a new id: the signature does not cover the id.
            self.once(n, &format!("{}-again", delivery.id), &delivery).await;
        }
    }

    async fn until_taken(&self, n: u64, delivery: &Delivery) {
        let mut dice = Dice::of(self.seed, "pauses", n);
        while self.once(n, &delivery.id, delivery).await != Some(202) {
            tokio::time::sleep(Duration::from_millis(dice.within(40, 240))).await;
        }
    }

    /// Sends it once, to any server that should be up.
    async fn once(&self, n: u64, id: &str, delivery: &Delivery) -> Option<u16> {
        let address = loop {
            let up = self
                .addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if !up.is_empty() {
                // Which one does not matter for the schedule.
                let place = self.log.lock().map_or(0, |log| log.len()) % up.len();
                break up[place].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let answer = self.ask(&address, id, delivery).await;
        let status = answer.status;
        self.note(n, delivery, answer);
        status
    }

    fn note(&self, n: u64, delivery: &Delivery, answer: Answer) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = log.entry(n).or_default();
        sent.hash.clone_from(&delivery.hash);
        sent.answers.push(answer);
    }

    async fn ask(&self, address: &str, id: &str, delivery: &Delivery) -> Answer {
        let request = self
            .client
            .post(format!("{address}/webhooks/github"))
            .header("content-type", "application/json")
            .header("x-github-event", "issues")
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", signature(delivery.body.as_bytes()))
            .body(delivery.body.clone());
        let answered = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        };
        let (status, told) = match answered.await {
            Ok((status, body)) => (Some(status), serde_json::from_slice(&body).unwrap_or(Value::Null)),
            Err(_) => (None, Value::Null),
        };
        let runs = told["runs"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Answer {
            id: id.to_owned(),
            status,
            duplicate: told["duplicate"] == true,
            event: text(&told["event"]),
            runs: runs.map(|run| (text(&run["id"]), text(&run["rule"]))).collect(),
        }
    }
}

/// The event that is sent at a place: within a group they are out of order.
fn shuffled(seed: u64, place: u64, events: &std::ops::Range<u64>) -> u64 {
    let group = (place - events.start) / SHUFFLED;
    let first = events.start + group * SHUFFLED;
    let size = SHUFFLED.min(events.end - first);
    // A rotation and a reflection are enough to be out of order, and need no list.
    let turn = Dice::of(seed, "order", group).within(0, size);
    first + (size - 1 - (place - first) + turn) % size
}

/// A client that gives up where a provider would.
pub(super) fn client() -> Result<Client, String> {
    Client::builder()
        .timeout(ANSWER_WITHIN)
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())
}

fn signature(body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(GITHUB_SECRET.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}
