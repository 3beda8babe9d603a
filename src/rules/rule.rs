//! In: nothing; the nouns. Out: what a rule *is* once its file was read. Never: how it was written.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::rules::expression::{ExprError, Expression, Names, Scope, Template};
use crate::rules::pattern::All;
use crate::rules::schedule::Schedule;
use crate::rules::testcase::RuleTest;

/// A rule, compiled. Immutable; a run pins the version it matched with.
#[derive(Debug)]
pub struct Rule {
    /// The file's stem, in kebab-case.
    pub id: String,
    /// SHA-256 of the file's text, in hexadecimal.
    pub version: String,
    /// The file, as it was named to [`crate::rules::load`].
    pub path: String,
    /// What it does, in one sentence.
    pub description: String,
    /// The event types it listens to, as written.
    pub on: Vec<String>,
    /// When it ticks, if it listens to `schedule`.
    pub schedule: Option<Schedule>,
    /// Whether it acts.
    pub mode: Mode,
    /// Why it is off.
    pub off_reason: Option<String>,
    /// The book's variables, overlaid by the rule's own: a JSON object.
    pub vars: Value,
    /// How often it may act.
    pub limits: Limits,
    /// With which other runs it takes turns.
    pub concurrency: Option<Concurrency>,
    /// Its steps, in order; at least one.
    pub actions: Vec<Action>,
    /// Steps of a run that is about to end dead or unknown, in order. Their ids differ from those of the actions.
    pub on_failure: Vec<Action>,
    /// Its examples.
    pub tests: Vec<RuleTest>,
    /// The file's text.
    pub text: String,
    pub(crate) when: All,
    pub(crate) condition: Option<Expression>,
}

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It acts.
    Live,
    /// It plans and records, and writes nothing.
    Shadow,
    /// It does nothing.
    Off,
}

/// How often a rule may act, how soon, and on how old an event.
#[derive(Debug, Default)]
pub struct Limits {
    /// Suppress further runs of the same key for so many milliseconds.
    pub cooldown_ms: Option<i64>,
    /// Events older than so many milliseconds do not start a run.
    pub max_age_ms: Option<i64>,
    /// How many runs may have caused one another.
    pub depth: u32,
    /// How many runs of the same key there may be in any stretch of time.
    pub rate: Option<Rate>,
    /// Wait for quiet, then run once with the newest event of the same key.
    pub debounce: Option<Debounce>,
    /// Start so many milliseconds later.
    pub delay_ms: Option<i64>,
    pub(crate) key: Option<Template>,
}

/// With which other runs a rule's runs take turns.
#[derive(Debug)]
pub struct Concurrency {
    pub(crate) group: Template,
    /// A newer run ends the one in progress, between two of its calls.
    pub cancel_in_progress: bool,
    /// Of those that wait only the newest stays.
    pub latest: bool,
}

/// So many in any stretch of time of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many; at least 1.
    pub max: u32,
    /// The length, in milliseconds.
    pub window_ms: i64,
}

/// A pause without events that has to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Debounce {
    /// How long nothing newer may have come, in milliseconds.
    pub quiet_ms: i64,
    /// The longest wait since the first event of a burst, in milliseconds.
    pub max_wait_ms: i64,
}

/// How failed calls are repeated: exponential waits with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// How many calls at most.
    pub attempts: u32,
    /// The first wait, in milliseconds.
    pub initial_ms: i64,
    /// The longest wait, in milliseconds.
    pub max_ms: i64,
}

/// One step of a rule.
#[derive(Debug)]
pub struct Action {
    /// Its name among the rule's steps; by default the tool's name without its server (`_2` on repeat).
    pub id: String,
    /// `server.tool`
    pub tool: String,
    /// The agent whose call it is; `None` is the reactor itself.
    pub agent: Option<String>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: i64,
    /// How failed calls are repeated.
    pub retry: Retry,
    /// The run goes on when the step fails for good.
    pub continue_on_error: bool,
    /// How long the step may take with all its calls, in milliseconds; without it, only a call that is not over is bounded.
    pub within_ms: Option<i64>,
    /// Who must approve of the call before it is made.
    pub approval: Option<Leave>,
    pub(crate) for_each: Option<Expression>,
    pub(crate) item_key: Option<Template>,
    pub(crate) condition: Option<Expression>,
    pub(crate) arguments: Vec<(String, Argument)>,
    pub(crate) require: Option<Expression>,
}

