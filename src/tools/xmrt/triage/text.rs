//! In: a title and a Markdown body. Out: what the author says in their own words, apart from what they pasted and from
//! what a form asked them. Never: conclusions.

use std::sync::LazyLock;

use regex::Regex;

use crate::tools::quote::cut;

/// How much of a body is looked at, in bytes: reports longer than this are logs.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;
/// A field's name has at most so many words; a longer one is a sentence with a colon.
const FIELD_NAME_WORDS_MAX: usize = 6;

/// A text, taken apart. Everything is lower case.
#[derive(Clone, Debug, Default)]
pub struct Prose {
    /// The title.
    pub title: String,
    /// What the author wrote: no code blocks, quotes, headings, comments, check boxes, links' targets, or answers that are
    /// facts about their machine.
    pub words: String,
    /// The body's headings, bold-only lines and fields that have content.
    pub headings: Vec<String>,
    /// Those that have none: a form's question that was not answered.
    pub unanswered: Vec<String>,
    /// What stands under a heading or behind a field's name, in order: (`component`, `select`).
    pub fields: Vec<(String, String)>,
    /// Lines that talk to a bot: `/kind bug`, as (`kind`, `bug`).
    pub commands: Vec<(String, String)>,
    /// Fenced and indented code blocks.
    pub code: String,
    /// Where links go: a report's sandbox, log or picture.
    pub links: Vec<String>,
}

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?(-->|$)").ok());
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"https?://[^\s)>\]]+").ok());
/// `**Name:** value`, `**Name**: value`.
static BOLD_FIELD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-*]?\s*\*\*([^*]+?)\s*:?\*\*\s*:?\s*(.*)$").ok());
/// `- Name: value`, as in a list of versions.
static LIST_FIELD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-*]\s+([a-z][a-z0-9 _/()-]*?)\s*:\s*(.*)$").ok());
/// Only what bots are really told: `/healthz returns 500` is a report.
static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^/(kind|type|area|component|assign|unassign|cc|label|priority|milestone|close|reopen)(?:\s+(.+))?$",
    )
    .ok()
});
static NO_ANSWER: [&str; 6] = ["_no response_", "no response", "n/a", "none", "-", "no"];

/// Sections that ask for facts about the author's machine or for a choice from a list: their answers are no prose.
const FACTS: [&str; 17] = [
    "version",
    "environment",
    "browser",
    "component",
    "package",
    "platform",
    "operating system",
    "os",
    "architecture",
    "other mods",
    "singleplayer or multiplayer",
    "log",
    "logs",
    "area",
    "module",
    "severity",
    "reproduction",
];

impl Prose {
    /// Takes a title and a body apart.
    pub fn of(title: &str, body: &str) -> Self {
        let body = cut(body, BODY_BYTES_MAX).to_lowercase().replace('\r', "");
        let body = replace_all(&COMMENT, &body, " ");
        let mut prose = Self {
            title: title.trim().to_lowercase(),
            ..Self::default()
        };
        if let Some(pattern) = LINK.as_ref() {
            prose.links = pattern
                .find_iter(&body)
                .map(|link| link.as_str().to_owned())
                .collect();
        }
        let mut section = Section::default();
        let mut fence: Option<&str> = None;
        for line in body.lines() {
            let trimmed = line.trim();
            if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                match fence {
                    None => fence = Some(mark),
                    Some(open) if open == mark => fence = None,
                    Some(_) => prose.push_code(line),
                }
                continue;
            }
            if fence.is_some() || line.starts_with("    ") || line.starts_with('\t') {
                prose.push_code(line);
                prose.answer(&mut section, trimmed);
            } else if let Some((name, said)) = captured(&COMMAND, trimmed) {
                prose.commands.push((name, said));
            } else if let Some(name) = heading_of(trimmed) {
                prose.end(std::mem::replace(&mut section, Section::named(name)));
            } else if let Some((name, said)) = field_of(trimmed) {
                prose.end(std::mem::replace(&mut section, Section::named(&name)));
                prose.say(&mut section, &said);
            } else if !trimmed.starts_with('>') && !is_check_box(trimmed) {
                prose.say(&mut section, trimmed);
            }
        }
        prose.end(section);
        prose
    }

    /// What is under the headings or behind the fields of which `is_named` says yes.
    pub(super) fn answers(&self, is_named: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(name, _)| is_named(name))
            .map(|(_, said)| said.as_str())
    }

    fn push_code(&mut self, line: &str) {
        self.code.push_str(line);
        self.code.push('\n');
    }

    fn end(&mut self, section: Section) {
        if !section.is_answered && !section.name.is_empty() {
            self.unanswered.push(section.name);
        }
    }

    /// A line of the author's, under whatever heading it stands.
    fn say(&mut self, section: &mut Section, line: &str) {
        self.answer(section, line);
        if !section.is_of_facts && !is_no_answer(line) {
            self.words.push_str(&replace_all(&LINK, line, " "));
            self.words.push('\n');
        }
    }

    /// A heading counts once something stands under it: a template's empty section says nothing.
    fn answer(&mut self, section: &mut Section, line: &str) {
        if line.is_empty() || is_no_answer(line) || section.name.is_empty() {
            return;
        }
        if !section.is_answered {
            section.is_answered = true;
            self.headings.push(section.name.clone());
            self.fields.push((section.name.clone(), String::new()));
        }
        if let Some((_, said)) = self.fields.last_mut() {
            said.push_str(line);
            said.push('\n');
        }
    }
}

