//! In: what somebody looks for among events. Out: what came in, and what each rule made of it. Never: a decision computed here;
//! the explanation is the one of the command and the API.

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, ROWS, conditions, to, view};
use crate::journal::{EventQuery, EventRecord};
use crate::normalize;
use crate::reactor::LookupError;

/// How much of a page the payload may take, in bytes.
const PAYLOAD_BYTES_MAX: usize = 40 * 1024;
/// How many rules are ranked on a page.
const RULES_SHOWN: usize = 40;
/// How many conditions of a near miss are named.
const MISSES_SHOWN: usize = 6;
/// The longest sentence, in characters.
const SENTENCE_CHARS_MAX: usize = 400;

/// `GET /events?q=`: by id, by type or its beginning, or by subject.
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let fields = Fields::of(request.uri());
    let (wanted, store) = (fields.get("q"), app.reactor.store());
    let before = match fields.get("before") {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| Problem::bad_request("`before` is not a place of an earlier page"))?,
        ),
    };
    if !wanted.is_empty() && before.is_none() && store.event_by_id(wanted).await?.is_some() {
        return Ok(to(&format!("/events/{}", view::segment(wanted))));
    }
    let page = EventQuery {
        before,
        limit: ROWS,
        ..EventQuery::default()
    };
    let (mut by, mut events) = ("type", Vec::new());
    if !is_subject(wanted) {
        let kind = wanted.strip_suffix(".*").unwrap_or(wanted);
        let kind = Some(kind.to_owned()).filter(|kind| !kind.is_empty() && kind != "*");
        events = store.events(&EventQuery { kind, ..page.clone() }).await?;
    }
    if events.is_empty() && !wanted.is_empty() {
        by = "subject";
        let subject = Some(wanted.to_owned());
        events = store.events(&EventQuery { subject, ..page }).await?;
    }
    let next = events
        .last()
        .filter(|_| events.len() == ROWS)
        .map(|event| event.seq);
    let about = json!({
        "title": "Events", "page": "events", "q": wanted, "by": by, "events": rows(&events), "next": next,
        "first_page": before.is_none(),
    });
    Ok(view::page(&app, &signed, "events.html", about).await?)
}

/// Types have neither; what has one is not looked for among them.
fn is_subject(wanted: &str) -> bool {
    wanted.contains(['/', '#', '-'])
}

pub(super) fn rows(events: &[EventRecord]) -> Vec<Value> {
    events
        .iter()
        .map(|event| {
            json!({
                "id": event.key.id, "type": event.kind, "subject": event.subject, "actor": event.meta["actor"],
                "received_at": event.received_at, "duplicates": event.duplicates_total, "depth": event.depth,
            })
        })
        .collect()
}

/// `GET /events/{id}?rule=`
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failed> {
    let store = app.reactor.store();
    let event = store.event_by_id(&id).await?;
    let event = event.ok_or_else(|| LookupError::NoEvent(id.clone()))?;
    let payload = normalize::parse(&event.body).unwrap_or_default();
    let (rules, rest, trouble) = decisions(&app, &id).await?;
    let chosen = Fields::of(request.uri()).some("rule");
    let chosen = chosen.or_else(|| {
        rules
            .first()
            .and_then(|rule| rule["rule"].as_str().map(str::to_owned))
    });
    let explained = match &chosen {
        Some(rule) if trouble.is_none() => app.reactor.explain(&id, Some(rule)).await?.explanation,
        _ => None,
    };
    let verdicts = store.verdicts(&event.key).await?;
    let runs: Vec<Value> = verdicts
        .iter()
        .filter(|verdict| verdict.run.is_some())
        .take(RULES_SHOWN)
        .map(|verdict| json!({ "id": verdict.run, "rule": verdict.rule, "state": verdict.state, "generation": verdict.generation }))
        .collect();
    let about = json!({
        "title": event.kind,
        "page": "events",
        "event": rows(std::slice::from_ref(&event))[0],
        "time": event.time,
        "source": event.key.source,
        "origin": event.meta["origin"],
        "caused_by": event.caused_by,
        "duplicates": event.duplicates,
        "runs": runs,
        "rules": rules,
        "rest": rest,
        "trouble": trouble,
        "explanation": explained.as_ref().map(|explanation| json!({
            "rule": explanation.rule,
            "sentence": view::cut(&explanation.sentence, SENTENCE_CHARS_MAX),
            "decision": explanation.decision,
            "contradiction": explanation.contradiction,
            "in_force": explanation.in_force,
            "rows": conditions::rows(explanation),
        })),
        "tree": Budget::new(PAYLOAD_BYTES_MAX).tree(&payload),
        "bytes": event.body.len(),
    });
    Ok(view::page(&app, &signed, "event.html", about).await?)
}

/// The rules that have to do with the event, the nearest first; how many more there are; why nobody can say.
async fn decisions(app: &App, id: &str) -> Result<(Vec<Value>, usize, Option<String>), Failed> {
    let explained = match app.reactor.explain(id, None).await {
        Ok(explained) => explained,
        // An event whose envelope or rules are of another time can be looked at all the same.
        Err(LookupError::Unreadable(why)) => return Ok((Vec::new(), 0, Some(why))),
        Err(error) => return Err(error.into()),
    };
    let rules = explained.ranking.iter().take(RULES_SHOWN).map(|ranked| {
        let misses: Vec<String> = ranked
            .would_have_to_differ
            .iter()
            .take(MISSES_SHOWN)
            .map(|text| view::cut(text, SENTENCE_CHARS_MAX))
            .collect();
        json!({
            "rule": ranked.rule, "decision": ranked.decision, "failed": ranked.failed, "questions": ranked.questions,
            "misses": misses,
        })
    });
    let rest = explained.ranking.len().saturating_sub(RULES_SHOWN);
    Ok((rules.collect(), rest, None))
}

/// `POST /events/{id}/replay`
pub(super) async fn replay(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let admission = app.reactor.replay(&id, &signed.who).await?;
    Ok(to(&format!(
        "/events/{}?said=replayed",
        view::segment(&admission.key.id)
    )))
}
