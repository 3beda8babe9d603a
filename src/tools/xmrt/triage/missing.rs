//! In: the prose of a bug report or of a report about speed. Out: what somebody who looks into it has to ask for. Never: a
//! demand on anything else; a feature request needs no version.
//!
//! A maintainer asks for what they need to begin, and not for what a form would like to have: who describes what they did in
//! a few sentences has told the steps, and nobody has to say that they did not expect a crash. What is asked for needlessly
//! teaches people that nobody reads their reports.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{Prose, length};

/// What is asked for, in the words a maintainer would use.
pub const VERSION: &str = "the version (or commit) you use";
/// See [`VERSION`].
pub const STEPS: &str = "steps to reproduce it";
/// See [`VERSION`].
pub const EXPECTED: &str = "what you expected and what happened instead";
/// See [`VERSION`].
pub const LOGS: &str = "the exact error message or logs";

/// So many words of the author's tell what was done, whatever their form.
const DESCRIPTION_WORDS: usize = 20;
/// So few words tell nothing that could be expected otherwise.
const NOTHING_SAID_WORDS: usize = 12;
/// A report of so many words without an error message had none to show.
const TOLD_WITHOUT_LOGS_WORDS: usize = 30;

/// A version in prose: a number, or a moving name where it can only mean one (`on main`, `the latest release`).
static VERSIONS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\bv?\d+\.\d+(\.\d+)*\b|\bversion:?\s+v?\d+|\bv\d+\b|\b(on|from|of|at|with|using)\s+(the latest|latest|main|master|nightly|head|trunk)\b|\blatest (version|release)\b|\b(current|latest) (main|master|nightly|head)\b|\bcommit\s+[0-9a-f]{7,40}\b",
    )
    .ok()
});
/// A version in what was pasted: there, numbers with dots are also addresses and durations, and `main` is a thread.
static VERSIONS_PASTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)\bversion\W{1,3}v?\d|(^|[\s@])v?\d+\.\d+\.\d+(-[\w.]+)?(\s|$)").ok());
/// A version as the answer to a form: a number, a commit, or a branch. "Latest" is no answer; it moves.
static VERSIONS_ANSWERED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\d|\b(main|master|nightly|head|trunk)\b").ok());
static STEP_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^\s*(1[.)]|step 1)\s*\S").ok());
static STEP_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\b(to reproduce|reproduc\w+ (by|with)|repro:|(when|if|after|every ?time|whenever|while) \w+)",
    )
    .ok()
});
/// What is written where steps are asked for and there are none.
static NO_STEPS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(not|no|never|can('|no)?t|couldn't|cannot|don't|sorry)\b|^\W*$").ok());
static EXPECTATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(expect\w*|should(n't)?( not)?|supposed to|instead( of)?|used to work|worked (in|before|until)|but (it|the|i|we|nothing)\b)").ok()
});
/// What nobody expects: it need not be said.
static OBVIOUS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(crash\w*|panic\w*|segfault\w*|hangs?|freez\w+|slow\w*|stuck|lost|gone|exits|oom\w*)\b|\b(does|do)(n't| not) (start|load|open|install|compile|build)").ok()
});
static LOG_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)\b(panicked at|traceback|stack ?trace|exit (code|status) \d+|http \d{3}|\b[45]\d\d\b|segmentation fault|e\d{4}\b)|\berror\b[^\n]{0,20}:|^\s+at \S+|\w(error|exception)\b|["“`][^"”`\n]{12,}["”`]|(^|\s)'[^'\n]{12,}'"#).ok()
});
/// A failure that leaves a trace somewhere.
static LOGGED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(crash\w*|panic\w*|segfault\w*|fail(s|ed|ing|ure|ures)?|(an|the|gives|giving|with|get) errors?|exits|dies|died|dead|disconnect\w*|pending|50\d)\b|\b(does|do|did)(n't|nt| not) (start|run|load|open|install|join|connect)|\b(can't|cannot) (join|connect|start|open)").ok()
});