/// The part of a template that is being read.
#[derive(Debug, Default)]
struct Section {
    name: String,
    is_of_facts: bool,
    is_answered: bool,
}

impl Section {
    fn named(name: &str) -> Self {
        let is_of_facts = FACTS.iter().any(|fact| {
            name == *fact || name.ends_with(&format!(" {fact}")) || name.starts_with(&format!("{fact} "))
        });
        Self {
            name: name.to_owned(),
            is_of_facts,
            is_answered: false,
        }
    }
}

/// `# Heading`, `**Heading**` or `**Heading:**`.
fn heading_of(line: &str) -> Option<&str> {
    let name = if line.starts_with('#') && line.trim_start_matches('#').starts_with(' ') {
        line.trim_start_matches('#')
    } else {
        line.strip_suffix(':')
            .unwrap_or(line)
            .strip_prefix("**")?
            .strip_suffix("**")?
    };
    Some(name.trim().trim_end_matches([':', '?']))
}

/// `**Name:** value` or `- name: value`; a sentence is none.
fn field_of(line: &str) -> Option<(String, String)> {
    let (name, said) = captured(&BOLD_FIELD, line).or_else(|| captured(&LIST_FIELD, line))?;
    let is_name = name.split_whitespace().count() <= FIELD_NAME_WORDS_MAX;
    is_name.then(|| (name.trim_end_matches([':', '?']).to_owned(), said))
}

fn captured(pattern: &Option<Regex>, line: &str) -> Option<(String, String)> {
    let found = pattern.as_ref()?.captures(line)?;
    let part = |at| found.get(at).map_or("", |part| part.as_str()).trim().to_owned();
    Some((part(1), part(2)))
}

fn is_no_answer(line: &str) -> bool {
    NO_ANSWER.contains(&line)
}

fn is_check_box(line: &str) -> bool {
    ["- [ ]", "- [x]", "* [ ]", "* [x]"]
        .iter()
        .any(|mark| line.starts_with(mark))
}

/// `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// Words of a text: runs of letters, digits and what joins identifiers, lower case.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '\'')))
        .map(|word| word.trim_matches(['_', '\'']).to_lowercase())
        .filter(|word| !word.is_empty())
}

/// How many words a text has. Chinese, Japanese and Korean say in two characters about as much as others in a word.
pub(super) fn length(text: &str) -> usize {
    let of_word = |word: String| match word.chars().filter(|c| *c >= '\u{1100}').count() {
        0 => 1,
        dense => dense.div_ceil(2),
    };
    words(text).map(of_word).sum()
}

/// Takes an English ending off, so that `crashes`, `crashed` and `crashing` meet.
pub(super) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    let keep = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() >= 3);
    let stem = if let Some(stem) = keep("ies") {
        return format!("{stem}y");
    } else if let Some(stem) = keep("ing").or_else(|| keep("ed")) {
        undoubled(stem)
    } else if let Some(stem) = ["sses", "shes", "ches", "xes"]
        .iter()
        .find_map(|e| keep(e).map(|_| &word[..word.len() - 2]))
    {
        stem
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word
    } else {
        keep("s").unwrap_or(word)
    };
    stem.strip_suffix('e')
        .filter(|s| s.len() >= 3)
        .unwrap_or(stem)
        .to_owned()
}

/// `stopp` → `stop`.
fn undoubled(stem: &str) -> &str {
    let mut back = stem.chars().rev();
    match (back.next(), back.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => &stem[..stem.len() - a.len_utf8()],
        _ => stem,
    }
}

fn replace_all(pattern: &Option<Regex>, text: &str, with: &str) -> String {
    match pattern {
        Some(pattern) => pattern.replace_all(text, with).into_owned(),
        None => text.to_owned(),
    }
}

/// Words that tell nothing.
pub(super) const STOP_WORDS: [&str; 126] = [
    "the", "an", "and", "or", "of", "to", "in", "on", "at", "by", "for", "with", "from", "as", "is", "are",
    "was", "were", "be", "been", "being", "it", "its", "it's", "this", "that", "these", "those", "there",
    "here", "i", "i'm", "i've", "we", "you", "your", "my", "our", "me", "us", "they", "them", "he", "she",
    "do", "does", "did", "don't", "doesn't", "didn't", "done", "have", "has", "had", "not", "no", "can",
    "can't", "cannot", "could", "should", "would", "will", "won't", "may", "might", "must", "if", "then",
    "else", "when", "while", "after", "before", "because", "so", "but", "also", "just", "only", "some",
    "any", "all", "more", "most", "other", "such", "than", "too", "very", "what", "which", "who", "how",
    "why", "where", "about", "into", "out", "up", "down", "over", "under", "again", "get", "gets", "got",
    "am", "please", "thanks", "thank", "hi", "hello", "hey", "like", "make", "seems", "even", "now", "same",
    "see", "one", "try", "tried", "trying", "always",
];
