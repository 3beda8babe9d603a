//! What the commands print, as the person at the terminal sees it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{World, environment};

const NOTIFY: &str = "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
                      arguments = { to = \"log\", text = \"x\" }\n";

fn folder(rules: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("xmrt.toml"), "").unwrap();
    for (name, text) in rules {
        std::fs::write(folder.path().join("rules").join(name), text).unwrap();
    }
    folder
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmrt"));
    command
        .args(arguments)
        .env_clear()
        .envs(environment(folder.path()))
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_panic() {
    let folder = folder(&[]);
    for arguments in [&["schema"][..], &["tools", "--json"], &["completions", "zsh"]] {
        let mut child = command(&folder, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        // The reader is dropped with the rest unread: the pipe is closed, as `head -1` does it.
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(!first.is_empty());
        assert_eq!(
            (output.status.code(), String::from_utf8(output.stderr).unwrap()),
            (Some(0), String::new()),
            "{arguments:?}"
        );
    }
}

#[test]
fn what_goes_to_a_pipe_is_not_colored() {
    let folder = folder(&[("a-rule.toml", b"on = 5\n")]);
    for arguments in [&["check"][..], &["test"]] {
        let output = command(&folder, arguments).output().unwrap();
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(
            shown.contains("a-rule.toml:1:6") && !shown.contains('\u{1b}'),
            "{shown:?}"
        );
    }
}

#[test]
fn json_that_was_asked_for_is_json_also_when_the_rules_are_wrong() {
    let folder = folder(&[("a-rule.toml", b"on = 5\n")]);
    for arguments in [&["check", "--json"], &["test", "--json"]] {
        let output = command(&folder, arguments).output().unwrap();
        let shown: serde_json::Value = serde_json::from_str(&text(&output)).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            shown["diagnostics"][0]["path"]
                .as_str()
                .map(|path| path.ends_with("a-rule.toml")),
            Some(true),
            "{shown}"
        );
    }
}

#[test]
fn an_address_that_is_no_url_is_called_so() {
    let folder = folder(&[]);
    for arguments in [
        &["send", "github", "issues", "--to", "localhost"][..],
        &["events", "--url", "127.0.0.1:8080"],
    ] {
        let output = command(&folder, arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(errors.contains("is not the URL of a server"), "{errors}");
    }
}

#[test]
fn a_demo_that_cannot_start_leaves_nothing_behind() {
    let folder = folder(&[]);
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let output = command(&folder, &["demo", "--once", "--with-rules", "/nowhere"])
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_rule_file_that_cannot_be_read_hides_no_other_mistake() {
    let folder = folder(&[
        ("a-rule.toml", b"on = \"\xff\"\n"),
        ("b-rule.toml", b"on = 5\n"),
        ("c-rule.toml", NOTIFY.as_bytes()),
    ]);
    let output = command(&folder, &["check"]).output().unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for expected in [
        "error[unreadable]",
        "a-rule.toml:1:1",
        "b-rule.toml:1:6",
        "3 rule file(s)",
    ] {
        assert!(shown.contains(expected), "{expected} is missing in\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_rules_cannot_be_read_runs_on_the_last_good_ones() {
    let mut world = World::start(&[("tell", NOTIFY)], "").await;
    let rules = world.folder.path().join("rules");
    for breakage in ["a file that is not text", "no folder"] {
        world.server.kill();
        if breakage == "no folder" {
            std::fs::remove_dir_all(&rules).unwrap();
        } else {
            std::fs::write(rules.join("other.toml"), b"\xff").unwrap();
        }
        let (events, errors, code) = world.xmrt(&["events"]);
        assert_eq!(code, 0, "{breakage}: {events}{errors}");
        world.restart();
        let (_, answer) = world.api("rules").await;
        assert_eq!(answer["rules"][0]["id"], "tell", "{breakage}: {answer}");
        assert!(world.server_log().contains("last good"), "{breakage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_by_a_type_as_rules_write_it() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    let (status, _) = world.github("push", "delivery-1", &json!({})).await.unwrap();
    assert_eq!(status, 202);
    for (kind, found) in [
        ("*", true),
        ("github.*", true),
        ("github.push", true),
        ("render.*", false),
    ] {
        let (list, ..) = world.xmrt(&["events", "--type", kind]);
        assert_eq!(list.contains("delivery-1"), found, "{kind}: {list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_bring_cannot_steer_the_terminal() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    let payload = json!({
        "action": "opened",
        "sender": { "login": "\u{1b}[2Jeve\u{7}\nFAKED ROW \u{9b}31m" },
        "repository": { "full_name": "acme/\u{1b}]0;api" },
        "issue": { "number": 1, "title": "x" },
    });
    let (status, answer) = world.github("issues", "delivery-1", &payload).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    for arguments in [&["events"][..], &["events", "show", "delivery-1"]] {
        let (shown, errors, code) = world.xmrt(arguments);
        assert_eq!((code, errors.as_str()), (0, ""));
        let steering: Vec<char> = shown
            .chars()
            .filter(|letter| letter.is_control() && *letter != '\n')
            .collect();
        assert!(shown.contains("eve") && steering.is_empty(), "{shown:?}");
    }
    let (list, ..) = world.xmrt(&["events"]);
    assert!(!list.contains("\nFAKED"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_waits_even_over_a_restart_and_goes_on_when_it_is_resumed() {
    let mut world = World::start(&[("tell", NOTIFY)], "").await;
    let (shown, errors, code) = world.xmrt(&["pause", "tell"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(shown.starts_with("paused: rule:tell (by api since "), "{shown}");
    world.server.kill();
    world.restart();
    let payload = crate::harness::issue_opened(1);
    let (status, answer) = world.github("issues", "delivery-1", &payload).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    let run = answer["runs"][0]["id"].as_str().expect("a run").to_owned();
    let paused = async || {
        let (_, run) = world.api(&format!("runs/{run}")).await;
        (run["waits_for"] == "pause").then_some(run)
    };
    let waiting = world.until("the run to stand still", paused).await;
    let reason = waiting["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("paused: rule:tell, by api since "), "{reason}");
    let (list, ..) = world.xmrt(&["pause"]);
    assert!(list.contains("rule:tell"), "{list}");
    let (shown, errors, code) = world.xmrt(&["resume", "tell"]);
    assert_eq!(
        (code, errors.as_str(), shown.as_str()),
        (0, "", "nothing is paused\n")
    );
    let runs = world.settled("delivery-1").await;
    assert_eq!(runs[0]["status"], "succeeded", "{runs:?}");
    let (_, errors, code) = world.xmrt(&["resume", "tell"]);
    assert_eq!(code, 2);
    assert!(errors.contains("rule:tell is not paused"), "{errors}");
    let (_, errors, code) = world.xmrt(&["pause", "agent:nobody"]);
    assert_ne!(code, 0);
    assert!(errors.contains("there is no agent `nobody`"), "{errors}");
}
