//! In: a pull request, the files it changes, the repository's CODEOWNERS, what was checked, a vocabulary. Out: what a reviewer would
//! want to know before looking, and why. Never: the network, a clock, a language model; a verdict on the code.

mod files;
mod told;

use schemars::JsonSchema;
use serde::Serialize;

use super::owners;
use super::text::list;
use super::vocabulary::Vocabulary;
use files::{Kind, kind_of};

/// How much of a description is a description, in characters, once template comments are gone.
const DESCRIPTION_CHARS_MIN: usize = 20;
/// So few changed lines of code may go without a test.
const UNTESTED_LINES: u64 = 10;
/// From so many changed lines on it is of the next size.
const SIZES: [(u64, Size); 4] = [(400, Size::Xl), (150, Size::L), (50, Size::M), (10, Size::S)];
/// From so many added lines on it is asked whether it can be split.
const SPLIT_LINES: u64 = 400;
/// How many paths of a risk, and how many failed checks, are named.
const NAMED_MAX: usize = 5;

/// A file that is changed.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Its path.
    pub path: String,
    /// Its path before, if it was renamed.
    pub before: Option<String>,
    /// Lines added.
    pub added: u64,
    /// Lines added and deleted.
    pub lines: u64,
    /// It is gone.
    pub removed: bool,
}

/// What a commit's checks came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checks {
    /// How many succeeded, were neutral or skipped.
    pub passed: u32,
    /// How many are not over, or ended without a result: canceled, stale.
    pub pending: u32,
    /// Those that failed, by name.
    pub failed: Vec<String>,
    /// There are more than were looked at.
    pub more: bool,
}

/// Where a pull request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is to be looked at.
    Open,
    /// Its author is still at it.
    Draft,
    /// It is merged or closed.
    Closed,
}

/// What triage is done from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `owner/name`, which closing words may name.
    pub repo: &'a str,
    /// Where it stands.
    pub stage: Stage,
    /// Its title: a stranger's text.
    pub title: &'a str,
    /// Its body: a stranger's text.
    pub body: &'a str,
    /// Its author's login.
    pub author: Option<&'a str>,
    /// Nothing of the author was merged here before.
    pub is_first: bool,
    /// The labels it has.
    pub labels: &'a [String],
    /// What it changes.
    pub files: &'a [Changed],
    /// There are more files than these.
    pub more_files: bool,
    /// The text of the repository's CODEOWNERS, where it has one.
    pub codeowners: Option<&'a str>,
    /// What was checked; none where it could not be read.
    pub checks: Option<&'a Checks>,
    /// Which globs speak for which label.
    pub vocabulary: &'a Vocabulary,
}

/// How large a change is, without what machines write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Below 10 lines.
    Xs,
    /// Below 50.
    S,
    /// Below 150.
    M,
    /// Below 400.
    L,
    /// More.
    Xl,
}

/// Something a reviewer should look at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Risk {
    /// workflows, owners, secrets, access, migrations, tests, dependencies or deployment.
    pub kind: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Where, at most five.
    pub paths: Vec<String>,
}

/// What was concluded, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Labels it should have and has not yet.
    pub labels: Vec<String>,
    /// How large it is.
    pub size: Size,
    /// Changed lines, without what machines write: lockfiles, snapshots, what is generated or vendored.
    pub lines: u64,
    /// Changed files that were looked at.
    pub files: u32,
    /// There are more.
    pub more_files: bool,
    /// Where it stands.
    pub stage: Stage,
    /// What a reviewer should look at first.
    pub risks: Vec<Risk>,
    /// What its author should add.
    pub missing: Vec<String>,
    /// Code owners of what it changes, without its author, as CODEOWNERS names them.
    pub owners: Vec<String>,
    /// Issues that it closes, as its text says.
    pub closes: Vec<u64>,
    /// What was checked; null where that could not be read.
    pub checks: Option<Checks>,
    /// Nothing of its author was merged here before.
    pub first_contribution: bool,
    /// A comment to post as it is: it pings nobody and quotes strangers safely.
    pub conclusion: String,
    /// Why, one sentence per conclusion.
    pub reasons: Vec<String>,
}

