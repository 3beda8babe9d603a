//! What the documents say about the source tree is compared with it.
#![expect(
    clippy::disallowed_methods,
    reason = "this test looks at the documents themselves"
)]

mod clients;
mod fences;
mod links;
mod pages;

use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// What of a rule file comes before its tests.
fn without_tests(rule: &str) -> &str {
    rule.split("\n[[test]]").next().unwrap_or(rule).trim()
}

#[test]
fn the_rule_in_the_readme_is_the_shipped_file() {
    let readme = read("README.md");
    let (_, after) = readme.split_once("<!-- rule: ").expect("the README shows a rule");
    let (path, after) = after.split_once(" -->").expect("and says which");
    let shown = after
        .trim_start()
        .strip_prefix("```toml\n")
        .and_then(|block| block.split_once("\n```"));
    assert_eq!(shown.map(|(rule, _)| rule), Some(without_tests(&read(path))));
}

#[test]
fn every_shipped_rule_says_what_why_and_safety_and_is_tested_both_ways() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("rules")).expect("the rules folder") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        let text = read(&format!("rules/{name}"));
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        for part in ["# What:", "# Why:", "# Safety:"] {
            assert!(
                head.iter().any(|line| line.starts_with(part)),
                "rules/{name} does not say {part}"
            );
        }
        let tests: Vec<&str> = text.split("\n[[test]]").skip(1).collect();
        let says = |signs: &[&str], test: &str| signs.iter().any(|sign| test.contains(sign));
        let quiet = tests
            .iter()
            .filter(|test| says(&["expect = []", "decision = ", "if_skipped"], test))
            .count();
        let acting = tests
            .iter()
            .filter(|test| says(&["expect = [{"], test) && !says(&["decision = "], test))
            .count();
        assert!(quiet >= 2, "rules/{name} has {quiet} tests for not acting");
        let off = text.contains("\nmode = \"off\"\n");
        assert!(acting >= 1 || off, "rules/{name} has no test for acting");
        seen += 1;
    }
    assert!(seen >= 7, "{seen} rules are shipped");
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).expect("Cargo.toml");
    let decisions = read("docs/decisions.md");
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().expect("a table").keys() {
            assert!(
                decisions.contains(&format!("`{name}`")),
                "docs/decisions.md does not say why `{name}` is there"
            );
        }
    }
}

#[test]
fn every_module_is_on_the_map() {
    let map = read("docs/architecture.md");
    for line in read("src/lib.rs").lines() {
        if let Some(name) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            assert!(
                map.contains(&format!("`{name}`")),
                "docs/architecture.md does not show `{name}`"
            );
        }
    }
}

#[test]
fn the_page_of_lints_is_what_the_program_writes() {
    assert!(
        read("docs/rules/lints.md") == xmrt::rules::lints_markdown(),
        "docs/rules/lints.md is out of date: cargo run -- check --lints-markdown > docs/rules/lints.md"
    );
}