/// A person's leave that a call needs.
#[derive(Debug)]
pub struct Leave {
    /// Who may give it: names, logins as `github:<login>`, and roles as `role:<name>`.
    pub by: Vec<String>,
    /// How long it can be given, in milliseconds.
    pub expires_ms: i64,
    pub(crate) reason: Option<Template>,
}

impl Leave {
    /// Why it is asked for; `None` where the rule does not say.
    pub fn reason(&self, scope: &Scope) -> Result<Option<String>, ExprError> {
        self.reason
            .as_ref()
            .map(|reason| {
                reason
                    .text(&Names::of(scope))
                    .map_err(|error| error.at("approval.reason"))
            })
            .transpose()
    }
}

/// A value with templates in it.
#[derive(Debug)]
pub(crate) enum Argument {
    Plain(Value),
    Template(Template),
    List(Vec<Argument>),
    Table(Vec<(String, Argument)>),
}

impl Concurrency {
    /// The group's name, as it was written.
    pub fn group_text(&self) -> String {
        self.group.written()
    }
}

impl Rule {
    /// The templates that are rendered when an event has met its conditions.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let group = self.concurrency.as_ref().map(|concurrency| &concurrency.group);
        self.limits.key.iter().chain(group)
    }
}

impl Action {
    /// Whether it is done once for each item of a list.
    pub fn is_list(&self) -> bool {
        self.for_each.is_some()
    }

    /// What its `for_each` gives; `None` without one.
    pub fn items(&self, scope: &Scope) -> Result<Option<Value>, ExprError> {
        self.for_each
            .as_ref()
            .map(|list| {
                list.value(&Names::of(scope))
                    .map_err(|error| error.at("for_each"))
            })
            .transpose()
    }

    /// What the scope's item is told from the others by; `None` without an `item_key`.
    pub fn item_key(&self, scope: &Scope) -> Result<Option<String>, ExprError> {
        self.item_key
            .as_ref()
            .map(|key| key.text(&Names::of(scope)).map_err(|error| error.at("item_key")))
            .transpose()
    }

    /// Whether the step is to be made: true without an `if`.
    pub fn condition(&self, scope: &Scope) -> Result<bool, ExprError> {
        match &self.condition {
            None => Ok(true),
            Some(expression) => expression
                .holds(&Names::of(scope))
                .map_err(|error| error.at("if")),
        }
    }

    /// The `if` as it was written.
    pub fn condition_text(&self) -> Option<&str> {
        self.condition.as_ref().map(Expression::text)
    }

    /// The call's arguments, rendered: a JSON object. A string that is one single `{{ expression }}` keeps its type; the
    /// output is never evaluated again.
    pub fn arguments(&self, scope: &Scope) -> Result<Value, ExprError> {
        table(&self.arguments, &Names::of(scope), "arguments").map(Value::Object)
    }

    /// Whether the result is good enough to go on; `None` without a `require`. The scope must hold the result.
    pub fn requirement(&self, scope: &Scope) -> Result<Option<bool>, ExprError> {
        self.require
            .as_ref()
            .map(|expression| {
                expression
                    .holds(&Names::of(scope))
                    .map_err(|error| error.at("require"))
            })
            .transpose()
    }

    /// The `require` as it was written.
    pub fn require_text(&self) -> Option<&str> {
        self.require.as_ref().map(Expression::text)
    }
}

fn table(fields: &[(String, Argument)], names: &Names, place: &str) -> Result<Map<String, Value>, ExprError> {
    fields
        .iter()
        .map(|(name, argument)| {
            let value = argument.value(names, &format!("{place}.{name}"))?;
            Ok((name.clone(), value))
        })
        .collect()
}

impl Argument {
    pub(crate) fn value(&self, names: &Names, place: &str) -> Result<Value, ExprError> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::Template(template) => template.value(names).map_err(|error| error.at(place)),
            Self::List(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| item.value(names, &format!("{place}[{at}]")))
                .collect(),
            Self::Table(fields) => table(fields, names, place).map(Value::Object),
        }
    }
}

impl ExprError {
    /// The same error, saying in which part of the rule it came up.
    pub(crate) fn at(self, place: &str) -> Self {
        Self {
            message: format!("{place}: {}", self.message),
        }
    }
}
