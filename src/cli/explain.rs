//! `xmrt explain`

use std::path::PathBuf;

use super::api::{Api, Target, query, segment};
use super::{Ending, print};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rule's id
    rule: String,
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
            .ok_or("a payload file needs --type, such as `--type github.issues.opened`")?;
        let explanation = assemble::explain_file(&settings, &options.rule, &file, &kind)?;
        if options.json {
            print::json(&serde_json::to_value(&explanation)?);
        } else {
            println!("{}", explanation.to_text());
        }
        return Ok(());
    }
    let api = Api::connect(&options.target, &settings).await?;
    let parameters = [("event", Some(options.event.clone()))];
    let path = format!(
        "/api/v1/rules/{}/explain{}",
        segment(&options.rule),
        query(&parameters)
    );
    let answer = api.get(&path).await?;
    if options.json {
        print::json(&answer);
        return Ok(());
    }
    println!("{}", print::text(&answer, "/text"));
    for verdict in answer["recorded"].as_array().into_iter().flatten() {
        let at = |name: &str| print::text(verdict, &format!("/{name}"));
        println!(
            "on record: {} {} {} {}",
            at("decision"),
            at("run"),
            at("state"),
            at("reason")
        );
    }
    if answer["in_force"] == false {
        println!("note: this is the version the event met; the rule has changed since");
    }
    Ok(())
}
