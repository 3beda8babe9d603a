//! In: a program and its surroundings. Out: it runs, is stopped, continued, killed. Never: what it says is judged.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A process that listens somewhere; killed when dropped.
pub(super) struct Process {
    child: Child,
    /// What it printed when it was ready: an address.
    pub(super) address: String,
}

impl Process {
    /// Starts a command, its messages going to the end of `log`, and waits until a line of its output contains `ready`:
    /// what follows that is its address.
    ///
    /// # Errors
    /// It cannot be started, or ends or says nothing before it is ready.
    pub(super) async fn start(mut command: Command, ready: &str, log: &Path) -> Result<Self, String> {
        let shown = format!("{:?}", command.as_std().get_program());
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{shown} cannot be started: {error}"))?;
        let output = child.stdout.take().ok_or("a process without output")?;
        let mut lines = BufReader::new(output).lines();
        let waited = tokio::time::timeout(READY_WITHIN, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, rest)) = line.split_once(ready) {
                    return Some(rest.trim().to_owned());
                }
            }
            None
        });
        let Ok(Some(address)) = waited.await else {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            return Err(format!("{shown} was not ready: {last:?}"));
        };
        // What it prints later must not block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, address })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        // An error means that it is gone.
        let _ = self.child.kill().await;
    }

    /// SIGTERM; waits for its end, at most so long.
    pub(super) async fn terminate(&mut self, within: Duration) -> Result<ExitStatus, String> {
        self.signal("TERM").await;
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(ended) => ended.map_err(|error| error.to_string()),
            Err(_) => {
                self.kill().await;
                Err(format!("was still there {} s after SIGTERM", within.as_secs()))
            }
        }
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub(super) async fn signal(&self, name: &str) {
        let Some(pid) = self.pid() else { return };
        let _ = Command::new("kill")
            .args([&format!("-{name}"), &pid.to_string()])
            .status()
            .await;
    }

    /// Whether it ended by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Open descriptors, threads, and resident memory in KiB; with the tasks that it says it has.
    pub(super) fn measure(&self, tasks: u64) -> Option<Measure> {
        let proc = PathBuf::from(format!("/proc/{}", self.pid()?));
        let status = std::fs::read_to_string(proc.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some(Measure {
            descriptors: std::fs::read_dir(proc.join("fd")).ok()?.count() as u64,
            threads: field("Threads:")?,
            tasks,
            memory_kib: field("VmRSS:")?,
        })
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) tasks: u64,
    pub(super) memory_kib: u64,
}

/// A Redis of the suite's own, in a folder of its own, that makes every write durable before it answers.
pub(super) struct Redis {
    folder: PathBuf,
    sync: String,
    port: u16,
    process: Process,
}

impl Redis {
    pub(super) async fn start(folder: &Path, sync: &str) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut why = String::new();
        // Somebody may take the port in between.
        for _ in 0..8 {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .map_err(|error| error.to_string())?
                .port();
            match redis(folder, port, sync).await {
                Ok(process) => {
                    let folder = folder.to_owned();
                    return Ok(Self {
                        folder,
                        sync: sync.to_owned(),
                        port,
                        process,
                    });
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    pub(super) async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// The same server again, on what it left.
    pub(super) async fn restart(&mut self) -> Result<(), String> {
        self.kill().await;
        self.process = redis(&self.folder, self.port, &self.sync).await?;
        Ok(())
    }

    /// Says something to it, past the proxy.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<redis::Value, String> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).map_err(told)?;
        let mut connection = client.get_multiplexed_async_connection().await.map_err(told)?;
        let mut command = redis::cmd(words.first().copied().unwrap_or_default());
        for word in words.iter().skip(1) {
            command.arg(*word);
        }
        command.query_async(&mut connection).await.map_err(told)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn told(error: redis::RedisError) -> String {
    format!("redis: {error}")
}

async fn redis(folder: &Path, port: u16, sync: &str) -> Result<Process, String> {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            sync,
            "--maxmemory-policy",
            "noeviction",
        ])
        .arg("--dir")
        .arg(folder);
    Process::start(command, "Ready to accept connections", &folder.join("redis.log")).await
}
