//! In: a title and a Markdown body. Out: what the author says in their own words, apart from what they pasted.
//! Never: conclusions.

use std::sync::LazyLock;

use regex::Regex;

use crate::tools::quote::cut;

/// How much of a body is looked at, in bytes: reports longer than this are logs.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;

/// A text, taken apart. Everything is lower case.
#[derive(Clone, Debug, Default)]
pub struct Prose {
    /// The title.
    pub title: String,
    /// What the author wrote: no code blocks, quotes, headings, comments, check boxes, or links' targets.
    pub words: String,
    /// The body's headings and bold-only lines whose section has content.
    pub headings: Vec<String>,
    /// Fenced and indented code blocks.
    pub code: String,
}

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?(-->|$)").ok());
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"https?://\S+").ok());
static NO_ANSWER: [&str; 5] = ["_no response_", "no response", "n/a", "none", "-"];

impl Prose {
    /// Takes a title and a body apart.
    pub fn of(title: &str, body: &str) -> Self {
        let body = cut(body, BODY_BYTES_MAX).to_lowercase().replace('\r', "");
        let body = replace_all(&COMMENT, &body, " ");
        let mut prose = Self {
            title: title.trim().to_lowercase(),
            ..Self::default()
        };
        let mut heading: Option<String> = None;
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
                prose.has_content(&mut heading, trimmed);
            } else if let Some(name) = heading_of(trimmed) {
                heading = Some(name.to_owned());
            } else if !trimmed.starts_with('>') && !is_check_box(trimmed) {
                prose.has_content(&mut heading, trimmed);
                if !NO_ANSWER.contains(&trimmed) {
                    prose.words.push_str(&replace_all(&LINK, trimmed, " "));
                    prose.words.push('\n');
                }
            }
        }
        prose
    }

    fn push_code(&mut self, line: &str) {
        self.code.push_str(line);
        self.code.push('\n');
    }

    /// A heading counts once something stands under it: a template's empty section says nothing.
    fn has_content(&mut self, heading: &mut Option<String>, line: &str) {
        if line.is_empty() || NO_ANSWER.contains(&line) {
            return;
        }
        self.headings.extend(heading.take());
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

fn replace_all(pattern: &Option<Regex>, text: &str, with: &str) -> String {
    match pattern {
        Some(pattern) => pattern.replace_all(text, with).into_owned(),
        None => text.to_owned(),
    }
}
