//! In: an issue's prose and paths, a vocabulary. Out: what kind of issue it is. Never: a kind nothing speaks for.
//!
//! Each kind collects weights from four sources: the words of the vocabulary (a title's count double, and neither title nor
//! text counts for more than a limit, so that a long report does not outvote a clear one), what the author declares, the
//! form that was filled in, and turns of phrase that the kind has (`takes 3 minutes`, `could you add`, a stack trace).
//! The heaviest kind wins. Weaknesses and slowness are told in the words of bugs: security and performance win over a bug
//! once they have enough evidence of their own.

mod phrases;

use phrases::Joined;

use super::labels::Evidence;
use super::reading::Reading;
use super::text::{self, Prose};
use super::vocabulary::{KINDS, Vocabulary};

/// Evidence a kind needs.
const EVIDENCE_MIN: u32 = 2;
/// A bug needs less where something is told: half of all issues are bugs, and those that nothing else speaks for nearly all.
const BUG_EVIDENCE_MIN: u32 = 1;
/// So many words tell something.
const SENTENCE_WORDS: usize = 8;
/// A title's words count so many times.
const IN_TITLE: u32 = 2;
/// More than this the words of a title, or of a text, do not count.
const WORDS_MAX: u32 = 8;
/// A kind's path in the issue.
const BY_PATH: u32 = 2;
/// The author says what it is: `[Bug] …`, `docs: …`, `/kind feature`.
const DECLARED: u32 = 12;
/// A form's section that only one kind has.
const BY_SECTION: u32 = 5;
/// A title that is a question.
const ASKED: u32 = 6;
/// From this weight on security and performance win over a bug, unless it has more than twice as much.
const OWN_MIN: u32 = 5;
/// From this weight on a second kind stands beside the first.
const SECOND_MIN: u32 = 8;

/// What authors put before their titles or tell a bot, and what they mean by it.
const DECLARATIONS: [(&str, &str); 15] = [
    ("bug report", "bug"),
    ("bug", "bug"),
    ("regression", "bug"),
    ("crash", "bug"),
    ("feature request", "enhancement"),
    ("feature", "enhancement"),
    ("feat", "enhancement"),
    ("enhancement", "enhancement"),
    ("suggestion", "enhancement"),
    ("rfe", "enhancement"),
    ("docs", "documentation"),
    ("doc", "documentation"),
    ("documentation", "documentation"),
    ("question", "question"),
    ("support", "question"),
];

/// Sections of issue templates, and what kind of report has them.
const SECTIONS: [(&str, &str); 18] = [
    ("steps to reproduce", "bug"),
    ("to reproduce", "bug"),
    ("how to reproduce", "bug"),
    ("how to reproduce it", "bug"),
    ("actual behavior", "bug"),
    ("actual behaviour", "bug"),
    ("describe the bug", "bug"),
    ("what happened", "bug"),
    ("what happens", "bug"),
    ("describe the solution you'd like", "enhancement"),
    ("proposed solution", "enhancement"),
    ("describe alternatives you've considered", "enhancement"),
    ("alternatives you considered", "enhancement"),
    ("is your feature request related to a problem", "enhancement"),
    ("what would you like to be added", "enhancement"),
    ("why is this needed", "enhancement"),
    ("what do you want to do", "enhancement"),
    ("how would you like it to look", "enhancement"),
];

const QUESTION_STARTS: [&str; 30] = [
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
    "why do",
    "why is",
    "where do",
    "where is",
    "does ",
    "do i",
    "can't find",
    "is this",
    "what are",
    "am i",
    "is ",
    "are ",
    "will ",
    "what does",
    "where ",
    "why ",
    "who ",
    "can you explain",
];

/// What kinds are concluded from.
pub(super) struct Kinds<'a> {
    pub prose: &'a Prose,
    pub reading: &'a Reading,
    pub paths: &'a [String],
    pub vocabulary: &'a Vocabulary,
}

