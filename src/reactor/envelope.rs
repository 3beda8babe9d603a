//! An event on its way into the journal, and out of it again.

use serde_json::{Value, json};

use crate::journal::{Debounce, EventKey, EventRecord, Gates, NewEvent, NewFiring, Rate, RunId, Wish};
use crate::normalize::{self, Actor, Event, EventId, EventType, Subject};
use crate::receive::{Origin, Source};
use crate::rules::{Mode, Rule, RuleBook, Verdict};

/// What the rules of `book` want of an event. Rules that do not match, or are off, want nothing: `explain` recomputes
/// them.
pub(super) fn firings(book: &RuleBook, event: &Event) -> Vec<NewFiring> {
    book.candidates(event)
        .into_iter()
        .filter_map(|candidate| {
            let evaluation = candidate.evaluation;
            let rule = evaluation.rule;
            let wish = match evaluation.verdict {
                Verdict::Fired { key } => Wish::Run {
                    shadow: rule.mode == Mode::Shadow,
                    gates: gates(&rule, event, key),
                    pinned: json!({ "vars": rule.vars }),
                },
                Verdict::Error(reason) => Wish::Error { reason },
                Verdict::Missed | Verdict::Off => return None,
            };
            Some(NewFiring {
                rule: rule.id.clone(),
                version: rule.version.clone(),
                wish,
            })
        })
        .collect()
}

/// How late a tick is still acted upon where the rule does not say so (`max_age`), in milliseconds.
const TICK_AGE_MS_MAX: i64 = 6 * 60 * 60 * 1_000;

fn gates(rule: &Rule, event: &Event, key: String) -> Gates {
    let is_tick = event.source == Source::schedule();
    Gates {
        key,
        max_age_ms: rule.limits.max_age_ms.or(is_tick.then_some(TICK_AGE_MS_MAX)),
        depth_max: rule.limits.depth,
        cooldown_ms: rule.limits.cooldown_ms,
        rate: rule.limits.rate.map(|rate| Rate {
            max: rate.max,
            window_ms: rate.window_ms,
        }),
        debounce: rule.limits.debounce.map(|debounce| Debounce {
            quiet_ms: debounce.quiet_ms,
            max_wait_ms: debounce.max_wait_ms,
        }),
        delay_ms: rule.limits.delay_ms,
    }
}

/// An event as the journal admits it.
pub(super) fn seal(event: &Event, book: &RuleBook, firings: Vec<NewFiring>) -> NewEvent {
    NewEvent {
        key: EventKey {
            source: event.source.as_str().into(),
            id: event.id.0.clone(),
        },
        digest: event.digest,
        kind: event.kind.0.clone(),
        subject: event.subject.0.clone(),
        time: event.time,
        meta: json!({
            "action": event.action,
            "actor": event.actor.as_ref().map(|actor| &actor.0),
            "origin": event.origin.as_str(),
        }),
        body: event.body.clone(),
        book: book.hash().into(),
        causes: event.causes.clone(),
        after: event.after.clone().map(RunId),
        firings,
    }
}

/// An event as it was when it was sealed. `None` if the record is not one that [`seal`] made.
pub(super) fn open(record: &EventRecord, replayed: bool) -> Option<Event> {
    let text = |name: &str| record.meta.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Event {
        id: EventId(record.key.id.clone()),
        source: Source::on_record(&record.key.source),
        kind: EventType(record.kind.clone()),
        action: text("action"),
        subject: Subject(record.subject.clone()),
        actor: text("actor").map(Actor),
        time: record.time,
        received_at: record.received_at,
        replayed,
        payload: normalize::parse(&record.body).ok()?,
        body: record.body.clone(),
        digest: None,
        origin: Origin::parse(&text("origin")?)?,
        causes: Vec::new(),
        after: None,
    })
}
