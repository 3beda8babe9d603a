//! In: an issue's prose and paths, the labels a rule declares beside the kinds. Out: the parts of the product it is about.
//! Never: a part that is named in passing only.
//!
//! Where a form asks for the part, or the title names it (`[Select]: …`, `h2: …`, `/area backup`), that is the answer and
//! other parts need more than a word. Elsewhere the words are counted, a title's three times, and a part that is spoken of
//! much less than another one is left out.

use std::collections::BTreeMap;

use super::labels::Evidence;
use super::owners::Glob;
use super::reading::Reading;
use super::text::{Prose, words};
use super::vocabulary::{KINDS, Keyword, Vocabulary};
use super::{Issue, modules};

/// The author says which part: a form's field, a title's prefix, a command to a bot.
const DECLARED: u32 = 10;
/// A word of the part in the title.
const IN_TITLE: u32 = 4;
/// A word of the part in the text; further mentions count as well, up to a limit.
const IN_BODY: u32 = 1;
const MENTIONS_MAX: u32 = 3;
/// A single mention counts only among so many words at the beginning, which says what it is about.
const BEGINNING_WORDS: usize = 20;
/// A path or a module of the part, in prose or in a stack trace.
const BY_PATH: u32 = 4;
/// Evidence a part needs.
const EVIDENCE_MIN: u32 = 1;
/// A part that is neither named in the title nor by a path needs this share of the evidence of the part most spoken of, as
/// a divisor.
const OF_STRONGEST: u32 = 2;

/// Fields of forms that ask for the part.
const PART_FIELDS: [&str; 7] = [
    "component",
    "components",
    "area",
    "areas",
    "module",
    "package",
    "subsystem",
];

/// What it is about, with the evidence.
pub(super) fn conclude<'a>(
    issue: &Issue,
    prose: &Prose,
    reading: &Reading,
    paths: &[String],
    vocabulary: &'a Vocabulary,
) -> Vec<Evidence<'a>> {
    let named = modules::named(&issue.title, &issue.body);
    let mut found: BTreeMap<&str, Evidence<'a>> = BTreeMap::new();
    for label in vocabulary.labels() {
        if KINDS.contains(&label) {
            continue;
        }
        let evidence = weigh(label, prose, reading, paths, &named, vocabulary);
        if evidence.weight >= EVIDENCE_MIN {
            found.insert(label, evidence);
        }
    }
    // What the form says settles it for the labels of the same family: who answers "Table" does not mean `comp: Select`.
    let settled: Vec<&str> = found
        .keys()
        .filter(|label| is_answered(label, prose, vocabulary))
        .copied()
        .collect();
    found.retain(|label, _| {
        settled.contains(label)
            || family(label).is_none()
            || settled.iter().all(|other| family(other) != family(label))
    });
    let strongest = found.values().map(|evidence| evidence.weight).max().unwrap_or(0);
    found
        .into_values()
        .filter(|evidence| evidence.weight >= IN_TITLE || evidence.weight * OF_STRONGEST >= strongest)
        .collect()
}

fn weigh<'a>(
    label: &'a str,
    prose: &Prose,
    reading: &Reading,
    paths: &[String],
    named: &[String],
    vocabulary: &Vocabulary,
) -> Evidence<'a> {
    let mut evidence = Evidence::for_label(label);
    let keywords = vocabulary.keywords.get(label).map_or(&[][..], Vec::as_slice);
    if let Some(field) = declared(prose)
        .into_iter()
        .find(|said| is_named(label, said, vocabulary))
    {
        evidence.add(DECLARED, format!("its author names \"{field}\""));
    }
    let is_answered = |keyword: &Keyword| {
        let mut answers = prose
            .fields
            .iter()
            .filter(|(name, _)| name.contains(&keyword.text));
        answers.any(|(_, said)| said.contains(&keyword.text))
    };
    if let Some(keyword) = keywords.iter().find(|keyword| is_answered(keyword)) {
        evidence.add(IN_TITLE, format!("its author answers \"{}\"", keyword.text));
    }
    let mut mentions = 0;
    for keyword in keywords {
        let in_body = u32::try_from(reading.in_body(keyword)).unwrap_or(MENTIONS_MAX);
        if reading.in_title(keyword) > 0 {
            evidence.add(IN_TITLE, format!("the title says \"{}\"", keyword.text));
        } else if in_body > 0 && mentions < MENTIONS_MAX {
            evidence
                .because
                .push(format!("the text says \"{}\"", keyword.text));
        }
        mentions += in_body;
    }
    let begins = || {
        keywords
            .iter()
            .any(|keyword| reading.begins_with(keyword, BEGINNING_WORDS))
    };
    if mentions > 1 || begins() {
        evidence.weight += mentions.min(MENTIONS_MAX) * IN_BODY;
    }
    for glob in vocabulary.paths.get(label).into_iter().flatten() {
        if let Some(path) = paths.iter().find(|path| is_below(glob, path)) {
            evidence.add(
                BY_PATH,
                format!("it mentions {path}, which matches {}", glob.text()),
            );
        } else if let Some(module) = named.iter().find(|module| is_below(glob, module)) {
            evidence.add(
                BY_PATH,
                format!("it names {module}, which matches {}", glob.text()),
            );
        }
    }
    evidence
}

/// Whether the path, or the end of it where it begins on somebody's machine, matches the glob.
fn is_below(glob: &Glob, path: &str) -> bool {
    let ends = path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..));
    std::iter::once(path)
        .chain(ends.filter(|end| end.contains('/')))
        .any(|end| glob.matches(end))
}

/// Whether what was said is the label's own name or one of its words.
fn is_named(label: &str, said: &str, vocabulary: &Vocabulary) -> bool {
    let said = compact(said);
    let mut keywords = vocabulary.keywords.get(label).into_iter().flatten();
    own_name(label) == said || keywords.any(|keyword| compact(&keyword.text) == said)
}

/// Whether a form asks for the part and the label is the answer.
fn is_answered(label: &str, prose: &Prose, vocabulary: &Vocabulary) -> bool {
    answers(prose).any(|said| is_named(label, said, vocabulary))
}

/// `comp` of `comp: Table`.
fn family(label: &str) -> Option<&str> {
    label.rsplit_once(['/', ':']).map(|(family, _)| family)
}

fn answers(prose: &Prose) -> impl Iterator<Item = &str> {
    prose
        .answers(|name| PART_FIELDS.contains(&name))
        .flat_map(|said| said.split([',', '\n']))
}

/// What the author says the issue is about, in so many words.
fn declared(prose: &Prose) -> Vec<String> {
    let fields = answers(prose);
    let commands = prose
        .commands
        .iter()
        .filter(|(name, _)| name == "area" || name == "component")
        .flat_map(|(_, said)| said.split_whitespace());
    let scope = prose.title.split_once(':').map_or("", |(head, _)| head);
    let scopes = scope
        .split(['[', ']', '(', ')', '`', '<', '>', '/'])
        .filter(|said| said.split_whitespace().count() <= 2);
    fields
        .chain(commands)
        .chain(scopes)
        .map(|said| said.trim().to_owned())
        .filter(|said| !said.is_empty())
        .collect()
}

/// `area/load-balancing`, `comp: Load Balancing` → `loadbalancing`.
fn own_name(label: &str) -> String {
    compact(label.rsplit(['/', ':']).next().unwrap_or(label))
}

fn compact(text: &str) -> String {
    words(text).map(|word| super::text::stem(&word)).collect()
}
