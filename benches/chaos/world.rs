//! In: a backend, a folder. Out: a sandbox, a journal's server if it has one, the reactors, and those who look on.
//! Never: a fault.

use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::process::Command;

use super::fleet::{self, Fleet, environment};
use super::options::{Backend, Options};
use super::process::{Process, Redis};
use super::proxy::Proxy;
use super::witness::{self, Witness};
use super::{journal, sender, work};

/// How far ahead of the senders the sandbox is told what it must hold, at least and at most: what is seeded while reads lag
/// shows late, too, and then the event must not be there yet.
const SEEDED_AHEAD: std::ops::Range<u64> = 2_000..5_000;
/// How many lines of a server's log are shown where it did not do its work.
const LOG_LINES: usize = 40;

/// Everything that runs.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) client: Client,
    pub(super) sandbox: Process,
    pub(super) redis: Option<(Redis, Proxy)>,
    pub(super) fleet: Fleet,
    pub(super) witness: Witness,
    seeded: u64,
}

impl World {
    /// Starts all but the servers.
    pub(super) async fn new(options: &Options, backend: Backend, folder: &Path) -> Result<Self, String> {
        fleet::prepare(folder)?;
        let mut command = Command::new(&options.program);
        command
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .env_clear()
            .envs(environment(folder));
        command.env("XMRT_DATA_DIR", folder.join("sandbox"));
        let sandbox = Process::start(command, "sandbox listening on ", &folder.join("sandbox.log")).await?;
        let client = sender::client()?;
        let pace = serde_json::json!({ "queue_ms": 0, "build_ms": 0, "update_ms": 0 });
        witness::tell(&client, &sandbox.address, "pace", &pace).await?;
        let witness = Witness::start(client.clone(), &sandbox.address).await?;
        let redis = match backend {
            Backend::Sqlite => None,
            Backend::Redis => {
                let redis = Redis::start(&folder.join("redis"), &options.sync).await?;
                let proxy = Proxy::start(redis.port()).await?;
                Some((redis, proxy))
            }
        };
        let url = redis
            .as_ref()
            .map(|(_, proxy)| format!("redis://{}", proxy.address));
        let replicas = if redis.is_some() { options.replicas } else { 1 };
        let (program, notify) = (&options.program, &witness.notify_url);
        let fleet = Fleet::new(
            program,
            folder,
            replicas,
            &sandbox.address,
            notify,
            url.as_deref(),
        );
        Ok(Self {
            seed: options.seed,
            client,
            sandbox,
            redis,
            fleet,
            witness,
            seeded: 0,
        })
    }

    /// Sees to it that the sandbox holds what the events below `until` are about.
    pub(super) async fn seed_until(&mut self, from: u64, until: u64) -> Result<(), String> {
        let first = self.seeded.max(from);
        if until + SEEDED_AHEAD.start <= first {
            return Ok(());
        }
        self.seeded = until + SEEDED_AHEAD.end;
        self.tell("seed", &work::seeds(self.seed, first..self.seeded))
            .await
    }

    /// The same for one event.
    pub(super) async fn seed_one(&self, n: u64) -> Result<(), String> {
        self.tell("seed", &work::seeds(self.seed, n..n + 1)).await
    }

    /// Replaces what goes wrong at the providers.
    pub(super) async fn faults(&self, faults: &Value) -> Result<(), String> {
        let url = format!("{}/_sandbox/faults", self.sandbox.address);
        self.client
            .delete(url)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        self.tell("faults", faults).await
    }

    /// Adds to it.
    pub(super) async fn fault(&self, fault: &Value) -> Result<(), String> {
        self.tell("faults", fault).await
    }

    async fn tell(&self, what: &str, body: &Value) -> Result<(), String> {
        witness::tell(&self.client, &self.sandbox.address, what, body).await
    }

    /// Waits until all work is done; what is not is said.
    pub(super) async fn settle(&self, within: Duration) -> Result<Vec<String>, String> {
        let open = journal::settled(&self.client, &self.fleet.address()?, within).await?;
        let told = open.iter().map(|run| {
            let journal::Run {
                id,
                rule,
                event,
                state,
                reason,
                ..
            } = run;
            format!(
                "run {id} of {rule} for {event} is still {state} after {} s: {reason}",
                within.as_secs()
            )
        });
        let mut told: Vec<String> = told.collect();
        if !told.is_empty() {
            told.push(self.surroundings().await);
        }
        Ok(told)
    }

    /// What the servers say of themselves while work is left that should not be: their metrics, and the ends of their logs.
    async fn surroundings(&self) -> String {
        let mut told = String::new();
        let addresses = self
            .fleet
            .addresses()
            .lock()
            .map(|all| all.clone())
            .unwrap_or_default();
        for (place, address) in addresses.iter().enumerate() {
            let metrics = match self.client.get(format!("{address}/metrics")).send().await {
                Ok(answer) => answer.text().await.unwrap_or_else(|error| error.to_string()),
                Err(error) => error.to_string(),
            };
            let metrics = metrics
                .lines()
                .filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
            let log = std::fs::read_to_string(self.fleet.log(place)).unwrap_or_default();
            let mut log: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
            log.reverse();
            told.push_str(&format!("server {place}:\n"));
            for line in metrics.chain(log) {
                told.push_str(&format!("    {line}\n"));
            }
        }
        told
    }
}