/// The kind, seldom two, with the evidence.
pub(super) fn conclude(seen: &Kinds<'_>) -> Vec<Evidence<'static>> {
    let offered = seen.vocabulary.labels();
    let joined = Joined::of(seen.prose);
    // A kind that a rule took away still says what the issue is not.
    let found: Vec<Evidence<'static>> = KINDS.into_iter().map(|kind| weigh(kind, seen, &joined)).collect();
    let weight = |kind: &str| found.iter().find(|e| e.label == kind).map_or(0, |e| e.weight);
    let heaviest = KINDS.into_iter().rev().max_by_key(|kind| weight(kind));
    let Some(mut first) = heaviest.filter(|kind| weight(kind) >= least(kind, seen.reading)) else {
        return Vec::new();
    };
    for own in ["security", "performance"] {
        if first == "bug" && weight(own) >= OWN_MIN && weight(own) * 2 >= weight("bug") {
            first = own;
        }
    }
    let second = match first {
        "enhancement" | "question" => ["performance", "security"]
            .into_iter()
            .find(|kind| weight(kind) >= SECOND_MIN),
        _ => None,
    };
    found
        .into_iter()
        .filter(|evidence| evidence.label == first || Some(evidence.label) == second)
        .filter(|evidence| offered.contains(evidence.label))
        .collect()
}

fn least(kind: &str, reading: &Reading) -> u32 {
    match kind {
        "bug" if reading.length() >= SENTENCE_WORDS => BUG_EVIDENCE_MIN,
        _ => EVIDENCE_MIN,
    }
}

fn weigh(kind: &'static str, seen: &Kinds<'_>, joined: &Joined<'_>) -> Evidence<'static> {
    let mut evidence = Evidence::for_label(kind);
    if let Some(said) = declared(seen.prose, kind) {
        evidence.add(DECLARED, format!("its author declares it a \"{said}\""));
    }
    for (section, means) in SECTIONS {
        let has = |heading: &String| heading == section || heading.starts_with(&format!("{section} ("));
        if means == kind && seen.prose.headings.iter().any(has) {
            evidence.add(BY_SECTION, format!("it has a section \"{section}\""));
            break;
        }
    }
    if kind == "question" && is_question(&seen.prose.title) {
        evidence.add(ASKED, "the title is a question".into());
    }
    for phrase in phrases::of(kind, joined) {
        evidence.add(phrase.weight, phrase.because);
    }
    words(&mut evidence, seen);
    for glob in seen.vocabulary.paths.get(kind).into_iter().flatten() {
        if let Some(path) = seen.paths.iter().find(|path| glob.matches(path)) {
            evidence.add(
                BY_PATH,
                format!("it mentions {path}, which matches {}", glob.text()),
            );
        }
    }
    evidence
}

fn words(evidence: &mut Evidence<'_>, seen: &Kinds<'_>) {
    let (mut in_title, mut in_body) = (0, 0);
    let (mut title_says, mut body_says) = (Vec::new(), Vec::new());
    for keyword in seen.vocabulary.keywords.get(evidence.label).into_iter().flatten() {
        if seen.reading.in_title(keyword) > 0 {
            in_title += keyword.weight * IN_TITLE;
            title_says.push(format!("\"{}\"", keyword.text));
        } else if seen.reading.in_body(keyword) > 0 {
            in_body += keyword.weight;
            body_says.push(format!("\"{}\"", keyword.text));
        }
    }
    if in_title > 0 {
        evidence.add(
            in_title.min(WORDS_MAX),
            format!("the title says {}", text::list(&title_says)),
        );
    }
    if in_body > 0 {
        evidence.add(
            in_body.min(WORDS_MAX),
            format!("the text says {}", text::list(&body_says)),
        );
    }
}

/// What a title like `[Bug] …`, `docs: …` or `feat(api): …`, or a line like `/kind bug`, declares.
fn declared(prose: &Prose, kind: &str) -> Option<String> {
    let head = match prose.title.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(head, _)| head),
        None => prose.title.split_once(':').map(|(head, _)| head),
    };
    let head = head.map(|head| head.split('(').next().unwrap_or(head).trim());
    let told = prose
        .commands
        .iter()
        .filter(|(name, _)| name == "kind" || name == "type")
        .map(|(_, said)| said.as_str());
    head.into_iter()
        .chain(told)
        .find(|said| DECLARATIONS.contains(&(*said, kind)))
        .map(str::to_owned)
}

fn is_question(title: &str) -> bool {
    title.ends_with(['?', '？']) || QUESTION_STARTS.iter().any(|start| title.starts_with(start))
}
