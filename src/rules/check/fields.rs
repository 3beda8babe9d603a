//! In: the paths a rule mentions, and the events it listens to. Out: those that lead nowhere, and comparisons that what
//! stands there rules out. Never: events nobody describes.

use std::ops::Range;

use crate::rules::check::{Mention, conditions, tables};
use crate::rules::diagnostic::{Findings, akin, did_you_mean};
use crate::rules::keys;
use crate::rules::payload::{Found, Leaf, below_top, lookup};
use crate::rules::syntax::{Entry, Kind, Node, find};

/// The event types a rule listens to.
pub(super) fn listened(tree: &[Entry]) -> Vec<&str> {
    match find(tree, "on").map(|entry| &entry.node.kind) {
        Some(Kind::Text(text)) => vec![text],
        Some(Kind::Array(items)) => items.iter().filter_map(Node::text).collect(),
        _ => Vec::new(),
    }
}

/// Whoever wrote a payload's path without `event` before it.
pub(super) fn in_payload(on: &[&str], path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('.').collect();
    matches!(lookup(on, &segments), Found::There(_)).then(|| format!("did you mean `event.{path}`?"))
}

/// How many fields a hint lists.
const SHOWN_MAX: usize = 12;

/// What fields are called elsewhere.
const CALLED: &[(&str, &str)] = &[
    ("author", "user"),
    ("creator", "user"),
    ("repo", "repository"),
    ("pr", "pull_request"),
    ("pull", "pull_request"),
    ("username", "login"),
    ("org", "organization"),
    ("actor", "sender"),
    ("service_id", "serviceId"),
    ("service_name", "serviceName"),
];

pub(super) fn check(tree: &[Entry], mentions: &[Mention], findings: &mut Findings<'_>) {
    let on = listened(tree);
    for mention in mentions {
        let mut segments = mention.path.split('.');
        if segments.next() != Some("event") {
            continue;
        }
        let path: Vec<&str> = segments.collect();
        if let Some(list) = list_on_the_way(&on, &path).filter(|_| !mention.bracketed) {
            let (list, field) = (path[..list].join("."), path[list..].join("."));
            findings
                .error(
                    "unknown-field",
                    &mention.place,
                    format!("`event.{list}` is a list, and only what is in it has a `{field}`"),
                )
                .hint(format!(
                    "take one of it, `event.{list}[0].{field}`, or all of them, `event.{list} | map(attribute='{field}') | list`"
                ));
            continue;
        }
        if let Found::Missing { known, near, beside } = lookup(&on, &path) {
            if let Some(hint) = method(mention, &path, known) {
                findings
                    .error(
                        "unknown-field",
                        &mention.place,
                        format!("texts have no methods, so there is no `{}`", mention.path),
                    )
                    .hint(hint);
                continue;
            }
            missing(
                "event.",
                &path,
                known,
                near,
                &beside,
                &mention.place,
                &on,
                findings,
            );
            // Written with brackets, it cannot be written anew by words alone.
            let found = findings.iter_mut().last();
            if let (true, Some(found)) = (mention.bracketed, found)
                && let Some(near) = found.suggestion().map(str::to_owned)
            {
                found.hint(format!("perhaps `{near}`"));
            }
        }
    }
    conditions::fields(tree, &mut |path, entry| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match lookup(&on, &path) {
            Found::Unchecked => {}
            // A word of the language at the wrong place is no field.
            Found::Missing { .. } if findings.has_error_at(&entry.key_span) => {}
            Found::Missing { known, near, beside } => {
                missing("", &path, known, near, &beside, &entry.key_span, &on, findings);
            }
            Found::There(leaf) => {
                let field = leaf.object.then(|| naming(&on, &path)).flatten();
                compared(&path.join("."), &leaf, field, &entry.node, findings);
            }
        }
    });
    in_tests(tree, findings);
}

/// How many segments of a path lead to a list, where more follow that its items have. `[when]` goes through lists by itself,
/// expressions do not.
pub(super) fn list_on_the_way(on: &[&str], path: &[&str]) -> Option<usize> {
    if !matches!(lookup(on, path), Found::There(_)) {
        return None;
    }
    (1..path.len()).find(|length| matches!(lookup(on, &path[..*length]), Found::There(leaf) if leaf.several))
}

/// A payload in a test that no such event has: the test is about something that never happens, and one that expects nothing
/// holds for that reason alone.
fn in_tests(tree: &[Entry], findings: &mut Findings<'_>) {
    for test in tables(tree, "test") {
        let own = find(test, "event").and_then(|entry| entry.node.table());
        for event in own.into_iter().chain(tables(test, "given")) {
            let kind = find(event, "on").and_then(|entry| entry.node.text());
            let payload = find(event, "payload").and_then(|entry| entry.node.table());
            if let (Some(kind), Some(payload)) = (kind, payload) {
                imagined(&[kind], payload, &mut Vec::new(), findings);
            }
        }
    }
}

