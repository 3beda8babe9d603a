//! In: a rule's `on`, `if` and `[when]`. Out: what can never hold, always holds, or is said twice. Never: what a payload
//! holds; only whether a path may lead to several values is asked.

use serde_json::{Value, json};

use crate::rules::check::{listened, tables, text};
use crate::rules::diagnostic::Findings;
use crate::rules::expression::Expression;
use crate::rules::keys;
use crate::rules::listening;
use crate::rules::pattern::{Bound, Check, Reached, Test, Tests};
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{Entry, Kind, Node, find};
use crate::rules::when;

/// Calls `each` with every path of `[when]`, groups included, and the entry that says what its values must be.
pub(super) fn fields(tree: &[Entry], each: &mut impl FnMut(&[String], &Entry)) {
    if let Some(conditions) = find(tree, "when").and_then(|entry| entry.node.table()) {
        walk(conditions, &mut |path, entry| each(path, entry));
    }
}

fn walk(conditions: &[Entry], each: &mut dyn FnMut(&[String], &Entry)) {
    for entry in conditions {
        match (entry.key.as_str(), &entry.node.kind) {
            ("any" | "all", Kind::Array(branches)) => {
                for branch in branches.iter().filter_map(Node::table) {
                    walk(branch, each);
                }
            }
            ("not", Kind::Table(inner)) => walk(inner, each),
            (name, _) if is_no_path(name) => {}
            _ => below(&[], entry, each),
        }
    }
}

/// What is not a path at all, and reported as such.
fn is_no_path(name: &str) -> bool {
    keys::is_operator(name) || matches!(name, "on" | "if" | "mode" | "off_reason")
}

/// Calls `each` with every path of `[when]` without which it cannot hold: not one of alternatives or in what must not be, and
/// asked for something that an absent value does not satisfy. `text` is that of the file.
pub(super) fn required(tree: &[Entry], text: &str, each: &mut impl FnMut(&[String])) {
    let absent = Reached {
        values: Vec::new(),
        exists: false,
    };
    if let Some(conditions) = find(tree, "when").and_then(|entry| entry.node.table()) {
        demanded(conditions, &mut |path, entry| {
            let tests = when::tests(&entry.node, &mut Findings::new("", text));
            if tests.is_some_and(|tests| !tests.holds(&absent)) {
                each(path);
            }
        });
    }
}

fn demanded(conditions: &[Entry], each: &mut dyn FnMut(&[String], &Entry)) {
    for entry in conditions {
        match (entry.key.as_str(), &entry.node.kind) {
            // All of its branches must hold.
            ("all", Kind::Array(branches)) => {
                for branch in branches.iter().filter_map(Node::table) {
                    demanded(branch, each);
                }
            }
            ("any", Kind::Array(_)) | ("not", Kind::Table(_)) => {}
            (name, _) if is_no_path(name) => {}
            _ => below(&[], entry, each),
        }
    }
}

fn below(path: &[String], entry: &Entry, each: &mut dyn FnMut(&[String], &Entry)) {
    let mut path = path.to_vec();
    let key = entry.key.strip_prefix('.').unwrap_or(&entry.key);
    path.extend(key.split('.').map(str::to_owned));
    match entry.node.table() {
        Some(inner) if !inner.iter().any(|entry| keys::is_operator(&entry.key)) => {
            for child in inner {
                below(&path, child, each);
            }
        }
        _ => each(&path, entry),
    }
}

pub(super) fn check(tree: &[Entry], findings: &mut Findings<'_>) {
    events(tree, findings);
    constant(tree, findings);
    for action in tables(tree, "action") {
        constant(action, findings);
    }
    if let Some(conditions) = find(tree, "when").and_then(|entry| entry.node.table()) {
        let on = listened(tree);
        group(&on, conditions, &[], findings);
    }
    fields(tree, &mut |path, entry| {
        patterns(&entry.node, findings);
        literals_with_wildcards(&path.join("."), &entry.node, findings);
    });
}

/// Texts that are compared as they stand, and look like patterns.
fn literals_with_wildcards(path: &str, node: &Node, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Array(items) => {
            for item in items {
                literals_with_wildcards(path, item, findings);
            }
        }
        Kind::Table(entries) => {
            for entry in entries {
                if matches!(entry.key.as_str(), "equals" | "not" | "all") {
                    literals_with_wildcards(path, &entry.node, findings);
                }
            }
        }
        Kind::Text(literal) => {
            if let Some(operator) = text::meant_as(literal) {
                let written = findings.text().get(node.span.clone()).unwrap_or_default();
                findings
                    .warning(
                        "literal-wildcard",
                        &node.span,
                        format!("this is compared with `{path}` as it stands, letter by letter"),
                    )
                    .hint(format!("for a pattern write `{{ {operator} = {written} }}`"));
            }
        }
        _ => {}
    }
}

