//! In: rule files and variables. Out: a [`RuleBook`]; per event, a [`Verdict`] of every rule that listens. Never: files,
//! tools, storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::normalize::Event;
use crate::rules::allow;
use crate::rules::check::{self, Catalog};
use crate::rules::diagnostic::{Diagnostic, Findings, Severity};
use crate::rules::expression::Names;
use crate::rules::parse;
use crate::rules::rule::{Mode, Rule};

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
    let mut diagnostics = Vec::new();
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
        if let Some(why) = &file.unreadable {
            findings.error("unreadable", &(0..0), format!("the file cannot be read: {why}"));
        } else if file.text.len() > FILE_BYTES_MAX {
            findings.error("file-size", &(0..0), "a rule file is at most 1 MiB");
        } else if let Some(parsed) = parse::rule(&id, &file.path, vars, &mut findings) {
            check::rule(&parsed.tree, vars, catalog, &mut findings);
            let complete = catalog.is_some() && !findings.has_error();
            allow::apply(&parsed.tree, complete, &mut findings);
            rules.extend(parsed.rule.map(Arc::new));
        }
        diagnostics.extend(findings.into_sorted());
    }
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    Loaded {
        book: (!failed).then(|| RuleBook::new(rules, vars)),
        diagnostics,
    }
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

fn stem(path: &str) -> String {
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
            hash: parse::hex(&Sha256::digest(canonical.as_bytes())),
            rules,
            vars: vars.clone(),
        }
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

    /// The configuration's variables.
    pub fn vars(&self) -> &Value {
        &self.vars
    }

    /// What every rule that listens to this event says about it, by rule id. The obvious way, rule by rule: it is what
    /// any faster way is measured against.
    pub fn evaluate(&self, event: &Event) -> Vec<Evaluation> {
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
}

/// What a rule that listens says; the names are made once for all rules that need them.
pub(crate) fn verdict(rule: &Rule, event: &Event, names: &mut Option<Names>) -> Verdict {
    if rule.mode == Mode::Off {
        return Verdict::Off;
    }
    if !rule.when.holds(&event.payload) {
        return Verdict::Missed;
    }
    if rule.condition.is_none() && rule.limits.key.is_none() {
        return Verdict::Fired {
            key: event.subject.0.clone(),
        };
    }
    let names = names
        .get_or_insert_with(|| names_of(event, &Value::Null))
        .with_vars(&rule.vars);
    if let Some(condition) = &rule.condition {
        match condition.holds(&names) {
            Ok(true) => {}
            Ok(false) => return Verdict::Missed,
            Err(error) => return Verdict::Error(format!("if: {error}")),
        }
    }
    match &rule.limits.key {
        None => Verdict::Fired {
            key: event.subject.0.clone(),
        },
        Some(key) => match key.text(&names) {
            Ok(key) => Verdict::Fired { key },
            Err(error) => Verdict::Error(format!("limits.key: {error}")),
        },
    }
}

/// What an expression sees of an event before there is a run.
pub(crate) fn names_of(event: &Event, vars: &Value) -> Names {
    Names::at_match(&event.payload, &meta_of(event), vars, event.received_at)
}

impl Rule {
    /// Whether one of the rule's `on` covers this event type.
    pub fn listens_to(&self, kind: &str) -> bool {
        self.on.iter().any(|on| covers(on, kind))
    }
}

/// `github.issues` covers `github.issues.opened` but not `github.issues_x`; `github.*` all below; `*` everything.
pub(crate) fn covers(on: &str, kind: &str) -> bool {
    if on == "*" {
        return true;
    }
    let prefix = on.strip_suffix(".*").unwrap_or(on);
    match kind.strip_prefix(prefix) {
        Some("") => prefix.len() == on.len(),
        Some(rest) => rest.starts_with('.'),
        None => false,
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
    })
}
