//! In: the program with nothing else to do. Out: how long a delivery takes to become a call at the provider, next to what
//! that takes at least; memory; how long a start takes; how large the program is. Never: a wait that is not an event.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver as Inbox, Sender};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, Load};
use super::deliveries::Mix;
use super::process::Process;
use super::receivers::{Kind, Receiver};
use super::report::Spread;
use super::setting::{Action, Setting};

/// Deliveries one after the other, in one round.
const DELIVERIES: u64 = 60;
const ROUNDS: usize = 5;
/// How long a call may take to be made.
const CALL_MAX: Duration = Duration::from_secs(20);
/// What the program shows the sandbox.
const TOKEN: &str = "of the bench, and good for nothing else";
/// How many rules there are at a start.
const RULES: usize = 1_000;

/// All of it.
pub(super) fn measure() -> Result<Value, String> {
    let latency = latency()?;
    println!("\nidle: {latency:#}");
    let start = start()?;
    println!("start: {start:#}");
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_xmrt")).map_err(|error| error.to_string())?;
    let size = program.len() as f64 / 1024.0 / 1024.0;
    println!("the program: {size:.1} MiB");
    Ok(json!({ "latency": latency, "start": start, "program_mib": size }))
}

/// Received → the provider's API sees the call; and what that takes at least: one round trip over loopback and two fsyncs.
fn latency() -> Result<Value, String> {
    let (sandbox, at) = sandbox()?;
    let (calls, seen) = mpsc::channel();
    let watched = watch(at, calls)?;
    let mix = Arc::new(Mix::alike(8 * 1024, true)?);
    let (mut took, mut floors, mut memory, mut middles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 {
        let setting = Setting {
            action: Action::Label,
            variables: vec![
                ("GITHUB_API_URL".into(), format!("http://{watched}/github")),
                ("GITHUB_TOKEN".into(), TOKEN.into()),
            ],
            ..Setting::default()
        };
        let first = round * DELIVERIES + 1;
        seed(at, first..first + DELIVERIES)?;
        let receiver = Receiver::start(Kind::Embedded, &setting)?;
        let times = calls_of(&receiver, &mix, first, &seen)?;
        memory.push(receiver.process.memory_mib()?.0);
        let floor = floor(mix.bytes())?;
        let middle = Spread::of(times.iter().copied()).median;
        middles.push(middle / floor);
        floors.push(floor * 1e3);
        took.push(middle * 1e3);
    }
    drop(sandbox);
    Ok(json!({
        "over_the_least": Spread::of(middles), "ms": Spread::of(took), "the_least_ms": Spread::of(floors),
        "memory_mib": Spread::of(memory),
    }))
}

/// Seconds from a delivery's first byte to the first byte of the call that it makes.
fn calls_of(
    receiver: &Receiver,
    mix: &Arc<Mix>,
    first: u64,
    seen: &Inbox<Instant>,
) -> Result<Vec<f64>, String> {
    let load = Load {
        mix: Arc::clone(mix),
        connections: 1,
        fresh: false,
        warm: 0.0,
        seconds: 0.0,
        rate: None,
        from: first,
    };
    let mut client = Client::new(receiver.address, receiver.kind.path(), load);
    let mut times = Vec::new();
    for number in first..first + DELIVERIES {
        let sent = client.prepare(number);
        let status = client.deliver()?;
        if status != "202" {
            return Err(format!("answered {status}"));
        }
        let call = seen
            .recv_timeout(CALL_MAX)
            .map_err(|_| "no call was made for a delivery")?;
        times.push(call.saturating_duration_since(sent).as_secs_f64());
    }
    // The first ones find everything cold.
    Ok(times.split_off(10))
}

/// Seconds of one round trip of so many bytes over loopback and two times making 16 KiB durable, each the middle of many.
fn floor(bytes: usize) -> Result<f64, String> {
    let told = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(told)?;
    let address = listener.local_addr().map_err(told)?;
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let _ = stream.set_nodelay(true);
        let mut body = vec![0; bytes];
        while stream.read_exact(&mut body).is_ok() && stream.write_all(b"taken").is_ok() {}
    });
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_nodelay(true).map_err(told)?;
    let (body, mut answer) = (vec![b'x'; bytes], [0; 5]);
    let folder = tempfile::tempdir().map_err(told)?;
    let mut file = std::fs::File::create(folder.path().join("log")).map_err(told)?;
    let page = vec![b'x'; 16 * 1024];
    let (mut trips, mut syncs) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let begun = Instant::now();
        stream.write_all(&body).map_err(told)?;
        stream.read_exact(&mut answer).map_err(told)?;
        trips.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        file.write_all(&page).map_err(told)?;
        file.sync_data().map_err(told)?;
        syncs.push(begun.elapsed().as_secs_f64());
    }
    Ok(Spread::of(trips).median + 2.0 * Spread::of(syncs).median)
}

