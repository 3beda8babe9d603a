//! In: an explanation. Out: its questions as rows, in order, each with its answer and what it saw. Never: an answer of its own.

use serde_json::{Value, json};

use super::view::cut;
use crate::rules::{ConditionView, Explanation, PartView, Parts, PathView};

/// How many rows are shown.
const ROWS_MAX: usize = 120;
/// How much of a value is shown, in characters.
const VALUE_CHARS_MAX: usize = 160;

/// `{ "depth", "held", "asks", "saw" }` each; `held` is null where nobody asked or nobody can say.
pub(super) fn rows(explanation: &Explanation) -> Vec<Value> {
    let mut rows = Rows(Vec::new());
    rows.push(
        0,
        Some(explanation.listens),
        format!("on {}", explanation.on.join(", ")),
        explanation.event_type.clone(),
    );
    for view in &explanation.when {
        rows.condition(0, view);
    }
    if let Some(condition) = &explanation.condition {
        let saw = match &condition.error {
            Some(error) => error.clone(),
            None => mentions(&condition.mentions),
        };
        rows.push(0, condition.held, format!("if {}", condition.text), saw);
        rows.parts(1, &condition.parts);
    }
    for limit in &explanation.limits {
        let asks = format!("{}: {}", limit.limit.replace('_', " "), limit.allows);
        rows.push(0, limit.passed, asks, limit.actual.clone().unwrap_or_default());
    }
    rows.0.truncate(ROWS_MAX);
    rows.0
}

struct Rows(Vec<Value>);

impl Rows {
    fn push(&mut self, depth: usize, held: Option<bool>, asks: String, saw: String) {
        let (asks, saw) = (cut(&asks, 2 * VALUE_CHARS_MAX), cut(&saw, 2 * VALUE_CHARS_MAX));
        self.0
            .push(json!({ "depth": depth.min(4), "held": held, "asks": asks, "saw": saw }));
    }

    fn condition(&mut self, depth: usize, view: &ConditionView) {
        let (word, branches) = match view {
            ConditionView::Field {
                path,
                held,
                count,
                actual,
                tests,
            } => {
                let tests: Vec<String> = tests
                    .iter()
                    .map(|test| format!("{} {}", test.operator.replace('_', " "), shown(&test.expected)))
                    .collect();
                let saw = match actual.as_slice() {
                    [] => "nothing is there".to_owned(),
                    values => {
                        let more = count.saturating_sub(values.len());
                        let mut saw = values.iter().map(shown).collect::<Vec<_>>().join(", ");
                        if more > 0 {
                            saw.push_str(&format!(", and {more} more"));
                        }
                        saw
                    }
                };
                return self.push(depth, Some(*held), format!("{path} {}", tests.join(" and ")), saw);
            }
            ConditionView::Any { branches, .. } => ("one of", branches.as_slice()),
            ConditionView::All { branches, .. } => ("all of", branches.as_slice()),
            ConditionView::Not { conditions, .. } => ("not", std::slice::from_ref(conditions)),
        };
        self.push(depth, Some(view.held()), word.to_owned(), String::new());
        for condition in branches.iter().flatten() {
            self.condition(depth + 1, condition);
        }
    }

    fn parts(&mut self, depth: usize, parts: &Parts) {
        let (Parts::And(parts) | Parts::Or(parts)) = parts else {
            return;
        };
        for part in parts {
            let PartView {
                text,
                held,
                error,
                mentions: seen,
                parts,
            } = part;
            let saw = error.clone().unwrap_or_else(|| mentions(seen));
            self.push(depth, *held, text.clone(), saw);
            self.parts(depth + 1, parts);
        }
    }
}

fn mentions(paths: &[PathView]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| match path.defined {
            true => format!("{} = {}", path.path, shown(&path.value)),
            false => format!("{} is not there", path.path),
        })
        .collect();
    shown.join(", ")
}

fn shown(value: &Value) -> String {
    cut(&value.to_string(), VALUE_CHARS_MAX)
}
