//! In: an issue. Out: what a plain keyword matcher concludes. Never: anything cleverer; it is what one would write in an
//! hour, tried out on the known half, and what triage has to be better than.

use std::collections::BTreeSet;

use super::Concluded;
use super::fixture::{Case, Repository};

/// What speaks for a kind. The one with the most different words in the text wins, the earlier of equals.
const KINDS: [(&str, &[&str]); 6] = [
    (
        "security",
        &[
            "security",
            "vulnerability",
            "cve",
            "xss",
            "injection",
            "exploit",
            "attacker",
            "password",
            "bypass",
        ],
    ),
    (
        "performance",
        &[
            "slow",
            "slower",
            "performance",
            "memory",
            "cpu",
            "lag",
            "fps",
            "latency",
            "oom",
            "profile",
        ],
    ),
    (
        "bug",
        &[
            "bug",
            "crash",
            "crashes",
            "error",
            "panic",
            "exception",
            "traceback",
            "fail",
            "fails",
            "broken",
            "wrong",
            "doesn't",
            "can't",
            "not working",
            "incorrect",
            "stuck",
            "lost",
            "what happened",
            "expected",
        ],
    ),
    (
        "documentation",
        &[
            "docs",
            "documentation",
            "readme",
            "typo",
            "guide",
            "tutorial",
            "docstring",
            "changelog",
            "page",
        ],
    ),
    (
        "enhancement",
        &[
            "feature",
            "add",
            "support",
            "allow",
            "would be nice",
            "would like",
            "please",
            "option",
            "suggestion",
            "could",
            "need",
            "alternatives",
        ],
    ),
    (
        "question",
        &[
            "how", "question", "is there", "can i", "what is", "why", "possible",
        ],
    ),
];

/// From this share of common words in their titles on, two issues are called duplicates: the best value on the known half,
/// and better there than any share of common words in the whole texts.
const COMMON_MIN: f64 = 0.25;

pub fn conclude(repository: &Repository, case: &Case) -> Concluded {
    let text = format!("{}\n{}", case.title, case.body).to_lowercase();
    let kind = KINDS
        .iter()
        .rev()
        .map(|(kind, words)| (words.iter().filter(|word| holds(&text, word)).count(), *kind))
        .max_by_key(|(hits, _)| *hits)
        .filter(|(hits, _)| *hits > 0);
    let kinds: BTreeSet<String> = kind.iter().map(|(_, kind)| (*kind).to_owned()).collect();
    let areas = repository
        .words
        .iter()
        .filter(|(_, words)| words.iter().any(|word| holds(&text, &word.to_lowercase())))
        .map(|(area, _)| area.clone())
        .collect();
    let checks = [
        (
            "version",
            !text.contains("version") && !text.chars().any(|c| c.is_ascii_digit()),
        ),
        (
            "steps",
            !["reproduce", "steps", "1.", "when"]
                .iter()
                .any(|w| text.contains(w)),
        ),
        ("expected", !["expect", "should"].iter().any(|w| text.contains(w))),
        ("logs", !["```", "error", "log"].iter().any(|w| text.contains(w))),
    ];
    let missing = checks
        .into_iter()
        .filter(|(_, is_missing)| *is_missing && kinds.contains("bug"))
        .map(|(what, _)| what.to_owned())
        .collect();
    let duplicates = repository
        .cases
        .iter()
        .filter(|other| other.number < case.number && common(case, other) >= COMMON_MIN)
        .map(|other| other.number)
        .collect();
    Concluded {
        kinds,
        areas,
        missing,
        duplicates,
    }
}

/// Whether the words stand in the text, with nothing that continues a word around them.
fn holds(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// The share of words of more than three letters that two titles have in common.
fn common(a: &Case, b: &Case) -> f64 {
    let words = |case: &Case| -> BTreeSet<String> {
        case.title
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() > 3)
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (words(a), words(b));
    let both = a.intersection(&b).count();
    match a.union(&b).count() {
        0 => 0.0,
        any => both as f64 / any as f64,
    }
}