/// How long the program takes from its start until it says that it listens, with many rules and with few.
fn start() -> Result<Value, String> {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let setting = Setting {
            rules: RULES,
            ..Setting::default()
        };
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // The first start makes the journal; what is measured is one that finds it.
        for turn in 0..2 {
            let command = super::setting::program(folder.path(), &setting, false, None)?;
            let begun = Instant::now();
            let (process, address) = Process::that_tells("xmrt", command)?;
            ready(address)?;
            if turn > 0 {
                took.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            drop(process);
        }
    }
    Ok(json!({ "rules": RULES, "ms": Spread::of(took) }))
}

/// Asks until it says that it is ready.
pub(super) fn ready(address: SocketAddr) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let status = ask(address, "GET /readyz", &[], "")?.0;
        if status == 200 {
            return Ok(());
        }
        if begun.elapsed() > CALL_MAX {
            return Err(format!("{address} is not ready: {status}"));
        }
    }
}

/// One request over a connection of its own: the status, the head and the body of the answer.
pub(super) fn ask(
    address: SocketAddr,
    what: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(u16, String), String> {
    let told = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(told)?;
    let mut head = format!(
        "{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .map_err(told)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(told)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.ok_or("no answer")?, answer))
}

/// The stand-in for GitHub that the program has with it, as a process of its own.
fn sandbox() -> Result<(Process, SocketAddr), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmrt"));
    command
        .args(["sandbox", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("GITHUB_TOKEN", TOKEN)
        .env("XMRT_LOG", "error");
    Process::that_tells("the sandbox", command)
}

fn seed(sandbox: SocketAddr, numbers: std::ops::Range<u64>) -> Result<(), String> {
    let issues: Vec<Value> = numbers
        .map(|number| json!({ "repo": "acme/svc-78-api", "number": number, "title": "The page stays empty" }))
        .collect();
    let state = json!({ "github": { "issues": issues } }).to_string();
    match ask(sandbox, "POST /_sandbox/seed", &[], &state)? {
        (200, _) => Ok(()),
        (status, answer) => Err(format!("seeding was answered {status}: {answer}")),
    }
}

/// Stands before the sandbox and tells when a call that writes came in.
fn watch(sandbox: SocketAddr, calls: Sender<Instant>) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(behind) = TcpStream::connect(sandbox) else {
                return;
            };
            let _ = (stream.set_nodelay(true), behind.set_nodelay(true));
            let Ok((near, far)) = stream
                .try_clone()
                .and_then(|near| Ok((near, behind.try_clone()?)))
            else {
                return;
            };
            let calls = calls.clone();
            std::thread::spawn(move || pump(near, behind, Some(&calls)));
            std::thread::spawn(move || pump(far, stream, None));
        }
    });
    Ok(address)
}

fn pump(mut from: TcpStream, mut to: TcpStream, calls: Option<&Sender<Instant>>) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut chunk) {
        if read == 0 {
            break;
        }
        if let Some(calls) = calls
            && chunk.starts_with(b"POST ")
        {
            let _ = calls.send(Instant::now());
        }
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
