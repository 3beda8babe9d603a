//! In: a rule's `[when]` and a payload. Out: each condition with what it asked for and what it saw. Never: stopping at the
//! first that does not hold.

use serde::Serialize;
use serde_json::Value;

use crate::rules::pattern::{All, Condition, Path, Reached, Test};

/// How many of a path's values are shown.
const VALUES_MAX: usize = 20;

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

pub(super) fn views(all: &All, payload: &Value) -> Vec<ConditionView> {
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
