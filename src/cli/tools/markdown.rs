//! In: the tools as the hub lists them. Out: the pages below docs/tools. Never: words of their own about a tool.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::shape::{bounds, fields, properties, type_of};
use super::{doubt_of, kind};
use crate::assemble::ToolsetCost;
use crate::hub::ToolFacts;
use crate::tools;

/// The page of one server.
pub(super) fn page(server: &str, tools: &BTreeMap<String, ToolFacts>) -> String {
    let toolsets = tools::toolsets();
    let prefix = format!("{server}.");
    let own = || tools.values().filter(|facts| facts.name.starts_with(&prefix));
    let mut sets: BTreeMap<&str, Vec<&ToolFacts>> = BTreeMap::new();
    for facts in own() {
        let set = toolsets.of(&facts.name).unwrap_or("other");
        sets.entry(set).or_default().push(facts);
    }
    let mut text = format!(
        "# The tools of `{server}`\n\n<!-- Written by `xmrt tools --markdown {server}`; do not edit. -->\n\n{} tools. In rules they \
         are called as here; agents see `{server}_…` behind the gateway and the name alone at `/mcp/{server}`. Tools that \
         write take `dry_run`, too; see [agents](../mcp.md#what-a-call-is-like) for `confirm`, `idempotency_key` and the classes of \
         errors. Urgent ones go first where a [limit](../budgets.md) of the provider is nearly used up.\n",
        own().count()
    );
    for (set, tools) in sets {
        let _ = write!(text, "\n## {set}\n");
        for facts in tools {
            tool(&mut text, facts);
        }
    }
    text
}

/// What listing each toolset costs a model.
pub(super) fn toolsets(costs: &[ToolsetCost]) -> String {
    let mut text = String::from(
        "# What listing tools costs\n\n<!-- Written by `xmrt tools --markdown toolsets`; do not edit. -->\n\n\
         A client that lists tools puts their names, descriptions and schemas into its model's context. `xmrt tools --toolsets` prints \
         this table, with the servers of others that are attached. A token is taken as four bytes of the JSON of `tools/list`; what \
         a model's own tokenizer makes of it differs by some percent. Over HTTP `default` is listed unless \
         [something else](../mcp.md#which-tools) is asked for.\n\n| toolset | tools | tokens |\n|---|---:|---:|\n",
    );
    for ToolsetCost { set, tools, tokens } in costs {
        let _ = writeln!(text, "| `{set}` | {tools} | {tokens} |");
    }
    text
}

fn tool(text: &mut String, facts: &ToolFacts) {
    let mut kind = match doubt_of(facts) {
        lost if lost.is_empty() => kind(facts).to_owned(),
        lost => format!("{}; a lost answer: {lost}", kind(facts)),
    };
    if facts.promises.urgent {
        kind.push_str("; urgent");
    }
    let _ = write!(
        text,
        "\n### `{}`\n\n{}. {}\n\n*{kind}*\n",
        facts.name, facts.title, facts.description
    );
    arguments(text, &facts.input_schema);
    if let Some(output) = &facts.output_schema {
        results(text, output);
    }
}

/// What a page shows of a schema: all but what is the same with every tool that writes.
fn of_its_own(schema: &Value) -> Vec<(String, Value)> {
    let mut all = properties(Some(schema));
    all.retain(|(name, _)| name != "dry_run");
    all
}

fn results(text: &mut String, schema: &Value) {
    let shown = of_its_own(schema);
    if shown.is_empty() {
        return;
    }
    text.push_str("\n| gives | type | |\n|---|---|---|\n");
    for (name, property) in &shown {
        let inner: Vec<String> = fields(schema, property)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let mut what = described(property);
        if !inner.is_empty() {
            let _ = write!(
                what,
                "{}Fields: {}.",
                if what.is_empty() { "" } else { " " },
                inner.join(", ")
            );
        }
        let _ = writeln!(text, "| `{name}` | {} | {what} |", type_of(schema, property));
    }
}

/// What a schema says of itself, for a cell of a table.
fn described(property: &Value) -> String {
    let what = property.get("description").and_then(Value::as_str).unwrap_or("");
    what.replace('\n', " ").replace('|', "\\|")
}

fn arguments(text: &mut String, schema: &Value) {
    let shown = of_its_own(schema);
    if shown.is_empty() {
        return;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let needed = |name: &str| required.is_some_and(|names| names.iter().any(|needed| needed == name));
    text.push_str("\n| argument | type | |\n|---|---|---|\n");
    for (name, property) in &shown {
        let must = if needed(name) { ", required" } else { "" };
        let kept: String = bounds(schema, property)
            .iter()
            .map(|bound| format!(", {bound}"))
            .collect();
        let _ = writeln!(
            text,
            "| `{name}` | {}{must}{} | {} |",
            type_of(schema, property),
            kept.replace('|', "\\|"),
            described(property)
        );
    }
}
