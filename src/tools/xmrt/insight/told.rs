//! In: a measure, and what is told of it. Out: a report in Markdown; the same, kept for whoever looks later. Never: a measure of its own.

use super::stretch::{Spread, Window};
use crate::agents::Who;
use crate::hub::ToolError;
use crate::insights::{self, Insight, Row};
use crate::tools::counted::counted;
use crate::tools::toolbox::Ctx;
use crate::tools::when::lasted;
use crate::tools::xmrt::Parts;
use crate::tools::xmrt::records::of_store;

/// Of so few there are no nine tenths.
const TENTHS_MIN: u32 = 10;

/// What the columns of such a table are.
pub(super) fn columns(window: Window) -> Vec<String> {
    let days = window.until.duration_since(window.since).as_hours() / 24;
    vec![
        format!("these {}", counted(days, "day")),
        format!("the {days} before"),
    ]
}

/// A line of it.
pub(super) fn row(name: &str, [now, before]: [String; 2]) -> Row {
    Row {
        name: name.to_owned(),
        cells: vec![now, before],
    }
}

/// A report in Markdown: what it is about, the table, the notes.
pub(super) fn report(about: &str, insight: &Insight) -> String {
    let mut lines = vec![
        about.to_owned(),
        String::new(),
        format!("| | {} |", insight.columns.join(" | ")),
        format!("|---{}|", "|---".repeat(insight.columns.len())),
    ];
    let rows = insight.table.iter();
    lines.extend(rows.map(|row| format!("| {} | {} |", row.name, row.cells.join(" | "))));
    if !insight.notes.is_empty() {
        lines.push(String::new());
        lines.extend(insight.notes.iter().map(|note| format!("- {note}")));
    }
    lines.join("\n")
}

/// Keeps it, unless an agent asks: what it may not read is missing from what it measures.
pub(super) async fn keep(ctx: &Ctx<Parts>, insight: &Insight) -> Result<(), ToolError> {
    if matches!(ctx.who, Who::Agent(_)) {
        return Ok(());
    }
    insights::keep(ctx.parts.store.as_ref(), insight, ctx.clock.now())
        .await
        .map_err(of_store)
}

/// How long something took.
pub(super) fn spread(spread: Option<Spread>, of: &str) -> String {
    match spread {
        None => "–".to_owned(),
        Some(spread) if spread.count == 1 => format!("{} (1 {of})", lasted(spread.median_seconds)),
        Some(spread) => {
            let (far, most) = match spread.count {
                ..TENTHS_MIN => ("longest", spread.longest_seconds),
                _ => ("nine of ten within", spread.p90_seconds),
            };
            format!(
                "median {}, {far} {} ({})",
                lasted(spread.median_seconds),
                lasted(most),
                counted(spread.count, of)
            )
        }
    }
}
