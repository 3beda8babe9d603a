//! In: what a rule's expressions compare with what is written down, and the events it listens to. Out: comparisons that what
//! stands there rules out. Never: values that only an event brings.

use std::ops::Range;

use minijinja::machinery::ast::Expr;
use serde_json::Value;

use crate::rules::check::fields;
use crate::rules::diagnostic::Findings;
use crate::rules::payload::{Found, Leaf, lookup};

/// A path that is compared with something that is written down: `event.issue.state == 'open'`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compared {
    pub(super) path: Vec<String>,
    pub(super) how: How,
    /// A text, a number or a boolean.
    pub(super) with: Value,
    /// Where that is written.
    pub(super) place: Range<usize>,
}

/// How two are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By `==` or `!=`, or the path is looked for in a list that is written down.
    Equal,
    /// By `<`, `>` and the like.
    Ordered,
    /// What is written down is looked for in what the path leads to.
    Within,
}

/// One comparison, and where in the file it is written with what.
pub(super) struct Place {
    pub(super) compared: Compared,
    pub(super) place: Range<usize>,
}

/// Texts, numbers and booleans that are written down, alone or in a list.
pub(super) fn literals(expr: &Expr<'_>) -> Vec<(Value, Range<usize>)> {
    match expr {
        Expr::Const(value) => {
            let span = value.span();
            let literal = serde_json::to_value(&value.value).unwrap_or_default();
            let is_plain = literal.is_string() || literal.is_number() || literal.is_boolean();
            let place = span.start_offset as usize..span.end_offset as usize;
            is_plain.then_some((literal, place)).into_iter().collect()
        }
        Expr::List(several) => several.items.iter().flat_map(literals).collect(),
        Expr::Tuple(several) => several.items.iter().flat_map(literals).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn check(on: &[&str], places: &[Place], findings: &mut Findings<'_>) {
    for Place { compared, place } in places {
        let path: Vec<&str> = compared.path.iter().map(String::as_str).collect();
        let ["event", within @ ..] = path.as_slice() else {
            continue;
        };
        let Found::There(mut leaf) = lookup(on, within) else {
            continue;
        };
        // What stands in the items of a list is one of it, or was reported where it is mentioned.
        leaf.several &= fields::list_on_the_way(on, within).is_none();
        let name = path.join(".");
        let raw = findings.text().get(place.clone()).unwrap_or_default().to_owned();
        let trouble = match compared.how {
            How::Within => looked_for(on, &name, within, &leaf, &raw, &compared.with),
            How::Equal if leaf.several => Some((
                format!(
                    "`{name}` is a list, and it is compared with {}: they are never equal",
                    called(&compared.with)
                ),
                Some(match among(on, &name, within, &leaf, &raw, &compared.with) {
                    Some(hint) => hint,
                    None => format!("ask for one of it: `{raw} in {name}`"),
                }),
            )),
            how => of_another_kind(&name, &leaf, how, &compared.with, &raw),
        };
        if let Some((message, hint)) = trouble {
            findings.warning("type-mismatch", place, message).maybe_hint(hint);
        } else if let (How::Equal, Value::String(text)) = (compared.how, &compared.with) {
            fields::unknown_value(&name, &leaf, text, &bare(place, &raw, text), findings);
        }
    }
}

/// A text in a list of tables is never found.
fn looked_for(
    on: &[&str],
    name: &str,
    path: &[&str],
    leaf: &Leaf,
    raw: &str,
    wanted: &Value,
) -> Option<(String, Option<String>)> {
    let fits = match wanted {
        Value::String(_) => leaf.text,
        Value::Number(_) => leaf.number,
        _ => leaf.boolean,
    };
    if fits || !leaf.several {
        return None;
    }
    if !leaf.object {
        let message = format!(
            "`{name}` holds {}, and {} is looked for in it: it is never there",
            many(leaf),
            called(wanted)
        );
        return Some((message, None));
    }
    Some((
        format!(
            "`{name}` is a list of tables, and {} is looked for in it: it is never there",
            called(wanted)
        ),
        among(on, name, path, leaf, raw, wanted),
    ))
}

/// What to write where the list holds tables.
fn among(on: &[&str], name: &str, path: &[&str], leaf: &Leaf, raw: &str, wanted: &Value) -> Option<String> {
    let field = match wanted {
        _ if !leaf.object => None,
        Value::String(_) => fields::naming(on, path),
        _ => Some("id"),
    };
    field.map(|field| format!("look among their fields: `{raw} in {name} | map(attribute='{field}')`"))
}

fn of_another_kind(
    name: &str,
    leaf: &Leaf,
    how: How,
    with: &Value,
    raw: &str,
) -> Option<(String, Option<String>)> {
    let (fits, hint) = match with {
        Value::String(text) => {
            let plain = (leaf.number && text.parse::<f64>().is_ok())
                || (leaf.boolean && matches!(text.as_str(), "true" | "false"));
            (leaf.text, plain.then(|| format!("without quotes: `{text}`")))
        }
        Value::Number(_) => (leaf.number, leaf.text.then(|| format!("as a text: `'{raw}'`"))),
        _ => (leaf.boolean, leaf.text.then(|| format!("as a text: `'{raw}'`"))),
    };
    let so = match how {
        How::Ordered => "neither is more than the other",
        _ => "they are never equal",
    };
    let message = format!(
        "`{name}` is {}, and it is compared with {}: {so}",
        leaf.spoken(),
        called(with)
    );
    (!fits).then_some((message, hint))
}

/// The place of a word without its quotes, so that it alone can be replaced.
fn bare(place: &Range<usize>, raw: &str, text: &str) -> Range<usize> {
    match raw.len() == text.len() + 2 {
        true => place.start + 1..place.end - 1,
        false => place.clone(),
    }
}

fn called(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        _ => "a boolean",
    }
}

fn many(leaf: &Leaf) -> &'static str {
    match (leaf.text, leaf.number) {
        (true, _) => "texts",
        (_, true) => "numbers",
        _ => "booleans",
    }
}
