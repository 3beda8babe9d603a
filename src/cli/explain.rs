//! `xmrt explain`

use std::path::{Path, PathBuf};

use super::api::{Api, Target, query, segment};
use super::{Ending, Failure, print};
use crate::config::Settings;
use crate::{assemble, rules};

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
        return supposed(&options, &file, &settings);
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
    let answer = api.get(&path).await?;
    if options.json {
        print::json(&answer);
    } else {
        println!("{}", print::text(&answer, "/text").trim_end());
    }
    Ok(())
}

/// An event that never came, from a file.
fn supposed(options: &Options, file: &Path, settings: &Settings) -> Ending {
    let kind = options
        .kind
        .as_deref()
        .ok_or("a payload file needs --type, such as `--type github.issues.opened`")?;
    let explanations = assemble::explain_file(settings, options.rule.as_deref(), file, kind)?;
    match (&options.rule, explanations.first()) {
        (Some(_), Some(explanation)) if options.json => print::json(&serde_json::to_value(explanation)?),
        (Some(_), Some(explanation)) => println!("{}", print::harmless(explanation.to_text().trim_end())),
        _ => {
            let ranking = rules::ranking(&explanations);
            if options.json {
                print::json(&serde_json::json!({ "ranking": ranking }));
            } else if ranking.is_empty() {
                println!("no rule has to do with {kind}");
            } else {
                println!("{}", print::harmless(rules::ranking_page(&ranking).trim_end()));
            }
        }
    }
    Ok(())
}
