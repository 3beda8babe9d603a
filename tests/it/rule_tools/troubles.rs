//! What the commands say where there is nothing to work with.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests write the files the program reads"
)]

use super::{ISSUE, err, folder, out, xmrt};

/// A test's world is empty but for its event and its state.
#[test]
fn what_a_test_lacks_in_its_sandbox_is_told_with_how_to_put_it_there() {
    let rule = r#"description = "Plan the week"
on = "schedule"
cron = "0 9 * * 1"

[[action]]
tool = "github.create_issue"
arguments = { repo = "acme/api", title = "Plan", body = "The week" }

[[test]]
name = "on Monday"
event = { on = "schedule" }
expect = [{ tool = "github.create_issue" }]
"#;
    let empty = folder(&[("rules/plan.toml", rule)]);
    let output = xmrt(empty.path(), &["test"]);
    insta::assert_snapshot!(out(&output), @r#"
    FAILED plan · on Monday → dead
             github.create_issue {"body":"The week","repo":"acme/api","title":"Plan"}
           - the run ended `dead`: step `create_issue`: GitHub answered 404: Not Found (it is not there, or the token may not see it); a test's sandbox holds what its event mentions and its `state` says, such as `state.github.repos = [{ full_name = "acme/api" }]`
    1 rule(s): 0 passed, 1 failed
    "#);
    let with_state = rule.replace(
        "expect",
        "state.github.repos = [{ full_name = \"acme/api\" }]\nexpect",
    );
    let filled = folder(&[("rules/plan.toml", &with_state)]);
    let output = xmrt(filled.path(), &["test"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
}

#[test]
fn what_is_not_there_is_named_and_how_to_begin() {
    let folder = folder(&[]);
    let refused = |arguments: &[&str]| {
        let output = xmrt(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        err(&output)
    };
    let supposed = [
        "explain",
        "tell",
        "--event",
        "nope.json",
        "--type",
        "github.issues.opened",
    ];
    insta::assert_snapshot!([refused(&["check"]), refused(&supposed)].concat(), @"
    xmrt: ./rules: there is no such file or folder; `--rules DIR` names another, and `xmrt rules new <id>` writes a first rule
    xmrt: nope.json: there is no such file; `--type` goes with a file that holds a payload
    ");
}

#[test]
fn a_payload_that_is_another_event_than_it_is_said_to_be_is_not_explained_as_one() {
    let folder = folder(&[
        ("rules/tell.toml", ISSUE),
        (
            "payload.json",
            r#"{ "action": "opened", "issue": { "number": 1 } }"#,
        ),
    ]);
    let of = |kind: &str| {
        xmrt(
            folder.path(),
            &["explain", "--event", "payload.json", "--type", kind],
        )
    };
    let refused = of("github.issues.closed");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        err(&refused),
        "xmrt: payload.json: what it holds is `github.issues.opened`, and --type says `github.issues.closed`: write `--type github.issues.opened`, or change the payload's `action`\n"
    );
    for kind in ["github.issues.opened", "github.issues"] {
        let told = of(kind);
        assert_eq!(told.status.code(), Some(0), "{}", err(&told));
        assert!(out(&told).contains("1. tell "), "{}", out(&told));
    }
}

#[test]
fn what_to_compare_with_is_named_when_it_is_not_there() {
    let folder = folder(&[("rules/tell.toml", "")]);
    let output = xmrt(folder.path(), &["rules", "diff", "--against", "nope"]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    assert!(told.contains("`nope` is neither a path nor a revision"), "{told}");
}

#[test]
fn a_file_in_another_encoding_is_told_where_and_what_to_do() {
    let folder = folder(&[]);
    std::fs::create_dir(folder.path().join("rules")).expect("a folder");
    let latin = b"description = \"d\"\non = \"caf\xe9\"\n";
    std::fs::write(folder.path().join("rules/tell.toml"), latin).expect("a file");
    let told = out(&xmrt(folder.path(), &["check"]));
    assert!(
        told.contains("it is not UTF-8 from line 2 on; save it as UTF-8"),
        "{told}"
    );
}

#[test]
fn a_pipe_among_the_rules_keeps_nobody_waiting() {
    let folder = folder(&[]);
    std::fs::create_dir(folder.path().join("rules")).expect("a folder");
    let pipe = folder.path().join("rules/tell.toml");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let told = out(&xmrt(folder.path(), &["check"]));
    assert!(told.contains("the file cannot be read: it is no file"), "{told}");
}

/// Steps without an id are numbered; that must not take the cube of their number.
#[test]
fn a_rule_of_very_many_steps_is_read_in_no_time() {
    let step = "[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"x\" }\n";
    let rule = format!(
        "description = \"d\"\non = \"github.push\"\n{}",
        step.repeat(1_500)
    );
    let begun = std::time::Instant::now();
    let files = crate::rules::files(&[("rules/many.toml", &rule)]);
    let loaded = xmrt::rules::load(&files, &serde_json::json!({}), None);
    let book = loaded.book.expect("a rule");
    assert_eq!(book.rules()[0].actions[1_499].id, "notify_1500");
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}
