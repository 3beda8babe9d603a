//! `xmrt trigger`

use std::path::PathBuf;

use serde_json::{Value, json};

use super::api::{Api, Target, segment};
use super::{Ending, events, print};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt trigger`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rule's id; it listens to `manual`
    rule: String,
    /// A file with the payload, one JSON object [default: an empty object]
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// A name for this wish: sent again, it starts nothing new [default: a fresh one]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let payload: Value = match &options.payload {
        None => json!({}),
        Some(path) => serde_json::from_slice(&assemble::read_payload(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let api = Api::connect(&options.target, &settings).await?;
    let path = format!("/api/v1/rules/{}/trigger", segment(&options.rule));
    let answer = api.post_once(&path, &payload, options.key.as_deref()).await?;
    if options.json {
        print::json(&answer);
        return Ok(());
    }
    println!("event {}", print::text(&answer, "/event"));
    if answer["duplicate"] == true {
        println!("this key was used before: nothing new was started");
    }
    events::decisions(&answer);
    if matches!(api, Api::Local { .. }) {
        println!("no server is running: its runs begin when one does");
    }
    Ok(())
}
