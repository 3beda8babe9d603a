//! In: environment variables as a call names them. Out: the same as Render takes them, or hidden. Never: a value shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::hub::ToolError;
use crate::integrations::Request;
use crate::tools::toolbox::invalid;

/// What a dry run shows in place of a value.
const HIDDEN: &str = "(not shown)";
/// A longer name is a mistake, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Names and values; a value that is no text is an error that names the variable and does not quote it.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    BTreeMap::<String, Value>::deserialize(deserializer)?
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(D::Error::custom(format!(
                "argument `vars`: the value of {name} must be a string"
            ))),
        })
        .collect()
}

/// Refuses what cannot be the name of a variable.
pub(super) fn check_name(argument: &str, name: &str) -> Result<(), ToolError> {
    let head = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let tail = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if head && tail && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(
        invalid(argument, format!("holds no name of a variable: {name:?}"))
            .with_remedy("letters, digits, _, - and ., not beginning with a digit"),
    )
}

/// Refuses names that cannot be, and a name that is both given and generated.
pub(super) fn check(vars: &BTreeMap<String, String>, generate: &BTreeSet<String>) -> Result<(), ToolError> {
    vars.keys().try_for_each(|name| check_name("vars", name))?;
    generate
        .iter()
        .try_for_each(|name| check_name("generate", name))?;
    match generate.iter().find(|name| vars.contains_key(*name)) {
        Some(both) => Err(invalid(
            "generate",
            format!("names {both}, which `vars` gives a value"),
        )),
        None => Ok(()),
    }
}

/// `[{key, value}, {key, generateValue}]`.
pub(super) fn listed(vars: &BTreeMap<String, String>, generate: &BTreeSet<String>) -> Vec<Value> {
    let given = vars
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}));
    let made = generate
        .iter()
        .map(|key| json!({"key": key, "generateValue": true}));
    given.chain(made).collect()
}

/// The request without its variables' values: a dry run is read by people and kept in journals.
pub(super) fn hidden(mut request: Request) -> Request {
    if let Some(body) = &mut request.body {
        hide(body);
    }
    request
}

fn hide(body: &mut Value) {
    match body {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "value" => *field = json!(HIDDEN),
                    "envVars" => hide(field),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}