fn imagined<'t>(on: &[&str], entries: &'t [Entry], path: &mut Vec<&'t str>, findings: &mut Findings<'_>) {
    for entry in entries {
        path.push(&entry.key);
        match lookup(on, path) {
            Found::Missing { near, .. } => {
                let (_, before) = path.split_last().unwrap_or((&"", &[]));
                let near = near.map(|near| [before, &[near]].concat().join("."));
                findings
                    .warning(
                        "test-field",
                        &entry.key_span,
                        format!("{} has no `{}`", on.join(", "), path.join(".")),
                    )
                    .hint(near.map_or_else(
                        || "leave out what no such event holds".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ));
            }
            Found::There(_) => {
                let items = match &entry.node.kind {
                    Kind::Array(items) => items.as_slice(),
                    _ => std::slice::from_ref(&entry.node),
                };
                for inner in items.iter().filter_map(Node::table) {
                    imagined(on, inner, path, findings);
                }
            }
            Found::Unchecked => {}
        }
        path.pop();
    }
}

/// What to write instead of a method that texts have in other languages: `event.ref.startswith('x')`.
fn method(mention: &Mention, path: &[&str], known: usize) -> Option<String> {
    let (name, value) = path.split_last()?;
    if known + 1 != path.len() || !mention.text.contains(&format!("{}(", mention.path)) {
        return None;
    }
    let value = format!("event.{}", value.join("."));
    Some(match *name {
        "startswith" | "startsWith" | "starts_with" => format!("write `{value} is startingwith(…)`"),
        "endswith" | "endsWith" | "ends_with" => format!("write `{value} is endingwith(…)`"),
        "contains" | "includes" => format!("write `… in {value}`"),
        "lower" | "toLowerCase" | "to_lowercase" => format!("write `{value} | lower`"),
        "upper" | "toUpperCase" | "to_uppercase" => format!("write `{value} | upper`"),
        "strip" | "trim" => format!("write `{value} | trim`"),
        "split" | "replace" | "join" => format!("write `{value} | {name}(…)`"),
        "len" | "length" | "size" => format!("write `{value} | length`"),
        _ => format!("write `{value} | <filter>`; docs/rules/language.md lists the filters"),
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one sentence, from two callers"
)]
fn missing(
    prefix: &str,
    path: &[&str],
    known: usize,
    near: Option<&str>,
    beside: &[&str],
    place: &Range<usize>,
    on: &[&str],
    findings: &mut Findings<'_>,
) {
    let events = on.join(", ");
    let before = path[..known].join(".");
    let dot = if before.is_empty() { "" } else { "." };
    let full = format!("{prefix}{}", path.join("."));
    let deeper = if known == 0 {
        below_top(on, path)
    } else {
        Vec::new()
    };
    let segment = path.get(known).copied().unwrap_or_default();
    let near = near.or_else(|| {
        let (_, ours) = CALLED.iter().find(|(theirs, _)| *theirs == segment)?;
        beside.contains(ours).then_some(*ours)
    });
    let hint = match (near, deeper.as_slice()) {
        (Some(near), _) => {
            // What follows it may be right.
            let whole: Vec<&str> = [&path[..known], &[near], path.get(known + 1..).unwrap_or(&[])].concat();
            match lookup(on, &whole) {
                Found::Missing { .. } => format!("did you mean `{prefix}{before}{dot}{near}`?"),
                _ => format!("did you mean `{prefix}{}`?", whole.join(".")),
            }
        }
        (None, [only]) => format!("did you mean `{prefix}{only}`?"),
        (None, [_, _, ..]) => {
            let places: Vec<String> = deeper.iter().map(|path| format!("`{prefix}{path}`")).collect();
            format!("there are {}", places.join(", "))
        }
        // In `[when]` it may have been meant as an operator.
        (None, []) if beside.is_empty() && prefix.is_empty() => did_you_mean(segment, keys::operators())
            .unwrap_or_else(|| {
                let all: Vec<&str> = keys::operators().collect();
                format!(
                    "`{before}` has no fields of its own; operators are {}",
                    all.join(", ")
                )
            }),
        (None, []) if beside.is_empty() => format!("`{prefix}{before}` has no fields of its own"),
        (None, []) => {
            let more = if beside.len() > SHOWN_MAX { ", …" } else { "" };
            let shown: Vec<&str> = beside.iter().copied().take(SHOWN_MAX).collect();
            let whole = if before.is_empty() {
                "the payload".to_owned()
            } else {
                format!("`{prefix}{before}`")
            };
            let akin = akin(
                path.get(known).copied().unwrap_or_default(),
                beside.iter().copied(),
            );
            let perhaps = akin.map_or(String::new(), |perhaps| format!("{perhaps} "));
            format!("{perhaps}{whole} has {}{more}", shown.join(", "))
        }
    };
    findings
        .error("unknown-field", place, format!("{events} has no `{full}`"))
        .hint(hint);
}

/// The text by which such tables are told apart, in the order in which people think of them.
pub(super) fn naming(on: &[&str], path: &[&str]) -> Option<&'static str> {
    const NAMES: &[&str] = &["login", "name", "title", "full_name", "filename", "ref"];
    NAMES.iter().copied().find(|name| {
        let whole = [path, &[*name]].concat();
        matches!(lookup(on, &whole), Found::There(leaf) if leaf.text)
    })
}

