//! In: environment variables as a call names them. Out: the same as Render takes them, or hidden; which of them change.
//! Never: a value shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::integrations::render::{Client, EnvVars};
use crate::tools::toolbox::invalid;

/// More variables than this are not merged in one call: each is a request, and Render takes 30 a minute.
pub(super) const MERGED_MAX: usize = 20;
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

/// Names of variables, by what setting them changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// New ones.
    pub(super) added: Vec<String>,
    /// Ones that had another value.
    pub(super) updated: Vec<String>,
    /// Ones that had this value, or any where one is to be generated.
    pub(super) unchanged: Vec<String>,
}

impl Changes {
    pub(super) fn between(
        vars: &BTreeMap<String, String>,
        generate: &BTreeSet<String>,
        EnvVars(before): &EnvVars,
    ) -> Self {
        let mut changes = Self::default();
        let given = vars.iter().map(|(name, value)| (name, Some(value)));
        for (name, value) in given.chain(generate.iter().map(|name| (name, None))) {
            let list = match before.get(name) {
                None => &mut changes.added,
                Some(old) if value.is_some_and(|value| value != old) => &mut changes.updated,
                Some(_) => &mut changes.unchanged,
            };
            list.push(name.clone());
        }
        changes
    }
}

/// Sends one request after the other; an error says how far it came.
pub(super) async fn send(client: &Client, requests: &[Request]) -> Result<(), ToolError> {
    for (done, request) in requests.iter().enumerate() {
        client.apply(request).await.map_err(|error| {
            let error = ToolError::from(error);
            if done == 0 || error.class == ErrorClass::UnknownEffect {
                return error;
            }
            let remedy = error
                .remedy
                .clone()
                .map_or(String::new(), |remedy| format!("{remedy}; "));
            error.with_remedy(format!(
                "{remedy}{done} of {} variables were set before this: the call may be repeated as it is",
                requests.len()
            ))
        })?;
    }
    Ok(())
}
