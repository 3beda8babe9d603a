//! `xmrt runs`

use serde_json::{Value, json};

use super::api::{Api, Target, query, segment};
use super::{Ending, Failure, follow, print};
use crate::config::Settings;
use crate::journal::RunState;

/// Options of `xmrt runs`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this rule's
    #[arg(long)]
    rule: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = states())]
    state: Option<String>,
    /// Only this event's, by the provider's delivery id
    #[arg(long)]
    event: Option<String>,
    /// Only those that were not made again since: of the dead ones those that are left to deal with
    #[arg(long)]
    not_again: bool,
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
    /// Show a run step by step
    Show {
        /// The run's id
        id: String,
        /// First wait until it is at its end, or somebody has to do something
        #[arg(long)]
        wait: bool,
    },
    /// Run a dead, declined or cancelled run again, reusing the results it has
    Retry {
        /// The run's id
        id: String,
        /// Wait until the new run is at its end, or somebody has to do something
        #[arg(long)]
        wait: bool,
    },
    /// End a run that waits
    Cancel {
        /// The run's id
        id: String,
    },
    /// Settle a run whose step's effect is unknown, after looking at the provider
    Resolve {
        /// The run's id
        id: String,
        /// What you found
        #[arg(value_enum)]
        verdict: Verdict,
        /// With `done`: the step's result as JSON, for the steps that follow
        #[arg(long, value_name = "JSON")]
        result: Option<String>,
        /// Wait until the run is at its end, or somebody has to do something
        #[arg(long)]
        wait: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Verdict {
    /// The effect is there: go on
    Done,
    /// The effect is not there: make the call again
    Repeat,
    /// End the run
    GiveUp,
}

fn states() -> clap::builder::PossibleValuesParser {
    RunState::ALL
        .iter()
        .map(|state| state.as_str())
        .collect::<Vec<_>>()
        .into()
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let mut answer = match &options.action {
        None => {
            let parameters = [
                ("rule", options.rule.clone()),
                ("state", options.state.clone()),
                ("event", options.event.clone()),
                ("made_again", options.not_again.then(|| "false".to_owned())),
                ("limit", Some(options.limit.to_string())),
                ("cursor", options.cursor.clone()),
            ];
            api.get(&format!("/api/v1/runs{}", query(&parameters))).await?
        }
        Some(Action::Show { id, wait: true }) => follow::run(&api, id).await?,
        Some(Action::Show { id, .. }) => api.get(&format!("/api/v1/runs/{}", segment(id))).await?,
        Some(Action::Retry { id, .. }) => {
            api.post(&format!("/api/v1/runs/{}/retry", segment(id)), &json!({}))
                .await?
        }
        Some(Action::Cancel { id }) => {
            api.post(&format!("/api/v1/runs/{}/cancel", segment(id)), &json!({}))
                .await?
        }
        Some(Action::Resolve {
            id, verdict, result, ..
        }) => {
            let body = resolution(*verdict, result.as_deref())?;
            api.post(&format!("/api/v1/runs/{}/resolve", segment(id)), &body)
                .await?
        }
    };
    if let Some(Action::Retry { wait: true, .. } | Action::Resolve { wait: true, .. }) = &options.action {
        let id = print::text(&answer, "/id");
        answer = follow::run(&api, &id).await?;
    }
    if options.json {
        print::json(&answer);
        return Ok(());
    }
    match options.action {
        None if options.quiet => print::each(&answer, "/runs", "/id"),
        None => list(&answer),
        Some(_) => show(&answer),
    }
    Ok(())
}

fn resolution(verdict: Verdict, result: Option<&str>) -> Result<Value, Failure> {
    Ok(match (verdict, result) {
        (Verdict::Done, Some(text)) => {
            let result: Value =
                serde_json::from_str(text).map_err(|error| format!("--result is not JSON: {error}"))?;
            json!({ "resolution": "done", "result": result })
        }
        (Verdict::Done, None) => json!({ "resolution": "done", "result": {} }),
        (Verdict::Repeat, None) => json!({ "resolution": "repeat" }),
        (Verdict::GiveUp, None) => json!({ "resolution": "give_up" }),
        (_, Some(_)) => return Err(Failure::CouldNot("--result goes with `done`".into())),
    })
}

fn list(page: &Value) {
    let runs = page["runs"].as_array().cloned().unwrap_or_default();
    if runs.is_empty() {
        println!("no runs");
        return;
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let at = |name: &str| print::text(run, &format!("/{name}"));
            vec![at("created_at"), at("state"), at("rule"), at("id"), at("reason")]
        })
        .collect();
    print::table(&["CREATED", "STATE", "RULE", "ID", "REASON"], &rows);
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("more: --cursor {cursor}");
    }
}

