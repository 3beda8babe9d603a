//! `xmrt rules diff`: with a folder, a file, a git revision, a server, and the journal it leaves.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests start programs and write their files"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{ISSUE, err, folder, out, xmrt};
use crate::harness::World;
use crate::redis_server::RedisServer;

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
    compared(World::start(&[("tell", ISSUE), ("tabs", &tabbed())], "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_redis_keeps_the_rules_to_compare_with() {
    let server = RedisServer::start("everysec");
    let rules = [("tell", ISSUE), ("tabs", &tabbed())];
    compared(World::start_with(&rules, "", &[("REDIS_URL", server.url().as_str())]).await);
}

/// As some editors write it.
fn tabbed() -> String {
    ISSUE
        .replace("issue.title", "\tissue.title")
        .replace('\n', "\r\n")
}

fn compared(mut world: World) {
    let candidate = world.folder.path().join("candidate");
    std::fs::create_dir(&candidate).expect("a folder");
    std::fs::write(
        candidate.join("tell.toml"),
        ISSUE.replace("description = ", "# more\ndescription = "),
    )
    .expect("a file");
    std::fs::write(candidate.join("tabs.toml"), tabbed()).expect("a file");
    let candidate = candidate.to_string_lossy().into_owned();
    let ask = |world: &World| {
        let (out, err, code) = world.xmrt(&["rules", "diff", &candidate, "--json"]);
        assert_eq!(code, 1, "{err}");
        let answer: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(answer["differences"][0]["rule"], "tell");
        assert_eq!(answer["differences"][0]["open_runs"], 0);
        assert_eq!(
            (answer["differences"].as_array().map(Vec::len), &answer["same"]),
            (Some(1), &1.into())
        );
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

#[test]
fn two_folders_and_two_files_are_compared_without_a_journal() {
    let new = ISSUE.replace("cooldown = \"1h\"", "cooldown = \"2h\"");
    let folder = folder(&[
        ("old/tell.toml", ISSUE),
        ("new/tell.toml", &new),
        ("new/more/other.toml", ISSUE),
    ]);
    let compared = xmrt(
        folder.path(),
        &["rules", "diff", "new", "--against", "old", "--brief"],
    );
    assert_eq!(compared.status.code(), Some(1), "{}", err(&compared));
    let told = out(&compared);
    assert!(
        told.starts_with("compared with old: 2 different, 0 the same\n"),
        "{told}"
    );
    assert!(
        told.contains("\n+ other added\n") && told.contains("\n~ tell changed"),
        "{told}"
    );
    let files = [
        "rules",
        "diff",
        "new/tell.toml",
        "--against",
        "old/tell.toml",
        "--json",
    ];
    let answer: Value = serde_json::from_str(&out(&xmrt(folder.path(), &files))).expect("JSON");
    assert_eq!(
        answer["differences"].as_array().map(Vec::len),
        Some(1),
        "{answer}"
    );
    assert_eq!(answer["differences"][0]["what"], "changed");
    let nowhere = xmrt(folder.path(), &["rules", "diff", "new", "--against", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(2));
}
