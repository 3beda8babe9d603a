//! In: bytes. Out: nothing; a panic is a finding. What the fuzz targets do, and what the ordinary tests do with the corpus.
#![allow(dead_code, reason = "each target uses one of these")]

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value, json};
use xmrt::normalize::{Actor, Event, EventId, EventType, Subject};
use xmrt::receive::{Origin, Source};
use xmrt::rules::{self, Catalog, RuleBook, Scope, SourceFile};

/// Parts an input of several parts.
const BETWEEN: &str = "\n---\n";
/// The longest file that is mended here, in bytes: each attempt reads it anew.
const MENDED_BYTES_MAX: usize = 8 * 1024;
/// The longest text a template may make, in bytes.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "rules/sample.toml".to_owned(),
        text: text.to_owned(),
        unreadable: None,
    }
}

/// The tools there are, so that what is looked at beyond a file's own grammar is looked at here, too.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let tools = runtime.block_on(xmrt::assemble::tool_facts()).expect("the tools");
    let state = xmrt::sandbox::state_schema().expect("the state");
    xmrt::reactor::catalog(&tools, &Default::default()).with_state(state)
});

fn load(text: &str) -> Option<RuleBook> {
    load_with(text, None)
}

fn load_with(text: &str, catalog: Option<&Catalog>) -> Option<RuleBook> {
    let files = [file(text)];
    let loaded = rules::load(&files, &json!({ "team": "core" }), catalog);
    // What is told about it points into the text, whatever the text is.
    let told = rules::render_diagnostics(&files, &loaded.diagnostics, false);
    assert_eq!(
        loaded.book.is_none(),
        loaded.diagnostics.iter().any(rules::Diagnostic::is_error),
        "{told}"
    );
    loaded.book
}

fn event(payload: Value) -> Event {
    Event {
        id: EventId("delivery-1".into()),
        source: Source::github(),
        kind: EventType("github.issues.opened".into()),
        action: None,
        subject: Subject("acme/api#42".into()),
        actor: Some(Actor("mona".into())),
        time: jiff::Timestamp::UNIX_EPOCH,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        replayed: false,
        body: Bytes::from(payload.to_string()),
        payload: payload.into(),
        digest: None,
        origin: Origin::Webhook,
        causes: Vec::new(),
        after: None,
    }
}

/// Any bytes as a rule file: they are read or refused, and mending them ends.
pub(crate) fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    load_with(text, Some(&CATALOG));
    if let Some(book) = load(text) {
        let payload =
            event(json!({ "action": "opened", "issue": { "title": "x", "labels": [{ "name": "bug" }] } }));
        for rule in book.rules() {
            let _ = rules::explain(rule, &payload, None).to_text();
        }
    }
    // Nothing is certain about a file that is long and wrong all over; the others are mended once and for all.
    if text.len() > MENDED_BYTES_MAX {
        return;
    }
    let fixed = rules::fix(&file(text), &Value::Null, Some(&CATALOG));
    let again = rules::fix(&file(&fixed.text), &Value::Null, Some(&CATALOG));
    assert!(again.mended.is_empty(), "mended twice: {:?}", again.mended);
}

/// Any text as a `[when]`.
pub(crate) fn patterns(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        load(&with_conditions(text));
    }
}

fn with_conditions(when: &str) -> String {
    format!(
        "description = \"d\"\non = \"github.issues\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\n[when]\n{when}\n"
    )
}

/// Conditions and a payload: the index and the obvious way agree.
pub(crate) fn matching(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((when, payload)) = text.split_once(BETWEEN) else {
        return;
    };
    let Ok(payload @ Value::Object(_)) = serde_json::from_str::<Value>(payload) else {
        return;
    };
    let Some(book) = load(&with_conditions(when)) else {
        return;
    };
    let event = event(payload);
    let say = |found: Vec<rules::Evaluation>| -> Vec<rules::Verdict> {
        found.into_iter().map(|found| found.verdict).collect()
    };
    let (fast, naive) = (say(book.evaluate(&event)), say(book.evaluate_naively(&event)));
    assert_eq!(fast, naive);
    let explained = rules::explain(&book.rules()[0], &event, None);
    assert_eq!(
        explained.outcome == "fired",
        matches!(fast[0], rules::Verdict::Fired { .. }),
        "{}",
        explained.to_text()
    );
}

/// A template and a stranger's text: whatever comes out is one text, bounded, or an error.
pub(crate) fn templates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (template, foreign) = text.split_once(BETWEEN).unwrap_or((text, "x"));
    let quoted = Value::from(format!("<{template}>"));
    // JSON's escapes are TOML's, but for `\/`, which is never written, and DEL.
    let quoted = quoted.to_string().replace('\u{7f}', "\\u007f");
    let Some(book) = load(&format!(
        "description = \"d\"\non = \"github.issues\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ text = {quoted}, list = [\"a\", {{ b = \"{{{{ event.issue.title }}}}\" }}] }}\n"
    )) else {
        return;
    };
    let scope = Scope {
        event: json!({ "issue": { "title": foreign, "body": foreign, "number": 7, "labels": [{ "name": foreign }] } }),
        meta: json!({ "id": "delivery-1", "actor": foreign }),
        vars: json!({ "team": foreign }),
        steps: json!({ "first": { "text": foreign } }),
        run: json!({ "id": "r" }),
        now: jiff::Timestamp::UNIX_EPOCH,
        result: None,
        item: None,
    };
    let Ok(arguments) = book.rules()[0].actions[0].arguments(&scope) else {
        return;
    };
    let made = arguments["text"].as_str().unwrap_or_default();
    assert!(made.len() <= OUTPUT_BYTES_MAX, "{} bytes", made.len());
    assert_eq!(
        arguments,
        json!({ "text": made, "list": ["a", { "b": foreign }] })
    );
}
