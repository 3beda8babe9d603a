//! In: an [`Explanation`]. Out: an aligned page for a terminal. Never: evaluating anything.

use crate::rules::explain::sentences::{demand, list, short, value};
use crate::rules::explain::{ConditionView, Explanation, IfView, PartView, Parts, PathView, Ranked};
use crate::rules::rule::Mode;

/// Widest column of what was asked for, in characters.
const WANTED_CHARS_MAX: usize = 40;

/// One line of the table.
struct Row {
    held: &'static str,
    what: String,
    wanted: String,
    actual: String,
}

/// The whole page.
pub(super) fn page(explanation: &Explanation) -> String {
    let mut page = Page::default();
    page.line(&explanation.sentence);
    page.line("");
    let version = match explanation.in_force {
        Some(false) => ", not the version in force",
        _ => "",
    };
    page.line(&format!(
        "rule     {} ({}{version})",
        explanation.rule,
        mode(explanation.mode)
    ));
    page.line(&format!(
        "event    {} {} ({})",
        explanation.event_type, explanation.event, explanation.subject
    ));
    page.line(&format!(
        "on       {} {}",
        verdict(explanation.listens),
        explanation.on.join(", ")
    ));
    if !explanation.when.is_empty() {
        page.line("when");
        let mut rows = Vec::new();
        for condition in &explanation.when {
            push_rows(condition, 1, &mut rows);
        }
        page.rows(&rows);
    }
    if let Some(condition) = &explanation.condition {
        page.condition(condition);
    }
    page.limits(explanation);
    page.record(explanation);
    page.plan(explanation);
    if !explanation.would_have_to_differ.is_empty() {
        page.line("to fire");
        for difference in &explanation.would_have_to_differ {
            page.line(&format!("  - {difference}"));
        }
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn rows(&mut self, rows: &[Row]) {
        for row in aligned(rows) {
            self.line(&row);
        }
    }

    fn condition(&mut self, condition: &IfView) {
        let not_asked = if condition.evaluated {
            ""
        } else {
            ", if it were asked: the patterns do not hold"
        };
        let state = match (condition.held, &condition.error) {
            (None, Some(error)) => format!("error: {error}"),
            (held, _) => verdict(held == Some(true)).to_owned(),
        };
        self.line(&format!("if       {state}{not_asked}"));
        match &condition.parts {
            Parts::None => {
                for text in condition.text.lines() {
                    self.line(&format!("  {}", text.trim_end()));
                }
                self.mentions(&condition.mentions, 2);
            }
            Parts::And(parts) => parts.iter().for_each(|part| self.part(part, 0)),
            Parts::Or(parts) => {
                self.line(&format!("  {}   one of", verdict(condition.held == Some(true))));
                parts.iter().for_each(|part| self.part(part, 1));
            }
        }
    }

    fn part(&mut self, part: &PartView, depth: usize) {
        let indent = "  ".repeat(depth);
        let state = match part.held {
            Some(held) => verdict(held),
            None => "error",
        };
        let (joined, parts) = match &part.parts {
            Parts::None => (None, [].as_slice()),
            Parts::And(parts) => (Some("all of"), parts.as_slice()),
            Parts::Or(parts) => (Some("one of"), parts.as_slice()),
        };
        match joined {
            Some(joined) => {
                self.line(&format!("  {state}   {indent}{joined}"));
                parts.iter().for_each(|part| self.part(part, depth + 1));
            }
            None => {
                self.line(&format!("  {state}   {indent}{}", part.text));
                if let Some(error) = &part.error {
                    self.line(&format!("            {indent}{error}"));
                }
                self.mentions(&part.mentions, depth + 5);
            }
        }
    }

    fn mentions(&mut self, mentions: &[PathView], depth: usize) {
        let indent = "  ".repeat(depth);
        for mention in mentions {
            self.line(&format!("{indent}{} = {}", mention.path, value(mention)));
        }
    }

    fn limits(&mut self, explanation: &Explanation) {
        if explanation.limits.is_empty() {
            return;
        }
        let key = explanation
            .key
            .as_deref()
            .map_or(String::new(), |key| format!(" counted by {key}"));
        self.line(&format!("limits  {key}"));
        for limit in &explanation.limits {
            let state = match limit.passed {
                Some(true) => "passed",
                Some(false) => "closed",
                None => "-",
            };
            let actual = limit.actual.as_deref().unwrap_or_default();
            self.line(&format!(
                "  {state:6}  {} {}  {actual}",
                limit.limit, limit.allows
            ));
        }
    }

    fn record(&mut self, explanation: &Explanation) {
        if !explanation.recorded.is_empty() {
            self.line("on record");
        }
        for recorded in &explanation.recorded {
            let what = match (&recorded.run, &recorded.state) {
                (Some(run), Some(state)) => format!("run {run} {state}"),
                (Some(run), None) => format!("run {run}"),
                (None, _) => String::new(),
            };
            let again = match recorded.generation {
                0 => String::new(),
                generation => format!(" (generation {generation})"),
            };
            let reason = recorded.reason.as_deref().unwrap_or_default();
            let parts = [what.as_str(), reason];
            let told: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            self.line(&format!("  {}{again}  {}", recorded.decision, told.join(": ")));
        }
        if let Some(contradiction) = &explanation.contradiction {
            self.line(&format!("note     {contradiction}"));
        }
    }

    fn plan(&mut self, explanation: &Explanation) {
        if explanation.plan.is_empty() {
            return;
        }
        self.line("plan");
        for (at, step) in explanation.plan.iter().enumerate() {
            let skipped = match (step.skipped, &step.condition) {
                (Some(true), Some(condition)) => format!("  skipped: `{condition}` is false"),
                (None, Some(condition)) if step.error.is_none() => {
                    format!("  if `{condition}`, known when it is reached")
                }
                _ => String::new(),
            };
            let each = step
                .for_each
                .as_ref()
                .map_or_else(String::new, |list| format!("  for each of `{list}`"));
            self.line(&format!("  {} {}{each}{skipped}", at + 1, step.tool));
            if step.skipped == Some(true) {
                continue;
            }
            for (name, value) in step.arguments.as_object().into_iter().flatten() {
                let open = if step.open.contains(name) {
                    "  (known when it is reached)"
                } else {
                    ""
                };
                self.line(&format!("      {name} = {}{open}", short(value)));
            }
            if let Some(error) = &step.error {
                self.line(&format!("      the run would end here: {error}"));
            }
        }
    }
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
        width(|row| &row.wanted).min(WANTED_CHARS_MAX),
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

/// The order of nearness, for one event.
pub fn ranking_page(ranked: &[Ranked]) -> String {
    let mut page = Page::default();
    for (at, row) in ranked.iter().enumerate() {
        let near = match row.decision.as_str() {
            "missed" | "not_listening" | "error" => {
                format!("  ({} of {} hold)", row.questions - row.failed, row.questions)
            }
            _ => String::new(),
        };
        page.line(&format!("{:2}. {}{near}", at + 1, row.sentence));
        for difference in &row.would_have_to_differ {
            page.line(&format!("      - {difference}"));
        }
    }
    page.0
}
