//! What a person is told: whole outputs, as they stand in a terminal.

use serde_json::json;
use xmrt::rules::{Catalog, CatalogTool, SourceFile, load, render_diagnostics};

use crate::rules::{complaints, files, load_one};

mod places;
mod grammar;
mod meaning;

pub(crate) fn catalog() -> Catalog {
    let create_issue = json!({
        "type": "object",
        "properties": {
            "repo": { "type": "string", "description": "`owner/name`." },
            "title": { "type": "string" },
            "body": { "type": ["string", "null"] },
            "labels": { "type": "array", "items": { "type": "string" } },
            "state": { "anyOf": [{ "$ref": "#/$defs/State" }, { "type": "null" }] },
        },
        "required": ["repo", "title"],
        "additionalProperties": false,
        "$defs": { "State": { "type": "string", "enum": ["open", "closed"] } },
    });
    let rollback_deploy = json!({
        "type": "object",
        "properties": { "service_id": { "type": "string" }, "to": { "type": "string" } },
        "required": ["service_id"],
        "additionalProperties": false,
    });
    let tool = |input_schema, destructive| CatalogTool {
        untrusted: Vec::new(),
        input_schema,
        output_schema: None,
        effects: Vec::new(),
        read_only: false,
        destructive,
    };
    let tools = [
        ("github.create_issue".to_owned(), tool(create_issue, false)),
        ("render.rollback_deploy".to_owned(), tool(rollback_deploy, true)),
    ];
    Catalog::new(tools.into(), xmrt::agents::Directory::default())
}

/// An escape that only looks like one of TOML 1.1 is fine, and so are line breaks within the values of an inline table.
#[test]
fn what_toml_1_0_allows_is_not_complained_about() {
    let text = r###"
description = "d"
on = "github.push"
[vars]
a = "\\e \\x41 \u00e9"
b = '\e'
c = { list = [
    1,
    2, # a comment, with a comma and a }
], text = """
two lines,
""" }
d = 2026-01-01T10:00:00Z
[[action]]
tool = "github.create_issue"
"###;
    assert_eq!(complaints(text), "");
}

#[test]
fn all_files_are_read_before_anybody_is_told() {
    let good = "description = \"d\"\non = \"github.push\"\n[[action]]\ntool = \"github.create_issue\"\n";
    let files = files(&[
        ("rules/deploys/same.toml", good),
        ("rules/Bad_Name.toml", good),
        ("rules/same.toml", good),
        ("rules/broken.toml", "description = \"d\"\non = 5\n"),
    ]);
    let loaded = load(&files, &json!({}), None);
    assert!(loaded.book.is_none(), "one error and there is no book");
    let codes: Vec<(&str, &str)> = loaded
        .diagnostics
        .iter()
        .map(|found| (found.path.as_str(), found.code))
        .collect();
    assert_eq!(
        codes,
        [
            ("rules/Bad_Name.toml", "rule-id"),
            ("rules/broken.toml", "missing-key"),
            ("rules/broken.toml", "type"),
            ("rules/same.toml", "duplicate-rule"),
        ]
    );
}

#[test]
fn an_unknown_event_is_a_warning_and_the_book_stands() {
    let loaded = load_one(
        "description = \"d\"\non = [\"github.isues.opened\", \"render.server_unhealthy\", \"github.issues.opned\", \"github.push.created\", \"github.*\", \"*\", \"shop.order\", \"gihub.issues\", \"server_failed\", \"xmrt.run_died\", \"github.repository_dispatch.Deploy Now\"]\n[[action]]\ntool = \"github.create_issue\"\n",
    );
    assert!(loaded.book.is_some());
    let hints: Vec<&str> = loaded
        .diagnostics
        .iter()
        .filter_map(|found| found.hint.as_deref())
        .collect();
    assert_eq!(
        hints,
        [
            "did you mean `github.issues.opened`?",
            "Render sends `render.server_failed` instead since November 2025",
            "did you mean `github.issues.opened`?",
            "`push` has no actions: write `github.push`",
            "there are `github` and `render`, `xmrt` for the reactor's own events, `schedule` and `manual`",
            "did you mean `github.issues`?",
            "did you mean `render.server_failed`?",
            "did you mean `xmrt.run_dead`?",
        ]
    );
    assert_eq!(loaded.diagnostics.len(), 8);
}

#[test]
fn a_duration_with_a_fraction_is_not_told_to_take_one_more_unit() {
    for wrong in ["0.5s", "1h 30", "1,5h"] {
        let text = format!("description = \"d\"\non = \"github.push\"\n[limits]\ncooldown = \"{wrong}\"\n");
        let shown = complaints(&text);
        assert!(
            shown.contains(&format!("`{wrong}` is not a duration: write whole numbers")),
            "{shown}"
        );
    }
}

#[test]
fn a_place_is_counted_in_characters() {
    let loaded = load_one("description = \"ä☃𝄞\"\r\nbad = 1\r\non = { \"ü\" = 1 }\r\n");
    let places: Vec<(&str, usize, usize)> = loaded
        .diagnostics
        .iter()
        .map(|found| (found.code, found.line, found.column))
        .collect();
    assert_eq!(
        places,
        [("missing-key", 1, 1), ("unknown-key", 2, 1), ("type", 3, 6)]
    );
}

#[test]
fn color_is_only_used_when_asked_for() {
    let files: Vec<SourceFile> = files(&[("rules/sample.toml", "on = 5\n")]);
    let loaded = load(&files, &json!({}), None);
    assert!(!render_diagnostics(&files, &loaded.diagnostics, false).contains('\u{1b}'));
    assert!(render_diagnostics(&files, &loaded.diagnostics, true).contains('\u{1b}'));
}
