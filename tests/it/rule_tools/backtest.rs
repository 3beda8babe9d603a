//! `xmrt backtest`: over a folder of payloads, over the journal, and what it says when it cannot.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests write the rules they compare"
)]

use serde_json::Value;

use super::{ISSUE, err, folder, out, xmrt};
use crate::harness::{World, issue_opened};
use crate::redis_server::RedisServer;

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
    replayed(World::start(&[("tell", ISSUE)], "").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_reads_a_journal_in_redis_too() {
    let server = RedisServer::start("everysec");
    replayed(World::start_with(&[("tell", ISSUE)], "", &[("REDIS_URL", server.url().as_str())]).await).await;
}

async fn replayed(mut world: World) {
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
