//! `xmrt audit`

use jiff::Timestamp;
use serde_json::Value;

use super::api::{Api, Target, query};
use super::{Ending, Failure, print};
use crate::config::Settings;
use crate::{clock, rules};

/// How many entries one question is answered with when all are written down.
const PAGE: &str = "500";

/// Options of `xmrt audit`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only what this agent did; also `reactor`, or the name of a person
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Only this tool or word: `github.create_issue`, `github.*`, `run.approve`
    #[arg(long)]
    tool: Option<String>,
    /// Only what came to this: `done`, `forbidden`, `refused`, `approved`, …
    #[arg(long)]
    outcome: Option<String>,
    /// Only what was done by or said about this run
    #[arg(long)]
    run: Option<String>,
    /// Only from this time on: `7d`, or as 2026-03-04T05:06:07Z
    #[arg(long)]
    since: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, conflicts_with = "export")]
    limit: usize,
    /// The cursor of the page before
    #[arg(long)]
    cursor: Option<String>,
    /// Write all of it down as JSON Lines, an entry a line, newest first
    #[arg(long, conflicts_with = "json")]
    export: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let since = options.since.as_deref().map(since).transpose()?;
    let api = Api::connect(&options.target, &settings).await?;
    let ask = async |limit: String, cursor: Option<String>| {
        let parameters = [
            ("who", options.agent.clone()),
            ("what", options.tool.clone()),
            ("outcome", options.outcome.clone()),
            ("run", options.run.clone()),
            ("since", since.clone()),
            ("limit", Some(limit)),
            ("cursor", cursor),
        ];
        api.get(&format!("/api/v1/audit{}", query(&parameters))).await
    };
    if !options.export {
        let page = ask(options.limit.to_string(), options.cursor.clone()).await?;
        match options.json {
            true => print::json(&page),
            false => list(&page),
        }
        return Ok(());
    }
    let mut cursor = options.cursor.clone();
    loop {
        let page = ask(PAGE.to_owned(), cursor.take()).await?;
        for entry in entries(&page) {
            print::line(&entry.to_string());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// A time, or how long ago.
fn since(text: &str) -> Result<String, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let ago = rules::duration_ms(text).map_err(|why| {
        format!("--since is neither a time, as 2026-03-04T05:06:07Z, nor how long ago: {why}")
    })?;
    Ok(clock::after(clock::Clock::system().now(), -ago).to_string())
}

fn entries(page: &Value) -> Vec<Value> {
    page["audit"].as_array().cloned().unwrap_or_default()
}

fn list(page: &Value) {
    let entries = entries(page);
    if entries.is_empty() {
        println!("nothing is on record about that; without filters `xmrt audit` lists everything");
        return;
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let at = |name: &str| print::text(entry, &format!("/{name}"));
            vec![
                at("at"),
                at("who"),
                at("what"),
                at("target"),
                at("outcome"),
                why(entry),
            ]
        })
        .collect();
    print::table(&["TIME", "WHO", "WHAT", "ON", "OUTCOME", "WHY"], &rows);
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("more: --cursor {cursor}");
    }
}

/// What led to it, and who let it: the rule and the run, the approval, the reason of a refusal.
fn why(entry: &Value) -> String {
    let of = |name: &str| entry[name].as_str().map(str::to_owned);
    let mut why: Vec<String> = Vec::new();
    why.extend(of("rule").map(|rule| format!("rule {rule}")));
    why.extend(of("event").map(|event| format!("event {event}")));
    why.extend(of("approved_by").map(|who| format!("approved by {who}")));
    why.extend(of("note"));
    why.join("; ")
}
