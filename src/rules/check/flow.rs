//! In: what a rule's steps mention of each other, and what their tools answer. Out: results that are not there, that
//! nobody uses, or that may be skipped. Never: values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use crate::rules::check::{Catalog, CatalogTool, Mention, step_id, tables};
use crate::rules::diagnostic::{Findings, did_you_mean};
use crate::rules::syntax::{Entry, Kind, find};

/// How many `$ref`s are followed in a row.
const REFERENCES_MAX: usize = 16;
/// How many fields a hint lists.
const SHOWN_MAX: usize = 12;

pub(super) fn check(tree: &[Entry], mentions: &[Mention], catalog: &Catalog, findings: &mut Findings<'_>) {
    let actions = tables(tree, "action");
    let (mut ids, mut taken) = (Vec::<String>::new(), BTreeSet::new());
    for action in &actions {
        let id = step_id(action, &taken);
        taken.insert(id.clone());
        ids.push(id);
    }
    let tool_of = |action: &[Entry]| catalog.get(find(action, "tool")?.node.text()?);
    let steps: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    for mention in mentions {
        let segments: Vec<&str> = mention.path.split('.').collect();
        match segments.as_slice() {
            ["result", rest @ ..] => {
                if let Some(tool) = mention.action.and_then(|at| tool_of(actions.get(at)?)) {
                    result(tool, "result", rest, &mention.place, findings);
                }
            }
            ["steps", id, rest @ ..] => {
                let Some(action) = steps.get(id).and_then(|at| actions.get(*at)) else {
                    continue;
                };
                if find(action, "for_each").is_some() {
                    // A list of results, which is there whatever was skipped.
                    continue;
                }
                if let Some(tool) = tool_of(action) {
                    result(tool, &format!("steps.{id}"), rest, &mention.place, findings);
                }
                skipped(action, id, mention, mentions, &actions, findings);
            }
            _ => {}
        }
    }
    for (action, id) in actions.iter().zip(&ids) {
        if let Some(tool) = tool_of(action) {
            step(action, id, tool, mentions, findings);
        }
    }
}

/// A step by itself.
fn step(action: &[Entry], id: &str, tool: &CatalogTool, mentions: &[Mention], findings: &mut Findings<'_>) {
    let Some(entry) = find(action, "tool") else { return };
    let dry_run = find(action, "arguments")
        .and_then(|entry| entry.node.table())
        .and_then(|given| find(given, "dry_run"));
    if let Some(dry_run) = dry_run
        && matches!(dry_run.node.kind, Kind::Bool(true))
    {
        findings
            .warning(
                "dry-run-left",
                &dry_run.key_span,
                "this call is only tried: nothing is sent",
            )
            .hint("take it out; `mode = \"shadow\"` watches a whole rule");
    }
    let read = |mention: &Mention| {
        mention.path == "steps"
            || mention
                .path
                .strip_prefix("steps.")
                .is_some_and(|rest| rest == id || rest.starts_with(&format!("{id}.")))
    };
    if tool.read_only && find(action, "require").is_none() && !mentions.iter().any(read) {
        findings
            .warning(
                "useless-read",
                &entry.node.span,
                format!("nobody reads what `{id}` finds out"),
            )
            .hint(format!(
                "add a `require`, mention `steps.{id}` in a later step, or take it out"
            ));
    }
}

/// What there is instead, as a hint.
pub(super) fn has(known: &[&str]) -> String {
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    let shown: Vec<&str> = known.iter().copied().take(SHOWN_MAX).collect();
    format!("it has {}{more}", shown.join(", "))
}

/// What a schema says of a field.
pub(super) enum Field<'s> {
    There(&'s Value),
    /// It may be there.
    Open,
    /// It is not; these are.
    Missing(Vec<&'s str>),
}

/// A field, of a list that of its items.
pub(super) fn field<'s>(root: &'s Value, schema: &'s Value, name: &str) -> Field<'s> {
    let mut schema = resolve(root, schema);
    while let Some(items) = schema.get("items") {
        schema = resolve(root, items);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Field::Open;
    };
    let more = schema.get("additionalProperties");
    match properties.get(name) {
        Some(next) => Field::There(next),
        None if more.is_some_and(|more| *more != Value::Bool(false)) => Field::Open,
        None => Field::Missing(properties.keys().map(String::as_str).collect()),
    }
}

/// A field of a result that its tool does not describe.
fn result(tool: &CatalogTool, name: &str, path: &[&str], place: &Range<usize>, findings: &mut Findings<'_>) {
    let Some(root) = &tool.output_schema else { return };
    let mut schema = root;
    let mut before = name.to_owned();
    for segment in path {
        // A list's own fields are its filters; a number in brackets is left out of paths.
        if resolve(root, schema).get("items").is_some() {
            return;
        }
        match field(root, schema, segment) {
            Field::There(next) => schema = next,
            Field::Open => return,
            Field::Missing(known) => {
                findings
                    .warning(
                        "unknown-result",
                        place,
                        format!("`{before}` has no `{segment}`: the run would end with an error"),
                    )
                    .hint(did_you_mean(segment, known.iter().copied()).unwrap_or_else(|| has(&known)));
                return;
            }
        }
        before = format!("{before}.{segment}");
    }
}

/// Follows references, and the one choice that is not null.
pub(super) fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        let choices = schema.get("anyOf").and_then(Value::as_array);
        let only = choices.and_then(|choices| {
            let mut real = choices
                .iter()
                .filter(|choice| choice.get("type") != Some(&Value::from("null")));
            real.next().filter(|_| real.next().is_none())
        });
        match target.or(only) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// A result that is not there when its step was skipped.
fn skipped(
    action: &[Entry],
    id: &str,
    mention: &Mention,
    mentions: &[Mention],
    actions: &[&[Entry]],
    findings: &mut Findings<'_>,
) {
    let Some(condition) = find(action, "if").and_then(|entry| entry.node.text()) else {
        return;
    };
    let path = format!("steps.{id}");
    let careful = |text: &str| {
        text.contains("default(") || text.contains("is defined") || text.contains("is undefined")
    };
    let own = mention
        .action
        .and_then(|at| find(actions.get(at)?, "if")?.node.text());
    let asked_before = own == Some(condition)
        || mentions.iter().any(|other| {
            other.action == mention.action
                && other.under == "if"
                && (other.path == path || other.path.starts_with(&format!("{path}.")))
                && careful(&other.text)
        });
    if !careful(&mention.text) && !asked_before {
        findings
            .warning(
                "skipped-step",
                &mention.place,
                format!("when the step `{id}` is skipped by its `if`, this is undefined and the run ends with an error"),
            )
            .hint(format!("repeat its `if` here, or ask `{path} is defined`, or say `| default(…)`"));
    }
}
