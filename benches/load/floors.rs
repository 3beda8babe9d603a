//! In: which one. Out: a receiver that does less than the program, as a process of its own. Never: a rule, a run.
//!
//! Each verifies the signature as the program does. What it writes is compressed like the program's payloads, made durable with
//! the same settings, and as many deliveries share a commit.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::deliveries::SECRET;

/// The database of `append`.
pub(super) const DATABASE: &str = "append.db";
/// The stream of `stream`.
pub(super) const STREAM: &str = "deliveries";
/// As many as the program commits at once.
const BATCH_MAX: usize = 256;
const QUEUE_MAX: usize = 1024;
/// Who write to Redis at once, each over a connection of its own.
const WRITERS: usize = 4;

/// Runs as one of them: `bare`, `append <folder>`, `stream <address of Redis>` or `mcp`.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let served = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(serve(arguments)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{arguments:?}: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &[String]) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let rows = match words[..] {
        ["mcp"] => return super::calls::serve().await,
        ["bare"] => None,
        ["append", folder] => Some(append(Path::new(folder))?),
        ["stream", address] => Some(stream(address.parse().map_err(|_| "no address")?).await?),
        _ => return Err("no such receiver".into()),
    };
    let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(|error| error.to_string())?;
    let router = Router::new()
        .route("/webhooks/github", post(receive))
        .layer(DefaultBodyLimit::max(xmrt::receive::BODY_BYTES_MAX))
        .with_state(Arc::new(Floor { key, rows }));
    listen(router).await
}

/// Serves on a free port, and prints which.
pub(super) async fn listen(router: Router) -> Result<(), String> {
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

struct Row {
    id: String,
    body: Vec<u8>,
    durable: oneshot::Sender<()>,
}

struct Floor {
    key: Hmac<Sha256>,
    rows: Option<mpsc::Sender<Row>>,
}

async fn receive(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let claimed = header("x-hub-signature-256")
        .and_then(|value| hex::decode(value.strip_prefix("sha256=")?).ok())
        .unwrap_or_default();
    if floor
        .key
        .clone()
        .chain_update(&body)
        .verify_slice(&claimed)
        .is_err()
    {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(rows) = &floor.rows else {
        return StatusCode::ACCEPTED;
    };
    let (durable, written) = oneshot::channel();
    let row = Row {
        id: header("x-github-delivery").unwrap_or_default().to_owned(),
        body: lz4_flex::compress_prepend_size(&body),
        durable,
    };
    match rows.send(row).await.is_ok() && written.await.is_ok() {
        true => StatusCode::ACCEPTED,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// One thread writes to SQLite; whatever has gathered meanwhile goes into the next commit.
fn append(folder: &Path) -> Result<mpsc::Sender<Row>, String> {
    let database = rusqlite::Connection::open(folder.join(DATABASE)).map_err(|error| error.to_string())?;
    database
        .execute_batch(
            "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -16384;
             CREATE TABLE deliveries (id TEXT NOT NULL, body BLOB NOT NULL);",
        )
        .map_err(|error| error.to_string())?;
    let (rows, mut waiting) = mpsc::channel::<Row>(QUEUE_MAX);
    std::thread::spawn(move || {
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(row) = waiting.try_recv()
            {
                batch.push(row);
            }
            if let Err(error) = write(&database, &batch) {
                eprintln!("append: {error}");
                return;
            }
            answer(batch);
        }
    });
    Ok(rows)
}

fn write(database: &rusqlite::Connection, batch: &[Row]) -> rusqlite::Result<()> {
    let transaction = database.unchecked_transaction()?;
    for row in batch {
        transaction
            .prepare_cached("INSERT INTO deliveries VALUES (?1, ?2)")?
            .execute((&row.id, &row.body))?;
    }
    transaction.commit()
}

/// Several write to Redis, each what has gathered meanwhile, in one round trip.
async fn stream(address: SocketAddr) -> Result<mpsc::Sender<Row>, String> {
    let client = redis::Client::open(format!("redis://{address}")).map_err(|error| error.to_string())?;
    let (rows, waiting) = mpsc::channel::<Row>(QUEUE_MAX);
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..WRITERS {
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(|error| error.to_string())?;
        let waiting = Arc::clone(&waiting);
        tokio::spawn(async move {
            loop {
                let mut batch = Vec::new();
                if waiting.lock().await.recv_many(&mut batch, BATCH_MAX).await == 0 {
                    return;
                }
                let mut writes = redis::pipe();
                for row in &batch {
                    writes
                        .cmd("XADD")
                        .arg(STREAM)
                        .arg("*")
                        .arg("id")
                        .arg(&row.id)
                        .arg("body")
                        .arg(&row.body)
                        .ignore();
                }
                if let Err(error) = writes.query_async::<()>(&mut connection).await {
                    eprintln!("stream: {error}");
                    return;
                }
                answer(batch);
            }
        });
    }
    Ok(rows)
}

fn answer(batch: Vec<Row>) {
    for row in batch {
        let _ = row.durable.send(());
    }
}
