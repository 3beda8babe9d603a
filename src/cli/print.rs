//! Tables and colors for the terminal.

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::Value;

use crate::rules::is_hidden;

/// Prints a line; nothing in it can steer the terminal. When nobody reads any more the program ends here, as quietly as
/// others do: exit 0, for it has done what was wanted of it.
pub(super) fn line(text: &str) {
    put(&harmless(text));
}

/// The same with colors of our own, which stay. Whatever else could steer the terminal goes all the same.
pub(super) fn colored(text: &str) {
    put(&harmless_but_colored(text));
}

/// The same on standard error. When nobody reads there, there is nobody to tell.
pub(super) fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

fn put(text: &str) {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// A text that cannot steer the terminal, nor look like something else: what webhooks bring may hold escape sequences,
/// marks that turn the direction of writing, and characters that nobody sees. Tabs and the line ends of Windows do no
/// harm, and rule files are full of them.
fn harmless(text: &str) -> String {
    text.replace("\r\n", "\n").replace(
        |letter: char| (letter.is_control() && !matches!(letter, '\n' | '\t')) || is_hidden(letter),
        "\u{fffd}",
    )
}

/// Lets pass what only colors: `ESC [ 31 ; 1 m`.
fn harmless_but_colored(text: &str) -> String {
    const START: &str = "\u{1b}[";
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(START) {
        let (before, sequence) = rest.split_at(at);
        shown.push_str(&harmless(before));
        let inner =
            sequence[START.len()..].trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == ';');
        let whole = &sequence[..sequence.len() - inner.len()];
        match inner.strip_prefix('m') {
            Some(after) => {
                shown.push_str(whole);
                shown.push('m');
                rest = after;
            }
            None => {
                shown.push_str(&harmless(whole));
                rest = inner;
            }
        }
    }
    shown.push_str(&harmless(rest));
    shown
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
        .map(|cell| harmless(cell).replace(['\n', '\t'], " "))
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

/// A field of a JSON object as text; nothing for a missing or null one.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{harmless, harmless_but_colored};

    #[test]
    fn what_steers_a_terminal_is_taken_out_and_what_does_not_stays() {
        for (text, shown) in [
            ("a\u{1b}[31mb", "a\u{fffd}[31mb"),
            ("a\u{9b}31mb\u{7}", "a\u{fffd}31mb\u{fffd}"),
            ("a\u{202e}b\u{200b}c", "a\u{fffd}b\u{fffd}c"),
            ("back\rto the start", "back\u{fffd}to the start"),
            ("\tkey = 1\r\n\u{fc}mlaut", "\tkey = 1\n\u{fc}mlaut"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }

    #[test]
    fn of_colored_text_only_the_colors_stay() {
        for (text, shown) in [
            ("\u{1b}[31;1mred\u{1b}[0m", "\u{1b}[31;1mred\u{1b}[0m"),
            ("\u{1b}[31mred\u{1b}[2J", "\u{1b}[31mred\u{fffd}[2J"),
            (
                "\u{1b}]0;title\u{7}x\u{1b}[",
                "\u{fffd}]0;title\u{fffd}x\u{fffd}[",
            ),
            ("\u{1b}[3\u{1b}[m", "\u{fffd}[3\u{1b}[m"),
        ] {
            assert_eq!(harmless_but_colored(text), shown, "{text:?}");
        }
    }
}
