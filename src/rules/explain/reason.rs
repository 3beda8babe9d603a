//! In: an `if`, and the values it names. Out: whether it is true, and the same for each part that `and` and `or` join, with
//! the values it looked at. Never: a verdict; that is the whole expression's.

use serde::Serialize;
use serde_json::Value;

use crate::rules::expression::{Expression, Names};
use crate::rules::names;

/// How deep parts are taken apart.
const DEPTH_MAX: usize = 8;

/// The `if`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IfView {
    /// As written.
    pub text: String,
    /// Whether a decision looks at it: only when the patterns hold.
    pub evaluated: bool,
    /// Whether it is true; `None` when it cannot be decided.
    pub held: Option<bool>,
    /// Why it cannot be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The paths it mentions, with their values.
    pub mentions: Vec<PathView>,
    /// How its parts are joined; without parts it is one by itself.
    pub parts: Parts,
}

/// What an expression is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "joined_by", content = "parts", rename_all = "snake_case")]
pub enum Parts {
    /// One question.
    None,
    /// All of them must be true.
    And(Vec<PartView>),
    /// One of them must be true.
    Or(Vec<PartView>),
}

/// A part of an expression, asked by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartView {
    /// As written, on one line.
    pub text: String,
    /// Whether it is true; `None` when it cannot be decided.
    pub held: Option<bool>,
    /// Why it cannot be decided. Where another part decides first, this does no harm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The paths it mentions, with their values.
    pub mentions: Vec<PathView>,
    /// What it is made of itself.
    #[serde(flatten)]
    pub parts: Parts,
}

/// A path and its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PathView {
    /// The path.
    pub path: String,
    /// Whether it is defined.
    pub defined: bool,
    /// Its value; null when it is not defined.
    pub value: Value,
}

pub(super) fn if_view(expression: &Expression, names: &Names, evaluated: bool) -> IfView {
    let (held, error) = asked(expression, names);
    IfView {
        text: expression.text().to_owned(),
        evaluated,
        held,
        error,
        mentions: mentions(expression, names),
        parts: parts(expression.text(), names, DEPTH_MAX),
    }
}

fn asked(expression: &Expression, names: &Names) -> (Option<bool>, Option<String>) {
    match expression.holds(names) {
        Ok(held) => (Some(held), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn mentions(expression: &Expression, names: &Names) -> Vec<PathView> {
    let paths = expression.paths().into_iter();
    paths
        .filter_map(|path| {
            let value = names.lookup(&path)?;
            Some(PathView {
                defined: value.is_some(),
                value: value.unwrap_or(Value::Null),
                path,
            })
        })
        .collect()
}

/// Takes an expression apart where `or`, or else `and`, joins it. A part that is no expression by itself means that the
/// whole was misunderstood: then it stays whole.
fn parts(text: &str, names: &Names, depth: usize) -> Parts {
    if depth == 0 {
        return Parts::None;
    }
    let inner = names::unwrapped(text);
    let views = |texts: Vec<&str>| -> Option<Vec<PartView>> {
        texts
            .into_iter()
            .map(|text| part(text, names, depth - 1))
            .collect()
    };
    for (word, joined) in [
        ("or", Parts::Or as fn(Vec<PartView>) -> Parts),
        ("and", Parts::And),
    ] {
        let texts = names::split(inner, word);
        if texts.len() > 1 {
            return views(texts).map_or(Parts::None, joined);
        }
    }
    Parts::None
}

fn part(text: &str, names: &Names, depth: usize) -> Option<PartView> {
    let expression = Expression::compile(text).ok()?;
    let (held, error) = asked(&expression, names);
    Some(PartView {
        text: text
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned(),
        held,
        error,
        mentions: mentions(&expression, names),
        parts: parts(text, names, depth),
    })
}
