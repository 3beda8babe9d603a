//! In: the paths a rule mentions, and the events it listens to. Out: those that only some of the events have, mentioned without
//! care: on the others the rule could not be decided, or its run would end. Never: `[when]`, where what is absent is no error.

use std::collections::BTreeSet;

use crate::rules::check::{Mention, conditions, listened, tables};
use crate::rules::diagnostic::Findings;
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{Entry, find};

/// Words of an expression that asks first.
const CAREFUL: &[&str] = &[
    "default(",
    "d(",
    "is defined",
    "is undefined",
    "is not defined",
    "is not undefined",
    "meta.type",
    "meta.action",
    "event.action",
    " if ",
];

pub(super) fn check(tree: &[Entry], mentions: &[Mention], findings: &mut Findings<'_>) {
    let mut on = listened(tree);
    if on.len() < 2 {
        return;
    }
    let all = on.clone();
    // No event without a field that `[when]` cannot do without comes through.
    conditions::required(tree, findings.text(), &mut |path| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        on.retain(|event| !is_missing(event, &path));
    });
    let asks = |entries: &[Entry]| {
        let text = find(entries, "if").and_then(|entry| entry.node.text());
        text.is_some_and(is_careful)
    };
    let mut actions = tables(tree, "action");
    actions.extend(tables(tree, "on_failure"));
    let mut told = BTreeSet::new();
    for mention in mentions {
        let Some(path) = mention.path.strip_prefix("event.") else {
            continue;
        };
        let path: Vec<&str> = path.split('.').collect();
        let decides = mention.action.is_none() && mention.under == "if";
        let asked_before = (!decides && asks(tree))
            || (mention.under != "if"
                && mention
                    .action
                    .and_then(|at| actions.get(at))
                    .is_some_and(|action| asks(action)));
        // What none of them has is reported as such.
        if is_careful(&mention.text) || asked_before || matches!(lookup(&all, &path), Found::Missing { .. }) {
            continue;
        }
        for event in &on {
            let Found::Missing { known, .. } = lookup(&[*event], &path) else {
                continue;
            };
            let first = path[..=known.min(path.len() - 1)].join(".");
            if !told.insert((*event, first.clone())) {
                continue;
            }
            let what = match mention.action {
                None => "such an event could not be decided",
                Some(_) => "on such an event the run would end with an error",
            };
            findings
                .warning(
                    "sometimes-missing",
                    &mention.place,
                    format!("{event} has no `event.{first}`: {what}"),
                )
                .hint(format!(
                    "say what then: `event.{first} | default(…)`; or ask first, `event.{first} is defined`; or write a rule for each event"
                ));
        }
    }
}

fn is_missing(event: &str, path: &[&str]) -> bool {
    matches!(lookup(&[event], path), Found::Missing { .. })
}

fn is_careful(text: &str) -> bool {
    CAREFUL.iter().any(|word| text.contains(word))
}
