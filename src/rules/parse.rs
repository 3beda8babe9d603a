//! In: the tree of one rule file. Out: a [`Rule`], or what is wrong with it. Never: tools, other rules.

mod limits;

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::rules::diagnostic::Findings;
use crate::rules::expression::{Expression, Template};
use crate::rules::fields::{Fields, source_error, wrong_type};
use crate::rules::keys;
use crate::rules::pattern::All;
use crate::rules::rule::{Action, Argument, Leave, Mode, Retry, Rule};
use crate::rules::syntax::{self, Entry, Kind, Node};
use crate::rules::{schedule, testcase, vocabulary, when};

/// What the steps of a failing run are called after.
const ON_FAILURE: &str = "on_failure";
const TIMEOUT_MS: i64 = 60_000;
/// How long an approval can be given unless the rule says otherwise, in milliseconds.
const APPROVAL_MS: i64 = 24 * 60 * 60 * 1_000;
const RETRY: Retry = Retry {
    attempts: 5,
    initial_ms: 2_000,
    max_ms: 300_000,
};

/// A rule with the tree it was read from, for checks that go beyond the file.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// `None` when there is an error among the findings.
    pub(crate) rule: Option<Rule>,
    pub(crate) tree: Vec<Entry>,
}

/// Reads one file. `None` when it is not TOML.
pub(crate) fn rule(id: &str, path: &str, vars: &Value, findings: &mut Findings<'_>) -> Option<Parsed> {
    let tree = syntax::read(findings)?;
    let rule = compile(id, path, vars, &tree, findings).filter(|_| !findings.has_error());
    Some(Parsed { rule, tree })
}

fn compile(id: &str, path: &str, vars: &Value, tree: &[Entry], findings: &mut Findings<'_>) -> Option<Rule> {
    let whole = Node {
        span: 0..0,
        kind: Kind::Table(tree.to_vec()),
    };
    let fields = Fields::read(&whole, "a rule file", keys::RULE, &[], findings)?;
    let description = fields.text("description", findings);
    let on = event_types(&fields, findings);
    let schedule = schedule::read(&fields, on.as_deref().unwrap_or_default(), findings);
    let (mode, off_reason) = mode(&fields, findings);
    let condition = fields.expression("if", findings);
    let own = fields.table("vars", findings);
    let when = fields
        .sub_table("when", findings)
        .map_or_else(All::default, |entries| when::conditions(entries, findings));
    let limits = limits::limits(&fields, findings);
    let concurrency = limits::concurrency(&fields, findings);
    let agent = fields.text("agent", findings);
    let actions = actions(&fields, findings);
    let on_failure = on_failure(&fields, actions.as_deref().unwrap_or_default(), findings);
    let acting = |actions: Vec<Action>| acting_as(agent.as_deref(), actions);
    let tests = fields
        .tables("test", findings)
        .iter()
        .filter_map(|node| testcase::test(node, findings))
        .collect();
    let text = findings.text();
    Some(Rule {
        id: id.to_owned(),
        version: hex::encode(Sha256::digest(text.as_bytes())),
        path: path.to_owned(),
        description: description?,
        on: on?,
        schedule,
        mode,
        off_reason,
        vars: overlay(vars, &own),
        limits: limits?,
        concurrency,
        on_failure: acting(on_failure),
        actions: acting(actions?),
        tests,
        text: text.to_owned(),
        when,
        condition,
    })
}

/// The rule's agent makes every call whose action does not name another.
fn acting_as(agent: Option<&str>, mut actions: Vec<Action>) -> Vec<Action> {
    for action in &mut actions {
        action.agent = action.agent.take().or_else(|| agent.map(str::to_owned));
    }
    actions
}

/// The book's variables with the rule's own over them, name by name.
fn overlay(book: &Value, own: &Value) -> Value {
    let mut vars: Map<String, Value> = book.as_object().cloned().unwrap_or_default();
    vars.extend(own.as_object().cloned().unwrap_or_default());
    Value::Object(vars)
}

fn event_types(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let entry = fields.get("on")?;
    let nodes = match &entry.node.kind {
        Kind::Array(items) if !items.is_empty() => items.as_slice(),
        Kind::Array(_) => {
            findings.error(
                "event-type",
                &entry.node.span,
                "`on` is an empty list: the rule would never run",
            );
            return None;
        }
        _ => std::slice::from_ref(&entry.node),
    };
    let mut on = Vec::new();
    for node in nodes {
        match node.text() {
            Some(text) => {
                vocabulary::check(text, &node.span, findings);
                on.push(text.to_owned());
            }
            None => {
                wrong_type("on", "a string or a list of strings", node, findings);
            }
        }
    }
    Some(on)
}

