//! In: an [`Explanation`]. Out: sentences and an aligned page. Never: evaluating anything.

use std::fmt::Write;

use serde_json::Value;

use crate::rules::book::Verdict;
use crate::rules::explain::{ConditionView, Explanation, IfView, TestView};
use crate::rules::rule::Mode;

/// Longest value shown on a line, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// What would have to differ for the rule to fire.
pub(crate) fn differences(explanation: &Explanation, verdict: Option<&Verdict>) -> Vec<String> {
    let mut differences = Vec::new();
    if !explanation.listens {
        differences.push(format!(
            "the event would have to be {}; it is {}",
            explanation.on.join(" or "),
            explanation.event_type
        ));
    }
    if explanation.mode == Mode::Off {
        differences.push("the rule would have to be switched on (`mode`)".to_owned());
    }
    for condition in explanation.when.iter().filter(|condition| !condition.held()) {
        differences.push(difference(condition));
    }
    if let Some(condition) = &explanation.condition {
        if condition.held == Some(false) {
            differences.push(format!(
                "`{}` would have to be true{}",
                condition.text,
                with(condition)
            ));
        } else if let Some(error) = &condition.error {
            differences.push(format!("the `if` would have to be decidable: {error}"));
        }
    }
    if let (Some(Verdict::Error(error)), true) = (verdict, differences.is_empty()) {
        differences.push(error.clone());
    }
    differences
}

fn difference(condition: &ConditionView) -> String {
    match condition {
        ConditionView::Field { path, tests, .. } => {
            let failed: Vec<String> = tests
                .iter()
                .filter(|test| !test.held)
                .map(|test| format!("`{}`", demand(test)))
                .collect();
            format!(
                "`{path}` would have to satisfy {}; {}",
                failed.join(" and "),
                found(condition)
            )
        }
        ConditionView::Any { branches, .. } => {
            format!(
                "one of the {} branches of `any` would have to hold",
                branches.len()
            )
        }
        ConditionView::All { branches, .. } => {
            let failed = branches
                .iter()
                .filter(|branch| !branch.iter().all(ConditionView::held))
                .count();
            format!(
                "{failed} of the {} branches of `all` would have to hold, too",
                branches.len()
            )
        }
        ConditionView::Not { .. } => "some condition inside `not` would have to fail".to_owned(),
    }
}

fn demand(test: &TestView) -> String {
    let case = if test.ignore_case { " (ignoring case)" } else { "" };
    format!("{} {}{case}", test.operator, short(&test.expected))
}

fn found(condition: &ConditionView) -> String {
    let ConditionView::Field { actual, count, .. } = condition else {
        return String::new();
    };
    match actual.as_slice() {
        [] => "it is absent".to_owned(),
        [one] if *count == 1 => format!("it is {}", short(one)),
        _ => format!("its values are {}", list(actual, *count)),
    }
}

fn list(actual: &[Value], count: usize) -> String {
    let mut shown = actual.iter().map(short).collect::<Vec<_>>().join(", ");
    if count > actual.len() {
        let _ = write!(shown, ", … ({count} in all)");
    }
    shown
}

fn with(condition: &IfView) -> String {
    let values: Vec<String> = condition
        .mentions
        .iter()
        .map(|mention| format!("{} = {}", mention.path, short(&mention.value)))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!("; it is false with {}", values.join(", "))
    }
}

/// The outcome in a sentence.
pub(crate) fn sentence(explanation: &Explanation, verdict: Option<&Verdict>) -> String {
    let rule = &explanation.rule;
    let kind = &explanation.event_type;
    match verdict {
        None => format!("{rule} does not listen to {kind}."),
        Some(Verdict::Off) => format!(
            "{rule} is off: {}.",
            explanation
                .off_reason
                .as_deref()
                .unwrap_or("no reason given")
                .trim_end_matches('.')
        ),
        Some(Verdict::Fired { key, .. }) if explanation.mode == Mode::Shadow => {
            format!("{rule} fires on this {kind} in shadow mode, and writes nothing (key: {key}).")
        }
        Some(Verdict::Fired { key, .. }) => format!("{rule} fires on this {kind} (key: {key})."),
        Some(Verdict::Error(error)) => format!("{rule} could not be decided on this {kind}: {error}."),
        Some(Verdict::Missed) => {
            let failed = explanation
                .when
                .iter()
                .filter(|condition| !condition.held())
                .count();
            match failed {
                0 => format!("{rule} does not fire on this {kind}: its `if` is false."),
                1 => format!("{rule} does not fire on this {kind}: a condition does not hold."),
                _ => format!("{rule} does not fire on this {kind}: {failed} conditions do not hold."),
            }
        }
    }
}

