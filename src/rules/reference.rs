//! In: the tables of the language, the lints, and rules. Out: the pages below `docs/rules/`. Never: text about the language
//! that the code does not know: keys, operators and filters come from the tables that the parser reads.

use std::fmt::Write;

use crate::rules::SourceFile;
use crate::rules::keys::{self, Key, Shape};
use crate::rules::lint;
use crate::rules::rule::{Mode, Rule};
use crate::rules::testcase::RuleTest;

mod expressions;
mod operators;

pub use expressions::{ExpressionExample, FILTERS, FORMS, FUNCTIONS, TESTS};
pub use operators::{PATTERNS, PatternExample};

/// Names that expressions see, where, and what they hold.
const NAMES: &[(&str, &str, &str)] = &[
    ("`event`", "everywhere", "The payload, as the provider sent it."),
    (
        "`meta`",
        "everywhere",
        "The envelope: `id`, `source`, `type`, `action`, `subject`, `actor`, `time`, `replayed`.",
    ),
    (
        "`vars`",
        "everywhere",
        "The rule's `[vars]` over those of `xmrt.toml`.",
    ),
    (
        "`now`",
        "`if`, actions",
        "The time of receipt in the rule's `if`, the present in an action.",
    ),
    ("`steps.<id>`", "actions", "The results of the steps before."),
    (
        "`run`",
        "actions",
        "The run itself; in `[[on_failure]]` `run.reason` says why.",
    ),
    ("`item`", "an action with `for_each`", "The element at hand."),
    ("`result`", "`require`", "What the step's own call gave."),
];

/// Writes all pages: of the language, of each lint, of each of the `shipped` rules, and of the recipes.
pub fn pages(shipped: &[&Rule], recipes: &[&Rule]) -> Vec<SourceFile> {
    let page = |path: String, text: String| SourceFile {
        path,
        text,
        unreadable: None,
    };
    let mut pages = vec![
        page("language.md".into(), language()),
        page("lints.md".into(), lint::lints_markdown()),
        page("shipped.md".into(), shipped_index(shipped)),
        page("cookbook.md".into(), cookbook(recipes)),
    ];
    for lint in lint::lints() {
        pages.push(page(format!("lints/{}.md", lint.id), lint.to_markdown()));
    }
    for rule in shipped {
        pages.push(page(format!("shipped/{}.md", rule.id), shipped_page(rule)));
    }
    pages
}

/// What every page begins with.
pub const PAGE_HEAD: &str = "<!-- Written by `xmrt rules reference`: change the code, not this page. -->\n";

fn language() -> String {
    let mut page = format!(
        "{PAGE_HEAD}# The rule language\n\n\
         A rule is one TOML 1.0 file; its name without `.toml` is the rule's id. Keys of the rule itself stand before the first \
         `[table]`. Unknown keys are errors. Durations are texts with units: `\"30s\"`, `\"15m\"`, `\"1h30m\"`, `\"7d\"`.\n\n\
         Every example on this page is run by a test.\n\n\
         - [Keys](#keys) · [Conditions](#conditions) · [Expressions and templates](#expressions-and-templates)\n\
         - [What `xmrt check` finds](lints.md) · [Recipes](cookbook.md) · [Rules that come along](shipped.md) · [Tools](tools.md) · \
         [State of tests](state.md)\n\n\
         ## Keys\n"
    );
    table("The file", keys::RULE, &mut page);
    conditions(&mut page);
    expressions(&mut page);
    page
}

/// The keys of a table, and then those of the tables within it.
fn table(title: &str, known: &[Key], page: &mut String) {
    let _ = write!(page, "\n### {title}\n\n| key | takes | |\n|---|---|---|\n");
    for key in known {
        let name = if key.required {
            format!("**`{}`**", key.name)
        } else {
            format!("`{}`", key.name)
        };
        let _ = writeln!(
            page,
            "| {name} | {} | {} |",
            takes(key.shape),
            key.doc.replace('|', "\\|")
        );
    }
    for key in known {
        match key.shape {
            Shape::Keys(inner) => table(&format!("`{}`", bracketed(title, key.name, false)), inner, page),
            Shape::Tables(inner) => table(&format!("`{}`", bracketed(title, key.name, true)), inner, page),
            _ => {}
        }
    }
}