fn events(tree: &[Entry], findings: &mut Findings<'_>) {
    let Some(items) = find(tree, "on").and_then(|entry| entry.node.array()) else {
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let Some(kind) = item.text() else { continue };
        let cover = items.iter().enumerate().find(|(other, wider)| {
            let wider = wider.text().unwrap_or_default();
            // Of two equal ones the second is too much.
            *other != at && covers(wider, kind) && (!covers(kind, wider) || *other < at)
        });
        if let Some(cover) = cover.and_then(|(_, cover)| cover.text()) {
            findings.warning(
                "redundant-event",
                &item.span,
                format!("`{cover}` covers `{kind}` already"),
            );
        }
    }
}

fn covers(wider: &str, kind: &str) -> bool {
    listening::covers(wider, kind.strip_suffix(".*").unwrap_or(kind))
        || wider.strip_suffix(".*") == Some(kind)
}

/// An `if` or `require` that mentions no name.
fn constant(entries: &[Entry], findings: &mut Findings<'_>) {
    for key in ["if", "require"] {
        if let Some(entry) = find(entries, key)
            && let Some(text) = entry.node.text()
            && Expression::compile(text).is_ok_and(|expression| expression.paths().is_empty())
        {
            findings.warning(
                "constant-condition",
                &entry.node.span,
                format!("this `{key}` mentions nothing that could differ: it is always the same"),
            );
        }
    }
}

/// Patterns on texts, wherever they stand.
fn patterns(node: &Node, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Array(items) => items.iter().for_each(|item| patterns(item, findings)),
        Kind::Table(entries) => {
            for entry in entries {
                let operands = match &entry.node.kind {
                    Kind::Array(items) => items.as_slice(),
                    _ => std::slice::from_ref(&entry.node),
                };
                for operand in operands {
                    if let Some(pattern) = operand.text() {
                        one_pattern(&entry.key, pattern, operand, findings);
                    } else {
                        patterns(operand, findings);
                    }
                }
            }
        }
        _ => {}
    }
}

fn one_pattern(operator: &str, pattern: &str, operand: &Node, findings: &mut Findings<'_>) {
    if text::always_matches(operator, pattern) {
        findings
            .warning(
                "always-matches",
                &operand.span,
                format!("every text matches this `{operator}`"),
            )
            .hint("to ask whether there is a text: `exists = true`");
    } else if operator == "regex" && text::never_matches(pattern) {
        findings
            .warning(
                "never-matches",
                &operand.span,
                "no text matches: something is asked for before the start or after the end of it",
            )
            .hint(
                "`^` is the start and `$` the end of the text; the characters themselves are `\\^` and `\\$`",
            );
    } else if operator == "glob" && text::is_plain_glob(pattern) {
        findings
            .warning(
                "plain-pattern",
                &operand.span,
                "without a wildcard this glob matches one text only",
            )
            .hint(format!("say `equals = \"{pattern}\"`, or add `*`"));
    }
}

/// One condition with its compiled tests.
#[derive(Clone)]
struct Asked<'t> {
    path: Vec<String>,
    entry: &'t Entry,
    tests: Tests,
    /// Whether the path leads to one value at most.
    single: bool,
}

/// Conditions that all must hold; `outer` are those that must hold besides.
fn group<'t>(on: &[&str], conditions: &'t [Entry], outer: &[Asked<'t>], findings: &mut Findings<'_>) {
    let mut all = outer.to_vec();
    let mut own = Vec::new();
    for entry in conditions {
        match (entry.key.as_str(), &entry.node.kind) {
            ("any" | "all" | "not", Kind::Array(_) | Kind::Table(_)) => {}
            _ => collect(on, &[], entry, &mut own, findings),
        }
    }
    for asked in own {
        against(&asked, &all, findings);
        all.push(asked);
    }
    for entry in conditions {
        let Some(branches) = entry
            .node
            .array()
            .filter(|_| matches!(entry.key.as_str(), "any" | "all"))
        else {
            continue;
        };
        twice(branches, findings);
        for branch in branches.iter().filter_map(Node::table) {
            group(on, branch, &all, findings);
        }
    }
}

fn collect<'t>(
    on: &[&str],
    path: &[String],
    entry: &'t Entry,
    into: &mut Vec<Asked<'t>>,
    findings: &Findings<'_>,
) {
    let mut path = path.to_vec();
    let key = entry.key.strip_prefix('.').unwrap_or(&entry.key);
    path.extend(key.split('.').map(str::to_owned));
    if let Some(inner) = entry.node.table()
        && !inner.iter().any(|entry| keys::is_operator(&entry.key))
    {
        for child in inner {
            collect(on, &path, child, into, findings);
        }
        return;
    }
    let mut scratch = Findings::new("", findings.text());
    let Some(tests) = when::tests(&entry.node, &mut scratch) else {
        return;
    };
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let single = matches!(lookup(on, &segments), Found::There(leaf) if !leaf.several);
    into.push(Asked {
        path,
        entry,
        tests,
        single,
    });
}

