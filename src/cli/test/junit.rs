//! In: what came of the tests. Out: JUnit's XML, a suite per rule. Never: times: tests run in virtual time.

use std::fmt::Write;

use crate::assemble::Trial;
use crate::rules::RuleBook;

pub(super) fn report(book: &RuleBook, trials: &[Trial]) -> String {
    let failed = |trials: &[&Trial]| trials.iter().filter(|trial| !trial.failures.is_empty()).count();
    let all: Vec<&Trial> = trials.iter().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"xmrt\" tests=\"{}\" failures=\"{}\">",
        all.len(),
        failed(&all)
    );
    for rule in book.rules() {
        let own: Vec<&Trial> = trials.iter().filter(|trial| trial.rule == rule.id).collect();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            escaped(&rule.id),
            own.len(),
            failed(&own)
        );
        for trial in own {
            let line = rule
                .tests
                .iter()
                .find(|test| test.name == trial.test)
                .map_or(1, |test| test.line);
            let _ = write!(
                xml,
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\"",
                escaped(&trial.test),
                escaped(&rule.id),
                escaped(&rule.path)
            );
            xml.push_str(&body(trial));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn body(trial: &Trial) -> String {
    let Some(first) = trial.failures.first() else {
        return "/>\n".into();
    };
    let calls: Vec<String> = trial
        .calls
        .iter()
        .map(|call| format!("called {} {}", call["tool"], call["arguments"]))
        .collect();
    let text = [trial.failures.join("\n"), calls.join("\n")].join("\n");
    format!(
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
        escaped(first),
        escaped(text.trim_end())
    )
}

/// For text and attributes; what XML cannot hold at all becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
