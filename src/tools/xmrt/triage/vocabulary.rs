//! In: what a rule declares. Out: which words and paths speak for which label. Never: a reading of any text.

use std::collections::{BTreeMap, BTreeSet};

/// Labels that say what kind of thing an issue is: an issue gets one of them at most. In order of precedence when the
/// evidence is equal.
pub(super) const KINDS: [&str; 4] = ["bug", "documentation", "enhancement", "question"];

/// Which words and which paths speak for which label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Label → words and phrases, lower case.
    pub keywords: BTreeMap<String, Vec<String>>,
    /// Label → globs, as in `.gitignore`.
    pub paths: BTreeMap<String, Vec<String>>,
}

/// What speaks for a label where a rule declares nothing. The labels are those GitHub gives a new repository, with
/// `performance` and `security`.
const DEFAULTS: [(&str, &[&str]); 6] = [
    (
        "bug",
        &[
            "bug",
            "crash",
            "crashes",
            "crashed",
            "crashing",
            "panic",
            "panics",
            "panicked",
            "exception",
            "segfault",
            "segmentation fault",
            "stack trace",
            "stacktrace",
            "traceback",
            "regression",
            "broken",
            "breaks",
            "broke",
            "fail",
            "fails",
            "failed",
            "failing",
            "failure",
            "error",
            "errors",
            "doesn't work",
            "does not work",
            "not working",
            "stopped working",
            "no longer works",
            "doesn't",
            "wrong",
            "incorrect",
            "incorrectly",
            "unexpected",
            "unexpectedly",
            "hangs",
            "loops",
            "infinite loop",
            "endless loop",
            "stuck",
            "freezes",
            "deadlock",
            "corrupt",
            "corrupted",
            "data loss",
            "expected behavior",
            "expected behaviour",
            "actual behavior",
            "steps to reproduce",
            "can't",
            "cannot",
            "unable to",
            "ignores",
            "ignored",
            "missing after",
            "is lost",
            "500",
            "502",
            "503",
            "504",
        ],
    ),
    (
        "documentation",
        &[
            "documentation",
            "docs",
            "docs.rs",
            "doc",
            "readme",
            "typo",
            "typos",
            "misspelled",
            "tutorial",
            "docstring",
            "broken link",
            "dead link",
            "dead links",
            "outdated example",
            "changelog",
        ],
    ),
    (
        "enhancement",
        &[
            "feature request",
            "feature",
            "enhancement",
            "proposal",
            "would be nice",
            "would be great",
            "would be useful",
            "would love",
            "it'd be nice",
            "please add",
            "add support",
            "support for",
            "ability to",
            "allow",
            "suggestion",
            "wish",
            "improve",
            "add an option",
            "add option",
            "make it possible",
            "describe the solution you'd like",
            "alternatives you've considered",
            "use case",
        ],
    ),
    (
        "performance",
        &[
            "slow",
            "slower",
            "slowness",
            "performance",
            "latency",
            "memory leak",
            "leaks memory",
            "high cpu",
            "cpu usage",
            "memory usage",
            "out of memory",
            "oom",
            "throughput",
            "takes forever",
        ],
    ),
    (
        "question",
        &[
            "question",
            "how do i",
            "how to",
            "how can i",
            "is it possible",
            "is there a way",
            "can i",
            "should i",
            "wondering",
            "any way to",
            "i don't understand",
            "best way",
        ],
    ),
    (
        "security",
        &[
            "security",
            "vulnerability",
            "vulnerabilities",
            "cve",
            "xss",
            "csrf",
            "sql injection",
            "command injection",
            "path traversal",
            "privilege escalation",
            "remote code execution",
            "rce",
            "leaks credentials",
            "leaked token",
            "exploit",
        ],
    ),
];

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            keywords: DEFAULTS
                .iter()
                .map(|(label, words)| ((*label).to_owned(), owned(words)))
                .collect(),
            paths: BTreeMap::from([(
                "documentation".to_owned(),
                owned(&["docs/**", "README*", "CHANGELOG*"]),
            )]),
        }
    }
}

impl Vocabulary {
    /// The default, with a rule's own words: a label named here has these words instead of its default ones, an empty
    /// list takes the label away, and a new label joins.
    pub fn with(
        labels: Option<BTreeMap<String, Vec<String>>>,
        paths: Option<BTreeMap<String, Vec<String>>>,
    ) -> Self {
        let mut vocabulary = Self::default();
        overlay(&mut vocabulary.keywords, labels, |word| word.to_lowercase());
        overlay(&mut vocabulary.paths, paths, |glob| glob);
        vocabulary
    }

    /// All labels there are words or paths for.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.keywords
            .keys()
            .chain(self.paths.keys())
            .map(String::as_str)
            .collect()
    }
}

fn overlay(
    onto: &mut BTreeMap<String, Vec<String>>,
    declared: Option<BTreeMap<String, Vec<String>>>,
    adapt: impl Fn(String) -> String,
) {
    for (label, words) in declared.into_iter().flatten() {
        if words.is_empty() {
            onto.remove(&label);
        } else {
            onto.insert(label, words.into_iter().map(&adapt).collect());
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