/// Concludes labels, size, risks, what is missing, and owners.
pub fn triage(facts: &Facts<'_>) -> Report {
    let mut reasons = Vec::new();
    let paths: Vec<String> = facts.files.iter().map(|file| file.path.clone()).collect();
    let by_hand = facts
        .files
        .iter()
        .filter(|file| kind_of(&file.path) != Kind::Generated);
    let lines: u64 = by_hand.map(|file| file.lines).sum();
    let size = SIZES
        .iter()
        .find(|(from, _)| lines >= *from)
        .map_or(Size::Xs, |(_, size)| *size);
    let labels = labels(facts, &paths, &mut reasons);
    let risks = files::risks(facts.files);
    let missing = missing(facts, &mut reasons);
    let found = owners::owners_of(facts.codeowners, &paths);
    let is_author = |owner: &String| {
        let login = owner.strip_prefix('@');
        facts
            .author
            .zip(login)
            .is_some_and(|(author, login)| author.eq_ignore_ascii_case(login))
    };
    let mut owners = found.owners;
    owners.retain(|owner| !is_author(owner));
    if !owners.is_empty() {
        reasons.push(format!("CODEOWNERS gives what it changes to {}", list(&owners)));
    }
    if facts.more_files {
        reasons.push("it changes more files than were looked at".to_owned());
    }
    if facts.checks.is_some_and(|checks| checks.more) {
        reasons.push("it has more checks than were looked at".to_owned());
    }
    let mut report = Report {
        labels,
        size,
        lines,
        files: u32::try_from(facts.files.len()).unwrap_or(u32::MAX),
        more_files: facts.more_files,
        stage: facts.stage,
        risks,
        missing,
        owners,
        closes: files::closes(facts.repo, facts.body),
        checks: facts.checks.cloned(),
        first_contribution: facts.is_first,
        conclusion: String::new(),
        reasons,
    };
    let added = facts
        .files
        .iter()
        .filter(|file| kind_of(&file.path) != Kind::Generated);
    report.conclusion = told::conclusion(&report, facts.author, added.map(|file| file.added).sum());
    report
}

/// By the globs of the vocabulary, by what its title declares, and by what alone it changes.
fn labels(facts: &Facts<'_>, paths: &[String], reasons: &mut Vec<String>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    let mut add = |label: &str, why: String| {
        let is = |known: &String| known.eq_ignore_ascii_case(label);
        if !labels.iter().any(is) && !facts.labels.iter().any(is) {
            reasons.push(why);
            labels.push(label.to_owned());
        }
    };
    for (label, globs) in &facts.vocabulary.paths {
        let hit = paths
            .iter()
            .find(|path| globs.iter().any(|glob| glob.matches(path)));
        if let Some(path) = hit {
            add(label, format!("it changes {path}, which speaks for {label}"));
        }
    }
    // A mended word in the documentation is no bug, whatever its title says.
    if let Some((kind, label)) = files::alone(facts.files) {
        add(label, format!("it changes nothing but {kind}, which is {label}"));
    } else if let Some((word, label)) = files::declared(facts.title) {
        add(
            label,
            format!("its title begins with \"{word}\", which is {label}"),
        );
    }
    labels
}

fn missing(facts: &Facts<'_>, reasons: &mut Vec<String>) -> Vec<String> {
    let mut missing = Vec::new();
    let said = files::without_comments(facts.body);
    if said.chars().filter(|c| !c.is_whitespace()).count() < DESCRIPTION_CHARS_MIN {
        missing.push("what it changes and why, in the description".to_owned());
        reasons.push("its description says next to nothing".to_owned());
    }
    let of = |kind: Kind| facts.files.iter().filter(move |file| kind_of(&file.path) == kind);
    let code: u64 = of(Kind::Code)
        .filter(|file| !file.removed)
        .map(|file| file.lines)
        .sum();
    let is_tested = of(Kind::Test).any(|file| !file.removed);
    if code >= UNTESTED_LINES && !is_tested && !facts.more_files {
        missing.push("a test, or a word why there is none".to_owned());
        reasons.push(format!("it changes {code} lines of code and no test"));
    }
    missing
}
