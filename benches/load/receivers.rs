//! The receivers that are measured, each a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt;
use tokio::sync::{mpsc, oneshot};
use xmrt::receive::{self, GithubSecret};

/// What the deliveries are signed with.
pub(super) const SECRET: &str = "the secret of the load";
/// The receivers, the one that does least first.
pub(super) const KINDS: [&str; 3] = ["bare", "append", "xmrt"];
/// How many rules `xmrt` holds the deliveries against.
const RULES: usize = 100;
/// Clock ticks per second of `/proc/<pid>/stat`: Linux has told user space 100 for as long as it has had the file.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running receiver; ends when dropped.
pub(super) struct Receiver {
    child: Child,
    pub(super) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Receiver {
    pub(super) fn start(kind: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = match kind {
            "xmrt" => xmrt(folder.path())?,
            kind => {
                let program = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new(program);
                command.args(["--receive", kind]).arg(folder.path());
                command
            }
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("{kind} cannot be started: {error}"))?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines
            .find_map(|line| {
                line.ok()?
                    .strip_prefix("listening on http://")?
                    .trim()
                    .parse()
                    .ok()
            })
            .ok_or_else(|| format!("{kind} did not say where it listens"))?;
        // What it prints later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            child,
            address,
            _folder: folder,
        })
    }

    /// CPU time the process has used, user and system.
    pub(super) fn cpu_seconds(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        // The second field is the program's name in parentheses and may hold spaces.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |place: usize| {
            fields
                .get(place)
                .and_then(|ticks| ticks.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program on a folder of its own, with rules of which one fires for every tenth delivery.
fn xmrt(folder: &Path) -> Result<Command, String> {
    let rules = folder.join("rules");
    std::fs::create_dir(&rules).map_err(|error| error.to_string())?;
    for number in 0..RULES {
        let label = if number == 0 {
            "p0".to_owned()
        } else {
            format!("other-{number}")
        };
        let rule = format!(
            "description = \"Load {number}\"\non = \"github.issues.opened\"\n[when]\nissue.labels.name = \"{label}\"\n[[action]]\n\
             tool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"{{{{ event.issue.number }}}}\" }}\n"
        );
        std::fs::write(rules.join(format!("rule-{number}.toml")), rule).map_err(|error| error.to_string())?;
    }
    std::fs::write(folder.join("xmrt.toml"), "").map_err(|error| error.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmrt"));
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("XMRT_DATA_DIR", folder.join("data"))
        .env("XMRT_RULES", &rules)
        .env("XMRT_CONFIG", folder.join("xmrt.toml"))
        .env("XMRT_LOG", "error")
        .env("GITHUB_WEBHOOK_SECRET", SECRET);
    Ok(command)
}

/// Runs as one of the receivers that do less: `bare <folder>` or `append <folder>`.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let [kind, folder] = arguments else {
        return ExitCode::FAILURE;
    };
    let served = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| {
            runtime.block_on(async {
                match kind.as_str() {
                    "bare" => {
                        serve(
                            Router::new()
                                .route("/webhooks/github", post(async |_: Bytes| StatusCode::ACCEPTED)),
                        )
                        .await
                    }
                    _ => {
                        serve(
                            Router::new()
                                .route("/webhooks/github", post(append))
                                .with_state(appender(folder)?),
                        )
                        .await
                    }
                }
            })
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{kind}: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(router: Router) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| error.to_string())?;
    println!(
        "listening on http://{}",
        listener.local_addr().map_err(|error| error.to_string())?
    );
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router)
        .await
        .map_err(|error| error.to_string())
}

type Row = (String, Vec<u8>, oneshot::Sender<()>);

struct Appender {
    secrets: Vec<GithubSecret>,
    rows: mpsc::Sender<Row>,
}

async fn append(State(appender): State<Arc<Appender>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = xmrt::clock::Clock::system().now();
    let Ok(delivery) = receive::github(&appender.secrets, &headers, body, now) else {
        return StatusCode::UNAUTHORIZED;
    };
    let packed = lz4_flex::compress_prepend_size(delivery.body());
    let (durable, written) = oneshot::channel();
    let row = (delivery.id().to_owned(), packed, durable);
    match appender.rows.send(row).await.is_ok() && written.await.is_ok() {
        true => StatusCode::ACCEPTED,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// One thread writes; whatever has gathered meanwhile goes into the next commit.
fn appender(folder: &str) -> Result<Arc<Appender>, String> {
    let path = Path::new(folder).join("append.db");
    let database = rusqlite::Connection::open(path).map_err(|error| error.to_string())?;
    database
        .execute_batch(
            "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=16777216;
             CREATE TABLE deliveries (id TEXT NOT NULL, body BLOB NOT NULL);",
        )
        .map_err(|error| error.to_string())?;
    let (rows, mut waiting) = mpsc::channel::<Row>(1024);
    std::thread::spawn(move || {
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = vec![first];
            while let Ok(row) = waiting.try_recv() {
                batch.push(row);
            }
            if write(&database, &batch).is_err() {
                return;
            }
            for (_, _, durable) in batch {
                let _ = durable.send(());
            }
        }
    });
    let secrets = vec![GithubSecret::new(SECRET).map_err(|error| error.to_string())?];
    Ok(Arc::new(Appender { secrets, rows }))
}

fn write(database: &rusqlite::Connection, batch: &[Row]) -> rusqlite::Result<()> {
    let transaction = database.unchecked_transaction()?;
    for (id, body, _) in batch {
        transaction
            .prepare_cached("INSERT INTO deliveries VALUES (?1, ?2)")?
            .execute((id, body))?;
    }
    transaction.commit()
}
