//! In: one tool, as the hub lists it. Out: what a person needs to call it from a rule. Never: what is not in its contract.

use std::fmt::Write;

use serde_json::Value;

use super::shape::{bounds, fields, needed, properties, type_of};
use super::{doubt_of, kind};
use crate::hub::{ErrorClass, ToolFacts};

/// How wide a name's column may become.
const COLUMN_MAX: usize = 28;

pub(super) fn card(facts: &ToolFacts) -> String {
    let mut text = format!("{}: {}\n{}\n", facts.name, facts.title, facts.description);
    let promises = &facts.promises;
    // Writing to a string cannot fail.
    let _ = match facts.read_only {
        true => writeln!(
            text,
            "\n{}: it changes nothing, and is asked again when an answer is lost",
            kind(facts)
        ),
        false => writeln!(
            text,
            "\n{}; when an answer is lost ({}): {}",
            kind(facts),
            doubt_of(facts),
            promises.doubt.resolved_by()
        ),
    };
    if promises.pending {
        text.push_str("It may not be over when it answers: the step waits for it, at most as long as its `within` says.\n");
    }
    if !promises.effects.is_empty() {
        let _ = writeln!(text, "comes back as: {}", promises.effects.join(", "));
    }
    let taken = rows(&facts.input_schema, true);
    if !taken.is_empty() {
        text.push_str("\narguments\n");
        text.push_str(&columns(&taken));
    }
    let given = facts.output_schema.as_ref().map(|schema| rows(schema, false));
    let given = given.unwrap_or_default();
    match given.is_empty() {
        true => text.push_str("\nresult: not described\n"),
        false => {
            text.push_str("\nresult\n");
            text.push_str(&columns(&given));
        }
    }
    text.push_str("\nerrors\n");
    text.push_str(&columns(&errors(facts)));
    text.push_str("\nin a rule\n");
    for line in example(facts).lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// Name, type with bounds, description; of `arguments`, what is needed comes first.
fn rows(schema: &Value, arguments: bool) -> Vec<[String; 3]> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_needed =
        |name: &str| arguments && required.is_some_and(|names| names.iter().any(|needed| needed == name));
    let mut all = properties(Some(schema));
    all.sort_by_key(|(name, _)| !is_needed(name));
    all.into_iter()
        .map(|(name, property)| {
            let mut said = vec![type_of(schema, &property).replace('`', "").replace("\\|", "|")];
            if is_needed(&name) {
                said.push("required".to_owned());
            }
            said.extend(bounds(schema, &property));
            let told = property.get("description").and_then(Value::as_str);
            let mut what = told.unwrap_or_default().replace('\n', " ");
            let inner = fields(schema, &property);
            if !inner.is_empty() {
                let space = if what.is_empty() { "" } else { " " };
                what.push_str(&format!("{space}Its fields: {}.", inner.join(", ")));
            }
            [name, said.join(", "), what]
        })
        .collect()
}

fn columns(rows: &[[String; 3]]) -> String {
    let wide = |at: usize| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.max().unwrap_or(0).min(COLUMN_MAX)
    };
    let (first, second) = (wide(0), wide(1));
    rows.iter()
        .map(|[name, kind, what]| {
            let line = format!("  {name:<first$}  {kind:<second$}  {what}");
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// What can go wrong, and what becomes of the step then.
fn errors(facts: &ToolFacts) -> Vec<[String; 3]> {
    ErrorClass::all()
        .into_iter()
        // A call that changes nothing leaves nothing to doubt.
        .filter(|class| !facts.read_only || *class != ErrorClass::UnknownEffect)
        .map(|class| {
            let then = match (&class, class.is_retryable()) {
                (ErrorClass::UnknownEffect, _) => "found out",
                (_, true) => "tried again",
                (_, false) => "final",
            };
            [
                class.as_str().to_owned(),
                then.to_owned(),
                class.means().to_owned(),
            ]
        })
        .collect()
}

/// An action to copy: what must be given, and the names of what may.
pub(super) fn example(facts: &ToolFacts) -> String {
    let schema = &facts.input_schema;
    let given = needed(schema, schema);
    let arguments: Vec<String> = given
        .iter()
        .map(|(name, value)| format!("{name} = {}", toml(value)))
        .collect();
    let more: Vec<String> = properties(Some(schema))
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !given.contains_key(name))
        .collect();
    let mut text = format!("[[action]]\ntool = \"{}\"\n", facts.name);
    let arguments = match arguments.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", arguments.join(", ")),
    };
    let _ = writeln!(text, "arguments = {arguments}");
    if !more.is_empty() {
        let _ = writeln!(text, "# and perhaps: {}", more.join(", "));
    }
    text
}

/// A value on one line, as TOML has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null => "\"\"".to_owned(),
        scalar => scalar.to_string(),
    }
}
