//! The commands for people who write rules, as a terminal sees them.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program and read its files"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{World, issue_opened};

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
fn results_are_junit_with_the_failure_and_its_place() {
    let folder = folder(&[("rules/tell.toml", ISSUE)]);
    let output = xmrt(folder.path(), &["test", "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(out(&output), @r###"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="xmrt" tests="1" failures="1">
      <testsuite name="tell" tests="1" failures="1">
        <testcase name="a &lt;bug&gt; &amp; so on" classname="tell" file="rules/tell.toml" line="15">
          <failure message="call 1 `xmrt.notify`: arguments.text is &quot;BUG&quot;; expected &quot;bug&quot;">call 1 `xmrt.notify`: arguments.text is &quot;BUG&quot;; expected &quot;bug&quot;&#10;called &quot;xmrt.notify&quot; {&quot;text&quot;:&quot;BUG&quot;,&quot;to&quot;:&quot;log&quot;}</failure>
        </testcase>
      </testsuite>
    </testsuites>
    "###);
}

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
           - call 1 `xmrt.notify` was not made (the rule's decision: succeeded)
    untested tell · no test makes it act
    untested tell · no test makes the condition on `issue.title` fail
    untested tell · no test makes the `if` of `notify` hold
    1 rule(s): 0 passed, 1 failed
    ");
}

/// A payload as it stands in a file.
fn opened(title: &str, minute: u32) -> String {
    serde_json::json!({
        "action": "opened",
        "issue": { "number": 1, "title": title, "created_at": format!("2026-03-04T10:{minute:02}:00Z"), "updated_at": format!("2026-03-04T10:{minute:02}:00Z") },
        "repository": { "full_name": "acme/api" },
    })
    .to_string()
}

#[test]
fn a_backtest_over_payloads_tells_what_is_gained_and_lost_by_event_time() {
    let candidate = ISSUE.replace("prefix = \"BUG\"", "prefix = \"CRASH\"");
    let folder = folder(&[
        ("rules/tell.toml", ISSUE),
        ("new/tell.toml", &candidate),
        ("events/github.issues.opened~1.json", &opened("BUG one", 0)),
        ("events/github.issues.opened~2.json", &opened("CRASH two", 5)),
        (
            "events/github.issues.opened~3.json",
            &opened("BUG within the cooldown", 30),
        ),
        ("events/github.issues.opened~4.json", &opened("neither", 40)),
    ]);
    let arguments = ["backtest", "new", "--against", "rules", "--events", "events"];
    let output = xmrt(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @r###"
    before:    the rules in rules
    candidate: the rules in new
    events:    4 in events, from 2026-03-04T10:00:00Z to 2026-03-04T10:40:00Z

    RULE  BEFORE  AFTER  GAINED  LOST  NOTE
    tell  1       1      +1      -1    held back by limits: 1 before, 0 after
    + tell 2026-03-04T10:05:00Z github.issues.opened github.issues.opened~2
    - tell 2026-03-04T10:00:00Z github.issues.opened github.issues.opened~1

    limits are counted in the events' own time; not simulated:
      - steps: an action's `if`, a `require` that declines, and the refund of the limits that follows
      - `limits.depth`, and the events that runs would have caused
    "###);
    for (change, code) in [("gained", 1), ("lost", 1)] {
        let output = xmrt(folder.path(), &[&arguments[..], &["--fail-on", change]].concat());
        assert_eq!(output.status.code(), Some(code), "{change}");
    }
    let same = [
        "backtest",
        "rules",
        "--against",
        "rules",
        "--events",
        "events",
        "--fail-on",
        "gained,lost",
    ];
    assert_eq!(xmrt(folder.path(), &same).status.code(), Some(0));
    let json: Value = serde_json::from_str(&out(&xmrt(
        folder.path(),
        &[&arguments[..], &["--json"]].concat(),
    )))
    .expect("JSON");
    assert_eq!((&json["gained"], &json["lost"]), (&1.into(), &1.into()));
    assert_eq!(json["events"]["first"], "2026-03-04T10:00:00Z");
}

#[test]
fn a_backtest_that_cannot_run_says_what_is_missing() {
    let folder = folder(&[
        ("rules/tell.toml", ISSUE),
        ("events/github.issues.closed.json", &opened("BUG", 0)),
        ("good/github.issues.opened.json", &opened("BUG", 0)),
        ("empty/readme.md", ""),
    ]);
    let refused = |arguments: &[&str]| {
        let output = xmrt(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        err(&output)
    };
    insta::assert_snapshot!(
        [
            refused(&["backtest"]),
            refused(&["backtest", "--since", "a while"]),
            refused(&["backtest", "--events", "events", "--against", "rules"]),
            refused(&["backtest", "--events", "empty", "--against", "rules"]),
            refused(&["backtest", "--events", "good"]),
        ]
        .concat(),
        @r###"
    xmrt: no server is running and there is no journal in ./.xmrt; name a server with --url, or a folder of payloads with --events
    xmrt: --since: `a while` is not a duration: write a number with a unit, such as "15m"
    xmrt: events/github.issues.closed.json: the name says `github.issues.closed`, and the payload is `github.issues.opened`
    xmrt: empty: there are no .json files in it
    xmrt: a folder of payloads has no rules in force: name what to compare with, `--against PATH`
    "###
    );
}

/// The same two events, by the server's own rules and by changed ones: asked of the server, then of its journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_over_what_is_on_record_compares_with_the_rules_in_force() {
    let mut world = World::start(&[("tell", ISSUE)], "").await;
    let candidate = world.folder.path().join("candidate");
    std::fs::create_dir(&candidate).expect("a folder");
    std::fs::write(candidate.join("tell.toml"), ISSUE.replace("BUG", "Issue")).expect("a file");
    for (number, title) in [(1, "BUG in one"), (2, "Issue with two")] {
        let mut payload = issue_opened(number);
        payload["issue"]["title"] = title.into();
        let (status, _) = world
            .github("issues", &format!("delivery-{number}"), &payload)
            .await
            .expect("an answer");
        assert_eq!(status, 202);
    }
    let candidate = candidate.to_string_lossy().into_owned();
    let ask = |world: &World| {
        let (out, err, code) = world.xmrt(&[
            "backtest",
            &candidate,
            "--json",
            "--since",
            "1h",
            "--fail-on",
            "lost",
        ]);
        assert_eq!(code, 1, "{err}");
        let answer: Value = serde_json::from_str(&out).expect("JSON");
        let rule = &answer["rules"][0];
        assert_eq!(rule["gained"][0]["id"], "delivery-2", "{answer}");
        assert_eq!(rule["lost"][0]["id"], "delivery-1", "{answer}");
        assert_eq!(answer["events"]["count"], 2);
        answer["before"].as_str().expect("a name").to_owned()
    };
    assert_eq!(ask(&world), "the rules in force");
    world.server.terminate();
    assert_eq!(ask(&world), "the rules last in force");
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
        std::fs::read_dir(folder.path().join("rules"))
            .expect("the folder")
            .count(),
        1
    );
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .expect("git");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn rules_are_compared_with_a_folder_and_with_a_revision() {
    let old = ISSUE;
    let new = ISSUE.replace("BUG", "Bug");
    let folder = folder(&[
        ("rules/tell.toml", old),
        ("rules/gone.toml", old),
        ("rules/same.toml", old),
    ]);
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["add", "-A"]);
    git(
        folder.path(),
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "commit",
            "-q",
            "-m",
            "rules",
        ],
    );
    std::fs::write(folder.path().join("rules/tell.toml"), &new).expect("a file");
    std::fs::rename(
        folder.path().join("rules/gone.toml"),
        folder.path().join("rules/renamed.toml"),
    )
    .expect("a name");
    std::fs::write(
        folder.path().join("rules/added.toml"),
        new.replace("Bug", "Other"),
    )
    .expect("a file");
    // The program itself starts git, which is found by PATH.
    let compared = Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(["rules", "diff", "--against", "HEAD"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("the program starts");
    assert_eq!(compared.status.code(), Some(1), "{}", err(&compared));
    let told = regex::Regex::new("[0-9a-f]{8} → [0-9a-f]{8}")
        .expect("a pattern")
        .replace_all(&out(&compared), "<old> → <new>")
        .into_owned();
    insta::assert_snapshot!(told, @r#"
    compared with HEAD: 4 different, 1 the same

    + added added

    - gone removed

    + renamed renamed (it was `gone`)
        - its history, and what its limits have counted, stay with the old name: it begins anew

    ~ tell changed (<old> → <new>)
        - `when` asks something else: other events make it act (`xmrt backtest` shows which)
           [when]
          -issue.title = { prefix = "BUG" }
          +issue.title = { prefix = "Bug" }
           
           name = "a <bug> & so on"
          -event = { on = "github.issues.opened", payload = { issue = { number = 1, title = "BUG" }, repository = { full_name = "acme/api" } } }
          +event = { on = "github.issues.opened", payload = { issue = { number = 1, title = "Bug" }, repository = { full_name = "acme/api" } } }
           expect = [{ tool = "xmrt.notify", arguments.text = "bug" }]
    "#);
    let same = xmrt(folder.path(), &["rules", "diff", "--against", "rules"]);
    assert_eq!(
        (same.status.code(), out(&same).trim_end()),
        (Some(0), "compared with rules: 0 different, 4 the same")
    );
    let nothing = xmrt(folder.path(), &["rules", "diff"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(err(&nothing).contains("--against"), "{}", err(&nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_compared_with_those_in_force_of_a_server_and_of_its_journal() {
    let mut world = World::start(&[("tell", ISSUE)], "").await;
    let candidate = world.folder.path().join("candidate");
    std::fs::create_dir(&candidate).expect("a folder");
    std::fs::write(
        candidate.join("tell.toml"),
        ISSUE.replace("description = ", "# more\ndescription = "),
    )
    .expect("a file");
    let candidate = candidate.to_string_lossy().into_owned();
    let ask = |world: &World| {
        let (out, err, code) = world.xmrt(&["rules", "diff", &candidate, "--json"]);
        assert_eq!(code, 1, "{err}");
        let answer: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(answer["differences"][0]["rule"], "tell");
        assert_eq!(answer["differences"][0]["open_runs"], 0);
        answer["differences"][0]["means"][0]
            .as_str()
            .expect("a sentence")
            .to_owned()
    };
    let meaning = "nothing that decides or acts: only words, comments or tests";
    assert_eq!(ask(&world), meaning);
    world.server.terminate();
    assert_eq!(ask(&world), meaning);
}
