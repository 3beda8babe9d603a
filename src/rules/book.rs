//! In: rule files and variables. Out: a [`RuleBook`]; per event, a [`Verdict`] of every rule that listens. Never: files,
//! tools, storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::normalize::Event;
use crate::rules::advice;
use crate::rules::allow;
use crate::rules::check::{self, Catalog};
use crate::rules::diagnostic::{Diagnostic, Findings, Severity};
use crate::rules::engine::{Engine, Filing};
use crate::rules::expression::Names;
use crate::rules::parse;
use crate::rules::rule::{Mode, Rule};

/// How [`Candidate::missed`] says that it was the `if`.
pub(crate) const MISSED_AT_IF: &str = "if";

/// Largest rule file, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// One rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As it is shown to the user; its stem is the rule's id.
    pub path: String,
    /// What stands in it.
    pub text: String,
    /// Why it could not be read; `text` is empty then.
    pub unreadable: Option<String>,
}

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The book; `None` when there is any error.
    pub book: Option<RuleBook>,
    /// Everything that is wrong, in the order of the files and of their lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// All rules of one moment. Immutable: a reload makes a new one.
#[derive(Clone, Debug)]
pub struct RuleBook {
    hash: String,
    rules: Vec<Arc<Rule>>,
    vars: Value,
    engine: Arc<Engine>,
}

/// How the rules of a file, or of a book, are found for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// By a value of the event: they cost nothing until it comes.
    pub indexed: usize,
    /// By their own names: only their schedules, or somebody who asks for them, can start them.
    pub named: usize,
    /// Looked at for every event they listen to: no single value tells that they hold.
    pub scanned: usize,
    /// Off: never looked at.
    pub off: usize,
}

/// A rule whose patterns had to be looked at for an event, and what came of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The rule, and what it says; never [`Verdict::Off`].
    pub evaluation: Evaluation,
    /// The first condition of `[when]` that does not hold, counted from 0; `None` if they all do.
    pub failed: Option<usize>,
}

impl Candidate {
    /// What it failed at, short enough to be kept with every event: the place of the condition in `[when]`, counted from 0,
    /// or `if`. `None` when it did not miss.
    pub fn missed(&self) -> Option<String> {
        match (&self.evaluation.verdict, self.failed) {
            (Verdict::Missed, Some(place)) => Some(place.to_string()),
            (Verdict::Missed, None) => Some(MISSED_AT_IF.to_owned()),
            _ => None,
        }
    }
}

/// What one rule says about one event.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What it says.
    pub verdict: Verdict,
}

/// What a rule that listens to an event says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fires.
    Fired {
        /// What its limits are counted by.
        key: String,
        /// Its concurrency group.
        group: Option<String>,
    },
    /// Its conditions do not hold.
    Missed,
    /// It is off.
    Off,
    /// It could not be decided; this is never the same as not holding.
    Error(String),
}

/// Reads all files. `vars` is the `[vars]` of the configuration, an object; with a catalog the rules' calls are checked
/// against the tools that exist.
pub fn load(files: &[SourceFile], vars: &Value, catalog: Option<&Catalog>) -> Loaded {
    let mut ordered: Vec<&SourceFile> = files.iter().collect();
    ordered.sort_by(|a, b| a.path.cmp(&b.path));
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut rules = Vec::new();
    let mut read = Vec::new();
    let mut doings = BTreeMap::new();
    for file in ordered {
        let mut findings = Findings::new(&file.path, &file.text);
        let id = stem(&file.path);
        check_id(&id, &mut findings);
        if let Some(other) = seen.insert(id.clone(), &file.path) {
            findings
                .error(
                    "duplicate-rule",
                    &(0..0),
                    format!("there is another rule `{id}`: {other}"),
                )
                .hint("a rule's id is its file's name and is unique over all folders");
        }
        let mut tree = None;
        if let Some(why) = &file.unreadable {
            findings.error("unreadable", &(0..0), format!("the file cannot be read: {why}"));
        } else if file.text.len() > FILE_BYTES_MAX {
            findings.error("file-size", &(0..0), "a rule file is at most 1 MiB");
        } else if let Some(parsed) = parsed(&id, file, vars, &mut findings) {
            let doing = check::rule(&parsed.tree, vars, catalog, &mut findings);
            doings.extend(
                doing
                    .filter(|_| acts(parsed.rule.as_ref()))
                    .map(|doing| (id.clone(), doing)),
            );
            rules.extend(parsed.rule.map(Arc::new));
            tree = Some(parsed.tree);
        }
        read.push((id, tree, findings));
    }
    check::together(&doings, &mut |rule, tell| {
        if let Some((_, _, findings)) = read.iter_mut().find(|(id, _, _)| id == rule) {
            tell(findings);
        }
    });
    let mut diagnostics = Vec::new();
    for (_, tree, mut findings) in read {
        advice::apply(catalog, &mut findings);
        if let Some(tree) = &tree {
            let complete = catalog.is_some() && !findings.has_error();
            allow::apply(tree, complete, &mut findings);
        }
        diagnostics.extend(findings.into_sorted());
    }
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    Loaded {
        book: (!failed).then(|| RuleBook::new(rules, vars)),
        diagnostics,
    }
}

