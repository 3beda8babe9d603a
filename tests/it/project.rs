//! A project that `xmrt init` begins, tools called by hand, the manual.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::World;

/// `xmrt` in a folder, with nothing configured: output, errors, exit code.
fn xmrt(folder: &Path, arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap(),
    )
}

#[test]
fn a_project_begun_passes_check_and_test_at_once_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("ops");
    let (told, errors, code) = xmrt(folder.path(), &["init", "ops"]);
    assert_eq!(code, 0, "{told}{errors}");
    assert!(told.contains("next: cd ops && xmrt check && xmrt test"), "{told}");
    for file in [
        "xmrt.toml",
        ".env.example",
        ".gitignore",
        ".github/workflows/rules.yml",
        "rules/rule.schema.json",
    ] {
        assert!(project.join(file).is_file(), "{file}: {told}");
    }
    let workflow: Value = serde_saphyr::from_str(
        &std::fs::read_to_string(project.join(".github/workflows/rules.yml")).unwrap(),
    )
    .unwrap();
    let steps = workflow["jobs"]["rules"]["steps"].as_array().unwrap();
    let commands: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    for command in commands.iter().filter(|command| command.starts_with("xmrt ")) {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let (told, errors, code) = xmrt(&project, &words);
        assert_eq!(code, 0, "{command}: {told}{errors}");
    }
    assert!(
        commands.contains(&"xmrt check --deny-warnings") && commands.contains(&"xmrt test"),
        "{commands:?}"
    );

    let rule = project.join("rules/on-issue.toml");
    std::fs::write(&rule, "# mine\n").unwrap();
    std::fs::remove_file(project.join("xmrt.toml")).unwrap();
    let (told, errors, code) = xmrt(&project, &["init", "--json"]);
    assert_eq!(code, 0, "{told}{errors}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let written: Vec<&str> = told["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|file| file["written"] == true)
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(written, ["./xmrt.toml"], "{told}");
    assert_eq!(std::fs::read_to_string(&rule).unwrap(), "# mine\n");
}

#[test]
fn a_project_begins_with_the_rules_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (told, errors, code) = xmrt(
        folder.path(),
        &["init", "--rule", "stale-issues", "--rule", "on-push"],
    );
    assert_eq!(code, 0, "{told}{errors}");
    assert!(
        folder.path().join("rules/stale-issues.toml").is_file()
            && !folder.path().join("rules/on-issue.toml").exists()
    );
    let (_, errors, code) = xmrt(folder.path(), &["init", "--rule", "stale-issue"]);
    assert_eq!(code, 2);
    assert!(errors.contains("did you mean `stale-issues`?"), "{errors}");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (page, errors, code) = xmrt(folder.path(), &["man"]);
    assert!(code == 0 && page.contains(".TH xmrt 1"), "{page}{errors}");
    let (told, errors, code) = xmrt(folder.path(), &["man", "--into", "man"]);
    assert_eq!(code, 0, "{told}{errors}");
    for page in ["xmrt.1", "xmrt-serve.1", "xmrt-runs-retry.1"] {
        assert!(folder.path().join("man").join(page).is_file(), "{page}");
    }
}

#[test]
fn what_was_meant_by_a_mistyped_command_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, meant) in [
        (&["evnts"][..], "'events'"),
        (&["tools", "show", "github.create_isue"], "`github.create_issue`"),
        (&["call", "github.create_isue"], "`github_create_issue`"),
    ] {
        let (_, errors, code) = xmrt(folder.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {errors}");
        assert!(errors.contains(meant), "{arguments:?}: {errors}");
    }
}

#[test]
fn without_server_and_credentials_a_call_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let call = [
        "call",
        "github.get_issue",
        "--arguments",
        r#"{"repo": "acme/api", "number": 1}"#,
    ];
    let (told, errors, code) = xmrt(folder.path(), &call);
    assert_eq!((told.as_str(), code), ("", 2), "{errors}");
    assert!(errors.contains("GITHUB_TOKEN"), "{errors}");
    assert!(!folder.path().join(".xmrt").exists(), "nothing was made");
    let (_, errors, code) = xmrt(
        folder.path(),
        &["call", "github.get_issue", "--arguments", "{repo: 1}"],
    );
    assert!(
        code == 2 && errors.contains("--arguments is not JSON"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_tool_is_called_through_the_server_or_without_it_and_tried_before() {
    let mut world = World::start(&[], "").await;
    let seed = json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": [{ "repo": "acme/api", "number": 1, "title": "One" }] } });
    world.sandbox_post("seed", seed).await;
    let arguments = r#"{"repo": "acme/api", "number": 1, "body": "Seen."}"#;
    let call = |world: &World, more: &[&'static str]| {
        let mut words = vec!["call", "github.create_comment", "--arguments", arguments];
        words.extend(more);
        world.xmrt(&words)
    };
    let (told, errors, code) = call(&world, &["--dry-run"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        told.contains("Nothing was sent") && told.contains("/repos/acme/api/issues/1/comments"),
        "{told}"
    );
    assert_eq!(world.count("create_comment").await, 0);
    for place in ["first", "again"] {
        let (told, errors, code) = call(&world, &["--json", "--key", "hello"]);
        assert_eq!(code, 0, "{place}: {errors}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert!(
            told["id"].is_u64() || told["comment"].is_object() || told["url"].is_string(),
            "{told}"
        );
        assert_eq!(
            world.count("create_comment").await,
            1,
            "{place}: one key is one comment"
        );
    }
    world.server.terminate();
    let (told, errors, code) = call(&world, &[]);
    assert_eq!(code, 0, "{told}{errors}");
    assert_eq!(world.count("create_comment").await, 2);
    let missing = r#"{"repo": "acme/api", "number": 99}"#;
    let (_, errors, code) = world.xmrt(&["call", "github.get_issue", "--arguments", missing]);
    assert!(code == 2 && errors.contains("404"), "{code} {errors}");
}
