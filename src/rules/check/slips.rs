//! In: an action's arguments. Out: what fits the tool and is not meant: an expression without its braces, an id or a name where
//! the tool takes another. Never: what the tool itself would refuse.

use crate::rules::check::origin;
use crate::rules::diagnostic::Findings;
use crate::rules::names::is_path;
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{self, Entry, Kind, Node};

/// What an argument takes, and the end of a path that leads beside it.
const BESIDE: &[(&str, &str, &str)] = &[
    ("repo", "name", "full_name"),
    ("number", "id", "number"),
    ("number", "node_id", "number"),
];

pub(super) fn check(on: &[&str], tool: &str, arguments: &[Entry], findings: &mut Findings<'_>) {
    for entry in arguments {
        expressions(on, &entry.node, findings);
        if let Some(text) = entry.node.text()
            && tool.starts_with("github.")
        {
            identifier(on, tool, &entry.key, text, &entry.node, findings);
        }
    }
}

/// `text = "event.issue.title"`
fn expressions(on: &[&str], node: &Node, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Text(text) if is_path(text) && !findings.has_error_at(&node.span) => {
            let hint = match is_field(on, text) {
                true => format!("did you mean `{{{{ {text} }}}}`?"),
                // A file may be called so: `event.json`, `vars.tf`.
                false => format!("if it is meant as one, write `{{{{ {text} }}}}`"),
            };
            findings
                .warning(
                    "literal-expression",
                    &node.span,
                    "without braces this is no expression: it is said letter by letter",
                )
                .hint(hint);
        }
        Kind::Array(items) => items.iter().for_each(|item| expressions(on, item, findings)),
        Kind::Table(entries) => entries
            .iter()
            .for_each(|entry| expressions(on, &entry.node, findings)),
        _ => {}
    }
}

/// Whether a path is known to lead to something in the payload.
fn is_field(on: &[&str], text: &str) -> bool {
    let Some(path) = text.strip_prefix("event.") else {
        return false;
    };
    let path: Vec<&str> = path
        .split('.')
        .map(|segment| segment.split_once('[').map_or(segment, |(name, _)| name))
        .collect();
    matches!(lookup(on, &path), Found::There(_))
}

/// `repo = "{{ event.repository.name }}"`, where the owner is missing; `number = "{{ event.issue.id }}"`.
fn identifier(on: &[&str], tool: &str, argument: &str, text: &str, node: &Node, findings: &mut Findings<'_>) {
    let origins = origin::template(text, None).origins;
    let [only] = origins.as_slice() else { return };
    let written = only.path.join(".");
    // Only what is there as it is: something may have been made of it.
    let inner = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let path: Vec<&str> = only.path.iter().map(String::as_str).collect();
    let ["event", before @ .., last] = path.as_slice() else {
        return;
    };
    let right = BESIDE
        .iter()
        .find(|(takes, wrong, _)| *takes == argument && wrong == last)
        .map(|(_, _, right)| *right)
        .filter(|right| {
            let whole = [before, &[*right]].concat();
            inner == written && matches!(lookup(on, &whole), Found::There(_))
        });
    if let Some(right) = right {
        let place = syntax::inside(findings.text(), &node.span, only.place.clone());
        findings
            .warning(
                "wrong-identifier",
                &place,
                format!("`{argument}` of `{tool}` takes a `{right}`, and this is the `{last}`"),
            )
            .hint(format!("did you mean `event.{}.{right}`?", before.join(".")));
    }
}