fn parsed(id: &str, file: &SourceFile, vars: &Value, findings: &mut Findings<'_>) -> Option<parse::Parsed> {
    crate::rules::hidden::check(findings);
    parse::rule(id, &file.path, vars, findings)
}

fn acts(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| rule.mode == Mode::Live)
}

/// Compiles a version that was kept: tools that are no longer there and the like are no matter.
pub fn parse_pinned(rule_id: &str, text: &str, vars: &Value) -> Result<Rule, String> {
    let path = format!("{rule_id}.toml");
    let mut findings = Findings::new(&path, text);
    match parse::rule(rule_id, &path, vars, &mut findings).and_then(|parsed| parsed.rule) {
        Some(rule) => Ok(rule),
        None => Err(findings
            .into_sorted()
            .into_iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| {
                format!(
                    "{}:{}:{}: {}",
                    found.path, found.line, found.column, found.message
                )
            })
            .collect::<Vec<_>>()
            .join("; ")),
    }
}

/// A rule's id, of its file's path.
pub fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".toml").unwrap_or(name).to_owned()
}

fn check_id(id: &str, findings: &mut Findings<'_>) {
    let words_fit = id
        .split('-')
        .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    if !words_fit || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        findings
            .error(
                "rule-id",
                &(0..0),
                format!("the file's name is the rule's id, and `{id}` is not kebab-case"),
            )
            .hint("lower-case letters and digits, words joined by `-`: `triage-new-issue.toml`");
    }
}

impl RuleBook {
    fn new(mut rules: Vec<Arc<Rule>>, vars: &Value) -> Self {
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        let versions: Vec<[&str; 2]> = rules
            .iter()
            .map(|rule| [rule.id.as_str(), rule.version.as_str()])
            .collect();
        let canonical = json!({ "rules": versions, "vars": vars }).to_string();
        Self {
            hash: hex::encode(Sha256::digest(canonical.as_bytes())),
            engine: Arc::new(Engine::new(&rules)),
            rules,
            vars: vars.clone(),
        }
    }

    /// The same with rules that are off switched on, so that their tests can be run.
    #[must_use]
    pub fn awake(mut self) -> Self {
        for rule in self.rules.iter_mut().filter_map(Arc::get_mut) {
            if rule.mode == Mode::Off {
                rule.mode = Mode::Live;
            }
        }
        self.engine = Arc::new(Engine::new(&self.rules));
        self
    }

    /// SHA-256 over all texts and variables, in hexadecimal; the order of the files does not matter.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The rules, by id.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// One rule.
    pub fn rule(&self, id: &str) -> Option<&Arc<Rule>> {
        let at = self
            .rules
            .binary_search_by(|rule| rule.id.as_str().cmp(id))
            .ok()?;
        self.rules.get(at)
    }

    /// Whether any rule that is not off listens to events of this type.
    pub fn hears(&self, kind: &str) -> bool {
        let listening = self.engine.listening(kind);
        let mut rules = listening.into_iter().filter_map(|place| self.rules.get(place));
        rules.any(|rule| rule.mode != Mode::Off)
    }

    /// The configuration's variables.
    pub fn vars(&self) -> &Value {
        &self.vars
    }

    /// What every rule that listens to this event says about it, by rule id.
    pub fn evaluate(&self, event: &Event) -> Vec<Evaluation> {
        let mut candidates = self.candidates(event).into_iter().peekable();
        self.engine
            .listening(&event.kind.0)
            .into_iter()
            .filter_map(|place| self.rules.get(place))
            .map(|rule| {
                if let Some(found) = candidates.next_if(|found| found.evaluation.rule.id == rule.id) {
                    return found.evaluation;
                }
                let off = rule.mode == Mode::Off;
                Evaluation {
                    rule: Arc::clone(rule),
                    verdict: if off { Verdict::Off } else { Verdict::Missed },
                }
            })
            .collect()
    }

    /// What the rules say that had to be looked at for this event, by rule id: all that fire or err are among them, and
    /// what is left out has missed or is off. Costs what the event matches, however many rules there are.
    pub fn candidates(&self, event: &Event) -> Vec<Candidate> {
        let found = match self.engine.candidates(&event.kind.0, &event.body) {
            Ok(found) => found,
            Err(reason) => return self.unreadable(event, &reason),
        };
        let mut names = None;
        found
            .into_iter()
            .filter_map(|found| {
                let rule = self.rules.get(found.rule)?;
                let verdict = match found.failed {
                    Some(_) => Verdict::Missed,
                    None if rule.needs_names() => {
                        let names = names.get_or_insert_with(|| names_of(event, &Value::Null, &Value::Null));
                        let part = self.engine.offer(found.rule, &event.payload);
                        beyond_patterns(rule, event, &names.with(part, &rule.vars))
                    }
                    None => fired(event),
                };
                Some(Candidate {
                    evaluation: Evaluation {
                        rule: Arc::clone(rule),
                        verdict,
                    },
                    failed: found.failed,
                })
            })
            .collect()
    }

