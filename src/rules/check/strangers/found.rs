//! In: a part of what a step found. Out: who wrote it: as trusted as what it was found in. Never: what the event itself brings.

use serde_json::Value;

use super::{FREE, Writer, in_event, is_made, telling};
use crate::rules::check::CatalogTool;
use crate::rules::check::flow::resolve;
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{Entry, find};

/// How deep results are looked through for what strangers wrote.
const RESULT_DEPTH: usize = 8;
/// What persons are called in results.
const LOGINS: &[&str] = &[
    "login",
    "author",
    "user",
    "actor",
    "creator",
    "assignee",
    "assignees",
    "reviewers",
    "requested_reviewers",
    "merged_by",
];

/// The type of events that `find_events` is asked for, where it is written down.
pub(super) fn asked_kind(step: &[Entry]) -> Option<&str> {
    let arguments = find(step, "arguments")?.node.table()?;
    let kind = find(arguments, "kind")?.node.text()?;
    (!kind.contains('{')).then_some(kind)
}

/// A part of an event on record; without `kind` of any event at all.
pub(super) fn event(kind: Option<&str>, path: &[&str]) -> Writer {
    match path {
        [] => Writer::Within,
        ["payload", inner @ ..] => {
            let described = |kind: &&str| {
                !kind.starts_with("github") || !matches!(lookup(&[*kind], inner), Found::Unchecked)
            };
            match (kind.filter(described), inner.last()) {
                (Some(kind), _) => in_event(kind, inner),
                (None, None) => Writer::Within,
                // Of an event that nobody can name, only what a provider makes is its own.
                (None, Some(last)) if is_made(last) && !inner.iter().any(|part| FREE.contains(part)) => {
                    Writer::Ours
                }
                (None, Some(_)) => Writer::Stranger,
            }
        }
        ["subject"] => match kind.and_then(|kind| kind.split('.').next()) {
            Some("render" | "schedule" | "manual") => Writer::Ours,
            _ => Writer::Within,
        },
        _ => Writer::Ours,
    }
}

/// A part of what a tool answers: it says itself which fields strangers wrote.
pub(super) fn result(tool: &CatalogTool, path: &[&str]) -> Writer {
    let strange = |name: &str| tool.untrusted.iter().any(|field| field == name);
    // A fork is called as its owner likes.
    if path.iter().any(|part| strange(part)) || path.ends_with(&["head", "repo"]) {
        return Writer::Stranger;
    }
    let by_name = match path.last() {
        Some(last) if LOGINS.contains(last) => Writer::Login,
        _ => telling(path),
    };
    let within = tool.output_schema.as_ref().is_some_and(|root| {
        let inner = below(root, path);
        inner.is_some_and(|schema| holds(root, schema, &strange, RESULT_DEPTH))
    });
    by_name.max(if within { Writer::Within } else { Writer::Ours })
}

/// What a schema says of the field a path leads to, through lists.
fn below<'s>(root: &'s Value, path: &[&str]) -> Option<&'s Value> {
    path.iter().try_fold(root, |schema, segment| {
        items(root, schema).get("properties")?.get(segment)
    })
}

/// Whether somewhere below there is such a field.
fn holds(root: &Value, schema: &Value, strange: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    let fields = items(root, schema).get("properties").and_then(Value::as_object);
    depth > 0
        && fields
            .into_iter()
            .flatten()
            .any(|(name, inner)| strange(name) || holds(root, inner, strange, depth - 1))
}

/// The schema of a list's items, of anything else its own.
fn items<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = resolve(root, schema);
    while let Some(inner) = schema.get("items") {
        schema = resolve(root, inner);
    }
    schema
}
