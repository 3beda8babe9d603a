//! An event on its way into the journal, and out of it again.

use serde_json::{Map, Value, json};

use crate::journal::{Debounce, EventKey, EventRecord, Gates, Group, NewEvent, NewFiring, Rate, RunId, Wish};
use crate::normalize::{Actor, Event, EventId, EventType, Payload, Subject};
use crate::receive::{Fetch, Origin, Source};
use crate::rules::{Mode, Rule, RuleBook, Verdict};

/// How old a recovered event may be for a rule that says nothing itself, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staleness {
    /// For a rule whose tools destroy nothing.
    pub(super) ms: i64,
    /// For any other.
    pub(super) destructive_ms: i64,
}

/// Where in `meta` near misses are kept. It is opaque to the journal, so all stores keep it alike.
const MISSED: &str = "missed";
/// Near misses kept with one event; what is beyond is only recomputed.
const MISSED_MAX: usize = 64;

/// What the rules of `book` want of an event; and, of those that were looked at and want nothing, what each failed at, by its
/// id. All others are off or could not have matched: `explain` recomputes them.
pub(super) fn firings(
    book: &RuleBook,
    event: &Event,
    stale: Option<&(dyn Fn(&Rule) -> i64 + Sync)>,
) -> (Vec<NewFiring>, Map<String, Value>) {
    let mut firings = Vec::new();
    let mut missed = Map::new();
    for candidate in book.candidates(event) {
        if let Some(place) = candidate.missed() {
            if missed.len() < MISSED_MAX {
                missed.insert(candidate.evaluation.rule.id.clone(), place.into());
            }
            continue;
        }
        let evaluation = candidate.evaluation;
        let rule = evaluation.rule;
        let wish = match evaluation.verdict {
            Verdict::Fired { key, group } => Wish::Run {
                shadow: rule.mode == Mode::Shadow,
                gates: gates(&rule, event, key, group, stale),
                pinned: json!({ "vars": rule.vars }),
            },
            Verdict::Error(reason) => Wish::Error { reason },
            Verdict::Missed | Verdict::Off => continue,
        };
        firings.push(NewFiring {
            rule: rule.id.clone(),
            version: rule.version.clone(),
            wish,
        });
    }
    (firings, missed)
}

/// What a rule failed at when the event came, where that was kept.
pub(super) fn missed(record: &EventRecord, rule: &str) -> Option<String> {
    Some(record.meta.get(MISSED)?.get(rule)?.as_str()?.to_owned())
}

/// How late a tick is still acted upon where the rule does not say so (`max_age`), in milliseconds.
const TICK_AGE_MS_MAX: i64 = 6 * 60 * 60 * 1_000;

fn gates(
    rule: &Rule,
    event: &Event,
    key: String,
    group: Option<String>,
    stale: Option<&(dyn Fn(&Rule) -> i64 + Sync)>,
) -> Gates {
    let concurrency = rule.concurrency.as_ref();
    let is_tick = event.source == Source::schedule();
    Gates {
        key,
        max_age_ms: rule
            .limits
            .max_age_ms
            .or_else(|| Some(stale?(rule)))
            .or(is_tick.then_some(TICK_AGE_MS_MAX)),
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
        group: group.zip(concurrency).map(|(key, concurrency)| Group {
            key,
            cancel_in_progress: concurrency.cancel_in_progress,
            latest: concurrency.latest,
        }),
    }
}

/// An event as the journal admits it.
pub(super) fn seal(
    event: &Event,
    book: &RuleBook,
    firings: Vec<NewFiring>,
    missed: Map<String, Value>,
) -> NewEvent {
    let mut meta = json!({
        "action": event.action,
        "actor": event.actor.as_ref().map(|actor| &actor.0),
        "origin": event.origin.as_str(),
        "recovered": event.fetch().map(|fetch| json!({
            "from": fetch.from, "delivered_at": fetch.delivered_at, "doubtful": fetch.doubtful,
        })),
    });
    if !missed.is_empty() {
        meta[MISSED] = Value::Object(missed);
    }
    NewEvent {
        key: EventKey {
            source: event.source.as_str().into(),
            id: event.id.0.clone(),
        },
        digest: event.digest,
        kind: event.kind.0.clone(),
        subject: event.subject.0.clone(),
        time: event.time,
        meta,
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
        payload: Payload::parsed(&record.body).ok()?,
        body: record.body.clone(),
        digest: None,
        origin: Origin::parse(&text("origin")?, || fetch(record.meta.get("recovered")?))?,
        causes: Vec::new(),
        after: None,
    })
}

/// Whether an event on record was fetched from the provider's own API, after a gap.
pub(super) fn was_fetched(record: &EventRecord) -> bool {
    record
        .meta
        .get("recovered")
        .is_some_and(|recovered| !recovered.is_null())
}

/// How an event was fetched, as [`seal`] wrote it down.
fn fetch(recovered: &Value) -> Option<Fetch> {
    let text = |name: &str| recovered.get(name).and_then(Value::as_str);
    Some(Fetch {
        from: text("from")?.to_owned(),
        delivered_at: text("delivered_at")?.parse().ok()?,
        doubtful: recovered.get("doubtful")?.as_bool()?,
    })
}
