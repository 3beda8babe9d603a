//! In: one line of a program's log. Out: how grave it is, and its words with what varies masked. Never: other lines.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Something failed.
    Error,
    /// Something may.
    Warning,
    /// Everything else.
    Info,
}

/// A line without its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) gravity: Gravity,
    /// What it says, times, numbers and ids masked.
    pub(super) masked: String,
}

/// A pattern; the ones below are constant, and a test compiles them all.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

macro_rules! patterns {
    ($($name:ident = $text:expr;)*) => {
        $(static $name: LazyLock<Option<Regex>> = LazyLock::new(|| pattern($text));)*
        #[cfg(test)]
        const ALL: &[&LazyLock<Option<Regex>>] = &[$(&$name),*];
    };
}

patterns! {
    // Colors and cursor moves of a terminal.
    ESCAPES = r"\x1b\[[0-9;?]*[A-Za-z]";
    // 2026-01-31T12:00:00.123Z, 2026-01-31 12:00:00,123, 2026/01/31 12:00:00, 31/Jan/2026:12:00:00 +0000, 12:00:00.123
    TIME = concat!(
        r"\b(?:\d{4}[-/]\d{2}[-/]\d{2}|\d{1,2}/[A-Z][a-z]{2}/\d{4})[T :]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?",
        r"(?: ?(?:Z|[+-]\d{2}:?\d{2}))?|\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b"
    );
    // What a line begins with before it says anything: times, brackets around nothing, levels.
    // Spring puts a process and threads in between: 1 --- [api] [nio-8080-exec-3].
    HEAD = concat!(
        r"^(?:[\s|\-\[\]]*(?:<time>|\d+ --- (?:\[[^\]]*\]\s*)+",
        // `Error:` is what JavaScript begins a failure with, and says which; the level is written otherwise.
        r"|(?:(?i:trace|debug|info|notice|warn(?:ing)?|err|fatal|critical|severe)|ERROR|error)(?:[:\s\]]|$)|Error\]))+",
        r"[\s|\-:\]]*"
    );
    // An exception as Java writes it below the line that tells of it.
    QUALIFIED = r"^(?:[a-z]\w*\.)+[A-Z][\w$]*(?:Error|Exception)\b";
    LEVEL = concat!(
        r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC)\b",
        r"|\b(?:level|severity|lvl)[=:]\s*\x22?([A-Za-z]+)|^\W*([a-z]+)(?::|\])\s"
    );
    // What a failure looks like where nobody wrote a level.
    FAILURE = concat!(
        r"Traceback \(most recent call last\)|panicked at|^panic:|goroutine \d+ \[|\b[A-Z]\w*(?:Error|Exception)\b",
        r"|\b(?:[a-z]\w*\.)+[A-Z]\w*(?:Error|Exception)\b|^Internal Server Error|^error(?:\[E\d+\])?:|^npm (?:ERR!|error)|^==> .*[Ff]ailed",
        r"|^(?:Uncaught )?Error(?: \[\w+\])?:|^Uncaught |^Unhandled |^Killed$|^Segmentation fault"
    );
    // The status of an answer, in the ways of access logs and of fields.
    STATUS = concat!(
        r"(HTTP/\d(?:\.\d)?\x22? |\bstatus(?:_code|Code)?\x22?[=:]\s?\x22?|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ )",
        r"([1-5])\d\d\b"
    );
    URL = r"\b[a-z][a-z0-9+.-]*://[^\s\x22'<>]+";
    EMAIL = r"\b[\w.+-]+@[\w-]+\.[\w.]+\b";
    UUID = r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b";
    IP = r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[?(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\]?(?::\d+)?";
    HEX = r"\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{7,64}\b|\b[0-9A-Z]{16,32}\b";
    NUMBER = r"\b\d+(?:[.,_]\d+)*(?:ns|µs|us|ms|s|m|h|d|[kKMG]i?B|B|%)?\b%?";
    // key=value and key="several words"; what a message says is kept. A value that was hidden has brackets of its own.
    FIELD = r#"\b([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\(hidden\)|[^\s,;}\])]+)"#;
}

/// A line without what colors it.
pub(super) fn bare(text: &str) -> String {
    replaced(&ESCAPES, text, "")
}

/// Reads one line without colors. `label` is the level Render put on it, which counts when the line itself says nothing.
pub(super) fn read(text: &str, label: &str) -> Read {
    let plain = text.trim();
    if let Some(read) = of_json(plain, label) {
        return read;
    }
    let gravity = gravity(plain, label);
    let timed = replaced(&TIME, plain, "<time>");
    Read {
        gravity,
        masked: masked(&replaced(&HEAD, &timed, "")),
    }
}

