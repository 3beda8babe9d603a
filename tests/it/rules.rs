//! The rule language: what a file may say, what it means for an event, and what a person is told about it.
#![expect(clippy::panic, reason = "a test's helper fails the test")]

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use xmrt::normalize::{Actor, Event, EventId, EventType, Subject};
use xmrt::receive::{Origin, Source};
use xmrt::rules::{Catalog, Loaded, RuleBook, Scope, SourceFile, Verdict, load, meta_of, render_diagnostics};

mod patterns;
mod matching;
mod diagnostics;
mod expressions;
mod books;
mod explanations;
mod lints;
mod fixes;
mod reference;
mod shapes;
mod changes;

/// Within which an expression that would run for ever has been stopped: 50 ms as it is shipped. What is built without
/// optimizations, on a machine that does other things at the same time, has twice as long.
pub(crate) const STOPPED_WITHIN: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 50 });

/// How long this thread has worked. How long it waited for a processor says nothing about an expression.
pub(crate) fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().unwrap()
}

/// What it takes to do something, at the best of several times: what a neighbor on the same processor adds is not its own.
pub(crate) fn least_work(mut done: impl FnMut()) -> Duration {
    let took = (0..5).map(|_| {
        let begun = worked();
        done();
        worked() - begun
    });
    took.min().unwrap()
}

/// An event that was received at noon.
pub(crate) fn event(kind: &str, payload: Value) -> Event {
    let source = if kind.starts_with("render") {
        Source::render()
    } else {
        Source::github()
    };
    let noon = "2026-11-20T12:00:00Z".parse().unwrap();
    Event {
        id: EventId("delivery-1".into()),
        source,
        kind: EventType(kind.into()),
        action: payload.get("action").and_then(Value::as_str).map(str::to_owned),
        subject: Subject("acme/api#42".into()),
        actor: Some(Actor("mona".into())),
        time: noon,
        received_at: noon,
        replayed: false,
        body: Bytes::from(payload.to_string()),
        payload: payload.into(),
        digest: None,
        origin: Origin::Webhook,
        causes: Vec::new(),
        after: None,
    }
}

pub(crate) fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
    texts
        .iter()
        .map(|(path, text)| SourceFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            unreadable: None,
        })
        .collect()
}

pub(crate) fn load_one(text: &str) -> Loaded {
    load(&files(&[("rules/sample.toml", text)]), &json!({}), None)
}

/// A book of one rule, `sample`; a diagnostic of any kind fails the test.
pub(crate) fn book(text: &str) -> RuleBook {
    book_with(text, &json!({}))
}

pub(crate) fn book_with(text: &str, vars: &Value) -> RuleBook {
    let files = files(&[("rules/sample.toml", text)]);
    let loaded = load(&files, vars, None);
    assert!(
        loaded.diagnostics.is_empty(),
        "{}",
        render_diagnostics(&files, &loaded.diagnostics, false)
    );
    loaded.book.unwrap()
}

/// The whole output for one file.
pub(crate) fn complaints(text: &str) -> String {
    complaints_with(text, None)
}

pub(crate) fn complaints_with(text: &str, catalog: Option<&Catalog>) -> String {
    let files = files(&[("rules/sample.toml", text)]);
    let loaded = load(&files, &json!({ "team": "core" }), catalog);
    render_diagnostics(&files, &loaded.diagnostics, false)
}

/// The verdict of the only rule that listens.
pub(crate) fn verdict(book: &RuleBook, event: &Event) -> Verdict {
    let evaluations = book.evaluate(event);
    assert_eq!(evaluations.len(), 1, "one rule listens");
    evaluations[0].verdict.clone()
}

pub(crate) fn scope(event: &Event) -> Scope {
    Scope {
        item: None,
        event: (*event.payload).clone(),
        meta: meta_of(event),
        vars: json!({}),
        steps: json!({}),
        run: json!({ "id": "run-1" }),
        now: event.received_at,
        result: None,
    }
}

/// A rule with this `[when]`.
pub(crate) fn when(conditions: &str) -> String {
    format!(
        "description = \"d\"\non = \"github.issues\"\n\n[when]\n{conditions}\n\n[[action]]\ntool = \"github.get_issue\"\n"
    )
}

/// A rule with these arguments.
pub(crate) fn arguments(toml: &str) -> String {
    format!(
        "description = \"d\"\non = \"github.issues\"\n\n[[action]]\ntool = \"github.get_issue\"\narguments = {toml}\n"
    )
}
