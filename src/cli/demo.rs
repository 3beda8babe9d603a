//! `xmrt demo`: a story told by real parts. The server is this program as a process of its own, so that it can be killed;
//! the sandbox stands in for GitHub and Render; whatever is printed was read back from one of the two.

mod approval;
mod stage;
mod story;

use std::path::PathBuf;

use serde_json::Value;

use super::{Ending, Failure};
use crate::assemble;
use crate::config::Environment;

/// Options of `xmrt demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// End after the story: exit 0 if everything came out as told, 1 if not
    #[arg(long)]
    once: bool,
    /// Let the sandbox misbehave, as in '{"match": {"operation": "add_labels"}, "kind": "status", "status": 500}'
    #[arg(long, value_name = "JSON")]
    fault: Option<String>,
}

/// Plays with the rules in `rules`, else in `./rules`, else with the shipped ones.
pub(super) async fn run(options: Options, rules: Option<PathBuf>, environment: Environment) -> Ending {
    let fault = options.fault.as_deref().map(parse_fault).transpose()?;
    let mut stage = stage::Stage::set(rules, &environment).await?;
    println!(
        "A server at {}, on a journal of its own; GitHub and Render are the sandbox at {}.",
        stage.server_url(),
        stage.sandbox_url()
    );
    if let Some(fault) = fault {
        stage.sandbox_post("faults", &fault).await?;
    }
    let told = story::tell(&mut stage).await;
    if let Err(why) = &told {
        println!("\n✗ The story went wrong: {why}");
        println!("{}", stage.last_words());
    }
    if !options.once && told.is_ok() {
        println!("\nStill up. Look around, then end it with Ctrl-C:");
        println!(
            "  curl -H 'Authorization: Bearer {}' {}/api/v1/runs",
            stage.token(),
            stage.server_url()
        );
        println!("  curl {}/_sandbox/effects", stage.sandbox_url());
        assemble::stop_signal().await;
    }
    stage.clear().await;
    told.map_err(|_| Failure::Found)
}

fn parse_fault(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("--fault is not JSON: {error}"))
}
