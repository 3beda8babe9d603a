//! The demo tells its story, and says so when it does not come out as told.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

fn demo(rules: &Path, more: &[&str]) -> Output {
    demo_in(
        Path::new("."),
        &[&["--rules", rules.to_str().unwrap()], more].concat(),
    )
}

fn demo_in(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(["demo", "--once"])
        .args(more)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_tells_its_story_to_the_end_within_a_minute() {
    let begun = Instant::now();
    // Where somebody who installed it tries it: in a folder without rules, on those that are shipped.
    let folder = tempfile::tempdir().unwrap();
    let output = demo_in(folder.path(), &[]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", text(&output.stderr));
    assert!(begun.elapsed().as_secs() < 60);
    for line in [
        "refused: 401",
        "triage-new-issue succeeded",
        "duplicate: true",
        "rollback-unhealthy-deploy succeeded",
        "All as told",
    ] {
        assert!(told.contains(line), "{line:?} is missing:\n{told}");
    }
}

#[test]
fn a_changed_rule_makes_it_fail_and_say_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let rule = std::fs::read_to_string(&path).unwrap();
        let changed = rule.replace("tool = \"github.add_labels\"", "tool = \"github.get_issue\"");
        let changed = changed.replace(", labels = \"{{ steps.triage.labels }}\"", "");
        let kept = if path.ends_with("triage-new-issue.toml") {
            changed
        } else {
            rule
        };
        std::fs::write(folder.path().join(path.file_name().unwrap()), kept).unwrap();
    }
    let output = demo(folder.path(), &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("The story went wrong: the writes at the providers are"),
        "{told}"
    );
}

#[test]
fn a_broken_rule_makes_it_fail_with_the_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.toml"), "on = 3\n").unwrap();
    let output = demo(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("broken.toml:1:6"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn one_wrong_answer_of_the_sandbox_makes_it_fail() {
    let fault = r#"{"match": {"operation": "rollback_deploy"}, "kind": "status", "status": 400}"#;
    let output = demo(shipped(), &["--fault", fault]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("6. The new deploy starts failing."),
        "it gets as far as that:\n{told}"
    );
    assert!(told.contains("rollback-unhealthy-deploy"), "{told}");
}
