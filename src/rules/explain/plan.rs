//! In: a rule and what is known when it matches. Out: the calls it makes, as far as they can be told before the first one.
//! Never: a call.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::rules::expression::Names;
use crate::rules::rule::{Action, Argument, Rule};

/// Names that have a value only while the run is under way.
const LATER: &[&str] = &["steps", "run", "result", "item", "item_key"];

/// One step as it would be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanView {
    /// Its name.
    pub step: String,
    /// The tool.
    pub tool: String,
    /// Its `if`, as written.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The list it goes through, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// Whether it is skipped; `None` when only the run can tell.
    pub skipped: Option<bool>,
    /// The arguments; what only the run can tell stands there as it was written.
    pub arguments: Value,
    /// The arguments that only the run can tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// Why it could not be made: the run would end here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

pub(super) fn plan(rule: &Rule, names: &Names) -> Vec<PlanView> {
    rule.actions.iter().map(|action| step(action, names)).collect()
}

fn step(action: &Action, names: &Names) -> PlanView {
    let mut error = None;
    let skipped = match &action.condition {
        None => Some(false),
        Some(condition) if condition.paths().iter().any(|path| is_later(path)) => None,
        Some(condition) => match condition.holds(names) {
            Ok(held) => Some(!held),
            Err(problem) => {
                error = Some(problem.at("if").to_string());
                None
            }
        },
    };
    let mut open = Vec::new();
    let mut arguments = Map::new();
    for (name, argument) in &action.arguments {
        let value = if is_open(argument) {
            open.push(name.clone());
            written(argument)
        } else {
            argument
                .value(names, &format!("arguments.{name}"))
                .unwrap_or_else(|problem| {
                    if skipped != Some(true) {
                        error.get_or_insert(problem.to_string());
                    }
                    written(argument)
                })
        };
        arguments.insert(name.clone(), value);
    }
    PlanView {
        step: action.id.clone(),
        tool: action.tool.clone(),
        condition: action.condition_text().map(str::to_owned),
        for_each: action.for_each.as_ref().map(|list| list.text().trim().to_owned()),
        skipped,
        arguments: Value::Object(arguments),
        open,
        error,
    }
}

fn is_later(path: &str) -> bool {
    LATER.contains(&path.split('.').next().unwrap_or_default())
}

fn is_open(argument: &Argument) -> bool {
    match argument {
        Argument::Plain(_) => false,
        Argument::Template(template) => template.paths().iter().any(|path| is_later(path)),
        Argument::List(items) => items.iter().any(is_open),
        Argument::Table(fields) => fields.iter().any(|(_, field)| is_open(field)),
    }
}

/// As it stands in the file.
fn written(argument: &Argument) -> Value {
    match argument {
        Argument::Plain(value) => value.clone(),
        Argument::Template(template) => template.source().into(),
        Argument::List(items) => items.iter().map(written).collect(),
        Argument::Table(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), written(field)))
                .collect(),
        ),
    }
}
