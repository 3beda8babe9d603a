//! In: the `state` of a rule's tests, and what the sandbox takes. Out: keys that it does not know. Never: what the values
//! come to; the sandbox says that when the test runs.

use serde_json::Value;

use crate::rules::check::tables;
use crate::rules::diagnostic::{Findings, did_you_mean};
use crate::rules::syntax::{Entry, Kind, Node, find};

/// How many keys a hint lists.
const SHOWN_MAX: usize = 12;

pub(super) fn check(tree: &[Entry], schema: &Value, findings: &mut Findings<'_>) {
    for test in tables(tree, "test") {
        if let Some(state) = find(test, "state").and_then(|entry| entry.node.table()) {
            known("state", state, schema, findings);
        }
    }
}

fn known(path: &str, entries: &[Entry], schema: &Value, findings: &mut Findings<'_>) {
    // What is not described may be anything.
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        let Some(inner) = properties.get(&entry.key) else {
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            findings
                .error(
                    "test-state",
                    &entry.key_span,
                    format!("the sandbox does not know `{path}`"),
                )
                .hint(
                    did_you_mean(&entry.key, names.iter().copied()).unwrap_or_else(|| {
                        let more = if names.len() > SHOWN_MAX { ", …" } else { "" };
                        let shown: Vec<&str> = names.iter().copied().take(SHOWN_MAX).collect();
                        format!(
                            "it knows {}{more}; docs/rules/state.md lists all of it",
                            shown.join(", ")
                        )
                    }),
                );
            continue;
        };
        within(&path, &entry.node, inner, findings);
    }
}

fn within(path: &str, node: &Node, schema: &Value, findings: &mut Findings<'_>) {
    let is_list = schema.get("items").is_some();
    match (&node.kind, schema.get("items")) {
        (Kind::Array(items), Some(of_items)) => {
            for item in items {
                within(path, item, of_items, findings);
            }
        }
        (Kind::Table(entries), None) => known(path, entries, schema, findings),
        (Kind::Table(_), Some(_)) => {
            findings
                .error("test-state", &node.span, format!("`{path}` is a list of tables"))
                .hint("put it in brackets: `[{ … }]`");
        }
        _ if is_list || schema.get("properties").is_some() => {
            let what = if is_list { "a list of tables" } else { "a table" };
            findings
                .error("test-state", &node.span, format!("`{path}` is {what}"))
                .hint("docs/rules/state.md shows an example of each list");
        }
        _ => {}
    }
}
