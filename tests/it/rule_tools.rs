//! The commands for people who write rules, as a terminal sees them.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program and read its files"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program in a folder of its own, with nothing of the caller's environment.
pub(crate) fn xmrt(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program starts")
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A folder with these files in it.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

const BROKEN: &str = "description = \"100 % ünique, really: yes\"\non = \"github.issues.opened\"\nmode = \"\"\"\nlive\"\"\"\n\n[when]\nissue.titel = \"x\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\n";

#[test]
fn findings_are_workflow_commands_with_everything_escaped() {
    let folder = folder(&[("rules/a,b:100%.toml", BROKEN), ("rules/fine.toml", "x")]);
    let output = xmrt(folder.path(), &["check", "--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(out(&output), @r###"
    ::error file=rules/a%2Cb%3A100%25.toml,line=1,col=1,endColumn=1,title=rule-id::the file's name is the rule's id, and `a,b:100%25` is not kebab-case%0Alower-case letters and digits, words joined by `-`: `triage-new-issue.toml`
    ::error file=rules/a%2Cb%3A100%25.toml,line=7,col=7,endColumn=12,title=unknown-field::github.issues.opened has no `issue.titel`%0Adid you mean `issue.title`?
    ::error file=rules/fine.toml,line=1,col=2,endColumn=2,title=syntax::this is not valid TOML: key with no value, expected `=`
    "###);
}

#[test]
fn findings_are_a_sarif_log_whose_places_and_rules_agree() {
    let folder = folder(&[("rules/with space.toml", BROKEN)]);
    let output = xmrt(folder.path(), &["check", "--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert!(rules.len() >= 60 && results.len() >= 2);
    for result in results {
        let at = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[at]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "rules/with%20space.toml");
        assert_eq!(place["artifactLocation"]["uriBaseId"], "SRCROOT");
        for name in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(
                place["region"][name].as_u64().is_some_and(|number| number > 0),
                "{name}"
            );
        }
    }
    let field = results
        .iter()
        .find(|result| result["ruleId"] == "unknown-field")
        .expect("the field is found");
    assert_eq!(
        field["locations"][0]["physicalLocation"]["region"],
        serde_json::json!({ "startLine": 7, "startColumn": 7, "endLine": 7, "endColumn": 12 })
    );
}

#[test]
fn json_by_its_old_name_and_by_its_new_one_is_the_same() {
    let folder = folder(&[("rules/sample.toml", BROKEN)]);
    let old = xmrt(folder.path(), &["check", "--json"]);
    let new = xmrt(folder.path(), &["check", "--format", "json"]);
    assert_eq!(out(&old), out(&new));
    let report: Value = serde_json::from_str(&out(&new)).expect("JSON");
    assert_eq!(report["files"], 1);
    assert!(report["errors"].as_u64().is_some_and(|errors| errors > 0));
}

#[test]
fn a_lint_is_explained_and_a_misspelled_one_is_guessed() {
    let folder = folder(&[]);
    let output = xmrt(folder.path(), &["check", "--explain", "cyclic-rule"]);
    assert!(output.status.success());
    assert!(out(&output).starts_with("cyclic-rule (warning)\n"));
    let output = xmrt(folder.path(), &["check", "--explain", "cylic-rule"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        err(&output),
        "xmrt: there is no lint `cylic-rule`; did you mean `cyclic-rule`?\n"
    );
    let output = xmrt(folder.path(), &["check", "--explain", "all"]);
    assert!(out(&output).lines().count() > 60);
}

#[test]
fn without_a_terminal_there_is_no_color() {
    let folder = folder(&[("rules/sample.toml", BROKEN)]);
    let output = xmrt(folder.path(), &["check"]);
    assert!(!out(&output).contains('\u{1b}'));
}
