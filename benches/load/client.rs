//! A client that sends signed deliveries over kept-alive connections as fast as they are answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use xmrt::receive::GithubSecret;

use super::receivers::{Receiver, SECRET};

/// How long one answer may take before the measurement is given up.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// One measurement to make.
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) seconds: f64,
    pub(super) body_bytes: usize,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// CPU time of the receiver for each answer, user and system.
    pub(super) cpu_micros: f64,
}

impl Measured {
    /// The round in the middle, by answers per second.
    pub(super) fn median(rounds: &mut [Measured]) -> Measured {
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        rounds[rounds.len() / 2].clone()
    }
}

impl Load {
    /// Sends until the time is over; every answer must be a 202.
    pub(super) fn run(&self, receiver: &Receiver) -> Result<Measured, String> {
        let (address, next) = (receiver.address, Arc::new(AtomicU64::new(1)));
        let cpu_before = receiver.cpu_seconds()?;
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(self.seconds);
        let clients: Vec<_> = (0..self.connections)
            .map(|_| {
                let (next, body_bytes) = (Arc::clone(&next), self.body_bytes);
                std::thread::spawn(move || client(address, end, body_bytes, &next))
            })
            .collect();
        let mut latencies = Vec::new();
        for client in clients {
            latencies.extend(client.join().map_err(|_| "a client died")??);
        }
        let took = begun.elapsed().as_secs_f64();
        let cpu = receiver.cpu_seconds()? - cpu_before;
        latencies.sort_unstable();
        let answers = latencies.len();
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a rank"
            )]
            let rank = ((answers as f64 * share) as usize).min(answers.saturating_sub(1));
            latencies
                .get(rank)
                .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        #[expect(clippy::cast_precision_loss, reason = "a count of answers")]
        let count = answers as f64;
        Ok(Measured {
            per_second: count / took,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            cpu_micros: cpu / count * 1e6,
        })
    }
}

fn client(
    address: SocketAddr,
    end: Instant,
    body_bytes: usize,
    next: &AtomicU64,
) -> Result<Vec<Duration>, String> {
    let lost = |error: std::io::Error| format!("{address}: {error}");
    let secret = GithubSecret::new(SECRET).map_err(|error| error.to_string())?;
    let mut stream = TcpStream::connect(address).map_err(lost)?;
    stream.set_nodelay(true).map_err(lost)?;
    stream.set_read_timeout(Some(ANSWER_MAX)).map_err(lost)?;
    let mut latencies = Vec::new();
    let mut answer = vec![0; 64 * 1024];
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let body = payload(number, body_bytes);
        let request = format!(
            "POST /webhooks/github HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-github-event: issues\r\n\
             x-github-delivery: load-{number}\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\n\r\n{body}",
            secret.sign(body.as_bytes()),
            body.len(),
        );
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).map_err(lost)?;
        let status = read_answer(&mut stream, &mut answer)?;
        latencies.push(sent.elapsed());
        if status != "202" {
            return Err(format!("{address} answered {status}"));
        }
    }
    Ok(latencies)
}

/// Reads one answer with a `content-length` to its end, and gives its status.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<String, String> {
    let mut filled = 0;
    loop {
        let read = stream
            .read(&mut buffer[filled..])
            .map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the connection was closed".into());
        }
        filled += read;
        let text = String::from_utf8_lossy(&buffer[..filled]);
        let Some(head_end) = text.find("\r\n\r\n") else {
            continue;
        };
        let head = text[..head_end].to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok())
            .ok_or("an answer without content-length")?;
        if filled >= head_end + 4 + length {
            return Ok(head.split_whitespace().nth(1).unwrap_or_default().to_owned());
        }
    }
}

/// An `issues.opened` payload of about `bytes`, different for every number.
fn payload(number: u64, bytes: usize) -> String {
    let head = format!(
        r#"{{"action":"opened","issue":{{"number":{number},"title":"Load {number}","state":"open","user":{{"login":"alice"}},"labels":[{{"name":"p{}"}}],"body":""#,
        number % 10,
    );
    let tail = r#""},"repository":{"full_name":"acme/api"},"sender":{"login":"alice","type":"User"}}"#;
    let words = "It broke while nobody looked, and the log says nothing of it. ";
    let room = bytes.saturating_sub(head.len() + tail.len());
    let filler: String = words.chars().cycle().take(room).collect();
    format!("{head}{filler}{tail}")
}