    /// Bytes that are no payload, which verification has refused already: an error is its own verdict.
    fn unreadable(&self, event: &Event, reason: &str) -> Vec<Candidate> {
        let listening = self.engine.listening(&event.kind.0);
        let rules = listening.into_iter().filter_map(|place| self.rules.get(place));
        rules
            .filter(|rule| rule.mode != Mode::Off)
            .map(|rule| Candidate {
                evaluation: Evaluation {
                    rule: Arc::clone(rule),
                    verdict: Verdict::Error(reason.to_owned()),
                },
                failed: None,
            })
            .collect()
    }

    /// The same as [`RuleBook::evaluate`], rule by rule and value by value from the parsed payload: what the faster way is
    /// measured against, in time and in truth.
    pub fn evaluate_naively(&self, event: &Event) -> Vec<Evaluation> {
        let mut names = None;
        self.rules
            .iter()
            .filter(|rule| rule.listens_to(&event.kind.0))
            .map(|rule| Evaluation {
                rule: Arc::clone(rule),
                verdict: verdict(rule, event, &mut names),
            })
            .collect()
    }

    /// How the book's rules are found for an event.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for place in 0..self.rules.len() {
            coverage.count(self.engine.filing(place));
        }
        coverage
    }

    /// The same for each file, by its path.
    pub fn coverage_by_file(&self) -> BTreeMap<&str, Coverage> {
        let mut files: BTreeMap<&str, Coverage> = BTreeMap::new();
        for (place, rule) in self.rules.iter().enumerate() {
            files
                .entry(&rule.path)
                .or_default()
                .count(self.engine.filing(place));
        }
        files
    }
}

impl Coverage {
    fn count(&mut self, filing: Filing) {
        match filing {
            Filing::Indexed => self.indexed += 1,
            Filing::Named => self.named += 1,
            Filing::Scanned => self.scanned += 1,
            Filing::Off => self.off += 1,
        }
    }
}

/// What a rule that listens says, in the obvious way; the names are made once for all rules that need them.
pub(crate) fn verdict(rule: &Rule, event: &Event, names: &mut Option<Names>) -> Verdict {
    if rule.mode == Mode::Off {
        return Verdict::Off;
    }
    if !rule.when.holds(&event.payload) {
        return Verdict::Missed;
    }
    if !rule.needs_names() {
        return fired(event);
    }
    let names = names.get_or_insert_with(|| names_of(event, &event.payload, &Value::Null));
    beyond_patterns(rule, event, &names.with_vars(&rule.vars))
}

fn fired(event: &Event) -> Verdict {
    Verdict::Fired {
        key: event.subject.0.clone(),
        group: None,
    }
}

/// What a rule says whose patterns hold.
fn beyond_patterns(rule: &Rule, event: &Event, names: &Names) -> Verdict {
    if let Some(condition) = &rule.condition {
        match condition.holds(names) {
            Ok(true) => {}
            Ok(false) => return Verdict::Missed,
            Err(error) => return Verdict::Error(format!("if: {error}")),
        }
    }
    let key = match &rule.limits.key {
        None => event.subject.0.clone(),
        Some(key) => match key.text(names) {
            Ok(key) => key,
            Err(error) => return Verdict::Error(format!("limits.key: {error}")),
        },
    };
    let group = match &rule.concurrency {
        None => None,
        Some(concurrency) => match concurrency.group.text(names) {
            Ok(group) => Some(group),
            Err(error) => return Verdict::Error(format!("concurrency.group: {error}")),
        },
    };
    Verdict::Fired { key, group }
}

/// What an expression sees of an event before there is a run.
pub(crate) fn names_of(event: &Event, payload: &Value, vars: &Value) -> Names {
    Names::at_match(payload, &meta_of(event), vars, event.received_at)
}

impl Rule {
    /// Whether more than patterns decides, so that expressions need something to look at.
    fn needs_names(&self) -> bool {
        self.condition.is_some() || self.limits.key.is_some() || self.concurrency.is_some()
    }
}

/// The envelope as expressions see it.
pub fn meta_of(event: &Event) -> Value {
    json!({
        "id": event.id.0,
        "source": event.source.as_str(),
        "type": event.kind.0,
        "action": event.action,
        "subject": event.subject.0,
        "actor": event.actor.as_ref().map(|actor| &actor.0),
        "time": event.time.to_string(),
        "replayed": event.replayed,
        "recovered": event.fetch().is_some(),
    })
}
