//! In: the rules in force, or a text that is not. Out: them as they are shown to people and agents; what is wrong with the
//! text. Never: a change of the rules.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::Reactor;
use crate::rules::{Diagnostic, Mode, Rule, SourceFile, render_diagnostics};

/// How many of a schedule's next ticks are shown.
const TICKS_SHOWN: usize = 3;

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleShown {
    /// Its file's name without `.toml`.
    pub id: String,
    /// SHA-256 of its text.
    pub version: String,
    /// What it does, in one sentence.
    pub description: String,
    /// The event types it listens to.
    pub on: Vec<String>,
    /// When it ticks, if it does.
    pub schedule: Option<ScheduleShown>,
    /// `live`, `shadow` (plans and records, writes nothing) or `off`.
    #[schemars(with = "String")]
    pub mode: Mode,
    /// Why it is off.
    pub off_reason: Option<String>,
    /// Its steps, in order.
    pub actions: Vec<StepNamed>,
}

/// When a rule ticks.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScheduleShown {
    /// Cron's five fields.
    pub cron: String,
    /// Where they are read.
    pub timezone: String,
    /// The next times, there.
    pub next: Vec<String>,
}

/// A step of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StepNamed {
    /// Its name among the rule's steps.
    pub id: String,
    /// `server.tool`.
    pub tool: String,
}

/// A rule in force, with its text.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleWhole {
    /// In outline.
    #[serde(flatten)]
    pub rule: RuleShown,
    /// The variables it sees.
    pub vars: Value,
    /// Its file.
    pub text: String,
    /// How often it may act, times in milliseconds.
    pub limits: Value,
    /// With which other runs it takes turns, if it does.
    pub concurrency: Value,
}

/// What there is to say about the text of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Checked {
    /// It could be put in force.
    pub valid: bool,
    /// How many errors there are.
    pub errors: u32,
    /// How many warnings.
    pub warnings: u32,
    /// The version of the rule of that id that is in force, if there is one.
    pub in_force: Option<String>,
    /// What was found, place by place.
    pub findings: Vec<Finding>,
    /// The same as `xmrt check` prints it; empty when nothing was found.
    pub text: String,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: String,
    /// Which check: `unknown-key`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Reactor {
    /// The hash of the book in force, and its rules.
    pub fn rules_shown(&self) -> (String, Vec<RuleShown>) {
        let (book, now) = (self.book(), self.clock.now());
        let rules = book.rules().iter().map(|rule| outline(rule, now)).collect();
        (book.hash().to_owned(), rules)
    }

    /// One rule in force, whole.
    pub fn rule_shown(&self, id: &str) -> Option<RuleWhole> {
        let book = self.book();
        let rule = book.rule(id)?;
        let limits = &rule.limits;
        Some(RuleWhole {
            rule: outline(rule, self.clock.now()),
            vars: rule.vars.clone(),
            text: rule.text.clone(),
            limits: json!({
                "max_age_ms": limits.max_age_ms,
                "depth": limits.depth,
                "cooldown_ms": limits.cooldown_ms,
                "rate": limits.rate,
                "debounce": limits.debounce,
                "delay_ms": limits.delay_ms,
            }),
            concurrency: rule.concurrency.as_ref().map_or(Value::Null, |concurrency| {
                json!({
                    "group": concurrency.group_text(),
                    "cancel_in_progress": concurrency.cancel_in_progress,
                    "queue": if concurrency.latest { "latest" } else { "all" },
                })
            }),
        })
    }

    /// Checks the text of a rule as `xmrt check` does: beside the other rules in force, against the tools there are, the variables
    /// and the agents' roles. Its own tests are not run.
    pub async fn check_rule(&self, id: &str, text: &str) -> Checked {
        let files = [SourceFile {
            path: format!("{id}.toml"),
            text: text.to_owned(),
            unreadable: None,
        }];
        let book = self.book();
        let mut found = self.check(files.to_vec()).await.diagnostics;
        found.retain(|one| one.path == files[0].path);
        let errors = found.iter().filter(|one| one.is_error()).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Checked {
            valid: errors == 0,
            errors: count(errors),
            warnings: count(found.len() - errors),
            in_force: book.rule(id).map(|rule| rule.version.clone()),
            text: match found.is_empty() {
                true => String::new(),
                false => render_diagnostics(&files, &found, false),
            },
            findings: found.into_iter().map(finding).collect(),
        }
    }
}

fn finding(found: Diagnostic) -> Finding {
    Finding {
        severity: if found.is_error() { "error" } else { "warning" }.to_owned(),
        code: found.code.to_owned(),
        message: found.message,
        line: found.line,
        column: found.column,
        hint: found.hint,
    }
}

fn outline(rule: &Rule, now: Timestamp) -> RuleShown {
    let schedule = rule.schedule.as_ref().map(|schedule| ScheduleShown {
        cron: schedule.text().to_owned(),
        timezone: schedule.zone().to_owned(),
        next: schedule.upcoming(now, TICKS_SHOWN),
    });
    RuleShown {
        id: rule.id.clone(),
        version: rule.version.clone(),
        description: rule.description.clone(),
        on: rule.on.clone(),
        schedule,
        mode: rule.mode,
        off_reason: rule.off_reason.clone(),
        actions: rule
            .actions
            .iter()
            .map(|action| StepNamed {
                id: action.id.clone(),
                tool: action.tool.clone(),
            })
            .collect(),
    }
}
