//! In: lines of logs, in the order of their times. Out: the templates they were made from, with counts and times.
//! Never: the network; a line's meaning beyond its gravity.
//!
//! In the manner of Drain (He et al., ICWS 2017): lines of the same number of words and the same first word are held
//! against the templates there are; the nearest one that is near enough takes the line, and where the two differ it gets
//! a `<*>`. What is plainly a number, a time or an id is masked before, so that few lines need to be seen to tell what
//! varies.

use std::collections::HashMap;

use jiff::Timestamp;

use super::line::{Gravity, Read, bare, is_exception, read};
use crate::agents::masked;

/// Where a template says nothing fixed.
const ANY: &str = "<*>";
/// The marks that a word may begin and end with and that are none of what varies.
const OPENING: &str = "([{\"'";
const CLOSING: &str = ")]}\"',;:";
/// Words beyond this are not compared.
const WORDS_MAX: usize = 60;
/// More templates than this are not kept apart: the log is no log of templates.
const GROUPS_MAX: usize = 2_000;
/// How many of the words must agree, in percent; and how many when the words that differ are plain words, which mean
/// something: "logged in" and "logged out" are not one template.
const AGREE_PERCENT: usize = 50;
const AGREE_PERCENT_PLAIN: usize = 75;
/// What a Python traceback begins with.
const TRACEBACK: &str = "Traceback (most recent call last):";
/// How much of a line is kept as a sample, and of what a stack trace names as the cause, in characters.
const SAMPLE_CHARS_MAX: usize = 400;
const CAUSE_CHARS_MAX: usize = 200;
/// What the cause begins with in a Java stack trace, and alone on its line in a Rust error.
const CAUSED_BY: &str = "Caused by:";

/// A template, and what was made from it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    words: Vec<String>,
    pub(super) gravity: Gravity,
    /// Lines since the pivot.
    pub(super) count: u32,
    /// Lines before it.
    pub(super) count_before: u32,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    /// The first line, as it was, with the lines that belong to it.
    pub(super) sample: String,
    /// What a stack trace names as the cause at the bottom of it, of the first record that has one.
    pub(super) cause: Option<String>,
}

impl Group {
    /// The template's text.
    pub(super) fn template(&self) -> String {
        self.words.join(" ")
    }
}

/// Finds the templates of a log.
#[derive(Debug, Default)]
pub(super) struct Miner {
    groups: Vec<Group>,
    /// Gravity, number of words and first word → groups.
    index: HashMap<(Gravity, usize, String), Vec<usize>>,
    /// Lines and errors since the pivot, and before.
    pub(super) tally: [Tally; 2],
    open: Option<Open>,
}

/// How many lines, and how many of them are errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) lines: u32,
    pub(super) errors: u32,
}

/// A record whose last line may still be to come.
#[derive(Debug)]
struct Open {
    at: Timestamp,
    before: bool,
    label: String,
    lines: Vec<String>,
    /// It goes on until a line that is not indented, which says what it was: a Python traceback, a Rust panic.
    wants_end: bool,
}

impl Miner {
    /// Takes the next line. `before` says that it is older than the pivot: it is counted apart. What looks like a secret in
    /// it is not kept.
    pub(super) fn take(&mut self, at: Timestamp, label: &str, text: &str, before: bool) {
        // Colors stand between a name and its value, too.
        let text = masked(&bare(text));
        let text = text.as_str();
        let goes_on = self
            .open
            .as_ref()
            .is_some_and(|open| open.before == before && open.takes(text));
        match &mut self.open {
            Some(open) if goes_on => open.add(text),
            // It says nothing, and ends nothing: what a Rust error was caused by stands below one.
            _ if text.trim().is_empty() => {}
            _ => {
                self.close();
                self.open = Some(Open::new(at, label, text, before));
            }
        }
    }

