//! `xmrt events`

use super::api::{Api, Target, query, segment};
use super::{Ending, print};
use crate::config::Settings;

/// Options of `xmrt events`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this type, or all below it: `github.issues`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only this subject: `acme/api#42`
    #[arg(long)]
    subject: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// The cursor of the page before
    #[arg(long)]
    cursor: Option<String>,
    /// Only the ids, one a line
    #[arg(long, short)]
    quiet: bool,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show an event with its payload, its decisions and its runs
    Show {
        /// The provider's delivery id
        id: String,
    },
    /// Evaluate an event again with the rules in force: what fires runs once more
    Replay {
        /// The provider's delivery id
        id: String,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    match options.action {
        None => {
            let parameters = [
                ("type", options.kind),
                ("subject", options.subject),
                ("limit", Some(options.limit.to_string())),
                ("cursor", options.cursor),
            ];
            let page = api.get(&format!("/api/v1/events{}", query(&parameters))).await?;
            if options.json {
                print::json(&page);
                return Ok(());
            }
            if options.quiet {
                print::each(&page, "/events", "/id");
                return Ok(());
            }
            list(&page);
        }
        Some(Action::Show { id }) => {
            let event = api.get(&format!("/api/v1/events/{}", segment(&id))).await?;
            if options.json {
                print::json(&event);
                return Ok(());
            }
            show(&event);
        }
        Some(Action::Replay { id }) => {
            let body = serde_json::json!({});
            let admission = api
                .post(&format!("/api/v1/events/{}/replay", segment(&id)), &body)
                .await?;
            if options.json {
                print::json(&admission);
                return Ok(());
            }
            println!("event {id} was evaluated again");
            decisions(&admission);
        }
    }
    Ok(())
}

fn list(page: &serde_json::Value) {
    let events = page["events"].as_array().cloned().unwrap_or_default();
    if events.is_empty() {
        println!(
            "no events; `xmrt send github issues --payload FILE` sends one, with `serve --sandbox` also `xmrt sandbox act`"
        );
        return;
    }
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| {
            let at = |name: &str| print::text(event, &format!("/{name}"));
            vec![
                at("received_at"),
                at("type"),
                at("subject"),
                at("actor"),
                at("id"),
            ]
        })
        .collect();
    print::table(&["RECEIVED", "TYPE", "SUBJECT", "ACTOR", "ID"], &rows);
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("more: --cursor {cursor}");
    }
}

fn show(event: &serde_json::Value) {
    for name in [
        "id",
        "type",
        "subject",
        "actor",
        "time",
        "received_at",
        "origin",
        "depth",
    ] {
        println!("{name:<12} {}", print::text(event, &format!("/{name}")));
    }
    if let Some(duplicates) = event["duplicates"].as_array().filter(|list| !list.is_empty()) {
        println!("{:<12} arrived again {} time(s)", "duplicates", duplicates.len());
    }
    decisions(event);
    println!("\npayload");
    print::json(&event["payload"]);
}

/// Runs and decisions, as every answer about an event carries them.
pub(super) fn decisions(answer: &serde_json::Value) {
    let mut rows = Vec::new();
    for run in answer["runs"].as_array().into_iter().flatten() {
        let at = |name: &str| print::text(run, &format!("/{name}"));
        rows.push(vec![at("rule"), at("status"), at("id")]);
    }
    for decision in answer["decisions"].as_array().into_iter().flatten() {
        let at = |name: &str| print::text(decision, &format!("/{name}"));
        rows.push(vec![at("rule"), at("decision"), at("reason")]);
    }
    if rows.is_empty() {
        let id = match print::text(answer, "/id") {
            id if id.is_empty() => "<id>".to_owned(),
            id => id,
        };
        println!("no rule fired; `xmrt explain --event {id}` says why");
    } else {
        print::table(&["RULE", "DECISION", "RUN OR REASON"], &rows);
    }
}
