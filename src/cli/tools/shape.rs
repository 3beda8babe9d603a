//! In: a tool's JSON Schema. Out: what it says in words, and a value that fits it. Never: judging a value.

use serde_json::{Map, Value, json};

/// How many `$ref`s are followed in a row.
const REFERENCES_MAX: usize = 16;

pub(super) fn properties(schema: Option<&Value>) -> Vec<(String, Value)> {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A type in a word or two: the choices of an enumeration, the type of an array's items.
pub(super) fn type_of(root: &Value, property: &Value) -> String {
    let schema = resolved(root, property);
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        return choices.join(" \\| ");
    }
    for key in ["anyOf", "oneOf"] {
        let Some(choices) = schema.get(key).and_then(Value::as_array) else {
            continue;
        };
        let mut words: Vec<String> = choices
            .iter()
            .map(|choice| type_of(root, choice))
            .filter(|word| word != "null")
            .collect();
        words.dedup();
        return words.join(" \\| ");
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`");
    }
    let word = match schema.get("type") {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => {
            let words = words
                .iter()
                .filter_map(Value::as_str)
                .filter(|word| *word != "null");
            words.collect::<Vec<_>>().join(" \\| ")
        }
        _ => "any".to_owned(),
    };
    match (word.as_str(), schema.get("items")) {
        ("array", Some(items)) => format!("array of {}", type_of(root, items)),
        _ => word,
    }
}

pub(super) fn resolved<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let pointer = schema.get("$ref").and_then(Value::as_str);
        match pointer.and_then(|reference| root.pointer(reference.strip_prefix('#')?)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// What a value must keep to, beside its type: `1 to 256 letters`, `at most 100`, `5 unless said`.
pub(super) fn bounds(root: &Value, property: &Value) -> Vec<String> {
    let schema = chosen(root, property);
    let number = |key: &str| schema.get(key).filter(|value| value.is_number());
    let mut said = Vec::new();
    let mut between = |low: &str, high: &str, unit: &str| match (number(low), number(high)) {
        (Some(low), Some(high)) => said.push(format!("{low} to {high}{unit}")),
        (Some(low), None) if *low != json!(0) => said.push(format!("at least {low}{unit}")),
        (None, Some(high)) => said.push(format!("at most {high}{unit}")),
        _ => {}
    };
    between("minimum", "maximum", "");
    between("minLength", "maxLength", " letters");
    between("minItems", "maxItems", " items");
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        said.push(format!("like {pattern}"));
    }
    let default = property.get("default").or_else(|| schema.get("default"));
    if let Some(default) = default.filter(|default| !default.is_null()) {
        said.push(format!("{default} unless said"));
    }
    said
}

/// The schema itself, or the one of its choices that is not null.
fn chosen<'s>(root: &'s Value, property: &'s Value) -> &'s Value {
    let schema = resolved(root, property);
    for key in ["anyOf", "oneOf", "allOf"] {
        let real = schema.get(key).and_then(Value::as_array).and_then(|choices| {
            choices
                .iter()
                .find(|choice| choice.get("type") != Some(&json!("null")))
        });
        if let Some(real) = real {
            return chosen(root, real);
        }
    }
    schema
}

/// A value that fits, as one would write it in a rule.
pub(super) fn example(root: &Value, name: &str, property: &Value) -> Value {
    let schema = chosen(root, property);
    if let Some(first) = schema
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|choices| choices.first())
    {
        return first.clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match kind {
        Some("integer" | "number") => schema
            .get("minimum")
            .filter(|low| low.as_f64().is_some_and(|low| low > 1.0))
            .cloned()
            .unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => {
            let items = schema.get("items").cloned().unwrap_or_default();
            json!([example(root, name.trim_end_matches('s'), &items)])
        }
        Some("object") => Value::Object(needed(root, schema)),
        _ => json!(text(name)),
    }
}

/// An object's required fields, each with a value that fits.
pub(super) fn needed(root: &Value, schema: &Value) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    names
        .map(|name| {
            let property = &schema["properties"][name];
            (name.to_owned(), example(root, name, property))
        })
        .collect()
}

fn text(name: &str) -> &'static str {
    match name {
        "repo" | "repository" => "acme/api",
        "service_id" | "resource" => "srv-a",
        "deploy_id" => "dep-a",
        "to" => "log",
        "ref" | "branch" | "base" | "head" => "main",
        "sha" | "head_sha" | "commit" => "0123456789abcdef0123456789abcdef01234567",
        "path" => "README.md",
        "url" => "https://example.org/hook",
        "color" => "d73a4a",
        "rule" => "triage-new-issue",
        "email" => "mona@example.org",
        "login" | "user" | "username" | "assignee" | "reviewer" => "mona",
        "label" => "bug",
        "on" | "event" | "type" => "github.issues.opened",
        name if name.ends_with("since") || name.ends_with("within") => "1h",
        _ => "…",
    }
}

/// The fields of an object, or of each object of a list.
pub(super) fn fields(root: &Value, property: &Value) -> Vec<String> {
    let mut schema = chosen(root, property);
    if let Some(items) = schema.get("items") {
        schema = chosen(root, items);
    }
    properties(Some(schema))
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}
