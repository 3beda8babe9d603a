//! In: a rule file's comments `# xmrt: allow(<lint>) because …`, and what was found in it. Out: the findings that stand,
//! with a warning for each allowance that allows nothing. Never: silencing what has no reason given.

use std::ops::Range;

use crate::rules::diagnostic::Findings;
use crate::rules::lint::{lint, nearest_lint};
use crate::rules::syntax::{Entry, Kind, Node};

const MARK: &str = "xmrt:";

/// One comment.
struct Allowance<'t> {
    lint: &'t str,
    span: Range<usize>,
    /// What it is about: the key that follows, with its whole value.
    covers: Range<usize>,
}

/// Takes away what is allowed. `complete` says whether everything was looked for: only then an allowance can be called
/// unused.
pub(crate) fn apply(tree: &[Entry], complete: bool, findings: &mut Findings<'_>) {
    let text = findings.text();
    let mut allowances = Vec::new();
    for (start, line) in lines(text) {
        let Some(comment) = line.trim_start().strip_prefix('#') else {
            continue;
        };
        let Some(said) = comment.trim_start().strip_prefix(MARK) else {
            continue;
        };
        let from = start + (line.len() - line.trim_start().len());
        let span = from..start + line.trim_end().len();
        // Inside a string it is no comment.
        if tree.iter().any(|entry| holds_text(&entry.node, from)) {
            continue;
        }
        if let Some(name) = read(said.trim(), &span, findings) {
            let covers = following(text, start + line.len(), tree);
            allowances.push(Allowance {
                lint: name,
                span,
                covers,
            });
        }
    }
    for allowance in allowances {
        let used = findings.remove(allowance.lint, &allowance.covers);
        if used == 0 && complete {
            findings
                .warning(
                    "unused-allow",
                    &allowance.span,
                    format!("`{}` is not found on what follows", allowance.lint),
                )
                .hint("take the comment out, or put it on the line before what it allows");
        }
    }
}

/// The lint that is allowed, when the comment is as it should be.
fn read<'t>(said: &'t str, span: &Range<usize>, findings: &mut Findings<'_>) -> Option<&'t str> {
    const FORM: &str = "write `# xmrt: allow(<lint>) because …`";
    let inner = said.strip_prefix("allow(").and_then(|rest| rest.split_once(')'));
    let Some((name, rest)) = inner else {
        findings
            .warning(
                "unknown-allow",
                span,
                "this is not understood, so it allows nothing",
            )
            .hint(FORM);
        return None;
    };
    let name = name.trim();
    let Some(known) = lint(name) else {
        findings
            .warning("unknown-allow", span, format!("there is no lint `{name}`"))
            .hint(nearest_lint(name).unwrap_or_else(|| "`xmrt check --explain all` lists them".to_owned()));
        return None;
    };
    if !known.allowable {
        findings
            .warning("unknown-allow", span, format!("`{name}` cannot be allowed"))
            .hint("the file would not do what it says: mend it");
        return None;
    }
    let reason = rest.trim().strip_prefix("because").map(str::trim);
    if reason.is_none_or(|reason| !reason.chars().any(char::is_alphanumeric)) {
        findings
            .warning(
                "allow-without-reason",
                span,
                format!("`{name}` is not allowed: the reason is missing"),
            )
            .hint(FORM);
        return None;
    }
    Some(name)
}

/// Each line with its line break, and where it starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

fn holds_text(node: &Node, at: usize) -> bool {
    match &node.kind {
        Kind::Text(_) => node.span.contains(&at),
        Kind::Array(items) => items.iter().any(|item| holds_text(item, at)),
        Kind::Table(entries) => entries.iter().any(|entry| holds_text(&entry.node, at)),
        _ => false,
    }
}

/// The line after the comments, and to the end of the value that begins there.
fn following(text: &str, from: usize, tree: &[Entry]) -> Range<usize> {
    let next = lines(&text[from..]).find(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let Some((at, line)) = next else {
        return from..from;
    };
    let start = from + at;
    let mut end = start + line.len();
    for entry in tree {
        extend(entry, start..start + line.len(), &mut end);
    }
    start..end
}

fn extend(entry: &Entry, line: Range<usize>, end: &mut usize) {
    // A header's own span is its line; its keys have lines of their own.
    let header = matches!(entry.node.kind, Kind::Table(_)) && entry.node.span == entry.key_span;
    if line.contains(&entry.key_span.start) && !header && !is_list_of_headers(entry) {
        *end = (*end).max(entry.node.span.end);
    }
    below(&entry.node, &line, end);
}

fn below(node: &Node, line: &Range<usize>, end: &mut usize) {
    match &node.kind {
        Kind::Table(entries) => entries.iter().for_each(|entry| extend(entry, line.clone(), end)),
        Kind::Array(items) => items.iter().for_each(|item| below(item, line, end)),
        _ => {}
    }
}

/// `[[action]]`: the span of the list reaches from the first header to the last table's end.
fn is_list_of_headers(entry: &Entry) -> bool {
    matches!(entry.key.as_str(), "action" | "test")
        && matches!(&entry.node.kind, Kind::Array(items) if items.iter().all(|item| item.table().is_some()))
}
