//! The commands for people who write rules, as a terminal sees them.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program and read its files"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

mod backtest;
mod cards;
mod diff;
mod junit;
mod troubles;

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

/// The names of all templates, as the program lists them.
fn templates() -> Vec<String> {
    let folder = folder(&[]);
    let output = xmrt(folder.path(), &["rules", "templates", "--json"]);
    let listed: Value = serde_json::from_str(&out(&output)).expect("JSON");
    listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|template| {
            assert_ne!(template["description"], "");
            template["name"].as_str().expect("a name").to_owned()
        })
        .collect()
}

#[test]
fn a_rule_from_any_template_passes_check_and_test_at_once() {
    let folder = folder(&[]);
    for (at, template) in templates().iter().enumerate() {
        let output = xmrt(
            folder.path(),
            &["rules", "new", &format!("mine-{at}"), "--from", template],
        );
        assert!(output.status.success(), "{template}: {}", err(&output));
    }
    // An editor finds the schema, and it is the one that the program has.
    let schema = std::fs::read_to_string(folder.path().join("rules/rule.schema.json")).expect("the schema");
    let printed = xmrt(folder.path(), &["schema"]);
    assert_eq!(schema, out(&printed));
    let rule = std::fs::read_to_string(folder.path().join("rules/mine-0.toml")).expect("the rule");
    assert!(rule.starts_with("#:schema ./rule.schema.json\n"), "{rule}");
    let output = xmrt(folder.path(), &["check", "--deny-warnings"]);
    assert!(output.status.success(), "{}", out(&output));
    let output = xmrt(folder.path(), &["test"]);
    assert!(output.status.success(), "{}", out(&output));
}

/// An editor finds the schema by the first line: beside the rules, or where the repository keeps it already.
#[test]
fn a_new_rule_points_editors_at_a_schema_that_is_there() {
    let folder = folder(&[("own/docs/rule.schema.json", "{}"), ("own/rules/readme.md", "")]);
    let output = xmrt(folder.path(), &["rules", "new", "mine"]);
    assert!(output.status.success(), "{}", err(&output));
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).expect(path);
    assert!(read("rules/mine.toml").starts_with("#:schema ./rule.schema.json\n# What:"));
    let beside = read("rules/rule.schema.json");
    assert_eq!(beside, out(&xmrt(folder.path(), &["schema"])));
    let output = xmrt(folder.path(), &["rules", "new", "mine", "--rules", "own/rules"]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(read("own/rules/mine.toml").starts_with("#:schema ../docs/rule.schema.json\n"));
    assert!(!folder.path().join("own/rules/rule.schema.json").exists());
    let output = xmrt(folder.path(), &["check", "--deny-warnings"]);
    assert!(output.status.success(), "{}", out(&output));
}

#[test]
fn every_shipped_rule_is_a_template() {
    let names = templates();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for entry in std::fs::read_dir(shipped).expect("the rules folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            names.contains(&stem),
            "{stem} is not in src/cli/rules/templates.rs"
        );
    }
}

#[test]
fn a_new_rule_overwrites_nothing_and_needs_a_good_name_and_a_template() {
    let folder = folder(&[("rules/deploys/mine.toml", "description = \"d\"\n")]);
    let refused = |arguments: &[&str]| {
        let output = xmrt(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        err(&output)
    };
    insta::assert_snapshot!(
        [
            refused(&["rules", "new", "mine"]),
            refused(&["rules", "new", "My_Rule"]),
            refused(&["rules", "new", "../outside"]),
            refused(&["rules", "new", "yours", "--from", "on-isue"]),
        ]
        .concat(),
        @r###"
    xmrt: there is a rule `mine` already: rules/deploys/mine.toml
    xmrt: the file's name is the rule's id, and `My_Rule` is not kebab-case (lower-case letters and digits, words joined by `-`: `triage-new-issue.toml`)
    xmrt: `../outside` is a path: say the rule's id only, and the folder with --rules
    xmrt: there is no template `on-isue`; did you mean `on-issue`?
    "###
    );
    assert!(!folder.path().join("rules/yours.toml").exists());
    assert!(!folder.path().join("outside.toml").exists());
}

/// A rule with a cooldown, and a test that fails.
const ISSUE: &str = r#"description = "Tell about bugs"
on = "github.issues.opened"

[when]
issue.title = { prefix = "BUG" }

[limits]
key = "{{ event.repository.full_name }}"
cooldown = "1h"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title }}" }

[[test]]
name = "a <bug> & so on"
event = { on = "github.issues.opened", payload = { issue = { number = 1, title = "BUG" }, repository = { full_name = "acme/api" } } }
expect = [{ tool = "xmrt.notify", arguments.text = "bug" }]
"#;