/// A run, step by step.
pub(super) fn show(run: &Value) {
    for name in [
        "id",
        "rule",
        "state",
        "waits_for",
        "reason",
        "event",
        "generation",
        "created_at",
        "updated_at",
    ] {
        let text = print::text(run, &format!("/{name}"));
        if !text.is_empty() {
            println!("{name:<12} {text}");
        }
    }
    for step in run["steps"].as_array().into_iter().flatten() {
        let at = |pointer: &str| print::text(step, pointer);
        // A pinned list, and the mark at which `on_failure` began, are no calls.
        if at("/call/tool").is_empty() {
            let marks = at("/step").starts_with("on_failure[") && !at("/step").contains('.');
            let state = if marks { "begun".to_owned() } else { at("/state") };
            println!("\n  {} · {state}", at("/step"));
        } else {
            println!(
                "\n  {} · {} · {} · attempts {}",
                at("/step"),
                at("/call/tool"),
                at("/state"),
                at("/attempts")
            );
        }
        for (name, pointer) in [
            ("arguments", "/call/arguments"),
            ("result", "/result"),
            ("error", "/error"),
            ("what", "/approval/basis/shows"),
            ("why", "/approval/reason"),
            ("by", "/approval/by"),
            ("until", "/approval/expires_at"),
            ("hash", "/approval/hash"),
            ("approved", "/approval/answer/approved"),
            ("who", "/approval/answer/who"),
            ("because", "/approval/answer/why"),
        ] {
            let text = at(pointer);
            if !text.is_empty() {
                println!("    {name:<9} {text}");
            }
        }
    }
    for word in run["said"].as_array().into_iter().flatten() {
        let at = |pointer: &str| print::text(word, pointer);
        let said = match at("/what").as_str() {
            "run.resolve" => format!("resolved: {}", at("/outcome")),
            _ => "cancelled".to_owned(),
        };
        println!("\n{said}, by {} at {}", at("/who"), at("/at"));
    }
    if let Some(next) = next(run) {
        println!("\nnext: {next}");
    }
}

/// What a person can do about a run that waits for one.
fn next(run: &Value) -> Option<String> {
    let at = |name: &str| print::text(run, &format!("/{name}"));
    let id = at("id");
    let again = print::text(run, "/made_again/run");
    if !again.is_empty() {
        let state = print::text(run, "/made_again/state");
        return Some(format!(
            "nothing: it was made again as run {again}, which is {state}; `xmrt runs show {again}` shows that"
        ));
    }
    match (at("state").as_str(), at("waits_for").as_str()) {
        ("dead", _) => Some(format!(
            "mend what the reason names, then `xmrt runs retry {id}`; steps that are done are not done again"
        )),
        ("unknown", _) => Some(format!(
            "look at the provider whether it happened, then `xmrt runs resolve {id} done`, or `repeat`, or `give-up`"
        )),
        (_, "approval") => Some(format!(
            "`xmrt approvals approve {id} --as <you>` makes exactly this call, `reject` ends the run"
        )),
        (_, "pause") => Some("`xmrt pause` says what stands still, `xmrt resume` lets it go on".to_owned()),
        _ => None,
    }
}
