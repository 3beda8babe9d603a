//! In: a rule file. Out: the file with what is certain mended, and what was mended. Never: a change that is not proved: each
//! edit is kept only if its finding is gone afterwards and no other has come. Comments and form stay as they are, because
//! only the wrong words are replaced.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::rules::SourceFile;
use crate::rules::book;
use crate::rules::check::Catalog;
use crate::rules::diagnostic::{Diagnostic, nearest};
use crate::rules::duration;
use crate::rules::keys;
use crate::rules::lint::lint;

/// Edits made to one file, at most.
const EDITS_MAX: usize = 200;

/// Lints that can be mended where it is certain what was meant; see [`edits`].
pub(crate) const FIXABLE: &[&str] = &[
    "argument-type",
    "argument-value",
    "duration",
    "literal-expression",
    "misplaced-key",
    "operand",
    "step-id",
    "tool-name",
    "toml-version",
    "type-mismatch",
    "unknown-allow",
    "unknown-argument",
    "unknown-event",
    "unknown-field",
    "unknown-key",
    "unknown-name",
    "unknown-operator",
    "unknown-result",
    "unknown-step",
    "unknown-tool",
    "unknown-value",
    "unknown-variable",
    "unused-allow",
    "value",
    "wrong-identifier",
];

/// One thing that was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// The finding's lint.
    pub code: &'static str,
    /// The finding's message.
    pub message: String,
    /// The line it stood on when it was mended, from 1.
    pub line: usize,
}

/// A file after mending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The new text; the old one where nothing was certain.
    pub text: String,
    /// What was mended, in order.
    pub mended: Vec<Mended>,
}

/// Mends a file. A second time there is nothing left to mend.
pub fn fix(file: &SourceFile, vars: &Value, catalog: Option<&Catalog>) -> Fixed {
    let mut fixed = Fixed {
        text: file.text.clone(),
        mended: Vec::new(),
    };
    if file.unreadable.is_some() {
        return fixed;
    }
    let look = |text: &str| {
        let file = SourceFile {
            path: file.path.clone(),
            text: text.to_owned(),
            unreadable: None,
        };
        book::load(std::slice::from_ref(&file), vars, catalog).diagnostics
    };
    let mut found = look(&fixed.text);
    while fixed.mended.len() < EDITS_MAX {
        let better = found.iter().find_map(|finding| {
            let changed = applied(&fixed.text, edits(finding, &fixed.text)?)?;
            let after = look(&changed);
            is_better(&found, &after, finding.code).then(|| (finding.clone(), changed, after))
        });
        let Some((finding, changed, after)) = better else {
            break;
        };
        fixed.mended.push(Mended {
            code: finding.code,
            message: finding.message,
            line: finding.line,
        });
        fixed.text = changed;
        found = after;
    }
    fixed
}

/// The finding is gone and nothing worse took its place. What an error hid may come to light behind it: an unknown key's value
/// is read only under its right name, and warnings are looked for only without errors. So errors may change, never grow in
/// number, and never make the file unreadable.
fn is_better(before: &[Diagnostic], after: &[Diagnostic], code: &str) -> bool {
    let of_code = |found: &[Diagnostic]| found.iter().filter(|found| found.code == code).count();
    let errors = |found: &[Diagnostic]| found.iter().filter(|found| found.is_error()).count();
    let unreadable = |found: &[Diagnostic]| found.iter().any(|found| found.code == "syntax");
    let none_new = if errors(before) > 0 {
        errors(after) <= errors(before) && !unreadable(after)
    } else {
        counts(after)
            .iter()
            .all(|(code, count)| counts(before).get(code).copied().unwrap_or(0) >= *count)
    };
    of_code(after) < of_code(before) && none_new
}

fn counts(found: &[Diagnostic]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for found in found {
        *counts.entry(found.code).or_default() += 1;
    }
    counts
}

type Edits = Vec<(Range<usize>, String)>;

fn applied(text: &str, mut edits: Edits) -> Option<String> {
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut changed = text.to_owned();
    for (range, with) in edits {
        changed.get(range.clone())?;
        changed.replace_range(range, &with);
    }
    (changed != text).then_some(changed)
}

