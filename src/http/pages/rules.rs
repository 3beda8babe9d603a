//! In: questions about the rules in force, and a change that somebody would make. Out: a rule's source with what is wrong with it, what it
//! did, what nearly made it act, and what the change would have done. Never: a rule file written.

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::api::{EVENTS_MAX, SINCE};
use super::super::routes::{App, Shared};
use super::session::Signed;
use super::{Failed, Fields, runs, to, view};
use crate::clock::after;
use crate::journal::{EventQuery, Pause, RunQuery};
use crate::normalize::Event;
use crate::reactor;
use crate::rules::{Comparison, Diagnostic, Rule, SourceFile, duration_ms, explain};

/// How many rules a page lists.
const RULES_SHOWN: usize = 100;
/// How many runs of a rule are named.
const RUNS_NAMED: usize = 8;
/// How many events are looked at for what nearly made it act, of each type.
const LOOKED_AT: usize = 12;
/// How much of a page a source may take, and the form to change it, in bytes each.
const SOURCE_BYTES_MAX: usize = 32 * 1024;
/// What a line of a source takes beside its text, in bytes, and what one of its notes does.
const LINE_BYTES: usize = 96;
/// How many ticks of a schedule.
const TICKS_SHOWN: usize = 5;
/// How many events a change is illustrated with.
const CHANGES_SHOWN: usize = 8;
/// The longest sentence, in characters.
const SENTENCE_CHARS_MAX: usize = 240;

/// `GET /rules?q=`
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let fields = Fields::of(request.uri());
    let wanted = fields.get("q").to_lowercase();
    let book = app.reactor.book();
    let pauses = app.reactor.pauses().await?;
    let fits = |rule: &Rule| {
        let texts = [&rule.id, &rule.description].into_iter().chain(&rule.on);
        let mut texts = texts.chain(rule.actions.iter().map(|action| &action.tool));
        wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted))
    };
    let found: Vec<_> = book.rules().iter().filter(|rule| fits(rule)).collect();
    let shown: Vec<Value> = found
        .iter()
        .take(RULES_SHOWN)
        .map(|rule| {
            json!({
                "id": rule.id, "description": cut(&rule.description), "on": rule.on, "mode": rule.mode,
                "tools": rule.actions.iter().map(|action| &action.tool).collect::<Vec<_>>(),
                "paused": pause_of(&pauses, &rule.id).is_some(),
            })
        })
        .collect();
    let about = json!({
        "title": "Rules", "page": "rules", "q": fields.get("q"), "rules": shown, "rest": found.len() - shown.len(),
        "any": !book.rules().is_empty(), "book": book.hash(),
    });
    Ok(view::page(&app, &signed, "rules.html", about).await?)
}

/// `GET /rules/{id}`
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let about = about(&app, &id).await?;
    Ok(view::page(&app, &signed, "rule.html", about).await?)
}

async fn about(app: &App, id: &str) -> Result<Value, Failed> {
    let book = app.reactor.book();
    let rule = book
        .rule(id)
        .ok_or_else(|| Problem::not_found(format!("there is no rule {id:?} in force")))?;
    let now = app.reactor.clock().now();
    let query = RunQuery {
        rule: Some(rule.id.clone()),
        limit: RUNS_NAMED + 1,
        ..RunQuery::default()
    };
    let mut of_rule = app.reactor.store().runs(&query).await?;
    let more = of_rule.len() > RUNS_NAMED;
    of_rule.truncate(RUNS_NAMED);
    let findings = app.reactor.findings().await;
    let pauses = app.reactor.pauses().await?;
    Ok(json!({
        "title": rule.id,
        "page": "rules",
        "rule": { "id": rule.id, "description": cut(&rule.description), "mode": rule.mode,
            "off_reason": rule.off_reason.as_deref().map(cut), "on": cut(&rule.on.join(", ")), "path": rule.path,
            "version": rule.version },
        "pause": pause_of(&pauses, &rule.id),
        "ticks": rule.schedule.as_ref().map(|schedule| schedule.upcoming(now, TICKS_SHOWN)),
        "zone": rule.schedule.as_ref().map(|schedule| schedule.zone()),
        "runs": runs::rows(&of_rule),
        "more": more,
        "events": near(app, rule).await?,
        "source": source(&rule.text, &of_file(&findings, &rule.path)),
        "text": (escaped(&rule.text) <= SOURCE_BYTES_MAX).then_some(&rule.text),
    }))
}

/// What keeps the rule from going on, if it is paused by its name.
fn pause_of<'a>(pauses: &'a [Pause], rule: &str) -> Option<&'a Pause> {
    pauses
        .iter()
        .find(|pause| pause.what.strip_prefix("rule:") == Some(rule))
}

fn of_file<'a>(diagnostics: &'a [Diagnostic], path: &str) -> Vec<&'a Diagnostic> {
    diagnostics.iter().filter(|found| found.path == path).collect()
}