/// One condition against itself and those before it.
fn against(asked: &Asked<'_>, before: &[Asked<'_>], findings: &mut Findings<'_>) {
    let same: Vec<&Asked<'_>> = before.iter().filter(|other| other.path == asked.path).collect();
    let path = asked.path.join(".");
    if same
        .iter()
        .any(|other| other.entry.node.json() == asked.entry.node.json())
    {
        findings.warning(
            "duplicate-condition",
            &asked.entry.key_span,
            format!("the same is asked of `{path}` before"),
        );
        return;
    }
    let tests: Vec<&Test> = same
        .iter()
        .flat_map(|other| &other.tests.0)
        .chain(&asked.tests.0)
        .collect();
    if tests.len() > 1 && impossible(&tests, asked.single) {
        findings
            .warning(
                "contradiction",
                &asked.entry.key_span,
                format!("what is asked of `{path}` cannot hold together: the rule would never fire"),
            )
            .hint("all of `[when]` must hold; alternatives are a list, or branches of `any`");
    }
}

fn twice(branches: &[Node], findings: &mut Findings<'_>) {
    for (at, branch) in branches.iter().enumerate() {
        if branches[..at].iter().any(|before| before.json() == branch.json()) {
            findings.warning(
                "duplicate-condition",
                &branch.span,
                "another branch of this group asks the same",
            );
        }
    }
}

/// Whether no set of values satisfies all the tests. Only where that is certain.
fn impossible(tests: &[&Test], single: bool) -> bool {
    let absent = tests
        .iter()
        .any(|test| matches!(test.check, Check::Exists(false)));
    if absent && tests.iter().any(|test| wants_value(test)) {
        return true;
    }
    let excluded = tests.iter().any(|test| match &test.check {
        Check::NoneOf(none) => tests.iter().any(|other| match &other.check {
            Check::Equals(value) => none.hold_for(value),
            _ => false,
        }),
        _ => false,
    });
    excluded || (single && no_single_value(tests))
}

fn wants_value(test: &Test) -> bool {
    !matches!(
        test.check,
        Check::Exists(false) | Check::NoneOf(_) | Check::Count(_) | Check::AnyOf(_)
    )
}

/// For tests that one value must satisfy: whether none does, judged by the values that would.
fn no_single_value(tests: &[&Test]) -> bool {
    let mut candidates = Vec::new();
    for test in tests {
        if let Some(literals) = literals(test) {
            candidates.extend(literals);
        }
    }
    let asks_literal = !candidates.is_empty();
    let bounds: Vec<f64> = tests.iter().filter_map(|test| bound(test)).collect();
    let only_bounds = bounds.len() == tests.len();
    let affixes = tests
        .iter()
        .all(|test| affix(test).is_some() && !test.ignore_case);
    if asks_literal {
        // One of the literals it must be.
    } else if only_bounds {
        for (at, one) in bounds.iter().enumerate() {
            candidates.extend([json!(one - 1.0), json!(one), json!(one + 1.0)]);
            candidates.extend(
                bounds[..at]
                    .iter()
                    .map(|other| json!(f64::midpoint(*one, *other))),
            );
        }
    } else if affixes {
        candidates.push(Value::from(joined(tests)));
    } else {
        return false;
    }
    !candidates.iter().any(|value| {
        let reached = Reached {
            values: vec![value],
            exists: true,
        };
        tests.iter().all(|test| test.holds(&reached))
    })
}

/// The values a test admits, where they are listed.
fn literals(test: &Test) -> Option<Vec<Value>> {
    match &test.check {
        Check::Equals(value) => Some(vec![value.clone()]),
        Check::AnyOf(elements) => elements
            .iter()
            .map(|element| match element.0.as_slice() {
                [one] => match &one.check {
                    Check::Equals(value) => Some(value.clone()),
                    _ => None,
                },
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn bound(test: &Test) -> Option<f64> {
    match &test.check {
        Check::Compare(_, Bound::Number(number)) => number.as_f64(),
        _ => None,
    }
}

fn affix(test: &Test) -> Option<&str> {
    match &test.check {
        Check::Prefix(text) | Check::Suffix(text) | Check::Contains(text) => Some(text),
        _ => None,
    }
}

/// The text that starts, goes on and ends as asked, if any does.
fn joined(tests: &[&Test]) -> String {
    let longest = |pick: fn(&Check) -> Option<&String>| {
        tests
            .iter()
            .filter_map(|test| pick(&test.check))
            .max_by_key(|text| text.len())
            .cloned()
            .unwrap_or_default()
    };
    let prefix = longest(|check| match check {
        Check::Prefix(text) => Some(text),
        _ => None,
    });
    let suffix = longest(|check| match check {
        Check::Suffix(text) => Some(text),
        _ => None,
    });
    let inner: String = tests
        .iter()
        .filter_map(|test| match &test.check {
            Check::Contains(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    format!("{prefix}{inner}{suffix}")
}
