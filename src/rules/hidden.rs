//! In: text. Out: which of its characters cannot be seen, or make what follows them look like something else; a form of the text
//! in which they show; a complaint about those in a rule file. Never: judging scripts and languages.

use std::borrow::Cow;
use std::ops::Range;

use crate::rules::diagnostic::Findings;

/// The joiner that makes one picture of several, and one letter of several in some scripts.
const JOINER: char = '\u{200d}';
/// Its opposite, which some scripts need as well.
const NON_JOINER: char = '\u{200c}';

/// Whether a character takes no room, or turns the direction of what follows.
pub fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text with everything in it to be seen: what is hidden, or could steer a terminal, as it is escaped in TOML.
pub fn visible(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| is_hidden(letter) || (letter.is_control() && letter != '\n');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for letter in text.chars() {
        match steers(letter) {
            true => shown.push_str(&escape(letter)),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// As TOML writes it within quotes.
fn escape(letter: char) -> String {
    match u32::from(letter) {
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// What it is called, and what it does.
fn name(letter: char) -> &'static str {
    match letter {
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => {
            "turns the direction of what follows, so that it reads otherwise than it is"
        }
        '\u{2028}' | '\u{2029}' => "is a line's end to some programs, and none to others",
        _ => "takes no room, so nobody sees that it is there",
    }
}

/// Reports such characters, wherever in the file they stand; a comment can mislead, too. One finding for each line.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let text = findings.text();
    let mut last_line = None;
    for (at, letter) in text.char_indices() {
        // A mark at the very start of a file only says how it is encoded.
        if !is_hidden(letter) || (at == 0 && letter == '\u{feff}') || joins(text, at, letter) {
            continue;
        }
        let line = text[..at].bytes().filter(|byte| *byte == b'\n').count();
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let span: Range<usize> = at..at + letter.len_utf8();
        findings
            .error(
                "hidden-character",
                &span,
                format!("here is U+{:04X}, which {}", u32::from(letter), name(letter)),
            )
            .hint(format!(
                "take it out; where it is meant, write it in double quotes as `{}`",
                escape(letter)
            ));
    }
}

/// Whether it stands between letters or pictures that need it: on both sides something beyond ASCII.
fn joins(text: &str, at: usize, letter: char) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + letter.len_utf8()..].chars().next();
    let wants = |beside: Option<char>| beside.is_some_and(|beside| !beside.is_ascii() && !is_hidden(beside));
    matches!(letter, JOINER | NON_JOINER) && wants(before) && wants(after)
}
