//! In: measures of a time and of the one before it. Out: a table, and that in Markdown. Never: a measure.

use super::stretch::{Spread, Window};
use crate::insights::Row;
use crate::tools::counted::counted;
use crate::tools::when::lasted;

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

/// A table in Markdown.
pub(super) fn table(columns: &[String], rows: &[Row]) -> Vec<String> {
    let mut lines = vec![
        format!("| | {} |", columns.join(" | ")),
        format!("|---{}|", "|---".repeat(columns.len())),
    ];
    lines.extend(
        rows.iter()
            .map(|row| format!("| {} | {} |", row.name, row.cells.join(" | "))),
    );
    lines
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
