//! `analyze_repository`: what it says of a repository, and what it does not say when it could not look.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::Stage;

const API: &str = r#"{ "repo": "acme/api" }"#;

fn api() -> Value {
    serde_json::from_str(API).unwrap()
}

/// A commit on main, as a branch's head, on top of another.
fn commits(count: u64, author: &str) -> Vec<Value> {
    let sha = |n: u64| format!("{n:040x}");
    (1..=count)
        .map(|n| {
            json!({ "repo": "acme/api", "name": "main", "sha": sha(n), "parent": sha(n - 1), "message": "Work",
                    "author": author, "files": ["src/a.rs"], "at": format!("-{}h", 24 * (count - n) + 1) })
        })
        .collect()
}

fn run(id: u64, conclusion: &str, ago: &str) -> Value {
    json!({ "repo": "acme/api", "id": id, "name": "ci", "status": "completed", "conclusion": conclusion, "branch": "main",
            "created": ago, "started": ago })
}

async fn analyzed(state: Value) -> (Stage, Value) {
    let stage = Stage::new(state).await;
    let found = stage.done("analyze_repository", api()).await;
    (stage, found)
}

/// Lines of the report without the times, which are those of the test.
fn lines(found: &Value) -> Vec<String> {
    let times = regex::Regex::new(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC").unwrap();
    let report = found["report"].as_str().unwrap();
    report
        .lines()
        .map(|line| times.replace_all(line, "TIME").into_owned())
        .collect()
}

#[tokio::test]
async fn a_repository_in_trouble_is_told_with_the_heaviest_first() {
    let (stage, found) = analyzed(json!({
        "repos": [{ "full_name": "acme/api", "description": "Serves", "created": "-400d" }],
        "branches": commits(12, "mona"),
        "contents": [
            { "repo": "acme/api", "path": "README.md", "content": "Read" },
            { "repo": "acme/api", "path": "src/a.rs", "content": "fn main() {}" },
            { "repo": "acme/api", "path": "run.sh", "content": "true" },
        ],
        "runs": [run(3, "failure", "-1h"), run(2, "failure", "-2h"), run(1, "success", "-3h")],
        "releases": [
            { "repo": "acme/api", "tag": "v2", "created": "-100d" }, { "repo": "acme/api", "tag": "v1", "created": "-130d" },
        ],
        "pulls": [
            { "repo": "acme/api", "number": 5, "title": "Old `@everyone` <!-- x -->", "created": "-84d" },
            { "repo": "acme/api", "number": 6, "title": "New", "created": "-1d" },
        ],
        "issues": [{ "repo": "acme/api", "number": 1, "title": "It breaks", "created": "-200d" }],
        "alerts": [
            { "repo": "acme/api", "kind": "dependabot", "name": "left-pad", "severity": "critical" },
            { "repo": "acme/api", "kind": "dependabot", "name": "other", "severity": "high" },
        ],
    }))
    .await;
    assert_eq!(
        (&found["standing"], &found["repo"]),
        (&json!("at_risk"), &json!("acme/api"))
    );
    insta::assert_snapshot!(lines(&found).join("\n"), @r#"
    acme/api is at risk, looked at on TIME.

    - bad: Security: 2 open Dependabot alerts: 1 critical, 1 high.
    - bad: CI: `ci` fails on `main` since TIME, the last 2 runs in a row: https://github.com/acme/api/actions/runs/3
    - warning: Security: GitHub's secret scanning is off.
    - warning: Work: 1 of 2 open pull requests is older than 30 days: #5 (`Old '@everyone' <! -- x -- >`, 84 days).
    - warning: People: `mona` made 12 of the last 12 commits: a single person carries it.
    - warning: Releases: the last one, `v2`, is 100 days old, usually one every 30 days; 12 commits since then.
    - warning: Community: 14 % of what GitHub recommends; there is no license, no contributing guide, no pull request template, no issue template, no code of conduct.
    - Work: 1 open issue, older than 90 days: #1 (`It breaks`, 200 days).
    - Activity: 12 commits by 1 person in the last 30 days, after 0 in the 30 days before.
    - People: 2 contributors in all, the most active `mona` (12 commits).
    - Languages: Rust 75 %, Shell 25 %.
    "#);
    assert_eq!(found["evidence"][0]["weight"], "bad");
    stage.end().await;
}

#[tokio::test]
async fn a_quiet_repository_in_order_is_told_so() {
    let recommended = [
        "README.md",
        "LICENSE",
        "CONTRIBUTING.md",
        "CODE_OF_CONDUCT.md",
        ".github/ISSUE_TEMPLATE.md",
        ".github/PULL_REQUEST_TEMPLATE.md",
    ];
    let contents: Vec<Value> = recommended
        .iter()
        .map(|path| json!({ "repo": "acme/api", "path": path, "content": "words" }))
        .collect();
    let (stage, found) = analyzed(json!({
        "repos": [{ "full_name": "acme/api" }],
        "branches": commits(2, "mona"),
        "contents": contents,
        "runs": [run(2, "success", "-1h"), run(1, "cancelled", "-2h")],
        "alerts": [{ "repo": "acme/api", "kind": "dependabot", "name": "left-pad", "state": "fixed" },
                   { "repo": "acme/api", "kind": "secret", "name": "token", "state": "resolved" }],
    }))
    .await;
    assert_eq!(
        (&found["standing"], &found["unread"]),
        (&json!("fine"), &json!([])),
        "{found}"
    );
    insta::assert_snapshot!(lines(&found).join("\n"), @"
    acme/api is in order, looked at on TIME.

    - Security: no open Dependabot alerts.
    - CI: 1 workflow in order on `main`, with 1 recent run that succeeded.
    - Work: no open pull requests.
    - Work: no open issues.
    - Activity: 3 commits by 2 people in the last 30 days, after 0 in the 30 days before.
    - People: 2 contributors in all, the most active `mona` (2 commits).
    - Releases: none yet.
    - Community: everything that GitHub recommends is there.
    ");
    stage.end().await;
}

#[tokio::test]
async fn what_could_not_be_read_is_said_and_not_judged_and_what_is_turned_off_is_judged() {
    let stage = Stage::new(json!({})).await;
    stage.fault(json!({ "match": { "operation": "list_workflow_runs" }, "kind": "status", "status": 502, "times": 1 }));
    let found = stage.done("analyze_repository", api()).await;
    let unread: Vec<&str> = found["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|what| what.as_str().unwrap())
        .collect();
    assert!(
        unread[0].starts_with("workflow runs: GitHub answered 502"),
        "{unread:?}"
    );
    // What is turned off was read all the same.
    assert_eq!(unread.len(), 1, "{unread:?}");
    for off in [
        "- warning: Security: Dependabot alerts are off: ",
        "- warning: Security: GitHub's secret scanning is off.",
    ] {
        let report = found["report"].as_str().unwrap();
        assert!(report.contains(off), "{report}");
    }
    let report = found["report"].as_str().unwrap();
    assert!(
        !report.contains("CI:") && report.contains("Not judged, because it could not be read"),
        "{report}"
    );
    let gone = stage
        .fails("analyze_repository", json!({ "repo": "acme/none" }))
        .await;
    assert_eq!(gone.class, ErrorClass::NotFound);
    // Each answer takes its time, and no request waits for another's: one by one they would take ten times as long.
    stage.fault(json!({ "match": { "method": "GET" }, "kind": "latency", "ms": 500, "times": 11 }));
    let begun = std::time::Instant::now();
    stage.done("analyze_repository", api()).await;
    let took = begun.elapsed();
    assert!(took.as_millis() < 4_000, "{took:?}");
    stage.fault(json!({ "match": { "operation": "list_releases" }, "kind": "status", "status": 429, "retry_after": 30, "times": 1 }));
    let limited = stage.fails("analyze_repository", api()).await;
    assert!(
        matches!(limited.class, ErrorClass::RateLimited { .. }),
        "a limit that is up ends it: {limited}"
    );
    stage.end().await;
}
