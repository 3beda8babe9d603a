//! In: prose. Out: whether its title or its text says a word. Never: a weight.

use std::collections::HashMap;

use super::text::{Prose, STOP_WORDS, length, stem, words};
use super::vocabulary::Keyword;

/// Words of denial before a word (`not a bug`), and how many words back they are looked for.
const DENIALS: [&str; 6] = ["not", "no", "isn't", "without", "never", "non"];
const DENIAL_REACH: usize = 2;

/// A text as stems, so that `crashes` says `crash`.
#[derive(Debug)]
pub(super) struct Reading {
    title: Part,
    body: Part,
}

#[derive(Debug)]
struct Part {
    text: String,
    words: Vec<String>,
    stems: Vec<String>,
    /// Where each stem stands: a text is asked for hundreds of words.
    places: HashMap<String, Vec<usize>>,
}

impl Reading {
    pub(super) fn of(prose: &Prose) -> Self {
        Self {
            title: Part::of(&prose.title),
            body: Part::of(&prose.words),
        }
    }

    /// How often the title says it, undenied.
    pub(super) fn in_title(&self, keyword: &Keyword) -> usize {
        self.title.says(keyword)
    }

    /// How often the author's words say it, undenied.
    pub(super) fn in_body(&self, keyword: &Keyword) -> usize {
        self.body.says(keyword)
    }

    /// Whether the author's words say it among the first `within`, undenied.
    pub(super) fn begins_with(&self, keyword: &Keyword, within: usize) -> bool {
        self.body.places(keyword).iter().any(|at| *at < within)
    }

    /// How many words the author wrote below the title.
    pub(super) fn length(&self) -> usize {
        length(&self.body.text)
    }
}

/// `read_csv` is said, and so are `read` and `csv`.
fn with_parts(word: String) -> Vec<String> {
    let parts: Vec<String> = match word.contains('_') {
        true => word
            .split('_')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        false => Vec::new(),
    };
    std::iter::once(word).chain(parts).collect()
}

impl Part {
    fn of(text: &str) -> Self {
        let text = text.replace('’', "'");
        let words: Vec<String> = words(&text).flat_map(with_parts).collect();
        let stems: Vec<String> = words.iter().map(|word| stem(word)).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, stem) in stems.iter().enumerate() {
            places.entry(stem.clone()).or_default().push(at);
        }
        Self {
            text,
            words,
            stems,
            places,
        }
    }

    fn says(&self, keyword: &Keyword) -> usize {
        // Chinese and Japanese put no space between words.
        if keyword.text.chars().any(|c| c >= '\u{2e80}') {
            return self.text.matches(&keyword.text).count();
        }
        self.places(keyword).len()
    }

    /// Where it is said, in words from the beginning.
    fn places(&self, keyword: &Keyword) -> Vec<usize> {
        let Some(first) = keyword.stems.first() else {
            return Vec::new();
        };
        // Without its ending, `theme` is `them`.
        let is_another = |at: usize| {
            let word = self.words.get(at).map_or("", String::as_str);
            keyword.stems.len() == 1 && word != keyword.text && STOP_WORDS.contains(&word)
        };
        let is_said = |at: usize| {
            let before = self.words.get(at.saturating_sub(DENIAL_REACH)..at);
            self.stems.get(at..at + keyword.stems.len()) == Some(keyword.stems.as_slice())
                && !is_another(at)
                && !before
                    .unwrap_or_default()
                    .iter()
                    .any(|word| DENIALS.contains(&word.as_str()))
        };
        let places = self.places.get(first).map_or(&[][..], Vec::as_slice);
        places.iter().copied().filter(|at| is_said(*at)).collect()
    }
}