/// What would mend a finding, if it is plain enough.
fn edits(finding: &Diagnostic, text: &str) -> Option<Edits> {
    if !FIXABLE.contains(&finding.code) {
        return None;
    }
    let span = finding.span.clone();
    let raw = text.get(span.clone())?;
    let instead = |with: String| Some(vec![(span.clone(), with)]);
    match finding.code {
        "unused-allow" => Some(vec![(whole_lines(text, &span), String::new())]),
        "unknown-allow" => {
            let wrong = raw.split_once("allow(")?.1.split_once(')')?.0;
            let at = span.start + raw.find(wrong)?;
            Some(vec![(at..at + wrong.len(), finding.suggestion()?.to_owned())])
        }
        "toml-version" => {
            let inner = raw.strip_suffix('}')?.trim_end().strip_suffix(',')?.trim_end();
            instead(format!("{inner} }}"))
        }
        "duration" => instead(quoted(&duration::tidied(unquoted(raw))?)),
        "step-id" => instead(quoted(
            &unquoted(raw).to_lowercase().replace([' ', '-', '.'], "_"),
        )),
        "argument-type" if finding.suggestion().is_some() => instead(fitted(raw, finding.suggestion()?)?),
        "argument-type" if raw.parse::<f64>().is_ok() || matches!(raw, "true" | "false") => {
            instead(quoted(raw))
        }
        "argument-type" => {
            let bare = unquoted(raw);
            let plain = bare.parse::<i64>().is_ok() || matches!(bare, "true" | "false");
            if plain { instead(bare.to_owned()) } else { None }
        }
        "misplaced-key" => moved_up(text, &span),
        // Agents write a tool's name with `_`.
        "tool-name" => instead(quoted(finding.suggestion()?)),
        _ => instead(fitted(raw, finding.suggestion()?)?),
    }
}

/// The suggested word in the form of the one it replaces: with its quotes, and with as many of a path's segments.
fn fitted(raw: &str, suggestion: &str) -> Option<String> {
    if raw == suggestion || raw.contains('\n') {
        return None;
    }
    // A whole value: `"42"` for `42` and the other way round.
    let whole = is_quoted(suggestion) || suggestion.starts_with('[');
    if whole || (is_quoted(raw) && suggestion.parse::<f64>().is_ok()) {
        return Some(suggestion.to_owned());
    }
    let word = respelled(unquoted(raw), suggestion)?;
    let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
    Some(match quote {
        Some(quote) => format!("{quote}{word}{quote}"),
        None => word,
    })
}

/// A path with what is suggested in it: a longer path begins before the place (`titel`, `issue.title`), a shorter one is its
/// beginning, and a single word is the segment it is nearest to.
fn respelled(bare: &str, suggestion: &str) -> Option<String> {
    let had: Vec<&str> = bare.split('.').collect();
    let has: Vec<&str> = suggestion.split('.').collect();
    if has.len() >= had.len() {
        // A name of several parts that was written without the first: `notify`, `xmrt.notify`.
        let whole = has.last() == had.last() || had.len() == has.len();
        let from = if whole { 0 } else { has.len() - had.len() };
        return Some(has.get(from..)?.join("."));
    }
    let mut path: Vec<&str> = had.clone();
    if has.len() == 1 {
        let at = had
            .iter()
            .position(|segment| *segment != suggestion && nearest(segment, [suggestion]).is_some())?;
        path[at] = suggestion;
    } else {
        drop(path.splice(..has.len(), has));
    }
    Some(path.join("."))
}

fn is_quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"')
}

fn unquoted(raw: &str) -> &str {
    let inner = |quote| raw.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(raw)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A key of the rule that stands below a header, moved above the first one; only when it and its value are one line.
fn moved_up(text: &str, span: &Range<usize>) -> Option<Edits> {
    let name = text.get(span.clone())?;
    let line = whole_lines(text, span);
    let moved = text.get(line.clone())?;
    let (key, value) = moved.split_once('=')?;
    let closed = value.trim().parse::<toml_edit::Value>().is_ok() || value.contains('#');
    if key.trim() != name || !closed || !keys::RULE.iter().any(|key| key.name == name) {
        return None;
    }
    let mut at = 0;
    let first = text.split_inclusive('\n').find_map(|each| {
        let start = at;
        at += each.len();
        each.trim_start().starts_with('[').then_some(start)
    })?;
    // Before the comments and blank lines that belong to the header.
    let above = text.get(..first)?;
    let kept: usize = above
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .skip_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        .map(str::len)
        .sum();
    let end = if moved.ends_with('\n') { "" } else { "\n" };
    Some(vec![
        (line, String::new()),
        (kept..kept, format!("{}{end}", moved.trim_start())),
    ])
}

/// The lines a span stands on, with their line breaks.
fn whole_lines(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..]
        .find('\n')
        .map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// Whether `xmrt check --fix` knows how to mend findings of this lint.
pub fn is_fixable(code: &str) -> bool {
    lint(code).is_some() && FIXABLE.contains(&code)
}
