//! `scripts/chaos`: breaks a running xmrt in every way there is a tool for, and holds what was sent against what
//! happened. See docs/reliability.md.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is printed")]

#[path = "chaos/suite.rs"]
mod suite;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("chaos: {error}");
            return ExitCode::from(suite::BROKEN);
        }
    };
    let (code, told) = runtime.block_on(async {
        tokio::select! {
            told = suite::run(env!("CARGO_BIN_EXE_xmrt"), &arguments) => told,
            // What was started ends with this, too.
            () = ended_from_outside() => (suite::BROKEN, "ended from outside".to_owned()),
        }
    });
    match code {
        suite::BROKEN => eprintln!("chaos: {told}"),
        _ => println!("{told}"),
    }
    ExitCode::from(code)
}

/// SIGINT, or the SIGTERM of a `timeout`.
async fn ended_from_outside() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        }
        _ => std::future::pending().await,
    }
}
