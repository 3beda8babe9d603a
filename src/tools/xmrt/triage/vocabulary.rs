//! In: what a rule declares. Out: which words and paths speak for which label, and how loudly. Never: a reading of any
//! text.

mod defaults;

use std::collections::{BTreeMap, BTreeSet};

use defaults::DEFAULTS;

use super::owners::Glob;
use super::text::{stem, words};

/// Labels that say what an issue is, in order of precedence when the evidence is equal. An issue gets one of them, and
/// seldom two.
pub(super) const KINDS: [&str; 6] = [
    "security",
    "bug",
    "documentation",
    "enhancement",
    "question",
    "performance",
];

/// Which words and which paths speak for which label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Label → words and phrases.
    pub keywords: BTreeMap<String, Vec<Keyword>>,
    /// Label → globs, as in `.gitignore`.
    pub paths: BTreeMap<String, Vec<Glob>>,
}

/// A word or a phrase that speaks for a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The word or phrase, lower case. Its inflections count as well: `crash` is said by `crashes`.
    pub text: String,
    /// How loudly it speaks where the text says it: 1 is a hint, 2 a sign, 4 hardly leaves a doubt.
    pub weight: u32,
    /// Its words without their endings, as a text is searched for them.
    pub(super) stems: Vec<String>,
}

impl Keyword {
    /// A word or phrase that speaks so loudly.
    pub fn new(text: &str, weight: u32) -> Self {
        let text = text.to_lowercase();
        Self {
            stems: words(&text).map(|word| stem(&word)).collect(),
            text,
            weight,
        }
    }
}

/// Ordinary words that people also use for something else: `error`, `add`, `docs`.
pub(super) const HINT: u32 = 1;
/// Words that are seldom said in another kind of issue: `crash`, `slow`, `typo`.
pub(super) const SIGN: u32 = 2;
/// Words and phrases that hardly leave a doubt: `stack trace`, `it would be nice`, `sql injection`.
pub(super) const TELLING: u32 = 4;

impl Default for Vocabulary {
    fn default() -> Self {
        let mut keywords: BTreeMap<String, Vec<Keyword>> = BTreeMap::new();
        for (label, weight, words) in DEFAULTS {
            let list = keywords.entry(label.to_owned()).or_default();
            list.extend(words.iter().map(|text| Keyword::new(text, weight)));
        }
        Self {
            keywords,
            paths: BTreeMap::from([(
                "documentation".to_owned(),
                ["docs/**", "README*", "CHANGELOG*"]
                    .into_iter()
                    .filter_map(Glob::parse)
                    .collect(),
            )]),
        }
    }
}

impl Vocabulary {
    /// The default, with a rule's own words: a label named here has these words instead of its default ones, an empty
    /// list takes the label away, and a new label joins.
    ///
    /// # Errors
    /// A glob that cannot be taken.
    pub fn with(
        labels: Option<BTreeMap<String, Vec<String>>>,
        paths: Option<BTreeMap<String, Vec<String>>>,
    ) -> Result<Self, UntakenGlob> {
        let mut vocabulary = Self::default();
        // The default paths go with the words: a label that was taken away does not come back by them.
        for (label, _) in labels.iter().flatten().filter(|(_, words)| words.is_empty()) {
            vocabulary.paths.remove(label);
        }
        overlay(&mut vocabulary.keywords, labels, |_, word| {
            Ok(Keyword::new(word, SIGN))
        })?;
        overlay(&mut vocabulary.paths, paths, |label, glob| {
            Glob::parse(glob).ok_or_else(|| UntakenGlob {
                label: label.to_owned(),
                glob: glob.to_owned(),
            })
        })?;
        Ok(vocabulary)
    }

    /// All labels there are words or paths for.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.keywords
            .keys()
            .chain(self.paths.keys())
            .map(String::as_str)
            .collect()
    }
}

/// A glob of a rule's that says nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("for \"{label}\" has the glob \"{glob}\", which cannot be taken")]
pub struct UntakenGlob {
    label: String,
    glob: String,
}

fn overlay<T>(
    onto: &mut BTreeMap<String, Vec<T>>,
    declared: Option<BTreeMap<String, Vec<String>>>,
    adapt: impl Fn(&str, &str) -> Result<T, UntakenGlob>,
) -> Result<(), UntakenGlob> {
    for (label, words) in declared.into_iter().flatten() {
        if words.is_empty() {
            onto.remove(&label);
        } else {
            let adapted = words.iter().map(|word| adapt(&label, word));
            let adapted = adapted.collect::<Result<_, _>>()?;
            onto.insert(label, adapted);
        }
    }
    Ok(())
}
