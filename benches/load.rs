//! What the program costs under load, over HTTP, next to receivers that do less. `scripts/bench` runs it; see
//! docs/performance.md for what came out.
//!
//! Every receiver is a process of its own and all are measured in turn, round after round, by the same client on the
//! same cores: the ratios mean something, the absolute figures do not. Which receivers there are: `load/receivers.rs`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads the clock, makes files, and prints"
)]

#[path = "load/calls.rs"]
mod calls;
#[path = "load/client.rs"]
mod client;
#[path = "load/deliveries.rs"]
mod deliveries;
#[path = "load/floors.rs"]
mod floors;
#[path = "load/growth.rs"]
mod growth;
#[path = "load/idle.rs"]
mod idle;
#[path = "load/large.rs"]
mod large;
#[path = "load/limits.rs"]
mod limits;
#[path = "load/matrix.rs"]
mod matrix;
#[path = "load/options.rs"]
mod options;
#[path = "load/pages.rs"]
mod pages;
#[path = "load/plots.rs"]
mod plots;
#[path = "load/process.rs"]
mod process;
#[path = "load/receivers.rs"]
mod receivers;
#[path = "load/report.rs"]
mod report;
#[path = "load/setting.rs"]
mod setting;
#[path = "load/soak.rs"]
mod soak;
#[path = "load/stored.rs"]
mod stored;

use std::process::ExitCode;

use options::{Mode, Options};
use report::Report;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == "--receive"
    {
        return floors::run(rest);
    }
    if arguments.iter().any(|word| word == "--help") {
        println!("{}", options::USAGE);
        return ExitCode::SUCCESS;
    }
    match Options::parse(&arguments).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if let Mode::Compare(old, new) = &options.mode {
        return report::compare(old, new);
    }
    let mut report = Report::new();
    match options.mode {
        Mode::Throughput | Mode::Short => report.scenarios = matrix::measure(options)?,
        Mode::Idle => {
            report.parts.insert("idle".into(), idle::measure()?);
        }
        Mode::Large => {
            for kind in options.products() {
                let found = large::measure(kind)?;
                println!("{}: {found:#}", kind.name());
                report.parts.insert(format!("large {}", kind.name()), found);
            }
        }
        Mode::Soak(minutes) => {
            for kind in options.products() {
                report
                    .parts
                    .insert(format!("soak {}", kind.name()), soak::measure(kind, minutes)?);
            }
        }
        Mode::Calls => {
            report.parts.insert("calls".into(), calls::measure(options)?);
        }
        Mode::Growth => report.parts = growth::measure(options)?,
        Mode::Pages(events) => {
            for kind in options.products() {
                let found = pages::measure(kind, events)?;
                report.parts.insert(format!("pages {}", kind.name()), found);
            }
        }
        Mode::Stored(events) => {
            report.parts.insert("stored".into(), stored::measure(events)?);
        }
        Mode::Compare(..) => {}
    }
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let path = options.out.join(format!("{}.json", options.mode.name()));
    report.write(&path)?;
    plots::draw(&report, &options.out)?;
    println!("\n{}", path.display());
    limits::hold(&report.scenarios, matches!(options.mode, Mode::Short))
}