#[test]
fn what_no_test_exercises_is_told() {
    let folder = folder(&[(
        "rules/tell.toml",
        &ISSUE.replace(
            "[[action]]",
            "[[action]]\nif = \"event.issue.locked | default(false)\"",
        ),
    )]);
    let output = xmrt(folder.path(), &["test", "--coverage"]);
    insta::assert_snapshot!(out(&output), @"
    FAILED tell · a <bug> & so on → succeeded
             xmrt.notify (skipped) {}
           - call 1 `xmrt.notify` was not made: the step `notify` was skipped, for its `if` did not hold (`event.issue.locked | default(false)`); with `if_skipped = true` that is expected
    untested tell · no test makes it act
    untested tell · no test makes the condition on `issue.title` fail
    untested tell · no test makes the `if` of `notify` hold
    1 rule(s): 0 passed, 1 failed
    ");
}

const SLIPS: &str = "description = \"d\"\non = \"github.issues.opened\"\n\n[limits]\ncoldown = \"5 minutes\" # at least\n\n[[action]]\ntool = \"xmrt.notfy\"\narguments = { to = \"log\", text = \"hello\" }\n";

#[test]
fn what_fix_would_change_is_shown_and_then_done_once() {
    let folder = folder(&[("rules/tell.toml", SLIPS)]);
    let shown = xmrt(folder.path(), &["check", "--diff"]);
    assert_eq!(shown.status.code(), Some(1));
    insta::assert_snapshot!(out(&shown), @r#"
    --- rules/tell.toml
    +++ rules/tell.toml
    @@ -3,7 +3,7 @@
     
     [limits]
    -coldown = "5 minutes" # at least
    +cooldown = "5m" # at least
     
     [[action]]
    -tool = "xmrt.notfy"
    +tool = "xmrt.notify"
     arguments = { to = "log", text = "hello" }
    "#);
    let path = folder.path().join("rules/tell.toml");
    assert_eq!(
        std::fs::read_to_string(&path).expect("the rule"),
        SLIPS,
        "nothing is changed yet"
    );
    let fixed = xmrt(folder.path(), &["check", "--fix"]);
    assert_eq!(fixed.status.code(), Some(0), "{}", err(&fixed));
    assert!(out(&fixed).starts_with(&out(&shown)), "{}", out(&fixed));
    let text = std::fs::read_to_string(&path).expect("the rule");
    assert!(text.contains("cooldown = \"5m\" # at least"), "{text}");
    let again = xmrt(folder.path(), &["check", "--diff"]);
    assert_eq!((again.status.code(), out(&again).as_str()), (Some(0), ""));
    assert_eq!(
        err(&again),
        "there is nothing that `--fix` could mend with certainty\n"
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join("rules"))
            .expect("the folder")
            .count(),
        1
    );
}

/// What webhooks and files bring must not steer the terminal, nor make a line look like another.
#[test]
fn nothing_that_comes_from_outside_can_steer_the_terminal() {
    let trick = "\u{202e}\u{200b}\u{1b}[31m\u{9b}2J";
    let escaped = "\\u202e\\u200b\\u001b[31m\\u009b2J";
    let rule = format!(
        "{}\n[[test]]\nname = \"of {escaped} and so on\"\nevent = {{ on = \"github.issues.opened\", payload = {{ issue = {{ number = 1, \
         title = \"BUG {escaped}\" }}, repository = {{ full_name = \"acme/api\" }} }} }}\nexpect = []\n",
        ISSUE.split("\n[[test]]").next().expect("the rule")
    );
    let payload = serde_json::json!({ "action": "opened", "issue": { "number": 1, "title": trick }, "repository": { "full_name": trick } });
    // As it is on record: whoever sends it chooses its id and its type.
    let event = serde_json::json!({
        "id": format!("one{trick}"), "source": "github", "type": format!("github.issues.opened{trick}"), "action": "opened",
        "subject": trick, "actor": trick, "time": "2026-03-04T10:00:00Z", "received_at": "2026-03-04T10:00:00Z",
        "payload": payload,
    });
    let folder = folder(&[
        ("rules/tell.toml", &rule),
        (
            "new/tell.toml",
            &rule
                .replace("on = \"github.issues.opened\"", "on = \"github\"")
                .replace("[when]", "# [when]")
                .replace("issue.title =", "# "),
        ),
        (&format!("new/other{trick}.toml"), &rule),
        ("payload.json", &payload.to_string()),
        ("events/one.json", &event.to_string()),
    ]);
    let explained = [
        "explain",
        "tell",
        "--event",
        "payload.json",
        "--type",
        "github.issues.opened",
    ];
    for arguments in [
        &["test"][..],
        &["test", "--json"],
        &["test", "--format", "junit"],
        &["check"],
        &["check", "--json"],
        &explained,
        &[&explained[..], &["--json"]].concat(),
        &["rules", "diff", "new", "--against", "rules"],
        &["rules", "diff", "new", "--against", "rules", "--json"],
        &[
            "backtest",
            "new/tell.toml",
            "--against",
            "rules",
            "--events",
            "events",
        ],
        &[
            "explain",
            "--event",
            &format!("nothing{trick}"),
            "--type",
            "github.push",
        ],
    ] {
        let output = xmrt(folder.path(), arguments);
        let shown = format!("{}{}", out(&output), err(&output));
        assert!(shown.len() > 20, "{arguments:?}: {shown}");
        let steering =
            |letter: char| (letter.is_control() && letter != '\n') || xmrt::rules::is_hidden(letter);
        assert!(!shown.contains(steering), "{arguments:?}: {shown:?}");
    }
}