    /// The templates: what is over last; errors first, then those that are new, then the most frequent.
    pub(super) fn groups(&mut self) -> Vec<Group> {
        self.close();
        let mut groups = self.groups.clone();
        groups.sort_by(|a, b| {
            let rank = |group: &Group| (group.count == 0, group.gravity, group.count_before > 0);
            rank(a)
                .cmp(&rank(b))
                .then(b.count.cmp(&a.count))
                .then(a.first_at.cmp(&b.first_at))
        });
        groups
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let read = open.read();
        let tally = &mut self.tally[usize::from(open.before)];
        tally.lines += 1;
        tally.errors += u32::from(read.gravity == Gravity::Error);
        let words: Vec<String> = read
            .masked
            .split_whitespace()
            .take(WORDS_MAX)
            .map(str::to_owned)
            .collect();
        let at = self.find(read.gravity, &words, &open);
        let group = &mut self.groups[at];
        if open.before {
            group.count_before += 1;
        } else {
            group.count += 1;
        }
        group.first_at = group.first_at.min(open.at);
        group.last_at = group.last_at.max(open.at);
        if group.cause.is_none() {
            group.cause = open.cause();
        }
        for (word, other) in group.words.iter_mut().zip(&words) {
            if word != other {
                *word = common(word, other);
            }
        }
    }

    /// The group of these words, made when none is near enough.
    fn find(&mut self, gravity: Gravity, words: &[String], open: &Open) -> usize {
        let first = words
            .first()
            .filter(|word| is_plain(word))
            .map_or(ANY, String::as_str);
        let key = (gravity, words.len(), first.to_owned());
        let near = self
            .index
            .get(&key)
            .into_iter()
            .flatten()
            .filter_map(|at| Some((agreement(&self.groups[*at].words, words)?, *at)))
            .max_by_key(|(agree, at)| (*agree, std::cmp::Reverse(*at)));
        if let Some((_, at)) = near {
            return at;
        }
        if self.groups.len() >= GROUPS_MAX {
            // All that is left over is one group; its template is nothing but a mask.
            let last = self.groups.len() - 1;
            self.groups[last].words = vec![ANY.to_owned()];
            return last;
        }
        self.index.entry(key).or_default().push(self.groups.len());
        self.groups.push(Group {
            words: words.to_vec(),
            gravity,
            count: 0,
            count_before: 0,
            first_at: open.at,
            last_at: open.at,
            sample: open.sample(),
            cause: None,
        });
        self.groups.len() - 1
    }
}

/// How many words agree, in percent; none when that is too few to be one template.
fn agreement(template: &[String], words: &[String]) -> Option<usize> {
    if template.is_empty() {
        return words.is_empty().then_some(100);
    }
    // Answers of another class are another matter, whatever else agrees.
    if template
        .iter()
        .zip(words)
        .any(|(a, b)| a != b && is_status(a) && is_status(b))
    {
        return None;
    }
    let agree = template.iter().zip(words).filter(|(a, b)| a == b).count();
    let plain = template
        .iter()
        .zip(words)
        .any(|(a, b)| a != b && is_plain(a) && is_plain(b));
    let percent = agree * 100 / template.len();
    let needed = if plain { AGREE_PERCENT_PLAIN } else { AGREE_PERCENT };
    (percent >= needed).then_some(percent)
}

/// What two words that differ have in common: a mask, in the brackets, quotes and marks that both have.
fn common(one: &str, other: &str) -> String {
    let opens = |pair: &(char, char)| pair.0 == pair.1 && OPENING.contains(pair.0);
    let closes = |pair: &(char, char)| pair.0 == pair.1 && CLOSING.contains(pair.0);
    let head: String = one
        .chars()
        .zip(other.chars())
        .take_while(opens)
        .map(|(sign, _)| sign)
        .collect();
    // A word that is nothing but marks is not taken for both ends.
    let (one, other) = (&one[head.len()..], &other[head.len()..]);
    let tail: Vec<char> = one
        .chars()
        .rev()
        .zip(other.chars().rev())
        .take_while(closes)
        .map(|(sign, _)| sign)
        .collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}{ANY}{tail}")
}