/// As one writes it: `[limits]`, `[[action]]`, and what is within those by its name alone.
fn bracketed(parent: &str, name: &str, list: bool) -> String {
    match (parent, list) {
        ("The file", true) => format!("[[{name}]]"),
        ("The file", false) => format!("[{name}]"),
        _ => format!("{name} of {}", parent.trim_matches('`')),
    }
}

fn takes(shape: Shape) -> String {
    match shape {
        Shape::Text => "text".into(),
        Shape::Expression => "expression".into(),
        Shape::Template => "text with `{{ … }}`".into(),
        Shape::Duration => "duration".into(),
        Shape::Rate => "`\"3/1h\"`".into(),
        Shape::Whole(from, to) => format!("{from} to {to}"),
        Shape::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Shape::Texts => "text, or list of texts".into(),
        Shape::Table | Shape::Keys(_) => "table".into(),
        Shape::Tables(_) => "list of tables".into(),
        Shape::Bool => "`true`, `false`".into(),
    }
}

fn conditions(page: &mut String) {
    page.push_str(
        "\n## Conditions\n\n\
         `[when]` asks about the payload; all of it must hold. A path denotes the set of values it reaches: lists on the way, and \
         at its end, are gone through. A condition holds when some value does, unless its operator says otherwise. Types are \
         strict: `5` is `5.0`, and never `\"5\"`. `null` counts as absent for `exists`.\n\n\
         | operator | holds when |\n|---|---|\n",
    );
    for (name, doc) in keys::OPERATORS {
        let _ = writeln!(page, "| `{name}` | {} |", doc.replace('|', "\\|"));
    }
    for example in PATTERNS {
        let _ = write!(
            page,
            "\n### {}\n\n```toml\n[when]\n{}\n```\n\n- holds: `{}`\n- fails: `{}`\n",
            example.shows, example.when, example.holds, example.fails
        );
    }
}

fn expressions(page: &mut String) {
    page.push_str(
        "\n## Expressions and templates\n\n\
         One language, that of Jinja, for `if`, `require` and `{{ … }}`. `if` and `require` are expressions, without braces. A \
         text that is one single `{{ expression }}` keeps the value's type; any other text with braces becomes text. What was \
         rendered is never evaluated again. An undefined name is an error that says which, and never false: ask `is defined`, or \
         say `| default(…)`. Steps, output (1 MiB) and depth are bounded: what takes too many is stopped, and the decision says so.\n\n\
         | name | seen in | |\n|---|---|---|\n",
    );
    for (name, place, doc) in NAMES {
        let _ = writeln!(page, "| {name} | {place} | {doc} |");
    }
    for (title, examples) in [
        ("What an expression is made of", FORMS),
        ("Filters: `value | filter`", FILTERS),
        ("Tests: `value is test`, `value is not test`", TESTS),
        ("Functions", FUNCTIONS),
    ] {
        let _ = write!(
            page,
            "\n### {title}\n\n| | | example | gives |\n|---|---|---|---|\n"
        );
        for row in examples {
            let name = if title.starts_with("What") {
                row.name.to_owned()
            } else {
                format!("`{}`", row.name)
            };
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                page,
                "| {name} | {} | `{}` | `{}` |",
                cell(row.doc),
                cell(row.text),
                cell(row.value)
            );
        }
    }
}

fn shipped_index(rules: &[&Rule]) -> String {
    let mut page = format!(
        "{PAGE_HEAD}# Rules that come along\n\nEach is useful as it stands; what differs between users is in its `[vars]`.\n\n\
         | rule | on | |\n|---|---|---|\n"
    );
    for rule in rules {
        let _ = writeln!(
            page,
            "| [{0}](shipped/{0}.md) | {1} | {2}{3} |",
            rule.id,
            codes(&rule.on),
            rule.description,
            if rule.mode == Mode::Off { " (off)" } else { "" }
        );
    }
    page
}

