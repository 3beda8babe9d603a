//! In: an expression's source. Out: complaints about filters and tests nobody knows, and about what is too long to be read
//! safely. Never: evaluating it.

use crate::rules::diagnostic::did_you_mean;
use crate::rules::expression::{self, Call, SourceError};
use crate::rules::reference;

/// Signs and joining words of one expression, or of all the statements of a template, at most. Each of them can be a level
/// of the tree the engine reads it into, and the engine goes through that tree by calling itself: a chain of ten thousand
/// would end the process. A list has as many items as it likes.
const SIGNS_MAX: usize = 500;

/// Brackets within brackets, at most. A level of them costs the engine's reader many calls, far more than another sign does.
const NESTING_MAX: usize = 50;

/// Asked before the engine sees the source.
pub(crate) fn check_length(source: &str, is_expression: bool) -> Result<(), SourceError> {
    let mut in_statements = 0;
    for (start, end) in code(source, is_expression) {
        let words = Words {
            text: &source[start..end],
            at: 0,
        };
        let (mut signs, mut depth, mut deepest) = (0, 0_usize, 0);
        for (_, word) in words {
            signs += usize::from(is_sign(word));
            match word {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        if deepest > NESTING_MAX {
            return Err(SourceError {
                message: format!("brackets within brackets, more than {NESTING_MAX} deep, in one expression"),
                range: Some(start..end),
            });
        }
        let statement = !is_expression && source[..start].ends_with('%');
        let signs = if statement {
            in_statements += signs;
            in_statements
        } else {
            signs
        };
        if signs > SIGNS_MAX {
            return Err(SourceError {
                message: format!("more than {SIGNS_MAX} operators and brackets in one expression"),
                range: Some(start..end),
            });
        }
    }
    Ok(())
}

/// What can open a level: not names, numbers and texts, nor what stands between the items of a list or closes it.
fn is_sign(word: &str) -> bool {
    match word {
        "," | ":" | ")" | "]" | "}" | "\"" => false,
        "and" | "or" | "not" | "if" | "elif" | "else" | "is" | "in" | "for" => true,
        word => !word.starts_with(|c: char| c.is_alphanumeric() || c == '_'),
    }
}

/// Whether a text is a path that an expression could name, and nothing else: `event.issue.title`.
pub(crate) fn is_path(text: &str) -> bool {
    let mut segments = text.split('.');
    let first = segments.next().unwrap_or_default();
    matches!(first, "event" | "steps" | "vars" | "meta" | "item")
        && text.len() > first.len()
        && segments.all(is_segment)
}

/// A name, perhaps with places of a list behind it, and nothing else: `labels[0]`.
fn is_segment(segment: &str) -> bool {
    let (name, mut rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
    while let Some((index, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        let digits = index.strip_prefix('-').unwrap_or(index);
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return false;
        }
        rest = after;
    }
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    rest.is_empty() && !name.is_empty() && name.chars().all(is_word)
}

/// The engine finds an unknown filter only when it gets there; a rule's author wants to know at once.
pub(crate) fn check_calls(source: &str, is_expression: bool) -> Result<(), SourceError> {
    for (start, end) in code(source, is_expression) {
        let words = Words {
            text: &source[start..end],
            at: 0,
        };
        let mut expected: Option<Call> = None;
        for (at, word) in words {
            expected = match (expected, word) {
                (_, "|") => Some(Call::Filter),
                (_, "is") => Some(Call::Test),
                (Some(Call::Test), "not") => Some(Call::Test),
                (Some(call), name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                    if !expression::knows(call, name) {
                        return Err(unknown(call, name, start + at));
                    }
                    None
                }
                _ => None,
            };
        }
    }
    Ok(())
}

fn unknown(call: Call, name: &str, at: usize) -> SourceError {
    let (what, known) = match call {
        Call::Filter => ("filter", reference::FILTERS),
        Call::Test => ("test", reference::TESTS),
    };
    let hint = did_you_mean(name, known.iter().map(|row| row.name))
        .map_or(String::new(), |hint| format!(" ({hint})"));
    SourceError {
        message: format!("there is no {what} `{name}`{hint}"),
        range: Some(at..at + name.len()),
    }
}

/// The parts of a template that are code.
fn code(source: &str, is_expression: bool) -> Vec<(usize, usize)> {
    if is_expression {
        return vec![(0, source.len())];
    }
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = source[at..].find(['{']) {
        let start = at + open;
        let close = match source.as_bytes().get(start + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => {
                at = start + 1;
                continue;
            }
        };
        let inside = &source[start + 2..];
        let length = match close {
            "#}" => inside.find(close),
            _ => closing(inside, close),
        };
        let Some(length) = length else {
            if close != "#}" {
                parts.push((start + 2, source.len()));
            }
            break;
        };
        let end = start + 2 + length;
        if close != "#}" {
            parts.push((start + 2, end));
        }
        at = end + 2;
    }
    parts
}

/// Where code ends: not within a string literal.
fn closing(inside: &str, close: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &inside[at..];
        let next = rest.find(['"', '\'', '}', '%'])?;
        let found = &rest[next..];
        if found.starts_with(close) {
            return Some(at + next);
        }
        at += next
            + match found.chars().next()? {
                quote @ ('"' | '\'') => literal(found, quote),
                _ => 1,
            };
    }
}

/// Identifiers and single marks of an expression, string literals left out.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            let start = self.at;
            if first.is_whitespace() {
                self.at += first.len_utf8();
            } else if first == '"' || first == '\'' {
                self.at += literal(rest, first);
                return Some((start, "\""));
            } else if first.is_alphanumeric() || first == '_' {
                let length = rest.len()
                    - rest
                        .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                        .len();
                self.at += length;
                return Some((start, &rest[..length]));
            } else {
                self.at += first.len_utf8();
                return Some((start, &rest[..first.len_utf8()]));
            }
        }
    }
}

/// Length of the string literal at the start of `rest`, its quotes included.
fn literal(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The parts of an expression that `word` (`and`, `or`) joins at its top level; one when it joins none. A choice
/// (`a if b else c`) binds less than either, so it is never taken apart.
pub(crate) fn split<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, token) in (Words { text, at: 0 }) {
        match token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "if" if depth == 0 => return vec![text],
            _ if depth == 0 && token == word => {
                parts.push(&text[from..at]);
                from = at + token.len();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// An expression without the parentheses that enclose it whole.
pub(crate) fn unwrapped(text: &str) -> &str {
    let mut inner = text.trim();
    while let Some(within) = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let mut depth = 0_i64;
        let mut closed = false;
        for (_, token) in (Words { text: within, at: 0 }) {
            depth += match token {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            closed |= depth < 0;
        }
        if closed {
            break;
        }
        inner = within.trim();
    }
    inner
}
