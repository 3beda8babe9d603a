//! In: an event or a run. Out: what became of it, once it is at its end or somebody has to do something. Never: a word of
//! its own on it; and patience has an end, too.

use std::time::Duration;

use serde_json::Value;

use super::api::{Api, query, segment};
use super::{Failure, print};

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const POLL: Duration = Duration::from_millis(50);

/// Whether nothing changes a run by itself, or not soon.
fn rests(run: &Value) -> bool {
    match run["state"].as_str().unwrap_or_default() {
        "queued" | "running" => false,
        "waiting" => matches!(run["waits_for"].as_str(), Some("approval" | "pause")),
        _ => true,
    }
}

/// The runs of an event, once all of them rest; as they are when patience ends.
pub(super) async fn runs_of(api: &Api, event: &str) -> Result<Vec<Value>, Failure> {
    let path = format!(
        "/api/v1/runs{}",
        query(&[("event", Some(event.to_owned())), ("limit", Some("100".into()))])
    );
    let page = until_rest(api, &path, |page| {
        page["runs"].as_array().is_none_or(|runs| runs.iter().all(rests))
    })
    .await?;
    let mut runs = page["runs"].as_array().cloned().unwrap_or_default();
    // As they came, not the newest first.
    runs.reverse();
    Ok(runs)
}

/// A run with its steps, once it rests; as it is when patience ends.
pub(super) async fn run(api: &Api, id: &str) -> Result<Value, Failure> {
    until_rest(api, &format!("/api/v1/runs/{}", segment(id)), rests).await
}

async fn until_rest(api: &Api, path: &str, rest: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
    let waiting = async {
        loop {
            let answer = api.get(path).await?;
            if rest(&answer) {
                return Ok(answer);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    // While no server runs nothing goes on.
    if matches!(api, Api::Local { .. }) {
        return api.get(path).await;
    }
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(answer) => answer,
        Err(_) => {
            // On standard output there may be JSON.
            eprintln!(
                "still under way after {} s; `xmrt runs` says how far it is",
                PATIENCE.as_secs()
            );
            api.get(path).await
        }
    }
}

/// What became of an event's runs, a line each.
pub(super) fn tell(runs: &[Value]) {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let at = |name: &str| print::text(run, &format!("/{name}"));
            let state = match (at("state").as_str(), at("waits_for")) {
                ("waiting", what) if !what.is_empty() => format!("waiting: {what}"),
                (state, _) => state.to_owned(),
            };
            vec![at("rule"), state, at("id"), at("reason")]
        })
        .collect();
    print::table(&["RULE", "STATE", "RUN", "REASON"], &rows);
}
