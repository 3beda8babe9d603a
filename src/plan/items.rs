//! In: the list a `for_each` gives, and what is on record of it. Out: its items with their keys; the results of those done.
//! Never: an item that is done twice, or under another's key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{StepRecord, StepState};
use crate::rules::{Action, ExprError, Scope};

/// How many items a `for_each` may have. Each is a step of its own in the journal, and a run is read whole.
pub const ITEMS_MAX: usize = 200;
/// How long an item's key may be, in bytes.
const KEY_BYTES_MAX: usize = 200;

/// One item of a list, as it is journaled with the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    /// What it is told from the others by.
    pub(super) key: String,
    /// What `item` stands for.
    pub(super) item: Value,
}

/// What stands in the journal for one step of a list.
pub(super) fn name_of(list: &str, key: &str) -> String {
    format!("{list}[{key}]")
}

/// The items of an action, each with its key; `None` when it is no list. `scope` is without `item`.
pub(super) fn of(action: &Action, mut scope: Scope) -> Result<Option<Vec<Item>>, ExprError> {
    let Some(values) = action.items(&scope)? else {
        return Ok(None);
    };
    let problem = |message: String| Err(ExprError { message });
    let values = match values {
        Value::Array(values) => values,
        other => return problem(format!("for_each: gives {}, not a list", kind(&other))),
    };
    if values.len() > ITEMS_MAX {
        return problem(format!(
            "for_each: {} items, and at most {ITEMS_MAX} are done in one run: take a part of them (`…[:{ITEMS_MAX}]`)",
            values.len()
        ));
    }
    let mut items = Vec::with_capacity(values.len());
    let mut keys = BTreeSet::new();
    for (at, item) in values.into_iter().enumerate() {
        let at = at + 1;
        scope.item = Some(item.clone());
        let key = match (action.item_key(&scope)?, &item) {
            (Some(key), _) => key,
            (None, Value::String(text)) => text.clone(),
            (None, Value::Number(_) | Value::Bool(_)) => item.to_string(),
            (None, other) => {
                return problem(format!(
                    "item {at} of for_each is {}: say by what it is told from the others with `item_key`",
                    kind(other)
                ));
            }
        };
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return problem(format!(
                "item_key: the key of item {at} is {key:?}: it is 1 to {KEY_BYTES_MAX} bytes of text on one line"
            ));
        }
        if !keys.insert(key.clone()) {
            return problem(format!(
                "item_key: item {at} has the key {key:?}, which an earlier item has: each item is done once, under its own"
            ));
        }
        items.push(Item { key, item });
    }
    Ok(Some(items))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing (null)",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What an action came to as far as it is done: its result, or those of its items in their order.
pub(super) fn result_of(steps: &[StepRecord], name: &str) -> Option<Value> {
    let find = |name: &str| steps.iter().find(|step| step.step == name);
    let step = find(name)?;
    match step.state {
        StepState::Done => Some(step.result.clone()),
        StepState::Listed => {
            let items: Vec<Item> = serde_json::from_value(step.result.clone()).unwrap_or_default();
            let done = |item: &Item| {
                let step = find(&name_of(name, &item.key))?;
                (step.state == StepState::Done).then(|| step.result.clone())
            };
            Some(items.iter().filter_map(done).collect())
        }
        _ => None,
    }
}
