//! In: a receiver, how hard to send. Out: answers per second, latency, CPU and memory; the numbers that were accepted.
//! Never: an answer that is not looked at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::deliveries::{Mix, Target};
use super::receivers::Receiver;

/// How long one answer may take before the measurement is given up.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How deliveries are sent.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) mix: Arc<Mix>,
    pub(super) connections: usize,
    /// Every delivery over a connection of its own.
    pub(super) fresh: bool,
    /// Answers in this time at the beginning are not counted.
    pub(super) warm: f64,
    pub(super) seconds: f64,
    /// Deliveries a second; as fast as they are answered without it. Then latency counts from when one was due.
    pub(super) rate: Option<f64>,
    /// The number of the first delivery.
    pub(super) from: u64,
}

/// What was measured in one turn.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// CPU time for each answer, user and system: of the receiver, and of the server it works with.
    pub(super) cpu_micros: f64,
    pub(super) redis_cpu_micros: f64,
    /// The most memory the receiver has had.
    pub(super) memory_mib: f64,
    /// Runs that were yet to be done when the receiver was stopped.
    pub(super) open_runs: usize,
    /// What the store takes for each byte of a body: on the disk, and in the memory of Redis.
    pub(super) disk_share: f64,
    pub(super) memory_share: f64,
}

/// One answer: when it was asked for, after the start; how long it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) at: Duration,
    pub(super) took: Duration,
}

/// What became of a load.
pub(super) struct Sent {
    pub(super) measured: Measured,
    /// The numbers of all that were accepted, also while it warmed up.
    pub(super) accepted: Vec<u64>,
    /// The answers that are counted.
    pub(super) answers: Vec<Answer>,
}

impl Load {
    /// Sends until the time is over; every answer must be a 2xx.
    pub(super) fn run(&self, receiver: &Receiver) -> Result<Sent, String> {
        let next = Arc::new(AtomicU64::new(self.from));
        let warm = Duration::from_secs_f64(self.warm);
        let begun = Instant::now();
        let end = begun + warm + Duration::from_secs_f64(self.seconds);
        let clients: Vec<_> = (0..self.connections)
            .map(|place| {
                let (load, next) = (self.clone(), Arc::clone(&next));
                let (address, path) = (receiver.address, receiver.kind.path());
                std::thread::spawn(move || Client::new(address, path, load).send(place, begun, end, &next))
            })
            .collect();
        std::thread::sleep(warm);
        let before = receiver.cpu_seconds()?;
        let counted_from = begun.elapsed();
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        let after = receiver.cpu_seconds()?;
        let counted_to = begun.elapsed();
        let (mut accepted, mut answers) = (Vec::new(), Vec::new());
        for client in clients {
            for (number, answer) in client.join().map_err(|_| "a client died")?? {
                accepted.push(number);
                let over = answer.at + answer.took;
                if over >= counted_from && over <= counted_to {
                    answers.push(answer);
                }
            }
        }
        let count = answers.len() as f64;
        let latencies = sorted(&answers);
        let measured = Measured {
            per_second: count / (counted_to - counted_from).as_secs_f64(),
            p50_ms: at(&latencies, 0.5),
            p99_ms: at(&latencies, 0.99),
            cpu_micros: (after.0 - before.0) / count * 1e6,
            redis_cpu_micros: (after.1 - before.1) / count * 1e6,
            memory_mib: receiver.process.memory_mib()?.1,
            ..Measured::default()
        };
        Ok(Sent {
            measured,
            accepted,
            answers,
        })
    }
}

/// How long answers took, in order.
pub(super) fn sorted(answers: &[Answer]) -> Vec<Duration> {
    let mut latencies: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    latencies.sort_unstable();
    latencies
}

/// The value below which a share of the sorted ones is, in milliseconds.
pub(super) fn at(sorted: &[Duration], share: f64) -> f64 {
    let rank = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted
        .get(rank)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// One that sends, waits for the answer, and sends the next.
pub(super) struct Client {
    address: SocketAddr,
    host: String,
    path: &'static str,
    load: Load,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, path: &'static str, load: Load) -> Self {
        Self {
            address,
            host: address.to_string(),
            path,
            load,
            stream: None,
            request: Vec::new(),
            answer: vec![0; HEAD_BYTES_MAX],
        }
    }

    fn send(
        mut self,
        place: usize,
        begun: Instant,
        end: Instant,
        next: &AtomicU64,
    ) -> Result<Vec<(u64, Answer)>, String> {
        let mut answers = Vec::new();
        let apart = self.load.rate.map(|rate| self.load.connections as f64 / rate);
        // Paced ones do not all begin at once.
        let first = apart.map_or(0.0, |apart| apart * place as f64 / self.load.connections as f64);
        for turn in 0_u64.. {
            let due = apart.map(|apart| begun + Duration::from_secs_f64(first + apart * turn as f64));
            if let Some(due) = due {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            if Instant::now() >= end {
                break;
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            let sent = self.prepare(number);
            let asked = due.unwrap_or(sent);
            let status = self.deliver()?;
            if !status.starts_with('2') {
                return Err(format!("{} answered {status}", self.host));
            }
            let answer = Answer {
                at: asked.saturating_duration_since(begun),
                took: asked.elapsed(),
            };
            answers.push((number, answer));
        }
        Ok(answers)
    }

    /// Makes the request, and says when it was made.
    pub(super) fn prepare(&mut self, number: u64) -> Instant {
        let target = Target {
            host: &self.host,
            path: self.path,
            keeps_alive: !self.load.fresh,
        };
        self.load.mix.request(number, &target, &mut self.request);
        Instant::now()
    }

    /// Sends what was prepared, and gives the status of the answer.
    pub(super) fn deliver(&mut self) -> Result<String, String> {
        let lost = |error: std::io::Error| format!("{}: {error}", self.address);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).map_err(lost)?;
                stream.set_nodelay(true).map_err(lost)?;
                stream.set_read_timeout(Some(ANSWER_MAX)).map_err(lost)?;
                stream
            }
        };
        stream.write_all(&self.request).map_err(lost)?;
        let status =
            read_answer(&mut stream, &mut self.answer).map_err(|why| format!("{}: {why}", self.address))?;
        if !self.load.fresh {
            self.stream = Some(stream);
        }
        Ok(status)
    }
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
        let Some(head_end) = buffer[..filled].windows(4).position(|end| end == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).to_ascii_lowercase();
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
