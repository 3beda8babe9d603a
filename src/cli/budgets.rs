//! `xmrt budgets`

use serde_json::Value;

use super::api::{Api, Target};
use super::{Ending, print};
use crate::config::Settings;

/// Options of `xmrt budgets`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let answer = api.get("/api/v1/budgets").await?;
    if options.json {
        print::json(&answer);
        return Ok(());
    }
    let budgets = answer["budgets"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = budgets.iter().flat_map(rows).collect();
    if rows.is_empty() {
        println!("no provider was asked for anything within the last hours");
    } else {
        print::table(&["IDENTITY", "LIMIT", "LEFT", "OF", "BY", "WHOLE AGAIN"], &rows);
    }
    for budget in &budgets {
        let identity = print::text(budget, "/identity");
        if let Some(until) = budget["closed_until"].as_str() {
            println!("{identity}: the provider wants no request until {until}");
        }
        for limit in budget["limits"].as_array().into_iter().flatten() {
            if let Some(until) = limit["closed_until"].as_str() {
                println!(
                    "{identity}: refused for the sake of {}, waits until {until}",
                    print::text(limit, "/limit")
                );
            }
        }
        let held: Vec<String> = budget["held_back"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(priority, count)| format!("{count} {priority}"))
            .collect();
        if !held.is_empty() {
            println!("{identity}: held back since the start: {}", held.join(", "));
        }
    }
    Ok(())
}

fn rows(budget: &Value) -> Vec<Vec<String>> {
    let number = |limit: &Value, name: &str| {
        limit[name]
            .as_u64()
            .map_or_else(|| "?".to_owned(), |number| number.to_string())
    };
    let limits = budget["limits"].as_array().into_iter().flatten();
    limits
        .map(|limit| {
            vec![
                print::text(budget, "/identity"),
                print::text(limit, "/limit"),
                number(limit, "left"),
                number(limit, "max"),
                print::text(limit, "/by"),
                print::text(limit, "/whole_at"),
            ]
        })
        .collect()
}
