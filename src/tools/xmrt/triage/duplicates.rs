//! In: an issue and others of its repository. Out: the older ones that say the same. Never: a judgement on fewer than
//! a few telling words in common.
//!
//! BM25, made comparable: the score of `b` for the query `a`, divided by the score `a` has for itself, is the share of
//! `a`'s telling words that `b` says too. Both directions are averaged geometrically, so that a long report that
//! happens to hold a short one's words is not its twin. The same is done for the words of the titles alone, which say what
//! it is about: each title's share in the other's whole text. Two issues of different kinds (a bug and a wish for something
//! new, about the same table) need more in common.

use std::collections::{BTreeSet, HashMap, HashSet};

use bm25::{Embedder, EmbedderBuilder, Embedding, Scorer, Tokenizer};
use schemars::JsonSchema;
use serde::Serialize;

use super::Issue;
use super::text::{Prose, STOP_WORDS, stem, words};
use crate::tools::quote::cut;

/// From this similarity on, two issues are called duplicates.
///
/// Chosen on the known half of the issues in `tests/it/triage/fixture`, where precision still is high; `docs/triage.md` has
/// the figures. A wrong "duplicate" costs a reporter's goodwill, a missed one costs a reader a minute.
pub const SIMILARITY_MIN: f32 = 0.29;
/// How much more is needed where the kinds differ.
const OTHER_KIND: f32 = 0.15;
/// How much the titles count, against the whole texts' 1.
const TITLES: f32 = 0.25;
/// What it adds that both say the same run of words, one of which nobody else says: the same message of an error.
const SAME_MESSAGE: f32 = 0.15;
/// How many words make a run.
const RUN: usize = 3;
/// Telling words two issues must share, whatever the score: texts that say hardly anything agree in that.
const TELLING_MIN: usize = 3;
/// Or so many words of any kind: the same text posted twice is a duplicate, however ordinary its words.
const SHARED_MIN: usize = 8;
/// Or so many of any kind, one telling word less among them.
const SHARED_WITH_FEWER_MIN: usize = 5;
/// How many shared words a reason names.
const SHARED_SHOWN: usize = 5;
/// How much of a body is compared, in bytes: the beginning says what it is about.
const BODY_BYTES: usize = 2 * 1024;
/// How often a title's words count.
const TITLE_WEIGHT: usize = 2;

/// Another issue that says the same.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Duplicate {
    /// Its number.
    pub number: i64,
    /// Its title: a stranger's text.
    pub title: String,
    /// How similar, from 0 to 1.
    pub score: f32,
    /// Words both say, rarest first.
    pub shared: Vec<String>,
}

/// Older issues that say the same as `issue`, most similar first, at most `max`. `is_of_kind` says whether another issue
/// is of the same kind; it is asked of the few that are similar.
pub fn find(
    issue: &Issue,
    recent: &[Issue],
    max: usize,
    is_of_kind: impl Fn(&Issue) -> bool,
) -> Vec<Duplicate> {
    let other = |number: i64| {
        recent
            .iter()
            .find(|other| i64::try_from(other.number) == Ok(number))
    };
    similarities(issue, recent)
        .into_iter()
        .filter(|twin| twin.says_enough && twin.duplicate.score >= SIMILARITY_MIN)
        .map(|twin| twin.duplicate)
        .filter(|twin| {
            twin.score >= SIMILARITY_MIN + OTHER_KIND || other(twin.number).is_some_and(&is_of_kind)
        })
        .take(max)
        .collect()
}

/// How similar another issue is.
#[derive(Clone, Debug, PartialEq)]
pub struct Similarity {
    /// The issue, with its score.
    pub duplicate: Duplicate,
    /// Whether the two have enough words in common for the score to mean anything.
    pub says_enough: bool,
}