/// `5xx`, `status=5xx`.
fn is_status(word: &str) -> bool {
    let class = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
    class.ends_with("xx") && class.len() >= 3 && class.as_bytes()[class.len() - 3].is_ascii_digit()
}

/// A word of letters only, as people write them; a name, a path and a mask are none.
fn is_plain(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '<' && c != '>');
    !word.is_empty() && word.chars().all(char::is_alphabetic)
}

impl Open {
    fn new(at: Timestamp, label: &str, text: &str, before: bool) -> Self {
        let wants_end =
            text.contains(TRACEBACK) || (text.contains(" panicked at ") && text.trim_end().ends_with(':'));
        Self {
            at,
            before,
            label: label.to_owned(),
            lines: vec![text.trim_end().to_owned()],
            wants_end,
        }
    }

    /// Whether a line belongs to this record rather than being one of its own.
    fn takes(&self, text: &str) -> bool {
        let indented = text.starts_with([' ', '\t']) && !text.trim().is_empty();
        let trimmed = text.trim_start();
        // What an error line is followed by says why: only where it is one, or the failure would be hidden in it.
        let explains = self.lines.len() == 1 && (trimmed.starts_with(TRACEBACK) || is_exception(trimmed));
        indented
            || self.wants_end
            || (explains && self.read().gravity == Gravity::Error)
            || [
                CAUSED_BY,
                "... ",
                "During handling of",
                "The above exception",
                "stack backtrace:",
                "note: run with",
            ]
            .iter()
            .any(|start| trimmed.starts_with(start))
            || (self.lines[0].starts_with("panic:") || self.is_goroutine()) && Self::of_go(trimmed)
    }

    fn is_goroutine(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with("goroutine "))
    }

    /// The lines of a Go stack that are not indented: `goroutine 7 [running]:`, `main.(*Api).load(0xc0…)`, `exit status 2`.
    fn of_go(line: &str) -> bool {
        line.starts_with("goroutine ")
            || line.starts_with("[signal ")
            || line.starts_with("created by ")
            || line.starts_with("exit status ")
            || (line.ends_with(')') && !line.contains(' ') && line.contains('.'))
            || (line.ends_with(')') && line.contains("(0x") && !line.contains(": "))
    }

    fn add(&mut self, text: &str) {
        let ends = !text.starts_with([' ', '\t']) && !text.trim().is_empty();
        if text.starts_with(TRACEBACK) {
            self.wants_end = true;
        } else if (self.wants_end && ends) || (self.lines.len() == 1 && is_exception(text)) {
            // What failed is said at the end of a traceback, and it is what tells two of them apart.
            self.wants_end = false;
            self.lines[0] = format!("{} {}", self.lines[0], text.trim());
        }
        self.lines.push(text.trim_end().to_owned());
    }

    fn read(&self) -> Read {
        read(&self.lines[0], &self.label)
    }

    fn sample(&self) -> String {
        short(&self.lines.join("\n"), SAMPLE_CHARS_MAX)
    }

    /// The last cause is what failed first. One that is indented belongs to an exception that was suppressed.
    fn cause(&self) -> Option<String> {
        let at = self.lines.iter().rposition(|line| line.starts_with(CAUSED_BY))?;
        let told = self.lines[at][CAUSED_BY.len()..].trim();
        if !told.is_empty() {
            return Some(short(told, CAUSE_CHARS_MAX));
        }
        // Rust lists them below it, the root at the bottom.
        let listed = self.lines[at + 1..].iter();
        let root = listed
            .take_while(|line| line.starts_with([' ', '\t']))
            .last()?
            .trim();
        let root = root.trim_start_matches(|c: char| c.is_ascii_digit());
        Some(short(root.trim_start_matches(':').trim(), CAUSE_CHARS_MAX))
    }
}

fn short(whole: &str, chars_max: usize) -> String {
    let mut kept: String = whole.chars().take(chars_max).collect();
    if kept.len() < whole.len() {
        kept.push('…');
    }
    kept
}
