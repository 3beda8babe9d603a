//! In: the question how things are. Out: what runs, waits, fails, is unknown; what came in; what does not work. Never: a look
//! through all of the journal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Extension, State};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::routes::{App, Shared};
use super::session::Signed;
use super::{Failed, Fields, runs, to, view};
use crate::journal::{self, EventQuery, RunQuery, RunRecord, RunState, WaitsFor};

/// How many runs of a kind are named.
const RUNS_NAMED: usize = 6;
/// Those that ended without success, and of how many of the newest it is looked whether they were made again since.
const DEAD: &str = "Dead";
const DEAD_LOOKED_AT: usize = 30;
/// How many of the newest events are.
const EVENTS_NAMED: usize = 8;
/// How far back deliveries are counted, in minutes.
const MINUTES: i64 = 60;

/// Deliveries taken by this process, by the minute they came in.
#[derive(Debug, Default)]
pub(in super::super) struct Throughput(Mutex<BTreeMap<i64, u64>>);

impl Throughput {
    pub(in super::super) fn note(&self, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(minute).or_default() += 1;
        while counts
            .first_key_value()
            .is_some_and(|(first, _)| *first <= minute - MINUTES)
        {
            counts.pop_first();
        }
    }

    /// Minute by minute, the present one last.
    fn last_hour(&self, now: Timestamp) -> Vec<u64> {
        let minute = now.as_second().div_euclid(60);
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minutes = minute - MINUTES + 1..=minute;
        minutes
            .map(|minute| counts.get(&minute).copied().unwrap_or_default())
            .collect()
    }
}

/// `GET /`
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
) -> Result<Response, Failed> {
    let store = app.reactor.store();
    let now = app.reactor.clock().now();
    let stats = store.stats().await?;
    let newest = EventQuery {
        limit: EVENTS_NAMED,
        ..EventQuery::default()
    };
    let book = app.reactor.book();
    let lists = lists(&app).await?;
    let about = json!({
        "title": "Now",
        "page": "now",
        "stats": stats,
        "under_way": stats.queued + stats.running,
        "on_hold": stats.waiting + stats.delayed,
        "left_dead": lists.iter().any(|list| list["name"] == DEAD),
        "lists": lists,
        "health": app.reactor.health().await,
        "size": store.size().await?,
        "sources": coverage(&app, now).await?,
        "events": super::events::rows(&store.events(&newest).await?),
        "throughput": bars(&app.desk.throughput.last_hour(now)),
        "rules": book.rules().len(),
    });
    Ok(view::page(&app, &signed, "now.html", about).await?)
}

/// What wants a person, and what is under way.
async fn lists(app: &App) -> Result<Vec<Value>, Failed> {
    let kinds = [
        ("Unknown", "state=unknown", Some(RunState::Unknown), None),
        (
            "Waiting for approval",
            "waits_for=approval",
            None,
            Some(WaitsFor::Approval),
        ),
        ("Running", "state=running", Some(RunState::Running), None),
        ("Waiting", "state=waiting", Some(RunState::Waiting), None),
        (DEAD, "state=dead", Some(RunState::Dead), None),
    ];
    let mut lists = Vec::new();
    for (name, filter, state, waits_for) in kinds {
        let query = RunQuery {
            state,
            waits_for,
            limit: match name {
                DEAD => DEAD_LOOKED_AT,
                _ => RUNS_NAMED + 1,
            },
            ..RunQuery::default()
        };
        let mut found: Vec<RunRecord> = app.reactor.store().runs(&query).await?;
        if state == Some(RunState::Waiting) {
            found.retain(|run| run.waits_for != Some(WaitsFor::Approval));
        }
        let mut more = found.len() > RUNS_NAMED;
        if name == DEAD {
            more = found.len() == DEAD_LOOKED_AT;
            let mut left = Vec::new();
            for run in found {
                // What was made again wants nobody any more.
                if left.len() <= RUNS_NAMED && app.reactor.made_again(&run).await?.is_none() {
                    left.push(run);
                }
            }
            found = left;
            more |= found.len() > RUNS_NAMED;
        }
        found.truncate(RUNS_NAMED);
        if !found.is_empty() {
            lists.push(json!({ "name": name, "filter": filter, "runs": runs::rows(&found), "more": more }));
        }
    }
    Ok(lists)
}

async fn coverage(app: &App, now: Timestamp) -> Result<Vec<Value>, Failed> {
    let sources = journal::all_coverage(app.reactor.store().as_ref(), now).await?;
    let shown = sources.iter().map(|source| {
        let mut shown = json!(source.state);
        shown["source"] = source.source.clone().into();
        shown["until"] = json!(source.until());
        shown["recovered"] = source.total().recovered.into();
        shown["lost"] = source.total().unreachable.into();
        shown
    });
    Ok(shown.collect())
}

/// The hour as bars: one path, as wide as there are minutes and 24 high.
fn bars(counts: &[u64]) -> Value {
    const HEIGHT: u64 = 24;
    let most = counts.iter().copied().max().unwrap_or_default();
    let mut path = String::new();
    for (minute, count) in counts.iter().enumerate() {
        // What is not nothing is seen.
        let high = (count * HEIGHT).div_ceil(most.max(1));
        if high > 0 {
            path.push_str(&format!("M{},{HEIGHT}v-{high}h3v{high}z", minute * 4));
        }
    }
    json!({
        "path": path,
        "total": counts.iter().sum::<u64>(),
        "most": most,
        "width": counts.len() * 4,
    })
}

/// `POST /pauses`: with `what`, and `resume` if it is to go on.
pub(super) async fn pause(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let what = form.get("what");
    let said = match form.get("resume").is_empty() {
        true => {
            app.reactor.pause(what, &signed.who).await?;
            "paused"
        }
        false => {
            app.reactor.resume(what, &signed.who).await?;
            "resumed"
        }
    };
    Ok(to(&format!("/?said={said}")))
}
