//! In: an issue's prose and paths, a vocabulary. Out: the labels they speak for, with the evidence. Never: guesses
//! without a word or a path to point at.

use super::vocabulary::{KINDS, Vocabulary};
use super::{Issue, owners, text};

/// Evidence a label needs: one word in the title, a phrase or two different words in the body, or a path.
const EVIDENCE_MIN: u32 = 2;
/// A label's word in the title.
const IN_TITLE: u32 = 3;
/// A label's word in the body.
const IN_BODY: u32 = 1;
/// A label's phrase in the body: several words in a row are rarely there by accident.
const PHRASE_IN_BODY: u32 = 2;
/// A label's path in the issue.
const BY_PATH: u32 = 2;
/// A title that begins with the label's own name (`[Bug]`, `docs:`): the author says so.
const DECLARED: u32 = 8;
/// A template's section only reports of this kind have.
const BY_SECTION: u32 = 3;
/// A title that is a question.
const ASKED: u32 = 4;
/// Words of denial before a label's word (`not a bug`), and how many words back they are looked for.
const DENIALS: [&str; 6] = ["not", "no", "isn't", "without", "never", "non"];
const DENIAL_REACH: usize = 2;

/// What authors put before their titles, and what they mean by it.
const DECLARATIONS: [(&str, &str); 13] = [
    ("bug report", "bug"),
    ("bug", "bug"),
    ("regression", "bug"),
    ("crash", "bug"),
    ("feature request", "enhancement"),
    ("feature", "enhancement"),
    ("feat", "enhancement"),
    ("enhancement", "enhancement"),
    ("rfe", "enhancement"),
    ("docs", "documentation"),
    ("doc", "documentation"),
    ("documentation", "documentation"),
    ("question", "question"),
];

/// Sections of issue templates, and what kind of report has them.
const SECTIONS: [(&str, &str); 10] = [
    ("steps to reproduce", "bug"),
    ("to reproduce", "bug"),
    ("how to reproduce", "bug"),
    ("actual behavior", "bug"),
    ("actual behaviour", "bug"),
    ("describe the bug", "bug"),
    ("what happened", "bug"),
    ("describe the solution you'd like", "enhancement"),
    ("proposed solution", "enhancement"),
    ("describe alternatives you've considered", "enhancement"),
];

const QUESTION_STARTS: [&str; 12] = [
    "how do",
    "how to",
    "how can",
    "how should",
    "is it possible",
    "is there",
    "can i",
    "can we",
    "what is",
    "what's",
    "which",
    "should i",
];

/// The labels concluded.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    /// Those the issue has not yet.
    pub new: Vec<String>,
    /// Whether it is a bug report, by its present labels or the conclusion.
    pub is_bug: bool,
}

/// How much speaks for one label, and what.
struct Evidence<'a> {
    label: &'a str,
    weight: u32,
    because: Vec<String>,
}

/// Concludes labels. A kind a person already gave stands: no other kind is added beside it.
pub(super) fn conclude(
    issue: &Issue,
    prose: &text::Prose,
    paths: &[String],
    vocabulary: &Vocabulary,
    reasons: &mut Vec<String>,
) -> Labels {
    let mut found: Vec<Evidence<'_>> = vocabulary
        .labels()
        .into_iter()
        .map(|label| weigh(label, prose, paths, vocabulary))
        .filter(|evidence| evidence.weight >= EVIDENCE_MIN)
        .collect();

    let has = |label: &str| issue.labels.iter().any(|l| l.eq_ignore_ascii_case(label));
    let given_kind = KINDS.into_iter().find(|kind| has(kind));
    let kind = given_kind.or_else(|| strongest_kind(&found));
    found.retain(|evidence| !KINDS.contains(&evidence.label) || Some(evidence.label) == kind);

    let mut labels = Labels {
        is_bug: kind == Some("bug"),
        ..Labels::default()
    };
    for evidence in found.into_iter().filter(|evidence| !has(evidence.label)) {
        reasons.push(format!(
            "label {}, because {}",
            evidence.label,
            text::list(&evidence.because)
        ));
        labels.new.push(evidence.label.to_owned());
    }
    labels
}

/// The kind with the most evidence; the earlier of equals.
fn strongest_kind(found: &[Evidence<'_>]) -> Option<&'static str> {
    let weight = |kind: &str| found.iter().find(|e| e.label == kind).map_or(0, |e| e.weight);
    KINDS
        .into_iter()
        .rev()
        .max_by_key(|kind| weight(kind))
        .filter(|kind| weight(kind) >= EVIDENCE_MIN)
}

fn weigh<'a>(label: &'a str, prose: &text::Prose, paths: &[String], vocabulary: &Vocabulary) -> Evidence<'a> {
    let mut evidence = Evidence {
        label,
        weight: 0,
        because: Vec::new(),
    };
    let mut add = |weight: u32, because: String| {
        evidence.weight += weight;
        evidence.because.push(because);
    };
    if let Some(said) = declared(&prose.title).filter(|(_, means)| *means == label) {
        add(DECLARED, format!("the title declares itself \"{}\"", said.0));
    }
    if label == "question" && is_question(&prose.title) {
        add(ASKED, "the title is a question".into());
    }
    for (section, means) in SECTIONS {
        if means == label && prose.headings.iter().any(|heading| heading == section) {
            add(BY_SECTION, format!("it has a section \"{section}\""));
        }
    }
    let title: Vec<String> = text::words(&prose.title).collect();
    let body: Vec<String> = text::words(&prose.words).collect();
    for keyword in vocabulary.keywords.get(label).into_iter().flatten() {
        let phrase: Vec<String> = text::words(keyword).collect();
        if says(&title, &phrase) {
            add(IN_TITLE, format!("the title says \"{keyword}\""));
        } else if says(&body, &phrase) {
            let weight = if phrase.len() > 1 { PHRASE_IN_BODY } else { IN_BODY };
            add(weight, format!("the text says \"{keyword}\""));
        }
    }
    for glob in vocabulary.paths.get(label).into_iter().flatten() {
        if let Some(path) = paths.iter().find(|path| owners::matches(glob, path)) {
            add(BY_PATH, format!("it mentions {path}, which matches {glob}"));
        }
    }
    evidence
}

/// Whether the words hold the phrase, undenied.
fn says(words: &[String], phrase: &[String]) -> bool {
    if phrase.is_empty() {
        return false;
    }
    words.windows(phrase.len()).enumerate().any(|(at, window)| {
        let before = words.get(at.saturating_sub(DENIAL_REACH)..at).unwrap_or_default();
        window == phrase && !before.iter().any(|word| DENIALS.contains(&word.as_str()))
    })
}

/// What a title like `[Bug] …`, `docs: …` or `feat(api): …` declares: the words, and the label they mean.
fn declared(title: &str) -> Option<(&'static str, &'static str)> {
    let head = match title.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => title.split_once(':')?.0,
    };
    let head = head.split('(').next().unwrap_or(head).trim();
    DECLARATIONS.into_iter().find(|(said, _)| *said == head)
}

fn is_question(title: &str) -> bool {
    title.ends_with('?') || QUESTION_STARTS.iter().any(|start| title.starts_with(start))
}
