//! In: calls about environment variables. Out: them, with their values, as the real API gives them.
//! Never: a deploy; a change waits for the next one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{error, page, service, service_mut};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let vars = service(world, call)?.env_vars.clone();
    let shown = vars
        .into_iter()
        .map(|(key, value)| (key.clone(), shown(&key, &value)));
    page(call, "envVar", shown.collect())
}

fn shown(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value})
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let key = call.param("key");
    let found = service(world, call)?.env_vars.get(key);
    found
        .map(|value| Answer::ok(shown(key, value)))
        .ok_or_else(|| error(404, &format!("not found: {key}")))
}

/// What a body says a variable is to be; a generated value is 256 random bits.
pub(super) fn value_of(world: &mut World, given: &Map<String, Value>) -> Result<String, Answer> {
    match (given.get("value"), given.get("generateValue")) {
        (Some(Value::String(value)), None) => Ok(value.clone()),
        (None, Some(Value::Bool(true))) => Ok(STANDARD.encode(&world.ids.sha()[..32])),
        _ => Err(error(400, "one of value and generateValue is required")),
    }
}

pub(super) fn check_key(key: &str) -> Result<(), Answer> {
    let head = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let tail = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if head && tail {
        return Ok(());
    }
    Err(error(400, &format!("invalid environment variable key: {key}")))
}

pub(super) fn put(world: &mut World, call: &Call) -> Outcome {
    let key = call.param("key").to_owned();
    let given = super::body(call)?;
    service(world, call)?;
    check_key(&key)?;
    let value = value_of(world, &given)?;
    let answer = shown(&key, &value);
    service_mut(world, call)?.env_vars.insert(key, value);
    Ok(Answer::ok(answer))
}

/// `[{key, value}, {key, generateValue}]` as variables.
pub(super) fn pairs(world: &mut World, given: &[Value]) -> Result<BTreeMap<String, String>, Answer> {
    let mut vars = BTreeMap::new();
    for entry in given {
        let (Some(fields), Some(key)) = (entry.as_object(), entry["key"].as_str()) else {
            return Err(error(400, "key is required"));
        };
        check_key(key)?;
        let value = value_of(world, fields)?;
        if vars.insert(key.to_owned(), value).is_some() {
            return Err(error(400, &format!("duplicate key: {key}")));
        }
    }
    Ok(vars)
}

pub(super) fn replace(world: &mut World, call: &Call) -> Outcome {
    let Ok(Value::Array(given)) = serde_json::from_slice(&call.body) else {
        return Err(error(400, "invalid JSON: a list is wanted"));
    };
    service(world, call)?;
    let vars = pairs(world, &given)?;
    let service = service_mut(world, call)?;
    service.env_vars = vars;
    let shown = service
        .env_vars
        .iter()
        .map(|(key, value)| json!({"envVar": shown(key, value), "cursor": key}));
    Ok(Answer::ok(shown.collect()))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let key = call.param("key").to_owned();
    service_mut(world, call)?
        .env_vars
        .remove(&key)
        .map(|_| Answer::empty(204))
        .ok_or_else(|| error(404, &format!("not found: {key}")))
}
