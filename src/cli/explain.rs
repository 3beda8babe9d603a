//! `xmrt explain`

use std::path::PathBuf;

use serde_json::Value;

use super::api::{Api, Target, query, segment};
use super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rule's id; without one, all rules that have to do with such an event, the nearest first
    rule: Option<String>,
    /// An event on record by its delivery id, or a file with a payload
    #[arg(long, value_name = "ID|FILE")]
    event: String,
    /// With a file: the event's type, such as `github.issues.opened`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let file = PathBuf::from(&options.event);
    if file.is_file() {
        let kind = options
            .kind
            .as_deref()
            .ok_or("a payload file needs --type, such as `--type github.issues.opened`")?;
        let explained = assemble::explain_file(&settings, options.rule.as_deref(), &file, kind)?;
        return tell(&options, &serde_json::to_value(explained)?);
    }
    if options.kind.is_some() {
        return Err(Failure::CouldNot(format!(
            "{}: there is no such file; `--type` goes with a file that holds a payload",
            options.event
        )));
    }
    let api = Api::connect(&options.target, &settings).await?;
    let path = match &options.rule {
        Some(rule) => format!(
            "/api/v1/rules/{}/explain{}",
            segment(rule),
            query(&[("event", Some(options.event.clone()))])
        ),
        None => format!("/api/v1/events/{}/explain", segment(&options.event)),
    };
    tell(&options, &api.get(&path).await?)
}

fn tell(options: &Options, explained: &Value) -> Ending {
    if options.json {
        print::json(explained);
    } else {
        println!("{}", print::text(explained, "/text").trim_end());
    }
    Ok(())
}
