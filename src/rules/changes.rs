//! In: two versions of a rule. Out: what differs, and what that means for what is under way. Never: files, the journal.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::rules::diagnostic::Findings;
use crate::rules::parse::default_id;
use crate::rules::rule::Rule;
use crate::rules::syntax::{self, Entry};

/// Longest value shown in a sentence, in characters.
const SHOWN_CHARS_MAX: usize = 60;
/// What decides nothing and does nothing.
const WORDS_ONLY: &[&str] = &["description", "test", "off_reason"];

/// What differs between two versions of a rule, each a sentence; empty when nothing does that decides or acts.
pub fn changes(old: &Rule, new: &Rule) -> Vec<String> {
    let (old, new) = (read(&old.text), read(&new.text));
    let mut told = Vec::new();
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        if before == after || WORDS_ONLY.contains(&key.as_str()) {
            continue;
        }
        match key.as_str() {
            "on" => events(before, after, &mut told),
            "mode" => told.push(format!(
                "the mode is {}, it was {}",
                or_live(after),
                or_live(before)
            )),
            "when" | "if" => told.push(format!(
                "`{key}` asks something else: other events make it act (`xmrt backtest` shows which)"
            )),
            "action" | "on_failure" => steps(key, before, after, &mut told),
            "limits" | "concurrency" | "vars" => fields(key, before, after, &mut told),
            _ => told.push(changed(key, before, after)),
        }
    }
    told
}

fn read(text: &str) -> Map<String, Value> {
    let mut findings = Findings::new("", text);
    let tree: Vec<Entry> = syntax::read(&mut findings).unwrap_or_default();
    tree.iter()
        .map(|entry| (entry.key.clone(), entry.node.json()))
        .collect()
}

fn or_live(mode: Option<&Value>) -> &str {
    mode.and_then(Value::as_str).unwrap_or("live")
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return format!("`{text}`");
    }
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("`{cut}…`")
}

fn changed(name: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    match (before, after) {
        (None, Some(after)) => format!("`{name}` is {}, it was not set", shown(after)),
        (Some(before), None) => format!("`{name}` is gone, it was {}", shown(before)),
        (Some(before), Some(after)) => format!("`{name}` is {}, it was {}", shown(after), shown(before)),
        (None, None) => String::new(),
    }
}

fn events(before: Option<&Value>, after: Option<&Value>, told: &mut Vec<String>) {
    let list = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let (before, after) = (list(before), list(after));
    for on in after.iter().filter(|on| !before.contains(on)) {
        told.push(format!("it listens to {on}, too"));
    }
    for on in before.iter().filter(|on| !after.contains(on)) {
        told.push(format!("it does not listen to {on} any more"));
    }
}

/// Each field by itself; what is counted by another key is counted anew.
fn fields(table: &str, before: Option<&Value>, after: Option<&Value>, told: &mut Vec<String>) {
    let none = Map::new();
    let of = |value: Option<&'_ Value>| value.and_then(Value::as_object).unwrap_or(&none).clone();
    let (before, after) = (of(before), of(after));
    let names: BTreeMap<&String, ()> = before.keys().chain(after.keys()).map(|name| (name, ())).collect();
    for name in names.keys() {
        let (old, new) = (before.get(*name), after.get(*name));
        if old == new {
            continue;
        }
        let sentence = changed(&format!("{table}.{name}"), old, new);
        told.push(match (table, name.as_str()) {
            ("limits", "key") => {
                format!(
                    "{sentence}: it is counted anew, what was charged under the old key holds nothing back"
                )
            }
            ("concurrency", "group") => {
                format!("{sentence}: runs of the old group and of the new one do not wait for each other")
            }
            ("limits", "cooldown") => {
                format!("{sentence}: a cooldown that runs already ends when it would have")
            }
            ("limits", "rate") => format!("{sentence}: runs that count go on counting"),
            ("vars", _) => format!("{sentence}; open runs keep the old value"),
            _ => sentence,
        });
    }
}

/// Steps by their id: results and keys go by it.
fn steps(list: &str, before: Option<&Value>, after: Option<&Value>, told: &mut Vec<String>) {
    let (before, after) = (by_id(before), by_id(after));
    let what = if list == "action" {
        "step"
    } else {
        "on_failure step"
    };
    for (id, step) in &after {
        match before.iter().find(|(known, _)| known == id) {
            None => told.push(format!("there is a new {what} `{id}`: {}", tool(step))),
            Some((_, old)) if tool(old) != tool(step) => {
                told.push(format!(
                    "the {what} `{id}` calls {}, it called {}",
                    tool(step),
                    tool(old)
                ));
            }
            Some((_, old)) if old != step => {
                told.push(format!("the {what} `{id}` is another: {}", parts(old, step)))
            }
            Some(_) => {}
        }
    }
    for (id, step) in before
        .iter()
        .filter(|(id, _)| !after.iter().any(|(known, _)| known == id))
    {
        told.push(format!("the {what} `{id}` ({}) is gone", tool(step)));
    }
    let common = |list: &[(String, Value)], other: &[(String, Value)]| -> Vec<String> {
        let known = |id: &String| other.iter().any(|(known, _)| known == id);
        list.iter().map(|(id, _)| id.clone()).filter(known).collect()
    };
    if common(&before, &after) != common(&after, &before) {
        told.push(format!("the order of its {what}s is another"));
    }
}

fn by_id(value: Option<&Value>) -> Vec<(String, Value)> {
    let mut steps: Vec<(String, Value)> = Vec::new();
    for step in value.and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| step.get(key).and_then(Value::as_str);
        let id = match text("id") {
            Some(id) => id.to_owned(),
            None => default_id(text("tool").unwrap_or_default(), |id| {
                steps.iter().any(|(known, _)| known == id)
            }),
        };
        steps.push((id, step.clone()));
    }
    steps
}

fn tool(step: &Value) -> &str {
    step.get("tool").and_then(Value::as_str).unwrap_or("no tool")
}

/// Which keys of a step differ.
fn parts(old: &Value, new: &Value) -> String {
    let none = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&none), new.as_object().unwrap_or(&none));
    let names: BTreeMap<&String, ()> = old.keys().chain(new.keys()).map(|name| (name, ())).collect();
    let differing: Vec<String> = names
        .keys()
        .filter(|name| old.get(**name) != new.get(**name))
        .map(|name| format!("`{name}`"))
        .collect();
    differing.join(", ")
}
