//! In: what a rule declares. Out: which words and paths speak for which label, and how loudly. Never: a reading of any
//! text.

use std::collections::{BTreeMap, BTreeSet};

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
    pub paths: BTreeMap<String, Vec<String>>,
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

/// What speaks for a label where a rule declares nothing. The labels are those GitHub gives a new repository, with
/// `performance` and `security`. People also write in other languages: the last words of each list are the ones that
/// most say it in Spanish, Portuguese, French, German, Russian, Chinese and Japanese.
const DEFAULTS: [(&str, u32, &[&str]); 16] = [
    (
        "bug",
        HINT,
        &[
            "error",
            "fail",
            "failure",
            "wrong",
            "wrongly",
            "doesn't",
            "does not",
            "isn't",
            "aren't",
            "can't",
            "cannot",
            "won't",
            "didn't",
            "unable",
            "nothing",
            "never",
            "instead",
            "although",
            "though",
            "still",
            "ignore",
            "missing",
            "lost",
            "lose",
            "gone",
            "empty",
            "twice",
            "invalid",
            "unexpected",
            "unexpectedly",
            "stay",
            "drop",
            "reject",
            "leave",
            "break",
            "500",
            "502",
            "503",
            "504",
            "erro",
            "falla",
            "fehler",
            "erreur",
        ],
    ),
    (
        "bug",
        SIGN,
        &[
            "bug",
            "crash",
            "panic",
            "exception",
            "broken",
            "incorrect",
            "incorrectly",
            "hang",
            "freeze",
            "stuck",
            "deadlock",
            "corrupt",
            "regression",
            "no longer",
            "any more",
            "anymore",
            "stopped working",
            "not working",
            "doesn't work",
            "does not work",
            "don't work",
            "dont work",
            "disappear",
            "infinite loop",
            "endless loop",
            "loops",
            "glitch",
            "duplicated",
            "expected behavior",
            "expected behaviour",
            "actual behavior",
            "closes",
            "misaligned",
            "not aligned",
            "off screen",
            "absturz",
            "stürzt",
            "funktioniert nicht",
            "no funciona",
            "se cierra",
            "falha",
            "não funciona",
            "échoue",
            "plante",
            "ne fonctionne pas",
            "не работает",
            "ошибка",
            "ошибку",
            "вылетает",
            "报错",
            "崩溃",
            "不对",
            "错误",
            "落ち",
            "エラー",
            "動かない",
        ],
    ),
    (
        "bug",
        TELLING,
        &[
            "segfault",
            "segmentation fault",
            "stack trace",
            "stacktrace",
            "traceback",
            "data loss",
            "crash loop",
            "steps to reproduce",
        ],
    ),
    (
        "documentation",
        HINT,
        &[
            "docs",
            "doc",
            "documentation",
            "readme",
            "guide",
            "tutorial",
            "cookbook",
            "wiki",
            "page",
            "example",
            "reference",
            "explain",
            "describe",
            "mention",
            "document",
            "snippet",
            "notes",
        ],
    ),
    (
        "documentation",
        SIGN,
        &[
            "typo",
            "misspelled",
            "docs.rs",
            "docstring",
            "changelog",
            "out of date",
            "outdated",
            "upgrade notes",
            "release notes",
            "migration guide",
            "api page",
        ],
    ),
    (
        "documentation",
        TELLING,
        &[
            "broken link",
            "dead link",
            "dead links",
            "link is dead",
            "outdated example",
            "documentation is wrong",
            "docs say",
            "readme says",
            "readme still",
            "guide still",
            "docs still",
        ],
    ),
    (
        "enhancement",
        HINT,
        &[
            "add",
            "allow",
            "support",
            "option",
            "improve",
            "configurable",
            "custom",
            "would",
            "could",
            "want",
            "need",
            "should be able",
            "alternative",
            "automatically",
            "handy",
            "useful",
        ],
    ),
    (
        "enhancement",
        SIGN,
        &[
            "feature",
            "enhancement",
            "proposal",
            "suggestion",
            "wish",
            "please add",
            "add support",
            "support for",
            "ability to",
            "make it possible",
            "add an option",
            "add option",
            "use case",
            "would like",
            "i'd like",
            "you should add",
            "could we have",
            "can we have",
            "would do",
            "would help",
            "why is this needed",
            "wäre schön",
            "sería",
            "gostaria",
            "serait",
            "хотелось",
            "добавьте",
            "希望",
            "能否",
            "支持",
            "ほしい",
        ],
    ),
    (
        "enhancement",
        TELLING,
        &[
            "feature request",
            "would be nice",
            "would be great",
            "would be useful",
            "would be cool",
            "would be handy",
            "would be good",
            "will be good",
            "would be perfect",
            "would love",
            "it'd be nice",
            "it'd be great",
            "it'd be handy",
        ],
    ),
    (
        "performance",
        HINT,
        &[
            "memory", "ram", "cpu", "latency", "seconds", "minutes", "hours", "profile", "core", "rows",
            "cache", "smooth", "grow",
        ],
    ),
    (
        "performance",
        SIGN,
        &[
            "slow",
            "slower",
            "slowness",
            "slowly",
            "performance",
            "throughput",
            "memory usage",
            "cpu usage",
            "lag",
            "laggy",
            "stutter",
            "fps",
            "frames",
            "hitch",
            "oom",
            "out of memory",
            "bottleneck",
            "bundle size",
            "flamegraph",
            "flame graph",
            "pprof",
            "cprofile",
            "massif",
            "quadratic",
            "allocated",
            "langsam",
            "lento",
            "lent",
            "медленно",
            "慢",
            "遅い",
            "重い",
        ],
    ),
    (
        "performance",
        TELLING,
        &[
            "memory leak",
            "leaks memory",
            "leak memory",
            "high cpu",
            "takes forever",
            "times slower",
            "drops frames",
            "memory grows",
            "memory climbs",
            "memory keeps growing",
        ],
    ),
    (
        "question",
        SIGN,
        &[
            "question",
            "how do",
            "how to",
            "how can",
            "is it possible",
            "is there",
            "can i",
            "should i",
            "do i",
            "wondering",
            "any way to",
            "i don't understand",
            "best way",
            "what to do",
            "what is the difference",
            "which one",
            "recommended",
            "supposed to",
            "am i",
            "is this intended",
            "on purpose",
            "planned",
            "i am new",
            "can't find",
            "what is",
            "what's",
            "can we",
            "gibt es",
            "kann man",
            "wie kann",
            "cómo",
            "es posible",
            "como faço",
            "comment faire",
            "est-ce",
            "как",
            "помогите",
            "怎么",
            "如何",
            "吗",
            "ですか",
        ],
    ),
    (
        "security",
        HINT,
        &[
            "leak",
            "password",
            "secret",
            "credentials",
            "token",
            "untrusted",
            "anyone",
            "anybody",
            "trusted",
            "access",
        ],
    ),
    (
        "security",
        SIGN,
        &[
            "security",
            "bypass",
            "attacker",
            "malicious",
            "sanitize",
            "escalate",
            "escalation",
            "in the clear",
            "advisory",
            "trivy",
            "npm audit",
            "hardening",
            "smuggling",
            "scanner",
            "unsafe",
            "can be bypassed",
            "spoof",
            "sicherheitslücke",
            "vulnerabilidad",
            "уязвимость",
            "漏洞",
        ],
    ),
    (
        "security",
        TELLING,
        &[
            "vulnerability",
            "cve",
            "xss",
            "csrf",
            "ssrf",
            "sql injection",
            "command injection",
            "path traversal",
            "privilege escalation",
            "code execution",
            "arbitrary code",
            "rce",
            "exploit",
            "prototype pollution",
            "leaks credentials",
            "leaked token",
        ],
    ),
];

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
                ["docs/**", "README*", "CHANGELOG*"].map(str::to_owned).to_vec(),
            )]),
        }
    }
}

impl Vocabulary {
    /// The default, with a rule's own words: a label named here has these words instead of its default ones, an empty
    /// list takes the label away, and a new label joins.
    pub fn with(
        labels: Option<BTreeMap<String, Vec<String>>>,
        paths: Option<BTreeMap<String, Vec<String>>>,
    ) -> Self {
        let mut vocabulary = Self::default();
        overlay(&mut vocabulary.keywords, labels, |word| Keyword::new(&word, SIGN));
        overlay(&mut vocabulary.paths, paths, |glob| glob);
        vocabulary
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

fn overlay<T>(
    onto: &mut BTreeMap<String, Vec<T>>,
    declared: Option<BTreeMap<String, Vec<String>>>,
    adapt: impl Fn(String) -> T,
) {
    for (label, words) in declared.into_iter().flatten() {
        if words.is_empty() {
            onto.remove(&label);
        } else {
            onto.insert(label, words.into_iter().map(&adapt).collect());
        }
    }
}
