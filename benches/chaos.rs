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
            // What was started ends with this process.
            _ = tokio::signal::ctrl_c() => (suite::BROKEN, "interrupted".to_owned()),
        }
    });
    match code {
        suite::BROKEN => eprintln!("chaos: {told}"),
        _ => println!("{told}"),
    }
    ExitCode::from(code)
}