fn mode(fields: &Fields<'_>, findings: &mut Findings<'_>) -> (Mode, Option<String>) {
    let reason = fields.text("off_reason", findings);
    let mode = match fields.one_of("mode", findings).as_deref() {
        Some("shadow") => Mode::Shadow,
        Some("off") => Mode::Off,
        _ => Mode::Live,
    };
    if let (Mode::Off, None, Some(entry)) = (mode, &reason, fields.get("mode")) {
        findings
            .error(
                "off-without-reason",
                &entry.node.span,
                "a rule that is off says why",
            )
            .hint("add `off_reason = \"…\"`");
    }
    if let (Mode::Live | Mode::Shadow, Some(entry)) = (mode, fields.get("off_reason")) {
        findings.warning(
            "off-reason",
            &entry.key_span,
            "`off_reason` without `mode = \"off\"` says nothing",
        );
    }
    (mode, reason)
}

fn actions(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Vec<Action>> {
    let nodes = fields.tables("action", findings);
    if nodes.is_empty() {
        if let Some(entry) = fields.get("action")
            && entry.node.array().is_some_and(<[Node]>::is_empty)
        {
            findings.error(
                "no-action",
                &entry.key_span,
                "a rule needs at least one `[[action]]`",
            );
        }
        return None;
    }
    let (mut actions, mut ids) = (Vec::new(), BTreeSet::new());
    for node in nodes {
        let fields = Fields::read(node, "[[action]]", keys::ACTION, &[], findings);
        let step = fields.and_then(|fields| action(&fields, &|id| ids.contains(id), findings));
        ids.extend(step.as_ref().map(|step: &Action| step.id.clone()));
        actions.extend(step);
    }
    Some(actions)
}

fn on_failure(fields: &Fields<'_>, actions: &[Action], findings: &mut Findings<'_>) -> Vec<Action> {
    let mut ids: BTreeSet<String> = actions.iter().map(|action| action.id.clone()).collect();
    let mut steps: Vec<Action> = Vec::new();
    for node in fields.tables("on_failure", findings) {
        let fields = Fields::read(node, "[[on_failure]]", keys::ON_FAILURE, &[], findings);
        let step = fields.and_then(|fields| action(&fields, &|id| ids.contains(id), findings));
        ids.extend(step.as_ref().map(|step| step.id.clone()));
        steps.extend(step);
    }
    steps
}

fn action(fields: &Fields<'_>, taken: &dyn Fn(&str) -> bool, findings: &mut Findings<'_>) -> Option<Action> {
    let tool = fields.text("tool", findings);
    if let (Some(tool), Some(entry)) = (&tool, fields.get("tool"))
        && !is_tool_name(tool)
    {
        findings
            .error(
                "tool-name",
                &entry.node.span,
                format!("`{tool}` is not the name of a tool"),
            )
            .hint("a tool is named `server.tool`, such as `github.create_issue`");
    }
    let arguments = fields
        .sub_table("arguments", findings)
        .map_or_else(Vec::new, |entries| argument_table(entries, findings));
    let named = fields.text("id", findings);
    if let (Some(id), Some(entry)) = (&named, fields.get("id")) {
        check_step_id(id, &entry.node.span, taken, findings);
    }
    let (condition, require) = (
        fields.expression("if", findings),
        fields.expression("require", findings),
    );
    let (for_each, item_key) = items(fields, findings);
    let timeout_ms = fields.duration("timeout", findings).unwrap_or(TIMEOUT_MS);
    let retry = retry(fields, findings);
    let agent = fields.text("agent", findings);
    let tool = tool?;
    Some(Action {
        id: named.unwrap_or_else(|| default_id(&tool, taken)),
        tool,
        agent,
        timeout_ms,
        retry,
        continue_on_error: fields.flag("continue_on_error", findings),
        within_ms: fields.duration("within", findings),
        approval: approval(fields, findings),
        for_each,
        item_key,
        condition,
        arguments,
        require,
    })
}

/// Who must approve of the call.
fn approval(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Leave> {
    let entry = fields.get("approval")?;
    let fields = Fields::read(&entry.node, "`approval`", keys::APPROVAL, &[], findings)?;
    let by = fields.get("by")?;
    let nodes = match &by.node.kind {
        Kind::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(&by.node),
    };
    let mut names = Vec::new();
    for node in nodes {
        match node.text() {
            Some(name) if is_approver(name) => names.push(name.to_owned()),
            Some(name) => {
                findings
                    .error("approver", &node.span, format!("nobody can be called {name:?}"))
                    .hint("write a name, such as \"alice\", or a role, such as \"role:release\"");
            }
            None => wrong_type("by", "a string or a list of strings", node, findings),
        }
    }
    if nodes.is_empty() {
        findings
            .error("approver", &by.node.span, "nobody could approve of this")
            .hint("name somebody in `by`, or take `approval` out");
    }
    Some(Leave {
        by: names,
        expires_ms: fields.duration("expires", findings).unwrap_or(APPROVAL_MS),
        reason: fields.template("reason", findings),
    })
}

/// A name, or `role:` or `github:` and one.
fn is_approver(name: &str) -> bool {
    let prefixed = name
        .strip_prefix("role:")
        .or_else(|| name.strip_prefix("github:"));
    let own = prefixed.unwrap_or(name);
    !own.is_empty() && own.trim() == own && !own.contains(':') && !own.chars().any(char::is_control)
}

/// The list an action is done for, and by what its items are told apart.
fn items(fields: &Fields<'_>, findings: &mut Findings<'_>) -> (Option<Expression>, Option<Template>) {
    let list = match (fields.template("for_each", findings), fields.get("for_each")) {
        (Some(Template::Value(list)), _) => Some(list),
        (Some(_), Some(entry)) => {
            findings
                .error(
                    "for-each",
                    &entry.node.span,
                    "`for_each` is one single expression that gives a list",
                )
                .hint(match entry.node.text() {
                    Some(text) if !text.contains('{') && Expression::compile(text).is_ok() => {
                        format!("write `for_each = \"{{{{ {} }}}}\"`", text.trim())
                    }
                    _ => "such as `for_each = \"{{ steps.found.events }}\"`".to_owned(),
                });
            None
        }
        _ => None,
    };
    let key = fields.template("item_key", findings);
    if let (None, Some(entry)) = (fields.get("for_each"), fields.get("item_key")) {
        findings.error(
            "for-each",
            &entry.key_span,
            "`item_key` without `for_each`: there are no items",
        );
    }
    if let (Some(Template::Constant(_)), Some(entry)) = (&key, fields.get("item_key")) {
        findings
            .error(
                "for-each",
                &entry.node.span,
                "this `item_key` is the same for all items, and each is done once under its own",
            )
            .hint("such as `item_key = \"{{ item.number }}\"`");
    }
    (list, key)
}

fn is_tool_name(name: &str) -> bool {
    name.split_once('.').is_some_and(|(server, tool)| {
        !server.is_empty()
            && !tool.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    })
}

fn check_step_id(id: &str, span: &Range<usize>, taken: &dyn Fn(&str) -> bool, findings: &mut Findings<'_>) {
    let fit = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if id == ON_FAILURE {
        findings.error(
            "step-id",
            span,
            format!("`{ON_FAILURE}` cannot be a step's id: it has a meaning in the journal"),
        );
    } else if !fit {
        findings
            .error("step-id", span, format!("`{id}` cannot be a step's id"))
            .hint("lower-case letters, digits and `_`, for it is said as `steps.<id>`");
    } else if taken(id) {
        findings.error(
            "duplicate-step",
            span,
            format!("another action is called `{id}` already"),
        );
    }
}

/// The tool's name without its server, numbered when it is taken.
pub(crate) fn default_id(tool: &str, taken: impl Fn(&str) -> bool) -> String {
    let base = tool
        .split_once('.')
        .map_or(tool, |(_, name)| name)
        .replace(['-', '.'], "_");
    if !taken(&base) {
        return base;
    }
    let mut number: u32 = 2;
    loop {
        let id = format!("{base}_{number}");
        if !taken(&id) {
            return id;
        }
        number += 1;
    }
}

fn retry(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Retry {
    let Some(entry) = fields.get("retry") else {
        return RETRY;
    };
    let Some(fields) = Fields::read(&entry.node, "`retry`", keys::RETRY, &[], findings) else {
        return RETRY;
    };
    let retry = Retry {
        attempts: fields
            .whole("attempts", findings)
            .and_then(|attempts| u32::try_from(attempts).ok())
            .unwrap_or(RETRY.attempts),
        initial_ms: fields.duration("initial", findings).unwrap_or(RETRY.initial_ms),
        max_ms: fields.duration("max", findings).unwrap_or(RETRY.max_ms),
    };
    if retry.initial_ms > retry.max_ms {
        findings.error(
            "contradictory-limits",
            &entry.node.span,
            "the first wait (`initial`) is longer than the longest (`max`)",
        );
    }
    retry
}

fn argument_table(entries: &[Entry], findings: &mut Findings<'_>) -> Vec<(String, Argument)> {
    entries
        .iter()
        .map(|entry| (entry.key.clone(), argument(&entry.node, findings)))
        .collect()
}

fn argument(node: &Node, findings: &mut Findings<'_>) -> Argument {
    match &node.kind {
        Kind::Text(text) => match Template::compile(text) {
            Ok(Template::Constant(text)) => Argument::Plain(Value::from(text)),
            Ok(template) => Argument::Template(template),
            Err(error) => {
                source_error("template", &error, node, findings);
                Argument::Plain(Value::Null)
            }
        },
        Kind::Array(items) => Argument::List(items.iter().map(|item| argument(item, findings)).collect()),
        Kind::Table(entries) => Argument::Table(argument_table(entries, findings)),
        _ => Argument::Plain(node.json()),
    }
}
