//! Tables and colors for the terminal.

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::Value;

use crate::rules::is_hidden;

/// Prints a line. When nobody reads any more the program ends here, as quietly as others do: exit 0, for it has done
/// what was wanted of it.
pub(super) fn line(text: &str) {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// A text from outside that cannot steer the terminal, nor look like something else: what webhooks bring may hold escape
/// sequences, marks that turn the direction of writing, and characters that nobody sees.
pub(super) fn harmless(text: &str) -> String {
    text.replace(
        |letter: char| (letter.is_control() && letter != '\n') || is_hidden(letter),
        "\u{fffd}",
    )
}

/// Whether to color what goes to `stream`: only on a terminal, never when `NO_COLOR` says otherwise.
pub(super) fn color(stream: &impl IsTerminal) -> bool {
    let refused = crate::config::environment()
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
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
        row(
            &header.iter().map(ToString::to_string).collect::<Vec<_>>(),
            &widths
        )
    );
    for cells in rows {
        println!("{}", row(cells, &widths));
    }
}

fn row(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    // A cell that broke the line could pass for a row of its own.
    for (index, cell) in cells
        .iter()
        .map(|cell| harmless(cell).replace('\n', " "))
        .enumerate()
    {
        if index + 1 == cells.len() {
            text.push_str(&cell);
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

/// Prints a field of every element of a list, one a line: for programs that ask no more.
pub(super) fn each(page: &Value, list: &str, field: &str) {
    for element in page.pointer(list).and_then(Value::as_array).into_iter().flatten() {
        println!("{}", text(element, field));
    }
}

/// Prints JSON, indented. What could steer a terminal is escaped, which JSON itself does for some letters only.
pub(super) fn json(value: &Value) {
    println!("{}", pretty(value).trim_end());
}

/// JSON over several lines, with its line's end; no sign in it can move a terminal's cursor.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    for letter in serde_json::to_string_pretty(value)
        .unwrap_or_else(|_| value.to_string())
        .chars()
    {
        if (letter.is_control() && letter != '\n') || is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(letter);
        }
    }
    text.push('\n');
    text
}

/// A field of a JSON object as text that is safe to print; nothing for a missing or null one.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => harmless(&other.to_string()),
    }
}
