//! In: what was measured last. Out: it as tables and charts, and a wish to measure again. Never: a call to a provider to show a page.

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::api::{kept, measured};
use super::super::routes::Shared;
use super::session::Signed;
use super::{Failed, Fields, to, view};
use crate::chart::Colors;
use crate::insights::{Insight, Kind};

/// Of which a page shows the first in whole, if it is not asked for one; the others it names.
const KINDS: [Kind; 3] = [Kind::Ecosystem, Kind::Service, Kind::Repository];
/// How many notes of one it shows, and how much of a note, in characters.
const NOTES_MAX: usize = 30;
const NOTE_CHARS_MAX: usize = 400;

/// `GET /insights?kind=&of=`: what is asked for, or else the first of each kind.
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let fields = Fields::of(request.uri());
    match fields.some("kind") {
        Some(kind) => drop(kind_of(&kind)?),
        None if fields.some("of").is_some() => {
            return Err(Problem::bad_request(
                "`of` goes with `kind`: `ecosystem`, `service` or `repository`",
            )
            .into());
        }
        None => {}
    }
    let found = kept(&app).await?;
    let names: Vec<Value> = found.iter().map(|one| name(one, &fields)).collect();
    let chosen: Vec<&Insight> = match fields.some("kind") {
        Some(_) => found.iter().filter(|one| is_chosen(one, &fields)).collect(),
        None => KINDS
            .iter()
            .filter_map(|kind| found.iter().find(|one| one.kind == *kind))
            .collect(),
    };
    let about = json!({
        "title": "Insights", "page": "insights", "names": names, "asked": fields.some("of"),
        "shown": chosen.into_iter().map(shown).collect::<Vec<_>>(),
        "measured": found.iter().any(|one| one.kind == Kind::Ecosystem),
    });
    Ok(view::page(&app, &signed, "insights.html", about).await?)
}

fn kind_of(word: &str) -> Result<Kind, Problem> {
    let found = KINDS.into_iter().find(|kind| kind.as_str() == word);
    found.ok_or_else(|| {
        Problem::bad_request(format!(
            "`kind` is {word:?}; it can be `ecosystem`, `service` or `repository`"
        ))
    })
}

fn is_chosen(one: &Insight, fields: &Fields) -> bool {
    one.kind.as_str() == fields.get("kind") && one.of.eq_ignore_ascii_case(fields.get("of"))
}

fn name(one: &Insight, fields: &Fields) -> Value {
    json!({
        "kind": one.kind, "of": one.of, "title": one.title, "measured_at": one.measured_at, "score": one.score,
        "chosen": is_chosen(one, fields),
    })
}

fn shown(one: &Insight) -> Value {
    let charts = one.charts.iter().filter(|chart| !chart.is_empty());
    let notes = one.notes.iter().take(NOTES_MAX);
    json!({
        "kind": one.kind, "of": one.of, "title": one.title, "measured_at": one.measured_at, "score": one.score,
        "change": one.change, "columns": one.columns, "table": one.table,
        "notes": notes.map(|note| spans(note)).collect::<Vec<_>>(),
        "more": one.notes.len().saturating_sub(NOTES_MAX),
        "charts": charts.map(|chart| chart.svg(Colors::OfPage)).collect::<Vec<_>>(),
    })
}

/// A note's words, and which of them stand in a code span: every second part does.
fn spans(note: &str) -> Vec<String> {
    let note = view::cut(note, NOTE_CHARS_MAX);
    note.split('`').map(str::to_owned).collect()
}

/// `POST /insights` with `kind` and `of`.
pub(super) async fn measure(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let kind = kind_of(form.get("kind"))?;
    let found = measured(&app, kind, form.get("of"), &signed.who).await?;
    let (kind, of) = (found.kind.as_str(), view::segment(&found.of));
    Ok(to(&format!("/insights?kind={kind}&of={of}&said=measured")))
}
