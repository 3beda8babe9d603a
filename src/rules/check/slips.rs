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
        expressions(&entry.node, findings);
        if let Some(text) = entry.node.text()
            && tool.starts_with("github.")
        {
            identifier(on, tool, &entry.key, text, &entry.node, findings);
        }
    }
}

/// `text = "event.issue.title"`
fn expressions(node: &Node, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Text(text) if is_path(text) && !findings.has_error_at(&node.span) => {
            findings
                .warning(
                    "literal-expression",
                    &node.span,
                    "without braces this is no expression: it is said letter by letter",
                )
                .hint(format!("did you mean `{{{{ {text} }}}}`?"));
        }
        Kind::Array(items) => items.iter().for_each(|item| expressions(item, findings)),
        Kind::Table(entries) => entries
            .iter()
            .for_each(|entry| expressions(&entry.node, findings)),
        _ => {}
    }
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