/// One line of the table.
struct Row {
    held: &'static str,
    what: String,
    wanted: String,
    actual: String,
}

/// The whole page.
pub(crate) fn page(explanation: &Explanation) -> String {
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text.trim_end());
        page.push('\n');
    };
    line(&explanation.sentence);
    line("");
    line(&format!(
        "rule     {} ({})",
        explanation.rule,
        mode(explanation.mode)
    ));
    line(&format!(
        "event    {} {} ({})",
        explanation.event_type, explanation.event, explanation.subject
    ));
    line(&format!(
        "on       {} {}",
        if explanation.listens { "holds" } else { "fails" },
        explanation.on.join(", ")
    ));
    if !explanation.when.is_empty() {
        line("when");
        let mut rows = Vec::new();
        for condition in &explanation.when {
            push_rows(condition, 1, &mut rows);
        }
        for row in aligned(&rows) {
            line(&row);
        }
    }
    if let Some(condition) = &explanation.condition {
        let state = match (condition.held, &condition.error) {
            (Some(true), _) => "holds".to_owned(),
            (Some(false), _) => "fails".to_owned(),
            (None, Some(error)) => format!("error: {error}"),
            (None, None) => "not evaluated".to_owned(),
        };
        line(&format!("if       {state}"));
        for text in condition.text.lines() {
            line(&format!("  {text}"));
        }
        for mention in &condition.mentions {
            let value = if mention.defined {
                short(&mention.value)
            } else {
                "undefined".to_owned()
            };
            line(&format!("    {} = {value}", mention.path));
        }
    }
    if !explanation.would_have_to_differ.is_empty() {
        line("to fire");
        for difference in &explanation.would_have_to_differ {
            line(&format!("  - {difference}"));
        }
    }
    page
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

fn push_rows(condition: &ConditionView, depth: usize, rows: &mut Vec<Row>) {
    let indent = "  ".repeat(depth);
    let held = verdict(condition.held());
    let mut group = |name: &str| {
        rows.push(Row {
            held,
            what: format!("{indent}{name}"),
            wanted: String::new(),
            actual: String::new(),
        });
    };
    match condition {
        ConditionView::Field {
            path,
            actual,
            count,
            tests,
            ..
        } => {
            for test in tests {
                rows.push(Row {
                    held: verdict(test.held),
                    what: format!("{indent}{path}"),
                    wanted: demand(test),
                    actual: match test.operator.as_str() {
                        "count" => count.to_string(),
                        // `not` is about the values there are, and there is none that it forbids.
                        "not" if actual.is_empty() && test.held => "absent, which `not` allows".to_owned(),
                        _ if actual.is_empty() => "absent".to_owned(),
                        _ => list(actual, *count),
                    },
                });
            }
        }
        ConditionView::Any { branches, .. } => {
            group("any of");
            push_branches(branches, depth, rows);
        }
        ConditionView::All { branches, .. } => {
            group("all of");
            push_branches(branches, depth, rows);
        }
        ConditionView::Not { conditions, .. } => {
            group("not all of");
            for condition in conditions {
                push_rows(condition, depth + 1, rows);
            }
        }
    }
}

fn push_branches(branches: &[Vec<ConditionView>], depth: usize, rows: &mut Vec<Row>) {
    for (at, branch) in branches.iter().enumerate() {
        rows.push(Row {
            held: verdict(branch.iter().all(ConditionView::held)),
            what: format!("{}branch {}", "  ".repeat(depth + 1), at + 1),
            wanted: String::new(),
            actual: String::new(),
        });
        for condition in branch {
            push_rows(condition, depth + 2, rows);
        }
    }
}

fn verdict(held: bool) -> &'static str {
    if held { "holds" } else { "fails" }
}

fn aligned(rows: &[Row]) -> Vec<String> {
    let width = |column: fn(&Row) -> &str| {
        rows.iter()
            .map(|row| column(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (what, wanted) = (
        width(|row| &row.what),
        width(|row| &row.wanted).min(VALUE_CHARS_MAX / 2),
    );
    rows.iter()
        .map(|row| {
            let actual = if row.actual.is_empty() {
                String::new()
            } else {
                format!("is {}", row.actual)
            };
            format!(
                "  {} {:what$}  {:wanted$}  {actual}",
                row.held, row.what, row.wanted
            )
        })
        .collect()
}

/// A value on one line, not too long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_CHARS_MAX - 1).collect();
    format!("{cut}…")
}
