//! In: an issue and others of its repository. Out: the older ones that say the same. Never: a judgement on fewer than
//! a few telling words in common.
//!
//! BM25, made comparable: the score of `b` for the query `a`, divided by the score `a` has for itself, is the share of
//! `a`'s telling words that `b` says too. Both directions are averaged geometrically, so that a long report that
//! happens to hold a short one's words is not its twin.

use std::collections::{BTreeSet, HashMap, HashSet};

use bm25::{Embedder, EmbedderBuilder, Embedding, Scorer, Tokenizer};
use schemars::JsonSchema;
use serde::Serialize;

use super::Issue;
use super::text::{Prose, words};
use crate::tools::quote::cut;

/// From this similarity on, two issues are called duplicates.
///
/// Chosen on the labeled issues of `tests/it/triage.rs`, in the gap between the most similar pair that is not a
/// duplicate (0.22) and the least similar one that is (0.58); that test fails when the gap closes. A wrong "duplicate"
/// costs a reporter's goodwill, a missed one costs a reader a minute: the threshold lies nearer the upper end.
pub const SIMILARITY_MIN: f32 = 0.45;
/// Telling words two issues must share, whatever the score: texts that say hardly anything agree in that.
const TELLING_MIN: usize = 3;
/// Or so many words of any kind: the same text posted twice is a duplicate, however ordinary its words.
const SHARED_MIN: usize = 8;
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

/// Older issues that say the same as `issue`, most similar first, at most `max`.
pub fn find(issue: &Issue, recent: &[Issue], max: usize) -> Vec<Duplicate> {
    similarities(issue, recent)
        .into_iter()
        .filter(|twin| twin.says_enough && twin.duplicate.score >= SIMILARITY_MIN)
        .map(|twin| twin.duplicate)
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
    texts: HashMap<Doc, String>,
    queries: HashMap<Doc, Embedding<u64>>,
    scorer: Scorer<Doc, u64>,
    embedder: Embedder<u64, Words>,
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
        for (doc, text) in &texts {
            let embedding = embedder.embed(text);
            queries.insert(*doc, once_each(&embedding));
            scorer.upsert(doc, embedding);
        }
        Self {
            texts,
            queries,
            scorer,
            embedder,
            ordinary: BACKGROUND.iter().flat_map(|text| Words.tokenize(text)).collect(),
        }
    }

    /// The share of `of`'s telling words that `in_` says too, weighted by how telling they are.
    fn share(&self, of: u64, in_: u64) -> Option<f32> {
        let query = self.queries.get(&Doc::Issue(of))?;
        let own = self.scorer.score(&Doc::Issue(of), query)?;
        let other = self.scorer.score(&Doc::Issue(in_), query)?;
        (own > 0.0).then(|| other / own)
    }

    fn compare(&self, issue: &Issue, other: &Issue) -> Option<Similarity> {
        let there = self.share(issue.number, other.number)?;
        let back = self.share(other.number, issue.number)?;
        let shared = self.shared(issue.number, other.number);
        let telling = shared
            .iter()
            .filter(|word| !self.ordinary.contains(*word))
            .count();
        Some(Similarity {
            says_enough: telling >= TELLING_MIN || shared.len() >= SHARED_MIN,
            duplicate: Duplicate {
                number: i64::try_from(other.number).unwrap_or(i64::MAX),
                title: other.title.clone(),
                score: ((there * back).sqrt().min(1.0) * 100.0).round() / 100.0,
                shared: shared.into_iter().take(SHARED_SHOWN).collect(),
            },
        })
    }

    /// Words both say, rarest first.
    fn shared(&self, a: u64, b: u64) -> Vec<String> {
        let tokens = |number| {
            let text = self.texts.get(&Doc::Issue(number));
            Words.tokenize(text.map_or("", String::as_str))
        };
        let theirs: HashSet<String> = tokens(b).into_iter().collect();
        let ours: BTreeSet<String> = tokens(a)
            .into_iter()
            .filter(|word| theirs.contains(word))
            .collect();
        let mut shared: Vec<(usize, String)> = ours
            .into_iter()
            .map(|word| (self.scorer.matches(&self.embedder.embed(&word)).len(), word))
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
    let prose = Prose::of(&issue.title, cut(&issue.body, BODY_BYTES));
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

/// Takes an English ending off, so that `crashes`, `crashed` and `crashing` meet.
fn stem(word: &str) -> String {
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

/// Words that tell nothing.
const STOP_WORDS: [&str; 126] = [
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
