//! In: what was found. Out: workflow commands of GitHub Actions, one a line. Never: printing them.

use super::Report;
use crate::rules::visible;

/// `::error file=…,line=…::…` for each; data and properties escaped as the runner undoes it.
pub(super) fn commands(report: &Report<'_>) -> String {
    let mut commands = String::new();
    for found in report.diagnostics {
        let level = if found.is_error() { "error" } else { "warning" };
        let (end_line, end_column) = report.end(found);
        let mut message = visible(&found.message).into_owned();
        if let Some(hint) = &found.hint {
            message.push('\n');
            message.push_str(&visible(hint));
        }
        let mut place = format!("file={},line={}", property(&found.path), found.line);
        // Columns are only understood within one line.
        if end_line == found.line {
            place.push_str(&format!(
                ",col={},endColumn={}",
                found.column,
                end_column.max(found.column)
            ));
        } else {
            place.push_str(&format!(",endLine={end_line}"));
        }
        commands.push_str(&format!(
            "::{level} {place},title={}::{}\n",
            property(found.code),
            data(&message)
        ));
    }
    commands
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
