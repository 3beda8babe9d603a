//! In: what came of the tests, or why they could not be read. Out: JUnit's XML as `junit-10.xsd` describes it, a suite per
//! rule file. Never: a test that could not run passed off as one that found something: that is an `<error>`.

use std::fmt::Write;

use crate::assemble::Trial;
use crate::rules::{Diagnostic, RuleBook, SourceFile, is_hidden};

/// What came of the tests of a whole book.
pub(super) fn report(book: &RuleBook, trials: &[Trial]) -> String {
    let suites = book.rules().iter().map(|rule| {
        let own = trials.iter().filter(|trial| trial.rule == rule.id);
        let cases = own.map(|trial| {
            let line = rule
                .tests
                .iter()
                .find(|test| test.name == trial.test)
                .map_or(1, |test| test.line);
            Case {
                name: trial.test.clone(),
                took_ms: trial.took_ms,
                outcome: outcome(trial, &format!("{}:{line}", rule.path)),
            }
        });
        Suite {
            name: rule.id.clone(),
            file: rule.path.clone(),
            cases: cases.collect(),
        }
    });
    written(&suites.collect::<Vec<_>>())
}

/// Files in which there is something wrong: nothing was tested, and the report says so instead of being empty.
pub(super) fn unread(files: &[SourceFile], diagnostics: &[Diagnostic]) -> String {
    let suites = files.iter().map(|file| {
        let own: Vec<&Diagnostic> = diagnostics
            .iter()
            .filter(|found| found.path == file.path && found.is_error())
            .collect();
        let outcome = match own.first() {
            None => Outcome::Skipped("other files hold errors"),
            Some(first) => Outcome::Error {
                message: format!("{}: {}", first.code, first.message),
                text: own
                    .iter()
                    .map(|found| {
                        let hint = found.hint.iter().map(|hint| format!(" ({hint})"));
                        let (path, line, column) = (&found.path, found.line, found.column);
                        format!(
                            "{path}:{line}:{column} {}: {}{}",
                            found.code,
                            found.message,
                            hint.collect::<String>()
                        )
                    })
                    .collect::<Vec<_>>()
                    .join("\n"),
            },
        };
        Suite {
            name: file.path.clone(),
            file: file.path.clone(),
            cases: vec![Case {
                name: "the file can be read".into(),
                took_ms: 0,
                outcome,
            }],
        }
    });
    written(&suites.collect::<Vec<_>>())
}

struct Suite {
    name: String,
    file: String,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    took_ms: u64,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// Something was not as it is expected.
    Failure {
        message: String,
        text: String,
    },
    /// It did not come to that.
    Error {
        message: String,
        text: String,
    },
    Skipped(&'static str),
}

fn outcome(trial: &Trial, place: &str) -> Outcome {
    let Some(first) = trial.failures.first() else {
        return Outcome::Passed;
    };
    let calls = trial
        .calls
        .iter()
        .map(|call| format!("called {} {}", call["tool"], call["arguments"]));
    let lines = std::iter::once(place.to_owned())
        .chain(trial.failures.iter().cloned())
        .chain(calls);
    let (message, text) = (first.clone(), lines.collect::<Vec<_>>().join("\n"));
    match trial.ran() {
        true => Outcome::Failure { message, text },
        false => Outcome::Error { message, text },
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    took_ms: u64,
}

impl Sums {
    fn of<'c>(cases: impl Iterator<Item = &'c Case>) -> Self {
        cases.fold(Self::default(), |sums, case| Self {
            tests: sums.tests + 1,
            failures: sums.failures + usize::from(matches!(case.outcome, Outcome::Failure { .. })),
            errors: sums.errors + usize::from(matches!(case.outcome, Outcome::Error { .. })),
            skipped: sums.skipped + usize::from(matches!(case.outcome, Outcome::Skipped(_))),
            took_ms: sums.took_ms + case.took_ms,
        })
    }

    fn attributes(self) -> String {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\"",
            self.tests,
            self.failures,
            self.errors,
            seconds(self.took_ms)
        )
    }
}

fn written(suites: &[Suite]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = Sums::of(suites.iter().flat_map(|suite| &suite.cases));
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"xmrt\" {}>", all.attributes());
    for Suite { name, file, cases } in suites {
        let sums = Sums::of(cases.iter());
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" file=\"{}\" {} skipped=\"{}\">",
            escaped(name),
            escaped(file),
            sums.attributes(),
            sums.skipped
        );
        for case in cases {
            let _ = write!(
                xml,
                "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
                escaped(&case.name),
                escaped(name),
                seconds(case.took_ms)
            );
            xml.push_str(&inner(&case.outcome));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn inner(outcome: &Outcome) -> String {
    let of = |element: &str, message: &str, text: &str| {
        format!(
            ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>\n",
            escaped(message),
            escaped(text)
        )
    };
    match outcome {
        Outcome::Passed => "/>\n".into(),
        Outcome::Failure { message, text } => of("failure", message, text),
        Outcome::Error { message, text } => of("error", message, text),
        Outcome::Skipped(why) => of("skipped", why, ""),
    }
}

fn seconds(took_ms: u64) -> String {
    format!("{}.{:03}", took_ms / 1_000, took_ms % 1_000)
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
            // A terminal may show the report, too.
            hidden if is_hidden(hidden) || hidden.is_control() => {
                out.push_str(&format!("&#x{:x};", u32::from(hidden)))
            }
            other => out.push(other),
        }
    }
    out
}
