//! In: arguments and their schema. Out: typed arguments, or an error that names the argument. Never: a default of its own.

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::invalid;
use crate::hub::{ErrorClass, ToolError, nearest};

/// The arguments as a type. They have passed [`check`], so what is still wrong is said by the type itself.
pub(super) fn typed<A: DeserializeOwned>(arguments: JsonObject) -> Result<A, ToolError> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::new(ErrorClass::Invalid, error.to_string()))
}

/// Takes `dry_run` out of the arguments. [`check`] has seen that it is a boolean.
pub(super) fn take_dry_run(arguments: &mut JsonObject) -> bool {
    arguments.remove("dry_run") == Some(Value::Bool(true))
}

/// Holds the arguments against the schema, so that whoever wrote them (a rule's author, an agent) reads which one is
/// wrong, and what there is.
pub(super) fn check(schema: &JsonObject, arguments: &JsonObject) -> Result<(), ToolError> {
    let none = JsonObject::new();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let list = || {
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        format!("arguments: {}", names.join(", "))
    };
    for (name, value) in arguments {
        let Some(property) = properties.get(name) else {
            let meant = nearest(name, properties.keys().map(String::as_str))
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let problem = format!("does not exist{meant}");
            return Err(invalid(name, problem).with_remedy(list()));
        };
        fits(property, value).map_err(|problem| invalid(name, problem).with_remedy(list()))?;
    }
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Err(invalid(name, "is missing").with_remedy(list()));
        }
    }
    Ok(())
}

/// The part of JSON Schema our own arguments use: types, constants, alternatives, and bounds.
fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    for key in ["anyOf", "oneOf"] {
        let Some(branches) = schema.get(key).and_then(Value::as_array) else {
            continue;
        };
        let problems: Vec<String> = branches
            .iter()
            .map_while(|branch| fits(branch, value).err())
            .collect();
        if problems.len() == branches.len() {
            return Err(problems.join(", or "));
        }
    }
    one_of(schema, value)?;
    of_type(schema, value)?;
    bounded(schema, value)?;
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        for (index, element) in elements.iter().enumerate() {
            fits(items, element).map_err(|problem| format!("item {} {problem}", index + 1))?;
        }
    }
    Ok(())
}

fn one_of(schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Err(format!("must be {constant}, not {}", short(value)));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        return Err(format!(
            "must be one of {}, not {}",
            allowed.join(", "),
            short(value)
        ));
    }
    Ok(())
}

fn of_type(schema: &Value, value: &Value) -> Result<(), String> {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    if types.iter().any(is) {
        return Ok(());
    }
    let wanted: Vec<&str> = types.into_iter().filter(|name| *name != "null").collect();
    Err(format!(
        "must be of type {}, not {}",
        wanted.join(" or "),
        short(value)
    ))
}

fn bounded(schema: &Value, value: &Value) -> Result<(), String> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let (size, low, high, unit) = match value {
        Value::Number(number) => (number.as_i64(), "minimum", "maximum", ""),
        Value::String(text) => (
            i64::try_from(text.chars().count()).ok(),
            "minLength",
            "maxLength",
            " characters long",
        ),
        Value::Array(items) => (
            i64::try_from(items.len()).ok(),
            "minItems",
            "maxItems",
            " items long",
        ),
        _ => return Ok(()),
    };
    let Some(size) = size else { return Ok(()) };
    if bound(low).is_some_and(|low| size < low) {
        return Err(format!(
            "must be at least {}{unit}, not {size}",
            bound(low).unwrap_or(0)
        ));
    }
    if bound(high).is_some_and(|high| size > high) {
        return Err(format!(
            "must be at most {}{unit}, not {size}",
            bound(high).unwrap_or(0)
        ));
    }
    Ok(())
}

/// A value as an error shows it: whole if short.
fn short(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let head: String = text.chars().take(SHOWN).collect();
    format!("{head}…")
}
