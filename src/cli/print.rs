//! Tables and colors for the terminal.

use std::io::IsTerminal;

use serde_json::Value;

/// Whether to color: only on a terminal, never when `NO_COLOR` is set.
pub(super) fn color() -> bool {
    !crate::config::environment().contains_key("NO_COLOR")
}

/// How wide the terminal is; lines that go elsewhere are not cut.
fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    crate::config::environment()
        .get("COLUMNS")
        .and_then(|columns| columns.parse().ok())
        .or(Some(120))
}

/// Prints rows under a header, each column as wide as its widest cell. On a terminal the last column is cut to fit.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
                .max(title.chars().count())
        })
        .collect();
    println!(
        "{}",
        line(
            &header.iter().map(ToString::to_string).collect::<Vec<_>>(),
            &widths
        )
    );
    for row in rows {
        println!("{}", line(row, &widths));
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (index, cell) in cells.iter().enumerate() {
        if index + 1 == cells.len() {
            text.push_str(cell);
        } else {
            text.push_str(&format!("{cell:<width$}  ", width = widths[index]));
        }
    }
    let text = text.trim_end();
    match width() {
        Some(width) if text.chars().count() > width => {
            let cut: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{cut}…")
        }
        _ => text.to_owned(),
    }
}

/// Prints JSON, indented.
pub(super) fn json(value: &Value) {
    println!(
        "{}",
        serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
    );
}

/// A field of a JSON object as text; nothing for a missing or null one.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
