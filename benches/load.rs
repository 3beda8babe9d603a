//! Deliveries per second and their latency, of the real program over HTTP, next to receivers that do less.
//!
//!     scripts/bench            the table, three rounds
//!     scripts/bench --short    one short round: a smoke test
//!
//! Every receiver is a process of its own and all are measured in turn, round after round, by the same client on the
//! same cores: the ratios mean something, the absolute figures do not. The receivers:
//!
//! - `bare`: axum reads the body and answers 202. Verifies nothing, stores nothing.
//! - `append`: axum verifies the signature and appends body and id to SQLite (WAL, `synchronous=FULL`, LZ4), many
//!   deliveries in one commit. No dedupe, no rules, no runs.
//! - `xmrt`: the program with 100 rules, one delivery in ten starts a run of one step.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads the clock, makes files, and prints"
)]

#[path = "load/client.rs"]
mod client;
#[path = "load/receivers.rs"]
mod receivers;

use std::process::ExitCode;

use client::{Load, Measured};
use receivers::{KINDS, Receiver};

/// How the load is shaped.
struct Plan {
    rounds: usize,
    seconds: f64,
    connections: Vec<usize>,
    body_bytes: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    if let Some(place) = arguments.iter().position(|argument| argument == "--receive") {
        return receivers::run(&arguments[place + 1..]);
    }
    let plan = match flag("--short") {
        true => Plan {
            rounds: 1,
            seconds: 1.5,
            connections: vec![16],
            body_bytes: 8 * 1024,
        },
        false => Plan {
            rounds: 3,
            seconds: 5.0,
            connections: vec![16, 64],
            body_bytes: 8 * 1024,
        },
    };
    match measure(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(plan: &Plan) -> Result<(), String> {
    println!(
        "{} KiB bodies, {} round(s) of {} s each, receivers in turn",
        plan.body_bytes / 1024,
        plan.rounds,
        plan.seconds
    );
    println!(
        "{:<12} {:>8} {:>12} {:>10} {:>10} {:>10} {:>8}",
        "receiver", "clients", "answers/s", "p50 ms", "p99 ms", "cpu µs", "/bare"
    );
    for &connections in &plan.connections {
        let mut rounds: Vec<Vec<Measured>> = KINDS.iter().map(|_| Vec::new()).collect();
        for _ in 0..plan.rounds {
            for (kind, measured) in KINDS.iter().zip(&mut rounds) {
                let receiver = Receiver::start(kind)?;
                let load = Load {
                    connections,
                    seconds: plan.seconds,
                    body_bytes: plan.body_bytes,
                };
                measured.push(load.run(&receiver)?);
            }
        }
        let medians: Vec<Measured> = rounds
            .iter_mut()
            .map(|measured| Measured::median(measured))
            .collect();
        for (kind, measured) in KINDS.iter().zip(&medians) {
            println!(
                "{kind:<12} {connections:>8} {:>12.0} {:>10.2} {:>10.2} {:>10.0} {:>8.2}",
                measured.per_second,
                measured.p50_ms,
                measured.p99_ms,
                measured.cpu_micros,
                measured.per_second / medians[0].per_second,
            );
        }
    }
    Ok(())
}