/// What a condition asks of a field, compared with what the field holds. `field` is one of its own that holds a text.
fn compared(path: &str, leaf: &Leaf, field: Option<&str>, node: &Node, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Array(items) => items
            .iter()
            .for_each(|item| compared(path, leaf, field, item, findings)),
        Kind::Table(entries) => {
            let folded = entries.iter().any(|entry| entry.key == "ignore_case");
            for entry in entries {
                match entry.key.as_str() {
                    "equals" | "not" | "all" if folded => {
                        let any = Leaf {
                            choices: None,
                            ..leaf.clone()
                        };
                        compared(path, &any, field, &entry.node, findings);
                    }
                    "equals" | "not" | "all" => compared(path, leaf, field, &entry.node, findings),
                    "prefix" | "suffix" | "contains" | "glob" | "regex" | "cidr" | "semver" if !leaf.text => {
                        mismatch(
                            path,
                            leaf,
                            &format!("`{}` asks for a text", entry.key),
                            field.map(|field| format!("ask for one of its fields: `{path}.{field}`")),
                            &entry.node,
                            findings,
                        );
                    }
                    "lt" | "lte" | "gt" | "gte" => ordered(path, leaf, entry, findings),
                    _ => {}
                }
            }
        }
        Kind::Text(text) if !leaf.text => {
            let plain = (leaf.number && text.parse::<f64>().is_ok())
                || (leaf.boolean && matches!(text.as_str(), "true" | "false"));
            let hint = match field {
                Some(field) => Some(format!("ask for one of its fields: `{path}.{field}`")),
                None => plain.then(|| format!("without quotes: `{text}`")),
            };
            mismatch(
                path,
                leaf,
                "it is compared with a text",
                hint,
                &node.clone(),
                findings,
            );
        }
        Kind::Text(text) => unknown_value(path, leaf, text, &node.span, findings),
        Kind::Integer(number) if !leaf.number => {
            let hint = leaf.text.then(|| format!("in quotes: `\"{number}\"`"));
            mismatch(path, leaf, "it is compared with a number", hint, node, findings);
        }
        Kind::Float(_) if !leaf.number => {
            mismatch(path, leaf, "it is compared with a number", None, node, findings);
        }
        Kind::Bool(_) if !leaf.boolean => {
            mismatch(path, leaf, "it is compared with a boolean", None, node, findings);
        }
        _ => {}
    }
}

fn ordered(path: &str, leaf: &Leaf, entry: &Entry, findings: &mut Findings<'_>) {
    let number = matches!(entry.node.kind, Kind::Integer(_) | Kind::Float(_));
    if number && !leaf.number {
        mismatch(
            path,
            leaf,
            "it is compared with a number",
            None,
            &entry.node,
            findings,
        );
    // What is no time was refused when the operand was read.
    } else if !number && !leaf.text && is_time(&entry.node) {
        mismatch(
            path,
            leaf,
            "it is compared with a time",
            None,
            &entry.node,
            findings,
        );
    }
}

fn is_time(node: &Node) -> bool {
    match &node.kind {
        Kind::Date(_) => true,
        Kind::Text(text) => text.parse::<jiff::Timestamp>().is_ok(),
        _ => false,
    }
}

fn mismatch(
    path: &str,
    leaf: &Leaf,
    asked: &str,
    hint: Option<String>,
    node: &Node,
    findings: &mut Findings<'_>,
) {
    findings
        .warning(
            "type-mismatch",
            &node.span,
            format!("`{path}` is {}, and {asked}: this never matches", leaf.spoken()),
        )
        .maybe_hint(hint);
}

/// That a field is known to be one of a few words, and this is none of them.
pub(super) fn unknown_value(
    path: &str,
    leaf: &Leaf,
    text: &str,
    place: &Range<usize>,
    findings: &mut Findings<'_>,
) {
    let Some(choices) = &leaf.choices else { return };
    if choices.contains(text) {
        return;
    }
    let hint = did_you_mean(text, choices.iter().copied()).unwrap_or_else(|| {
        let shown: Vec<&str> = choices.iter().copied().collect();
        format!("it is one of {}", shown.join(", "))
    });
    findings
        .warning(
            "unknown-value",
            place,
            format!("`{path}` is not known to be `{text}`"),
        )
        .hint(hint);
}