/// A source line by line, each with what is wrong there; and how many lines, with how many findings, there is no room for.
fn source(text: &str, diagnostics: &[&Diagnostic]) -> Value {
    let all: Vec<&str> = text.lines().chain(text.is_empty().then_some("")).collect();
    let (mut room, mut shown, mut noted) = (SOURCE_BYTES_MAX, Vec::new(), 0);
    for (place, line) in all.iter().enumerate() {
        let here: Vec<&&Diagnostic> = diagnostics
            .iter()
            .filter(|found| found.line == place + 1)
            .collect();
        let said = |found: &&&Diagnostic| escaped(&found.message) + found.hint.as_deref().map_or(0, escaped);
        let notes: usize = here.iter().map(|found| LINE_BYTES + said(found)).sum();
        let Some(left) = room.checked_sub(LINE_BYTES + escaped(line) + notes) else {
            break;
        };
        (room, noted) = (left, noted + here.len());
        let note = |found: &&Diagnostic| json!({ "severity": found.severity, "code": found.code, "message": found.message, "hint": found.hint });
        let notes: Vec<Value> = here.into_iter().map(note).collect();
        shown.push(json!({ "number": place + 1, "text": line, "notes": notes }));
    }
    let rest = all.len() - shown.len();
    json!({ "lines": shown, "rest": rest, "unseen": diagnostics.len() - noted })
}

/// How many bytes of HTML a text becomes.
fn escaped(text: &str) -> usize {
    let longer = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\'' | b'/');
    text.bytes().map(|byte| if longer(byte) { 6 } else { 1 }).sum()
}

fn cut(text: &str) -> String {
    view::cut(text, SENTENCE_CHARS_MAX)
}

/// The newest events of the types that the rule listens to, and what it would say to each now.
async fn near(app: &App, rule: &Rule) -> Result<Vec<Value>, Failed> {
    let mut found: Vec<(Value, Event)> = Vec::new();
    for kind in rule.on.iter().take(3) {
        let kind = kind.trim_end_matches('*').trim_end_matches('.');
        let query = EventQuery {
            kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
            limit: LOOKED_AT,
            ..EventQuery::default()
        };
        for record in app.reactor.store().events(&query).await? {
            if let Some(event) = reactor::of_record(&record) {
                found.push((
                    super::events::rows(std::slice::from_ref(&record))[0].clone(),
                    event,
                ));
            }
        }
    }
    found.sort_by_key(|(_, event)| std::cmp::Reverse(event.received_at));
    found.truncate(LOOKED_AT);
    let shown = found.into_iter().map(|(mut row, event)| {
        let explanation = explain(rule, &event, None);
        row["outcome"] = explanation.outcome.into();
        row["failed"] = explanation.failed.into();
        row["questions"] = explanation.questions.into();
        row["miss"] = json!(explanation.would_have_to_differ.first().map(|miss| cut(miss)));
        row
    });
    Ok(shown.collect())
}

/// `POST /rules/{id}/explain` with `event`: leads to the event's page, at this rule.
pub(super) async fn explained(
    State(app): Shared,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let event = app.reactor.store().event_by_id(form.get("event")).await?;
    let event = event.ok_or_else(|| {
        Problem::not_found(format!(
            "there is no event {:?} on record; the events page finds it by its type or subject",
            form.get("event")
        ))
    })?;
    Ok(to(&format!(
        "/events/{}?rule={}",
        view::segment(&event.key.id),
        view::segment(&id)
    )))
}

/// `POST /rules/{id}/pause`, with `resume` if it is to go on.
pub(super) async fn pause(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let said = match form.get("resume").is_empty() {
        true => {
            app.reactor.pause(&id, &signed.who).await?;
            "paused"
        }
        false => {
            app.reactor.resume(&id, &signed.who).await?;
            "resumed"
        }
    };
    Ok(to(&format!("/rules/{}?said={said}", view::segment(&id))))
}

/// `POST /rules/{id}/try` with `text`: checks the changed rule and says on which events on record it would have acted otherwise.
pub(super) async fn attempt(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let mut about = about(&app, &id).await?;
    let path = about["rule"]["path"].as_str().unwrap_or_default().to_owned();
    // A form sends its lines with two characters at their ends.
    let text = form.whole("text").replace("\r\n", "\n");
    let changed = SourceFile {
        path: path.clone(),
        text: text.clone(),
        unreadable: None,
    };
    let checked = app.reactor.check(vec![changed]).await;
    let findings = of_file(&checked.diagnostics, &path);
    about["tried"] = json!({
        "source": source(&text, &findings),
        "text": text,
        "findings": findings.len(),
        "usable": checked.book.is_some(),
    });
    if let Some(candidate) = checked.book {
        let length = duration_ms(SINCE).unwrap_or_default();
        let since = after(app.reactor.clock().now(), -length);
        let backtest = app.reactor.backtest(candidate, since, EVENTS_MAX).await?;
        about["tried"]["events"] = backtest.events.into();
        about["tried"]["first"] = json!(backtest.first);
        about["tried"]["more"] = backtest.more.into();
        about["tried"]["change"] = change(&backtest.comparison, &id);
    }
    Ok(view::page(&app, &signed, "rule.html", about).await?)
}

/// What the change means for the rule.
fn change(comparison: &Comparison, id: &str) -> Value {
    let Some(rule) = comparison.rules.iter().find(|rule| rule.rule == id) else {
        return json!({ "before": 0, "after": 0, "gained": [], "lost": [] });
    };
    let some = |firings: &[crate::rules::Firing]| {
        json!(firings.iter().rev().take(CHANGES_SHOWN).collect::<Vec<_>>())
    };
    json!({
        "before": rule.before, "after": rule.after, "gained": some(&rule.gained), "lost": some(&rule.lost),
        "gained_count": rule.gained.len(), "lost_count": rule.lost.len(), "note": rule.note(),
    })
}
