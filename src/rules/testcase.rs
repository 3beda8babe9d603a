//! In: the `[[test]]` tables of a rule. Out: [`RuleTest`]s. Never: running them; relative times stay as they are written.

use serde::Serialize;
use serde_json::{Value, json};

use crate::rules::diagnostic::Findings;
use crate::rules::fields::Fields;
use crate::rules::keys;
use crate::rules::syntax::{Entry, Node};

/// One example of what a rule does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleTest {
    /// A sentence.
    pub name: String,
    /// The line of the rule file it starts on, from 1.
    pub line: usize,
    /// The event that arrives.
    pub event: TestEvent,
    /// Events that arrived before it, in order.
    pub given: Vec<TestEvent>,
    /// What the sandbox holds: `{github: …, render: …}`; times may be relative (`"-10m"`).
    pub state: Value,
    /// What tools of external servers answer, by name; they are never started.
    pub stub: Value,
    /// The exact list of calls, in order; `None` where the test says nothing about calls.
    pub expect: Option<Vec<Expected>>,
    /// The decision, or the state the run ends in.
    pub decision: Option<String>,
    /// A part of the reason.
    pub reason: Option<String>,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestEvent {
    /// The full type.
    pub on: String,
    /// The payload; `{}` when there is a file.
    pub payload: Value,
    /// A JSON file, relative to the rule file.
    pub file: Option<String>,
    /// Parts of the envelope; `{}` by default.
    pub meta: Value,
}

/// A call a test expects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The tool.
    pub tool: String,
    /// A subset of its arguments.
    pub arguments: Value,
    /// The step is reached, and skipped by its `if`.
    pub if_skipped: bool,
}

/// Reads one `[[test]]`.
pub(crate) fn test(node: &Node, findings: &mut Findings<'_>) -> Option<RuleTest> {
    let line = crate::rules::diagnostic::place(findings.text(), node.span.start).0;
    let fields = Fields::read(node, "[[test]]", keys::TEST, keys::LATER_TEST, findings)?;
    let name = fields.text("name", findings);
    let event = fields.get("event").and_then(|entry| event(&entry.node, findings));
    let given = fields
        .tables("given", findings)
        .iter()
        .filter_map(|node| self::event(node, findings))
        .collect();
    let expected: Vec<Option<Expected>> = fields
        .tables("expect", findings)
        .iter()
        .map(|node| expected(node, findings))
        .collect();
    let (state, stub) = (fields.table("state", findings), fields.table("stub", findings));
    let (decision, reason) = (fields.text("decision", findings), fields.text("reason", findings));
    if fields.get("expect").is_none() && decision.is_none() && reason.is_none() {
        findings
            .error(
                "test-expects-nothing",
                &node.span,
                "this test expects nothing, so it cannot fail",
            )
            .hint("say `expect = [ … ]` (the calls, in order; `[]` for none) or `decision = \"…\"`");
    }
    Some(RuleTest {
        name: name?,
        line,
        event: event?,
        given,
        state,
        stub,
        expect: match fields.get("expect") {
            Some(_) => Some(expected.into_iter().collect::<Option<_>>()?),
            None => None,
        },
        decision,
        reason,
    })
}

fn event(node: &Node, findings: &mut Findings<'_>) -> Option<TestEvent> {
    let fields = Fields::read(node, "a test's event", keys::TEST_EVENT, &[], findings)?;
    let on = fields.text("on", findings);
    let (payload, file) = (fields.get("payload"), fields.get("file"));
    if let (Some(_), Some(file)) = (payload, file) {
        findings.error(
            "test-payload",
            &file.key_span,
            "`payload` and `file` exclude each other: a test's event has one payload",
        );
    }
    Some(TestEvent {
        on: on?,
        payload: fields.table("payload", findings),
        file: fields.text("file", findings),
        meta: fields.table("meta", findings),
    })
}

fn expected(node: &Node, findings: &mut Findings<'_>) -> Option<Expected> {
    let fields = Fields::read(node, "an expected call", keys::EXPECT, &[], findings)?;
    let arguments = fields
        .get("arguments")
        .map_or(json!({}), |Entry { node, .. }| node.json());
    let if_skipped = fields.flag("if_skipped", findings);
    Some(Expected {
        tool: fields.text("tool", findings)?,
        arguments,
        if_skipped,
    })
}
