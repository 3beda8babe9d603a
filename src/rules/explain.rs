//! In: a rule and an event. Out: why it fires or not, condition by condition. Never: gates and runs, which are the
//! journal's to tell.

use serde::Serialize;
use serde_json::Value;

use crate::normalize::Event;
use crate::rules::book::{self, Verdict};
use crate::rules::expression::{Expression, Names};
use crate::rules::pattern::{All, Condition, Path, Reached, Test};
use crate::rules::rule::{Mode, Rule};

mod text;

/// How many of a path's values are shown.
const VALUES_MAX: usize = 20;

/// Why a rule fires on an event, or does not. All text forms are made from this.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The rule's id.
    pub rule: String,
    /// Its version.
    pub version: String,
    /// Whether it acts.
    pub mode: Mode,
    /// Why it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_reason: Option<String>,
    /// The event's id.
    pub event: String,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// The event types the rule listens to.
    pub on: Vec<String>,
    /// Whether the event's type is among them.
    pub listens: bool,
    /// The `[when]`, group structure kept.
    pub when: Vec<ConditionView>,
    /// The `if`.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<IfView>,
    /// `fired`, `missed`, `off`, `error`, or `not_listening`.
    pub outcome: String,
    /// What the limits are counted by, when it fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The outcome in a sentence.
    pub sentence: String,
    /// What would have to differ for it to fire; empty when it fires.
    pub would_have_to_differ: Vec<String>,
}

/// One condition of `[when]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConditionView {
    /// A path with its operators.
    Field {
        /// The path.
        path: String,
        /// Whether all operators hold.
        held: bool,
        /// How many values the path reaches.
        count: usize,
        /// The values it reaches, the first twenty.
        actual: Vec<Value>,
        /// The operators.
        tests: Vec<TestView>,
    },
    /// One of the branches.
    Any {
        /// Whether one holds.
        held: bool,
        /// The branches.
        branches: Vec<Vec<ConditionView>>,
    },
    /// All of the branches.
    All {
        /// Whether all hold.
        held: bool,
        /// The branches.
        branches: Vec<Vec<ConditionView>>,
    },
    /// Not all of it.
    Not {
        /// Whether not all of it holds.
        held: bool,
        /// What is negated.
        conditions: Vec<ConditionView>,
    },
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestView {
    /// Its name.
    pub operator: String,
    /// Its operand, as written.
    pub expected: Value,
    /// Whether the case of letters is ignored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
    /// Whether it holds.
    pub held: bool,
}

/// The `if`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IfView {
    /// As written.
    pub text: String,
    /// Whether it was looked at: only when the patterns hold.
    pub evaluated: bool,
    /// Whether it is true; `None` when it was not looked at or could not be decided.
    pub held: Option<bool>,
    /// Why it could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The paths it mentions, with their values.
    pub mentions: Vec<PathView>,
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

impl ConditionView {
    /// Whether it holds.
    pub fn held(&self) -> bool {
        match self {
            Self::Field { held, .. }
            | Self::Any { held, .. }
            | Self::All { held, .. }
            | Self::Not { held, .. } => *held,
        }
    }
}

/// Evaluates everything, also what a decision would have skipped, and says what was found.
pub fn explain(rule: &Rule, event: &Event) -> Explanation {
    let listens = rule.listens_to(&event.kind.0);
    let when = views(&rule.when, &event.payload);
    let patterns_hold = when.iter().all(ConditionView::held);
    let names = book::names_of(event, &event.payload, &rule.vars);
    let condition = rule
        .condition
        .as_ref()
        .map(|expression| if_view(expression, &names, listens && patterns_hold));
    let verdict = listens.then(|| book::verdict(rule, event, &mut None));
    let (outcome, key) = match &verdict {
        None => ("not_listening", None),
        Some(Verdict::Off) => ("off", None),
        Some(Verdict::Missed) => ("missed", None),
        Some(Verdict::Error(_)) => ("error", None),
        Some(Verdict::Fired { key, .. }) => ("fired", Some(key.clone())),
    };
    let mut explanation = Explanation {
        rule: rule.id.clone(),
        version: rule.version.clone(),
        mode: rule.mode,
        off_reason: rule.off_reason.clone(),
        event: event.id.0.clone(),
        event_type: event.kind.0.clone(),
        subject: event.subject.0.clone(),
        on: rule.on.clone(),
        listens,
        when,
        condition,
        outcome: outcome.to_owned(),
        key,
        sentence: String::new(),
        would_have_to_differ: Vec::new(),
    };
    if outcome != "fired" {
        explanation.would_have_to_differ = text::differences(&explanation, verdict.as_ref());
    }
    explanation.sentence = text::sentence(&explanation, verdict.as_ref());
    explanation
}

fn views(all: &All, payload: &Value) -> Vec<ConditionView> {
    all.0.iter().map(|condition| view(condition, payload)).collect()
}

fn view(condition: &Condition, payload: &Value) -> ConditionView {
    let branches = |branches: &[All]| branches.iter().map(|branch| views(branch, payload)).collect();
    let held = condition.holds(payload);
    match condition {
        Condition::Field { path, tests } => {
            let reached = path.reach(payload);
            field(path, &tests.0, &reached, held)
        }
        Condition::Any(all) => ConditionView::Any {
            held,
            branches: branches(all),
        },
        Condition::Every(all) => ConditionView::All {
            held,
            branches: branches(all),
        },
        Condition::Not(all) => ConditionView::Not {
            held,
            conditions: views(all, payload),
        },
    }
}

fn field(path: &Path, tests: &[Test], reached: &Reached<'_>, held: bool) -> ConditionView {
    ConditionView::Field {
        path: path.text(),
        held,
        count: reached.values.len(),
        actual: reached
            .values
            .iter()
            .take(VALUES_MAX)
            .map(|value| (*value).clone())
            .collect(),
        tests: tests
            .iter()
            .map(|test| TestView {
                operator: test.operator.to_owned(),
                expected: test.expected.clone(),
                ignore_case: test.ignore_case,
                held: test.holds(reached),
            })
            .collect(),
    }
}

fn if_view(expression: &Expression, names: &Names, evaluated: bool) -> IfView {
    let (held, error) = match evaluated.then(|| expression.holds(names)) {
        None => (None, None),
        Some(Ok(held)) => (Some(held), None),
        Some(Err(error)) => (None, Some(error.to_string())),
    };
    let mentions = expression
        .paths()
        .into_iter()
        .filter_map(|path| {
            let value = names.lookup(&path)?;
            Some(PathView {
                defined: value.is_some(),
                value: value.unwrap_or(Value::Null),
                path,
            })
        })
        .collect();
    IfView {
        text: expression.text().to_owned(),
        evaluated,
        held,
        error,
        mentions,
    }
}

impl Explanation {
    /// For people: aligned columns, no color needed.
    pub fn to_text(&self) -> String {
        text::page(self)
    }
}
