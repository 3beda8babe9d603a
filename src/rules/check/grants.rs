//! In: a rule's calls, and who may call what. Out: calls that would be refused when the rule fires. Never: what only a
//! template will say: the hub looks at that when the call is made.

use serde_json::{Map, Value};

use crate::agents::{Asked, Directory, Grant, Who};
use crate::rules::check::tables;
use crate::rules::diagnostic::{Findings, did_you_mean};
use crate::rules::syntax::{Entry, Kind, Node, find};

pub(super) fn check(tree: &[Entry], directory: &Directory, findings: &mut Findings<'_>) {
    let by_default = match find(tree, "agent") {
        Some(entry) => agent(&entry.node, directory, findings),
        None => Some(Who::Reactor),
    };
    let mut actions = tables(tree, "action");
    actions.extend(tables(tree, "on_failure"));
    for action in actions {
        let who = match find(action, "agent") {
            Some(entry) => agent(&entry.node, directory, findings),
            None => by_default.clone(),
        };
        let Some(who) = who else { continue };
        let Some(entry) = find(action, "tool") else {
            continue;
        };
        let Some(tool) = entry.node.text() else { continue };
        let arguments = known(action);
        let asked = Asked {
            tool,
            arguments: &arguments,
            partly: true,
        };
        match directory.decide(&who, &asked) {
            Grant::Granted => {}
            Grant::Approval if find(action, "approval").is_some() => {}
            Grant::Approval => {
                let message = format!(
                    "`{tool}` needs a person's approval when `{who}` calls it, and this action asks for none"
                );
                findings
                    .error("missing-approval", &entry.node.span, message)
                    .hint("add `approval = { by = [\"…\"] }` to the action");
            }
            Grant::Refused { why, remedy } => {
                findings
                    .error(
                        "refused-call",
                        &entry.node.span,
                        format!("this call would be refused: {why}"),
                    )
                    .hint(remedy);
            }
        }
    }
}

/// The agent of this name; one that does not exist is reported.
fn agent(node: &Node, directory: &Directory, findings: &mut Findings<'_>) -> Option<Who> {
    let id = node.text()?;
    if directory.agent(id).is_some() {
        return Some(Who::Agent(id.to_owned()));
    }
    let known = || directory.agents().map(|agent| agent.id.as_str());
    let hint = did_you_mean(id, known()).unwrap_or_else(|| match known().next() {
        Some(_) => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        None => format!("add it to xmrt.toml: `[[agent]]` with `id = \"{id}\"` and a `role`"),
    });
    findings
        .error("unknown-agent", &node.span, format!("there is no agent `{id}`"))
        .hint(hint);
    None
}

/// The arguments that are the same whenever the rule fires.
fn known(action: &[Entry]) -> Value {
    let given = find(action, "arguments").and_then(|entry| entry.node.table());
    let fixed = given.unwrap_or(&[]).iter().filter(|entry| !varies(&entry.node));
    Value::Object(
        fixed
            .map(|entry| (entry.key.clone(), entry.node.json()))
            .collect::<Map<_, _>>(),
    )
}

fn varies(node: &Node) -> bool {
    match &node.kind {
        Kind::Text(text) => text.contains("{{") || text.contains("{%"),
        Kind::Array(items) => items.iter().any(varies),
        Kind::Table(entries) => entries.iter().any(|entry| varies(&entry.node)),
        _ => false,
    }
}
