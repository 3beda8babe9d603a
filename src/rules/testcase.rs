//! In: the `[[test]]` tables of a rule. Out: [`RuleTest`]s. Never: running them; relative times stay as they are written.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::rules::diagnostic::Findings;
use crate::rules::duration;
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
    /// Other events, most of which came before it, in order.
    pub given: Vec<GivenEvent>,
    /// What the sandbox holds: `{github: …, render: …}`; times may be relative (`"-10m"`).
    pub state: Value,
    /// What tools of external servers answer, by name; they are never started.
    pub stub: Value,
    /// The exact list of calls, in order; `None` where the test says nothing about calls.
    pub expect: Option<Vec<Expected>>,
    /// What people say to the approvals that are asked for, in order.
    pub approvals: Vec<Said>,
    /// The decision, or the state the run ends in.
    pub decision: Option<String>,
    /// A part of the reason.
    pub reason: Option<String>,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestEvent {
    /// The full type; `schedule` and `manual` are the rule's own.
    pub on: String,
    /// When it arrives; by default at the time of all tests. Never for an event of `given`.
    pub at: Option<Timestamp>,
    /// The payload; `{}` when there is a file.
    pub payload: Value,
    /// A JSON file, relative to the rule file.
    pub file: Option<String>,
    /// Parts of the envelope; `{}` by default.
    pub meta: Value,
}

/// What somebody says to an approval in a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// Who.
    #[serde(rename = "as")]
    pub who: String,
    /// The roles they have.
    pub roles: Vec<String>,
    /// They approve.
    pub approved: bool,
    /// Why, in their words.
    pub because: Option<String>,
    /// How long after they were asked, in milliseconds.
    pub after_ms: i64,
}

/// An event of a test that it is not about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GivenEvent {
    /// The event.
    pub event: TestEvent,
    /// How long after the test's event it comes, in milliseconds; before it, if negative. `None`: before it, and what it
    /// caused is over.
    pub at_ms: Option<i64>,
    /// What becomes of it.
    pub decision: Option<String>,
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
        .filter_map(|node| given(node, findings))
        .collect();
    let expected: Vec<Option<Expected>> = fields
        .tables("expect", findings)
        .iter()
        .map(|node| expected(node, findings))
        .collect();
    let approvals = fields
        .tables("approvals", findings)
        .iter()
        .filter_map(|node| said(node, findings))
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
        approvals,
        decision,
        reason,
    })
}

fn event(node: &Node, findings: &mut Findings<'_>) -> Option<TestEvent> {
    let fields = Fields::read(node, "a test's event", keys::TEST_EVENT, &[], findings)?;
    let at = fields.text("at", findings).and_then(|text| {
        let parsed = text.parse::<Timestamp>();
        if let (Err(_), Some(entry)) = (&parsed, fields.get("at")) {
            findings
                .error("test-time", &entry.node.span, format!("`{text}` is not a time"))
                .hint("write it as RFC 3339: `2026-03-08T09:00:00Z`");
        }
        parsed.ok()
    });
    Some(TestEvent {
        at,
        ..event_of(&fields, findings)?
    })
}

fn given(node: &Node, findings: &mut Findings<'_>) -> Option<GivenEvent> {
    let fields = Fields::read(node, "a `given` event", keys::GIVEN, &[], findings)?;
    let event = event_of(&fields, findings);
    let at = fields.text("at", findings).zip(fields.get("at"));
    let at_ms = at.and_then(|(text, entry)| match moment(&text) {
        Ok(ms) => Some(ms),
        Err(message) => {
            findings.error("duration", &entry.node.span, message);
            None
        }
    });
    Some(GivenEvent {
        event: event?,
        at_ms,
        decision: fields.text("decision", findings),
    })
}

/// So long before (`-10s`) or after (`+10s`) something, in milliseconds.
fn moment(text: &str) -> Result<i64, String> {
    let (sign, length) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(length), _) => (-1, length),
        (_, Some(length)) => (1, length),
        _ => {
            return Err(format!(
                "`at` is `{text}`; write `-10s` for before the test's event, `+10s` for after it"
            ));
        }
    };
    Ok(sign * duration::parse(length)?)
}

fn event_of(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<TestEvent> {
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
        at: None,
        payload: fields.table("payload", findings),
        file: fields.text("file", findings),
        meta: fields.table("meta", findings),
    })
}

fn said(node: &Node, findings: &mut Findings<'_>) -> Option<Said> {
    let fields = Fields::read(
        node,
        "an answer to an approval",
        keys::TEST_APPROVAL,
        &[],
        findings,
    )?;
    Some(Said {
        who: fields.text("as", findings)?,
        roles: fields.texts("roles", findings),
        approved: !fields.flag("reject", findings),
        because: fields.text("because", findings),
        after_ms: fields.duration("after", findings).unwrap_or(0),
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