/// How similar each older issue is, most similar first, with no threshold applied.
pub fn similarities(issue: &Issue, recent: &[Issue]) -> Vec<Similarity> {
    let corpus = Corpus::of(issue, recent);
    let mut found: Vec<Similarity> = recent
        .iter()
        .filter(|other| other.number < issue.number)
        .filter_map(|other| corpus.compare(issue, other))
        .collect();
    found.sort_by(|a, b| {
        let (a, b) = (&a.duplicate, &b.duplicate);
        b.score.total_cmp(&a.score).then(b.number.cmp(&a.number))
    });
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doc {
    Issue(u64),
    Background(usize),
}

struct Corpus {
    /// Each text's words, in order.
    words: HashMap<Doc, Vec<String>>,
    /// How many texts say a word.
    sayers: HashMap<String, usize>,
    queries: HashMap<Doc, Embedding<u64>>,
    /// The words of the titles alone.
    titles: HashMap<Doc, Embedding<u64>>,
    scorer: Scorer<Doc, u64>,
    /// What issues ordinarily say tells nothing.
    ordinary: HashSet<String>,
}

impl Corpus {
    fn of(issue: &Issue, recent: &[Issue]) -> Self {
        let background = BACKGROUND
            .iter()
            .enumerate()
            .map(|(at, text)| (Doc::Background(at), (*text).to_owned()));
        let texts: HashMap<Doc, String> = background
            .chain(
                recent
                    .iter()
                    .chain([issue])
                    .map(|issue| (Doc::Issue(issue.number), compared(issue))),
            )
            .collect();
        let all: Vec<&str> = texts.values().map(String::as_str).collect();
        let embedder: Embedder<u64, Words> =
            EmbedderBuilder::with_tokenizer_and_fit_to_corpus(Words, &all).build();
        let mut scorer = Scorer::new();
        let mut queries = HashMap::new();
        let titles = recent
            .iter()
            .chain([issue])
            .map(|issue| {
                let title = embedder.embed(&split_identifiers(&issue.title));
                (Doc::Issue(issue.number), once_each(&title))
            })
            .collect();
        for (doc, text) in &texts {
            let embedding = embedder.embed(text);
            queries.insert(*doc, once_each(&embedding));
            scorer.upsert(doc, embedding);
        }
        let words: HashMap<Doc, Vec<String>> = texts
            .iter()
            .map(|(doc, text)| (*doc, Words.tokenize(text)))
            .collect();
        let mut sayers: HashMap<String, usize> = HashMap::new();
        for said in words.values() {
            for word in said.iter().collect::<HashSet<_>>() {
                *sayers.entry(word.clone()).or_default() += 1;
            }
        }
        Self {
            words,
            sayers,
            queries,
            titles,
            scorer,
            ordinary: BACKGROUND.iter().flat_map(|text| Words.tokenize(text)).collect(),
        }
    }

    /// The share of the queried words of `of` that `in_` says too, weighted by how telling they are.
    fn share(&self, queries: &HashMap<Doc, Embedding<u64>>, of: u64, in_: u64) -> Option<f32> {
        let query = queries.get(&Doc::Issue(of))?;
        let own = self.scorer.score(&Doc::Issue(of), query)?;
        let other = self.scorer.score(&Doc::Issue(in_), query)?;
        (own > 0.0).then(|| (other / own).min(1.0))
    }

    /// The share in both directions.
    fn both(&self, queries: &HashMap<Doc, Embedding<u64>>, a: u64, b: u64) -> Option<f32> {
        Some((self.share(queries, a, b)? * self.share(queries, b, a)?).sqrt())
    }

    fn compare(&self, issue: &Issue, other: &Issue) -> Option<Similarity> {
        let texts = self.both(&self.queries, issue.number, other.number)?;
        let titles = self.both(&self.titles, issue.number, other.number).unwrap_or(0.0);
        let mut score = (texts + titles * TITLES) / (1.0 + TITLES);
        // The words are looked at only where they can matter.
        let shared = match score + SAME_MESSAGE >= SIMILARITY_MIN {
            true => self.shared(issue.number, other.number),
            false => Vec::new(),
        };
        if self.says_same_message(issue.number, other.number, &shared) {
            score += SAME_MESSAGE;
        }
        let telling = shared
            .iter()
            .filter(|word| !self.ordinary.contains(*word))
            .count();
        Some(Similarity {
            says_enough: telling >= TELLING_MIN
                || shared.len() >= SHARED_MIN
                || (telling + 1 >= TELLING_MIN && shared.len() >= SHARED_WITH_FEWER_MIN),
            duplicate: Duplicate {
                number: i64::try_from(other.number).unwrap_or(i64::MAX),
                title: other.title.clone(),
                score: (score.min(1.0) * 100.0).round() / 100.0,
                shared: shared.into_iter().take(SHARED_SHOWN).collect(),
            },
        })
    }

    fn words(&self, number: u64) -> &[String] {
        self.words.get(&Doc::Issue(number)).map_or(&[], Vec::as_slice)
    }

    fn sayers(&self, word: &str) -> usize {
        self.sayers.get(word).copied().unwrap_or(0)
    }

    /// Whether a run of words is in both, and one of them in no other issue.
    fn says_same_message(&self, a: u64, b: u64, shared: &[String]) -> bool {
        let only_theirs: HashSet<&String> = shared.iter().take_while(|word| self.sayers(word) <= 2).collect();
        if only_theirs.is_empty() {
            return false;
        }
        let (a, b) = (self.words(a), self.words(b));
        let runs: HashSet<&[String]> = a.windows(RUN).collect();
        b.windows(RUN)
            .any(|run| runs.contains(run) && run.iter().any(|word| only_theirs.contains(word)))
    }

    /// Words both say, rarest first.
    fn shared(&self, a: u64, b: u64) -> Vec<String> {
        let theirs: HashSet<&String> = self.words(b).iter().collect();
        let ours: BTreeSet<&String> = self
            .words(a)
            .iter()
            .filter(|word| theirs.contains(word))
            .collect();
        let mut shared: Vec<(usize, String)> = ours
            .into_iter()
            .map(|word| (self.sayers(word), word.clone()))
            .collect();
        shared.sort();
        shared.into_iter().map(|(_, word)| word).collect()
    }
}

/// A query counts each word once; the crate scores every occurrence of it.
fn once_each(embedding: &Embedding<u64>) -> Embedding<u64> {
    let mut seen = HashSet::new();
    Embedding(
        embedding
            .iter()
            .filter(|token| seen.insert(token.index))
            .cloned()
            .collect(),
    )
}

/// The text that is compared: the title, weighted, and the author's own words; of what they pasted, the first lines,
/// because an error message is the most telling part of a report.
fn compared(issue: &Issue) -> String {
    let body = split_identifiers(cut(&issue.body, BODY_BYTES));
    let prose = Prose::of(&split_identifiers(&issue.title), &body);
    let pasted: Vec<&str> = prose
        .code
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(6)
        .collect();
    let mut text = String::new();
    for _ in 0..TITLE_WEIGHT {
        text.push_str(&prose.title);
        text.push('\n');
    }
    text.push_str(&prose.words);
    text.push_str(&pasted.join("\n"));
    text
}

/// `DateRangePicker` → `Date Range Picker`: people also write it so.
fn split_identifiers(text: &str) -> String {
    let mut split = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    for c in text.chars() {
        if before.is_lowercase() && c.is_uppercase() {
            split.push(' ');
        }
        split.push(c);
        before = c;
    }
    split
}

/// Lower-case words without the ones every text has, cut back to a common beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words;

impl Tokenizer for Words {
    fn tokenize(&self, input_text: &str) -> Vec<String> {
        words(input_text)
            .filter(|word| word.len() > 1 && !STOP_WORDS.contains(&word.as_str()))
            // Two-digit numbers are steps, line numbers and parts of versions; longer ones are error codes.
            .filter(|word| word.len() > 2 || word.chars().any(char::is_alphabetic))
            .map(|word| stem(&word))
            .collect()
    }
}

/// Ordinary wording of issues. A young repository has too few issues to show which words are common; these stand in
/// for the rest, so that a score means the same in a repository of three issues and of three thousand.
const BACKGROUND: [&str; 28] = [
    "bug report the program crashes with an error on start after update expected it to work",
    "error message shown when running the command on linux windows or mac, version and logs below",
    "feature request: add an option to the configuration file to change the default behavior",
    "it would be nice to support this in the api and in the command line",
    "how do i use this library in my project? question about the documentation and an example",
    "typo in readme and broken link in the documentation of the install guide",
    "build fails with compile error in dependency after upgrade to the new release",
    "test fails on ci, flaky test times out in the workflow on the main branch",
    "server returns 500 internal server error for request with body, response and status code",
    "connection timeout, request fails after network error, retry does not help",
    "performance is slow, memory usage and cpu grow with a large file or many users",
    "page does not load in the browser, button click does nothing, console shows error",
    "login fails, user cannot sign in with password or token, permission denied, unauthorized",
    "data is wrong in the database after migration, table and column values missing",
    "install fails, package not found, cannot resolve version, download error",
    "upgrade dependency to latest version, security vulnerability in old package",
    "deploy failed, service does not start in docker container, log output attached",
    "file not found, path is wrong, cannot read or write file in folder on disk",
    "parse error for input, invalid json, unexpected token, string format and encoding",
    "add support for new type, field, method, function, class, parameter in the module",
    "date and time zone displayed incorrectly, number format and translation for language",
    "refactor code, remove unused, rename, clean up module and improve tests",
    "setting is ignored, environment variable and config value have no effect, default is used",
    "notification email is not sent, message arrives twice, webhook event missing",
    "search results list empty, filter and sort order wrong, pagination shows page twice",
    "dark mode theme color, layout broken on mobile screen, icon and text size in ui",
    "steps to reproduce: create new project, open, set option, run, observe result, actual and expected",
    "thread panics with null pointer exception, stack trace in main, process exits with code",
];
