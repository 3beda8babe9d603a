//! In: the prose of something that reads like a bug report. Out: what it leaves out. Never: a demand on anything else;
//! a feature request needs no version.

use std::sync::LazyLock;

use regex::Regex;

use super::text::Prose;

/// What is asked for, in the words a maintainer would use.
pub const VERSION: &str = "the version (or commit) you use";
/// See [`VERSION`].
pub const STEPS: &str = "steps to reproduce it";
/// See [`VERSION`].
pub const EXPECTED: &str = "what you expected and what happened instead";
/// See [`VERSION`].
pub const LOGS: &str = "the exact error message or logs";

/// A version in prose: a number, or a moving name where it can only mean one (`on main`, `the latest release`).
static VERSIONS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\bv?\d+\.\d+(\.\d+)*\b|\bversion:?\s+v?\d+|\bv\d+\b|\b(on|from|of|at|with|using)\s+(the latest|latest|main|master|nightly|head|trunk)\b|\blatest (version|release)\b|\bcommit\s+[0-9a-f]{7,40}\b",
    )
    .ok()
});
/// A version in what was pasted: there, numbers with dots are also addresses and durations, and `main` is a thread.
static VERSIONS_PASTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)\bversion\W{1,3}v?\d|(^|[\s@])v?\d+\.\d+\.\d+(-[\w.]+)?(\s|$)").ok());
static STEP_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^\s*(1[.)]|step 1)\s*\S").ok());
static STEP_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(to reproduce|reproduc\w+ (by|with)|repro:|(when|if|after|every time|whenever) (i|we|you|running|calling|clicking|starting|opening|using|setting|sending)\b)").ok()
});
static EXPECTATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(expect\w*|should(n't)?( not)?|supposed to|instead( of)?|used to work|worked (in|before|until)|but (it|the|i|we|nothing)\b)").ok()
});
static LOG_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)\b(panicked at|traceback|exception|stack ?trace|exit (code|status) \d+|http \d{3}|\b[45]\d\d\b|segmentation fault|e\d{4}\b)|\berror\b[^\n]{0,20}:|^\s+at \S+"#).ok()
});

/// What the report does not say.
pub fn find(prose: &Prose) -> Vec<String> {
    let said = format!("{}\n{}", prose.title, prose.words);
    let has_section = |names: &[&str]| {
        prose
            .headings
            .iter()
            .any(|heading| names.iter().any(|name| heading.contains(name)))
    };
    let checks = [
        (
            VERSION,
            is_match(&VERSIONS, &said)
                || is_match(&VERSIONS_PASTED, &prose.code)
                || has_section(&["version", "environment"]),
        ),
        (
            STEPS,
            is_match(&STEP_LIST, &said) || is_match(&STEP_WORDS, &said) || has_section(&["reproduc"]),
        ),
        (
            EXPECTED,
            is_match(&EXPECTATION, &said) || has_section(&["expected", "actual"]),
        ),
        (
            LOGS,
            !prose.code.trim().is_empty()
                || is_match(&LOG_LINE, &said)
                || has_section(&["log", "error", "output"]),
        ),
    ];
    checks
        .into_iter()
        .filter(|(_, present)| !present)
        .map(|(what, _)| what.to_owned())
        .collect()
}

fn is_match(pattern: &Option<Regex>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}