/// Not even what does not work is said.
static NOT_WORKING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(does|do|did)(n't|nt| not) work|\bnot working\b").ok());
/// A call or a command in the middle of a sentence shows what was done.
static SHOWN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"`[^`\n]{15,}`").ok());

/// What the report does not say.
pub fn find(prose: &Prose) -> Vec<String> {
    let report = Report::of(prose);
    let checks = [
        (VERSION, report.has_version()),
        (STEPS, report.has_steps()),
        (EXPECTED, report.has_expectation()),
        (LOGS, report.has_logs()),
    ];
    absent(checks)
}

/// What a report about speed or size does not say. Who measured has said what is needed.
pub fn find_in_measured(prose: &Prose) -> Vec<String> {
    let report = Report::of(prose);
    if report.length >= DESCRIPTION_WORDS {
        return Vec::new();
    }
    absent([(VERSION, report.has_version()), (STEPS, report.has_steps())])
}

fn absent<const N: usize>(checks: [(&str, bool); N]) -> Vec<String> {
    checks
        .into_iter()
        .filter(|(_, present)| !present)
        .map(|(what, _)| what.to_owned())
        .collect()
}

struct Report<'a> {
    prose: &'a Prose,
    /// The title and the author's words.
    said: String,
    /// How many words the author wrote below the title.
    length: usize,
}

impl<'a> Report<'a> {
    fn of(prose: &'a Prose) -> Self {
        Self {
            prose,
            said: format!("{}\n{}", prose.title, prose.words),
            length: length(&prose.words),
        }
    }

    fn has_version(&self) -> bool {
        is_match(&VERSIONS, &self.said)
            || is_match(&VERSIONS_PASTED, &self.prose.code)
            || self
                .prose
                .answers(|name| {
                    name.contains("version") || name.contains("environment") || name.contains("chart")
                })
                .any(|said| is_match(&VERSIONS_ANSWERED, said))
    }

    fn has_steps(&self) -> bool {
        let answered = self
            .prose
            .answers(|name| name.contains("reproduc"))
            .map(|said| is_match(&NO_STEPS, said))
            .next();
        if answered == Some(false) || is_match(&STEP_LIST, &self.said) {
            return true;
        }
        if answered.is_none() && (self.shows_something() || is_match(&SHOWN, &self.said)) {
            return true;
        }
        let is_told = self.length >= DESCRIPTION_WORDS || is_match(&STEP_WORDS, &self.said);
        is_told && answered.is_none() && !self.left_out("reproduc")
    }

    fn has_expectation(&self) -> bool {
        self.length >= NOTHING_SAID_WORDS
            || is_match(&EXPECTATION, &self.said)
            || is_match(&OBVIOUS, &self.said)
            || self
                .prose
                .answers(|name| name.contains("expected") || name.contains("should happen"))
                .next()
                .is_some()
    }

    fn has_logs(&self) -> bool {
        if self.shows_something() || self.answers_with_logs() {
            return true;
        }
        if self.left_out("log") || self.left_out("output") {
            return false;
        }
        if is_match(&LOG_LINE, &self.said) || self.length >= TOLD_WITHOUT_LOGS_WORDS {
            return true;
        }
        let says_nothing = self.length < NOTHING_SAID_WORDS && is_match(&NOT_WORKING, &self.said);
        !says_nothing && !is_match(&LOGGED, &self.said)
    }

    fn answers_with_logs(&self) -> bool {
        self.prose
            .answers(|name| {
                ["log", "error", "output"]
                    .iter()
                    .any(|asked| name.contains(asked))
            })
            .next()
            .is_some()
    }

    /// A form asks for it and was not answered.
    fn left_out(&self, asked: &str) -> bool {
        self.prose.unanswered.iter().any(|name| name.contains(asked))
    }

    fn shows_something(&self) -> bool {
        !self.prose.code.trim().is_empty()
    }
}

fn is_match(pattern: &Option<Regex>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}
