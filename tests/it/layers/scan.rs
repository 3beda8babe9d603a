//! In: Rust source text. Out: its tokens and the paths it names, comments and strings left out. Never: a file.
//!
//! This is not a parser. It knows what a comment, a string and a path look like, which is all that arrows need.

/// A word or a mark of the source, and the line it stands on (from 1).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A path as written, `crate::rules::Event` or one leaf of a `use` tree, and the inline modules around it.
#[derive(Debug, PartialEq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) inside: Vec<String>,
    pub(super) line: usize,
}

/// Splits `text` into words, `::` and single marks. Comments, doc comments, strings and characters are left out, so a
/// doc link or an example in a string is no token.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(&c) = chars.get(at) {
        let end = match c {
            '/' if chars.get(at + 1) == Some(&'/') => end_of_line(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => end_of_block_comment(&chars, at),
            '"' => end_of_string(&chars, at),
            '\'' => end_of_character(&chars, at),
            c if c == '_' || c.is_alphanumeric() => {
                let end = end_of_word(&chars, at);
                let word: String = chars[at..end].iter().collect();
                match end_of_raw_string(&chars, &word, end) {
                    Some(end) => end,
                    None => {
                        found.push(Token { text: word, line });
                        end
                    }
                }
            }
            ':' if chars.get(at + 1) == Some(&':') => {
                found.push(Token {
                    text: "::".into(),
                    line,
                });
                at + 2
            }
            c if c.is_whitespace() => at + 1,
            c => {
                found.push(Token { text: c.into(), line });
                at + 1
            }
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

fn end_of_line(chars: &[char], from: usize) -> usize {
    chars[from..]
        .iter()
        .position(|c| *c == '\n')
        .map_or(chars.len(), |n| from + n)
}

/// Block comments nest in Rust.
fn end_of_block_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn end_of_string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `'x'` and `'\n'` are characters; `'a` is a lifetime, of which only the quote is skipped.
fn end_of_character(chars: &[char], from: usize) -> usize {
    if chars.get(from + 1) == Some(&'\\') {
        let after = from + 3;
        return chars
            .get(after..)
            .and_then(|rest| rest.iter().position(|c| *c == '\''))
            .map_or(chars.len(), |n| after + n + 1);
    }
    if chars.get(from + 2) == Some(&'\'') {
        from + 3
    } else {
        from + 1
    }
}

fn end_of_word(chars: &[char], from: usize) -> usize {
    chars[from..]
        .iter()
        .position(|c| *c != '_' && !c.is_alphanumeric())
        .map_or(chars.len(), |n| from + n)
}

/// The end of `r"…"`, `r#"…"#`, `br#"…"#`, when `word` is such a prefix and a string follows it. The prefixes of
/// ordinary strings (`b"…"`, `c"…"`) are left to stand as words: the string after them is skipped by itself.
fn end_of_raw_string(chars: &[char], word: &str, after: usize) -> Option<usize> {
    if !matches!(word, "r" | "br" | "cr") {
        return None;
    }
    let hashes = chars[after..].iter().take_while(|c| **c == '#').count();
    if chars.get(after + hashes) != Some(&'"') {
        return None;
    }
    let mut at = after + hashes + 1;
    while at < chars.len() {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(chars.len())
}

/// Every path that begins with one of `roots`, use trees taken apart into their leaves.
pub(super) fn paths(tokens: &[Token], roots: &[&str]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut inside: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inside.push((tokens[at - 1].text.clone(), depth));
                }
            }
            "}" => {
                inside.retain(|(_, opened)| *opened < depth);
                depth = depth.saturating_sub(1);
            }
            word if roots.contains(&word) && begins_path(tokens, at) => {
                let names: Vec<String> = inside.iter().map(|(name, _)| name.clone()).collect();
                leaves(tokens, at, &mut Vec::new(), &mut |segments, line| {
                    found.push(Path {
                        segments: segments.to_vec(),
                        inside: names.clone(),
                        line,
                    });
                });
            }
            _ => {}
        }
    }
    found
}

/// A root word counts where a `::` follows it and none stands before it.
fn begins_path(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).map(|n| tokens[n].text.as_str());
    before != Some("::") && tokens.get(at + 1).is_some_and(|next| next.text == "::")
}

/// Walks one path or use tree from `at`; calls `leaf` with each full path; returns where the tree ends.
fn leaves(
    tokens: &[Token],
    mut at: usize,
    prefix: &mut Vec<String>,
    leaf: &mut dyn FnMut(&[String], usize),
) -> usize {
    let depth = prefix.len();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.text != "}") {
                    at = leaves(tokens, at, prefix, leaf).max(at + 1);
                    // `as Name`, then the comma.
                    at += tokens[at.min(tokens.len())..]
                        .iter()
                        .take_while(|t| t.text != "," && t.text != "}")
                        .count();
                    at += usize::from(tokens.get(at).is_some_and(|t| t.text == ","));
                }
                prefix.truncate(depth);
                return at + 1;
            }
            // `a::{self}` is `a`; a glob names the module itself.
            "self" if !prefix.is_empty() => {}
            word if word.starts_with(|c: char| c == '_' || c.is_alphabetic()) => prefix.push(word.into()),
            _ => {}
        }
        at += 1;
        if tokens.get(at).is_none_or(|t| t.text != "::") {
            leaf(prefix, token.line);
            prefix.truncate(depth);
            return at;
        }
        at += 1;
    }
    at
}
