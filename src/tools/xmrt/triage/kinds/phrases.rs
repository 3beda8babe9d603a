//! In: prose. Out: the turns of phrase a kind of issue has, that no list of words can hold. Never: a decision, or a
//! stranger's words.

use std::sync::LazyLock;

use regex::Regex;

use super::super::vocabulary::{HINT, SIGN, TELLING};
use super::Prose;

/// A turn of phrase that was found.
#[derive(Debug)]
pub(super) struct Phrase {
    pub weight: u32,
    pub because: String,
}

/// Where a turn of phrase is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Title,
    /// The title and the author's words.
    Words,
    /// The title, the author's words and what they pasted.
    Everything,
}

struct Turn {
    kind: &'static str,
    weight: u32,
    place: Place,
    /// What is said about it.
    name: &'static str,
    pattern: Regex,
}

/// Kind, weight, place, what is said about it, and how it looks. Everything is lower case.
const TURNS: [(&str, u32, Place, &str, &str); 24] = [
    (
        "bug",
        TELLING,
        Place::Everything,
        "it shows a stack trace or a crash",
        r"panicked at|traceback \(most|\bpanic: |segmentation fault|sigsegv|core dumped|goroutine \d+ \[|stack backtrace|(?m)^\s+at [\w.<>$]+[(.]|\bunhandled (exception|rejection)",
    ),
    (
        "bug",
        SIGN + HINT,
        Place::Everything,
        "it shows an error message",
        r"\b[a-z]+(error|exception)\b|\berror( \w+)?:|\[error|\b(returns?|gives?|answers?|with) [45]\d\d\b|\bfatal:|\berror \(|\bts\d{4}\b",
    ),
    (
        "bug",
        SIGN,
        Place::Words,
        "it says since when",
        r"\b(since|after) (the |we |i )?(updat\w+|upgrad\w+|\d+\.\d+|v\d)|\bworked (in|with|before|until)|\bused to work|\bis (ok|okay|fine)\b|\bwas fine\b|\bwithout (it|the (mod|proxy|plugin)).{0,40}\b(right|fine|ok|works)",
    ),
    (
        "bug",
        SIGN,
        Place::Words,
        "it says what was expected",
        r"\b(i|we)('d| would)? expect(ed)?\b|\bexpected\b|\bshould (not |be |have |get |go |return |only|never )|\bwas supposed to\b|\besperaba\b|\besperado\b|\berwartet\b",
    ),
    (
        "bug",
        HINT,
        Place::Words,
        "it names a version",
        r"\bv?\d+\.\d+(\.\d+)+\b|\bversion:? v?\d",
    ),
    (
        "documentation",
        TELLING,
        Place::Words,
        "it says what a text says",
        r"\b(docs?|documentation|readme|guide|tutorial|page|reference|recipe|cookbook|docstring|wiki|site|manual|notes|badge|chapter \d+|parameter)('s)?\b(?:[^.\n]|\.\d){0,50}\b(says?|said|still|mentions?|lists?|claims?|shows?|tells?|describes?|lacks?|misses|missing|wrong|outdated|out of date|dead|404|without a description|nowhere|(should|doesn't|does not) (say|mention|warn|list))\b",
    ),
    (
        "documentation",
        TELLING,
        Place::Words,
        "a link leads nowhere",
        r"\b(links?|url)\b[^\n]{0,80}(\b(dead|404|403|broken|gone|nowhere)\b)|→ 40[34]\b|\b(gives|returns) 404 since",
    ),
    (
        "documentation",
        TELLING,
        Place::Title,
        "the title asks for an explanation to be written",
        r"^(please )?(document|explain|clarify|describe)\b|\b(docs|documentation|readme|guide|tutorial|wiki|docstring|cookbook)\b.{0,60}\b(says?|still|mentions?|doesn't mention|missing|is missing|are missing|out of date|wrong|dead)|\b(docs|readme)/?[\w/.-]*\.md\b",
    ),
    (
        "enhancement",
        TELLING + SIGN,
        Place::Words,
        "it is put as a wish",
        r"\b(please|pls|kindly) (add|support|allow|offer|provide|expose|implement|consider|make|let|ship|publish|include)\b|\b(could|can) (you|u|we|there|it) (please |also |maybe |perhaps )?(be (a|an|added|some|possible)|have a|add|support|offer|provide|make)\b|\bcould be added\b|\b(would|'d|will) be (really |very |so |much |even |more |just )*(nice|great|good|cool|useful|helpful|handy|perfect|awesome|convenient)\b|\byou should add\b|\b(a|an) \S+ (flag|option|setting|switch) would\b|\btake this as a wish\b|\bwould it be possible\b",
    ),
    (
        "enhancement",
        SIGN,
        Place::Words,
        "it says what its author would like",
        r"\b(i|we)('d| would) (really )?(like|love|prefer|need)\b|\b(i|we) want to be able\b|\bi wish\b|\bto be able to\b|\bthere('s| is) no way to\b|\bhappy to (contribute|send a pr|help)\b|\bhas (it|one)\b|\bas (it's|it is|is) possible\b|\blike in \w+\b|\bhave to do it by hand\b|\bcustomers ask for\b",
    ),
    (
        "enhancement",
        TELLING,
        Place::Title,
        "the title asks for something new",
        r"^(please |pls )?(add|allow|support|provide|expose|implement|let|enable|introduce|offer|ship|publish|option|ability|per-\w+|optional|configurable)\b|\bsupport$|\b(please|pls)$|^suggestion\b|\brequest$",
    ),
    (
        "performance",
        TELLING,
        Place::Words,
        "it says how long it takes",
        r"\btak(es|ing|e|en) (about |around |over |more than |nearly |up to |almost |roughly )*\d[\d.,-]*\s*(ms|s|sec|secs|seconds|m|min|minutes|h|hours)\b|\b\d[\d.]* ?(ms|s|sec|seconds|minutes|min)\b.{0,60}\b(instead of|vs\.?|with .{0,20} it's|after filtering|to open)\b|\bdoesn't finish in\b|\blatenc(y|ies) of seconds\b",
    ),
    (
        "performance",
        TELLING,
        Place::Words,
        "it compares speeds or sizes",
        r"\b(\d+x|\d+ times|two times|three times|four times|much|way|far|a lot) (slower|larger|bigger|more memory)\b|\bhalf of what it was\b|\b\d+[.,]?\d*k? (req|requests|rows|queries)/s\b|\b\d+ ?fps\b|\b(at|from|to) (about )?\d+ fps\b",
    ),
    (
        "performance",
        TELLING,
        Place::Words,
        "it says how much memory or computing it costs",
        r"\b(grows?|climbs?|uses|using|ate|eats?|peaks?|holds?|from)\b(?:[^.\n]|\.\d){0,40}\b\d[\d.,]* ?(kb|mb|gb|kib|mib|gib)\b|\b\d+ ?(kb|mb) per \w+|\b(memory|ram)\b(?:[^.\n]|\.\d){0,50}\b(grows?|climbs?|increas\w+|never (goes|comes))\b|\boom.?killed\b|\b(cpu|core)s?\b(?:[^.\n]|\.\d){0,30}\b100 ?%|\b100 ?%(?:[^.\n]|\.\d){0,30}\b(cpu|core)\b|\bhammers?\b",
    ),
    ("question", SIGN + HINT, Place::Words, "it asks", r"\?(\s|$)|？"),
    (
        "question",
        SIGN,
        Place::Words,
        "its author looked and did not find",
        r"\b(can('|no)?t|couldn't|could not|didn't|haven't|don't|cannot) (find|found|find anything|see|know|understand)\b|\bfind (no|nothing|anything)\b|\bi am (new|student|a student|a beginner)\b|\bnot (sure|a bug,? (maybe|but|just))\b|\bthank you\b|\bnewbie\b",
    ),
    (
        "security",
        3 * TELLING,
        Place::Everything,
        "it names an advisory",
        r"\bcve-\d{4}-\d+|\bghsa-\w+",
    ),
    (
        "security",
        TELLING,
        Place::Words,
        "it says who could do what",
        r"\b(anyone|anybody|everyone|everybody|attackers?|any (other )?\w+|other users?)\b(?:[^.\n]|\.\d){0,50}\b(can|could|gets?|may) (read|run|execute|see|write|delete|put|do|take|inject|call|access|create)?|\breachable (from|by|for) (everywhere|anyone|anybody|the internet)|\bworthless against\b|\bknows the trick\b",
    ),
    (
        "security",
        TELLING,
        Place::Words,
        "it says that a secret is shown",
        r"\b(passwords?|secrets?|credentials?|tokens?|private keys?|hashes)\b(?:[^.\n]|\.\d){0,60}\b(printed|logged|stored|visible|shown|shows?|exposed|plain ?text|in the clear|readable|leaks?|leaked|in the status)\b|\b(shows?|prints?|logs|leaks?|exposes?)\b(?:[^.\n]|\.\d){0,40}\b(passwords?|secrets?|credentials?|tokens?|hashes)\b",
    ),
    (
        "security",
        TELLING,
        Place::Everything,
        "it names a way to attack",
        r"\b(execute|run|runs|executes) (anything|code|arbitrary)\b|\bcode (execution|on load)\b|\b(yaml\.load|pickle\.load|unpickl\w+|binaryformatter|deseriali[sz]\w+|innerhtml|os\.system)\b|drop table|onerror=|\bcrafted\b|<script|javascript:|\.\./\.\.|%2e|\b(be|is|are) bypassed\b|\bbypass\b|\bauthentication bypass\b",
    ),
    (
        "security",
        TELLING,
        Place::Words,
        "it says that something unsafe is accepted",
        r"\baccepts? (tls ?1\.[01]|sslv?3|any)|\b(tls 1\.[01]|sslv3|3des|md5)\b(?:[^.\n]|\.\d){0,30}\b(accepted|allowed|enabled)\b|\b0\.0\.0\.0 by default\b|\buntrusted\b",
    ),
    (
        "security",
        SIGN,
        Place::Words,
        "it was meant for a private report",
        r"\b(security (address|team|email|mail|\.md)|privately|responsible disclosure)\b",
    ),
    (
        "question",
        TELLING,
        Place::Title,
        "the title asks for help",
        r"^(help|question|need help|помогите|hilfe|ayuda|ajuda)\b",
    ),
    (
        "bug",
        SIGN,
        Place::Title,
        "the title says that something does not work",
        r"\b(do(es)?(n't| not)|did(n't| not)|are(n't| not)|can('t|not| not)|won't|never|no longer) \w+|\bis(n't| not) (\w+(ed|ing|en|own|able)|in|on|there)\b|\b(fails?|crash\w*|lost|wrong|broken|ignor\w+|missing|closes both|stops?|kills?|resets?|drops?|leaves?|forgets?|loses?|takes? .{1,30} down|escapes?|skips)\b",
    ),
];