fn shipped_page(rule: &Rule) -> String {
    let mut page = format!("{PAGE_HEAD}# {}\n\n{}\n\n", rule.id, rule.description);
    for (title, text) in head(&rule.text) {
        let _ = write!(page, "**{title}.** {text}\n\n");
    }
    if let Some(reason) = &rule.off_reason {
        let _ = write!(page, "**It is off.** {reason}\n\n");
    }
    let _ = write!(page, "On {}.\n\n| step | tool |\n|---|---|\n", codes(&rule.on));
    for action in &rule.actions {
        let _ = writeln!(page, "| `{}` | `{}` |", action.id, action.tool);
    }
    let _ = write!(
        page,
        "\n```toml\n{}\n```\n\n## What its tests show\n\n",
        body(&rule.text)
    );
    for test in &rule.tests {
        let _ = writeln!(page, "- {}: {}", test.name, outcome(test));
    }
    page
}

fn codes(texts: &[String]) -> String {
    let codes: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
    codes.join(", ")
}

/// The parts of a rule's head: `# What: …` and the lines that go on.
fn head(text: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let Some(line) = line.strip_prefix("# ") else {
            continue;
        };
        let title = line.split_once(':').filter(|(word, _)| {
            word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphabetic)
        });
        match (title, parts.last_mut()) {
            (Some((title, rest)), _) => parts.push((title.to_owned(), rest.trim().to_owned())),
            (None, Some((_, last))) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            (None, None) => {}
        }
    }
    parts
}

/// What stands between the head and the tests.
fn body(text: &str) -> &str {
    let start = text
        .split_inclusive('\n')
        .take_while(|line| line.starts_with('#'))
        .map(str::len)
        .sum();
    let body = text.get(start..).unwrap_or(text);
    body.split("\n[[test]]").next().unwrap_or(body).trim()
}

fn outcome(test: &RuleTest) -> String {
    let calls: Vec<String> = test
        .expect
        .iter()
        .flatten()
        .map(|call| {
            let skipped = if call.if_skipped { " (skipped)" } else { "" };
            format!("`{}`{skipped}", call.tool)
        })
        .collect();
    let calls = match (&test.expect, calls.is_empty()) {
        (None, _) => String::new(),
        (Some(_), true) => "does nothing".to_owned(),
        (Some(_), false) => calls.join(", "),
    };
    match (&test.decision, calls.is_empty()) {
        (Some(decision), true) => decision.clone(),
        (Some(decision), false) => format!("{calls}; {decision}"),
        (None, _) => calls,
    }
}

fn cookbook(recipes: &[&Rule]) -> String {
    let mut page = format!(
        "{PAGE_HEAD}# Recipes\n\nEach is a whole rule in [cookbook/](cookbook/) with its tests, and is checked and tested like any other: \
         `xmrt test docs/rules/cookbook`. To begin with one: copy the file into your rules folder.\n\n"
    );
    let question = |rule: &Rule| {
        let asked = rule.text.lines().find(|line| line.starts_with("# How "));
        asked.map_or_else(|| rule.description.clone(), |line| line[2..].to_owned())
    };
    for rule in recipes {
        let _ = writeln!(page, "- [{}](#{})", question(rule), rule.id);
    }
    for rule in recipes {
        let _ = write!(page, "\n## {}\n\n{}\n\n", rule.id, question(rule));
        for (title, text) in head(&rule.text) {
            if title == "Shows" {
                // The question on the next line is no part of it.
                let text = text.split(" How ").next().unwrap_or(&text);
                let _ = write!(page, "Shows {text}\n\n");
            }
        }
        let _ = write!(
            page,
            "```toml\n{}\n```\n\n[The file with its tests](cookbook/{}.toml): {}.\n",
            body(&rule.text),
            rule.id,
            rule.tests
                .iter()
                .map(|test| test.name.as_str())
                .collect::<Vec<_>>()
                .join("; ")
        );
    }
    page
}
