//! Every example of the language reference is run, and the pages are what the code writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xmrt::rules::{
    ExpressionExample, FILTERS, FORMS, FUNCTIONS, PATTERNS, Rule, RuleBook, Scope, SourceFile, TESTS,
    Verdict, load, pages,
};

use crate::rules::{book, event};

const ACTION: &str = "\n[[action]]\ntool = \"xmrt.notify\"\n";

#[test]
fn every_example_of_a_condition_holds_and_fails_as_it_says() {
    for example in PATTERNS {
        let text = format!(
            "description = \"d\"\non = \"github.issues\"\n\n[when]\n{}\n{ACTION}",
            example.when
        );
        let book = book(&text);
        for (payload, holds) in [(example.holds, true), (example.fails, false)] {
            let payload: Value = serde_json::from_str(payload).expect(example.shows);
            let event = event("github.issues", payload.clone());
            for found in [book.evaluate(&event), book.evaluate_naively(&event)] {
                let fired = matches!(found[0].verdict, Verdict::Fired { .. });
                assert_eq!(fired, holds, "{}: {payload}", example.shows);
            }
        }
    }
}

#[test]
fn every_example_of_an_expression_gives_what_it_says() {
    let mut wrong = String::new();
    for row in [FORMS, FILTERS, TESTS, FUNCTIONS].into_iter().flatten() {
        let wanted: Value = serde_json::from_str(row.value).expect(row.name);
        match value(row) {
            Ok(given) if given == wanted => {}
            other => wrong.push_str(&format!("{}: {} → {other:?}, not {wanted}\n", row.name, row.text)),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn value(row: &ExpressionExample) -> Result<Value, String> {
    let template = Value::from(format!("{{{{ {} }}}}", row.text));
    let text = format!(
        "description = \"d\"\non = \"github.issues\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ x = {template} }}\n"
    );
    let scope = Scope {
        event: json!({}),
        meta: json!({}),
        vars: json!({}),
        steps: json!({}),
        run: json!({}),
        now: jiff::Timestamp::UNIX_EPOCH,
        result: None,
        item: None,
    };
    let arguments = book(&text).rules()[0].actions[0].arguments(&scope);
    arguments
        .map(|made| made["x"].clone())
        .map_err(|error| error.to_string())
}

#[test]
fn no_operator_is_without_an_example() {
    let (shipped, recipes) = (folder("rules"), folder("docs/rules/cookbook"));
    let pages = written(&shipped, &recipes);
    let language = &pages
        .iter()
        .find(|page| page.path == "language.md")
        .expect("the page")
        .text;
    let table = language.split("| operator |").nth(1).expect("the table");
    let operators: Vec<&str> = table
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(operators.len() >= 17, "{operators:?}");
    for operator in operators {
        assert!(
            PATTERNS.iter().any(|example| example.shows == operator),
            "{operator} has no example"
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder(name: &str) -> RuleBook {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join(name)).expect(name) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "toml") {
            files.push(SourceFile {
                path: path.display().to_string(),
                text: std::fs::read_to_string(&path).expect("a rule"),
                unreadable: None,
            });
        }
    }
    load(&files, &json!({}), None).book.expect("no errors")
}

fn written(shipped: &RuleBook, recipes: &RuleBook) -> Vec<SourceFile> {
    let rules = |book: &RuleBook| -> Vec<std::sync::Arc<Rule>> { book.rules().to_vec() };
    let (shipped, recipes) = (rules(shipped), rules(recipes));
    pages(
        &shipped.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        &recipes.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
    )
}

#[test]
fn the_pages_are_what_the_code_writes() {
    let pages = written(&folder("rules"), &folder("docs/rules/cookbook"));
    let at = root().join("docs/rules");
    let stale: Vec<&str> = pages
        .iter()
        .filter(|page| std::fs::read_to_string(at.join(&page.path)).ok().as_deref() != Some(&page.text))
        .map(|page| page.path.as_str())
        .collect();
    assert!(
        stale.is_empty(),
        "not as the code writes them: {stale:?}\nwrite them anew: cargo run -- rules reference"
    );
    for part in ["lints", "shipped"] {
        for entry in std::fs::read_dir(at.join(part)).expect(part) {
            let name = format!(
                "{part}/{}",
                entry.expect("an entry").file_name().to_string_lossy()
            );
            assert!(
                pages.iter().any(|page| page.path == name),
                "{name} is about nothing"
            );
        }
    }
}

#[test]
fn the_links_between_the_pages_lead_somewhere() {
    let pages = written(&folder("rules"), &folder("docs/rules/cookbook"));
    for page in &pages {
        let here = root().join("docs/rules").join(&page.path);
        let here = here.parent().unwrap_or(Path::new("."));
        for link in page
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            let foreign = path.is_empty() || path.contains("{{") || path.starts_with("http");
            assert!(foreign || here.join(path).exists(), "{}: {link}", page.path);
        }
    }
}

#[test]
fn the_cookbook_has_twenty_recipes_that_say_what_they_show() {
    let recipes = folder("docs/rules/cookbook");
    assert!(recipes.rules().len() >= 20, "{}", recipes.rules().len());
    for rule in recipes.rules() {
        for mark in ["# Shows: ", "# How "] {
            assert!(rule.text.contains(mark), "{} does not say `{mark}`", rule.id);
        }
    }
}