static COMPILED: LazyLock<Vec<Turn>> = LazyLock::new(|| {
    TURNS
        .into_iter()
        .filter_map(|(kind, weight, place, name, pattern)| {
            Some(Turn {
                kind,
                weight,
                place,
                name,
                pattern: Regex::new(pattern).ok()?,
            })
        })
        .collect()
});

/// The texts that are searched, joined once for all kinds.
#[derive(Debug)]
pub(super) struct Joined<'a> {
    title: &'a str,
    words: String,
    everything: String,
}

impl<'a> Joined<'a> {
    pub(super) fn of(prose: &'a Prose) -> Self {
        let words = format!("{}\n{}", prose.title, prose.words);
        Self {
            title: &prose.title,
            everything: format!("{words}\n{}", prose.code),
            words,
        }
    }
}

/// The turns of phrase of one kind.
pub(super) fn of(kind: &str, joined: &Joined<'_>) -> Vec<Phrase> {
    COMPILED
        .iter()
        .filter(|turn| turn.kind == kind)
        .filter_map(|turn| {
            let text: &str = match turn.place {
                Place::Title => joined.title,
                Place::Words => &joined.words,
                Place::Everything => &joined.everything,
            };
            turn.pattern.is_match(text).then(|| Phrase {
                weight: turn.weight,
                because: turn.name.to_owned(),
            })
        })
        .collect()
}