/// Whether a line is nothing but an exception with its full name, as in a Java stack trace.
pub(super) fn is_exception(text: &str) -> bool {
    QUALIFIED
        .as_ref()
        .is_some_and(|qualified| qualified.is_match(text))
}

/// A structured line: its message, and the error it carries.
fn of_json(text: &str, label: &str) -> Option<Read> {
    if !text.starts_with('{') {
        return None;
    }
    let fields: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    let first = |names: &[&str]| {
        let found = names.iter().find_map(|name| fields.get(*name))?;
        Some(match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let message = first(&["msg", "message", "event", "log"])?;
    let level = first(&["level", "severity", "lvl", "log.level"]).unwrap_or_else(|| label.to_owned());
    let status = first(&["status", "statusCode", "status_code"]);
    let failed = status.is_some_and(|status| status.len() == 3 && status.starts_with('5'));
    let error = ["err", "error", "exception"]
        .iter()
        .find_map(|name| match fields.get(*name)? {
            Value::String(text) => Some(text.clone()),
            Value::Object(error) => {
                let part = |name: &str| error.get(name).and_then(Value::as_str);
                let what = part("message").or(part("msg"))?;
                Some(part("type").map_or(what.to_owned(), |kind| format!("{kind}: {what}")))
            }
            _ => None,
        });
    let said = match &error {
        Some(error) if *error != message => format!("{message}: {error}"),
        _ => message,
    };
    let gravity = of_level(&level).unwrap_or_else(|| gravity(&said, label));
    Some(Read {
        gravity: if failed { Gravity::Error } else { gravity },
        masked: masked(&said),
    })
}

/// What a level's name means; pino counts: 30 is info, 40 warn, 50 error.
fn of_level(level: &str) -> Option<Gravity> {
    if let Ok(number) = level.parse::<u32>() {
        return Some(match number {
            50.. => Gravity::Error,
            40..50 => Gravity::Warning,
            _ => Gravity::Info,
        });
    }
    Some(match level.to_ascii_lowercase().as_str() {
        "error" | "err" | "fatal" | "critical" | "crit" | "severe" | "panic" | "alert" | "emergency"
        | "emerg" => Gravity::Error,
        "warn" | "warning" => Gravity::Warning,
        "trace" | "debug" | "info" | "notice" => Gravity::Info,
        _ => return None,
    })
}

fn gravity(text: &str, label: &str) -> Gravity {
    // A level in the middle of a sentence is a word.
    let head: String = text.chars().take(120).collect();
    let said = LEVEL.as_ref().and_then(|level| {
        level
            .captures_iter(&head)
            .find_map(|found| of_level(found.iter().skip(1).flatten().next()?.as_str()))
    });
    let status = STATUS.as_ref().and_then(|status| status.captures(text));
    let failed = status.is_some_and(|status| status.get(2).is_some_and(|class| class.as_str() == "5"));
    let looks_failed = FAILURE.as_ref().is_some_and(|failure| failure.is_match(text));
    match said {
        _ if failed => Gravity::Error,
        Some(said) => said,
        None if looks_failed => Gravity::Error,
        None => of_level(label).unwrap_or(Gravity::Info),
    }
}

/// What varies from line to line of one kind becomes a mask.
fn masked(text: &str) -> String {
    let text = replaced(&FIELD, text, |field: &Captures<'_>| {
        let (name, value) = (&field[1], &field[2]);
        match name {
            "msg" | "message" | "err" | "error" => value.trim_matches('"').to_owned(),
            "time" | "ts" | "timestamp" | "level" | "lvl" | "severity" => String::new(),
            "method" | "status" | "status_code" | "statusCode" => format!("{name}={value}"),
            _ => format!("{name}=<*>"),
        }
    });
    let text = replaced(&STATUS, &text, "${1}${2}xx");
    let text = replaced(&URL, &text, "<url>");
    let text = replaced(&EMAIL, &text, "<email>");
    let text = replaced(&UUID, &text, "<id>");
    let text = replaced(&TIME, &text, "<time>");
    let text = replaced(&IP, &text, "<ip>");
    let text = replaced(&HEX, &text, |found: &Captures<'_>| {
        let word = &found[0];
        // A word of the letters a to f is a word, and a number is a number.
        let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if mixed {
            "<hex>".to_owned()
        } else {
            word.to_owned()
        }
    });
    replaced(&NUMBER, &text, "<num>")
}

fn replaced(pattern: &LazyLock<Option<Regex>>, text: &str, by: impl regex::Replacer) -> String {
    match &**pattern {
        Some(pattern) => pattern.replace_all(text, by).into_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!(ALL.iter().all(|pattern| pattern.is_some()));
    }
}
