//! The toolset `actions`: what each tool does, what GitHub refuses, and what a lost answer leaves behind.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::Stage;

const WORKFLOW: &str = "on:\n  workflow_dispatch:\n    inputs:\n      service:\n        type: string\n";

/// A failed run, a running one, one that is fine, and two workflows, one of which cannot be begun by hand.
async fn stage() -> Stage {
    let log = "\u{feff}one\n\u{1b}[36;1mtwo\u{1b}[0m\nthree\n";
    Stage::new(json!({
        "contents": [
            { "path": ".github/workflows/deploy.yml", "content": WORKFLOW },
            { "path": ".github/workflows/lint.yml", "content": "on: push\n" },
        ],
        "runs": [
            { "id": 99, "conclusion": "failure", "branch": "main", "sha": "abc", "jobs": ["build", "test"], "log": log, "started": "-20m" },
            { "id": 98, "status": "in_progress", "branch": "next", "event": "pull_request" },
            { "id": 97, "conclusion": "success", "branch": "main" },
        ],
    }))
    .await
}

fn run(id: u64) -> Value {
    json!({ "repo": "acme/api", "run_id": id })
}

fn deploy() -> Value {
    json!({ "repo": "acme/api", "workflow": ".github/workflows/deploy.yml", "ref": "main", "inputs": { "service": "api" } })
}

#[tokio::test]
async fn list_workflow_runs_filters_and_pages() {
    let stage = stage().await;
    let list = async |more: Value| -> (Vec<u64>, Value) {
        let mut arguments = more;
        arguments["repo"] = json!("acme/api");
        let page = stage.done("list_workflow_runs", arguments).await;
        let runs = page["runs"].as_array().unwrap().iter();
        (
            runs.map(|run| run["id"].as_u64().unwrap()).collect(),
            page["next_cursor"].clone(),
        )
    };
    let (mut all, _) = list(json!({})).await;
    all.sort_unstable();
    assert_eq!(all, [97, 98, 99]);
    assert_eq!(list(json!({ "status": "failure" })).await.0, [99]);
    assert_eq!(
        list(json!({ "branch": "next", "event": "pull_request" })).await.0,
        [98]
    );
    assert_eq!(
        list(json!({ "head_sha": "abc", "workflow": "ci.yml" })).await.0,
        [99]
    );
    let first = list(json!({ "limit": 2 })).await;
    assert_eq!((first.0.len(), first.1), (2, json!(2)));
    let rest = list(json!({ "limit": 2, "cursor": 2 })).await;
    assert_eq!((rest.0.len(), rest.1), (1, Value::Null));
    let total = stage
        .done("list_workflow_runs", json!({ "repo": "acme/api", "limit": 1 }))
        .await;
    assert_eq!(total["total"], 3);
    stage.end().await;
}

#[tokio::test]
async fn get_workflow_run_shows_the_jobs_and_the_steps_of_those_that_failed() {
    let stage = stage().await;
    let failed = stage.done("get_workflow_run", run(99)).await;
    assert_eq!(
        (&failed["run"]["conclusion"], &failed["run"]["head_branch"]),
        (&json!("failure"), &json!("main"))
    );
    assert_eq!(failed["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(
        failed["jobs"][0]["steps"][0],
        json!({ "name": "Run", "conclusion": "failure" })
    );
    let fine = stage.done("get_workflow_run", run(97)).await;
    assert_eq!(fine["jobs"][0]["steps"], json!([]));
    stage.end().await;
}

#[tokio::test]
async fn get_job_logs_gives_the_last_lines_of_what_failed_and_takes_no_token_to_the_storage() {
    let stage = stage().await;
    let logs = stage.done("get_job_logs", run(99)).await;
    let names: Vec<&Value> = logs["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| &log["name"])
        .collect();
    assert_eq!(names, [&json!("build"), &json!("test")]);
    assert_eq!(
        (&logs["logs"][0]["text"], &logs["more"]),
        (&json!("one\ntwo\nthree"), &json!(false))
    );
    let job = logs["logs"][1]["job_id"].clone();
    let tail = stage
        .done(
            "get_job_logs",
            json!({ "repo": "acme/api", "job_id": job, "lines": 1 }),
        )
        .await;
    assert_eq!(tail["logs"][0]["text"], "three");
    assert_eq!(tail["logs"][0]["truncated"], true);
    assert_eq!(
        stage.done("get_job_logs", run(97)).await["logs"],
        json!([]),
        "nothing failed"
    );
    stage.end().await;
}

#[tokio::test]
async fn a_long_log_is_cut_to_whole_lines_at_its_end() {
    let log: String = (0..60_000).map(|n| format!("line {n:05}\n")).collect();
    let stage = Stage::new(json!({ "runs": [{ "id": 99, "conclusion": "failure", "log": log }] })).await;
    let logs = stage
        .done(
            "get_job_logs",
            json!({ "repo": "acme/api", "run_id": 99, "lines": 2_000 }),
        )
        .await;
    let log = &logs["logs"][0];
    let lines: Vec<&str> = log["text"].as_str().unwrap().lines().collect();
    assert_eq!(
        (lines.len(), lines[0], lines[1_999]),
        (2_000, "line 58000", "line 59999")
    );
    assert_eq!(
        (&log["bytes"], &log["truncated"]),
        (&json!(660_000), &json!(true))
    );
    stage.end().await;
}

#[tokio::test]
async fn a_run_whose_reply_was_lost_is_the_only_one_of_ours_since_the_intent() {
    let stage = stage().await;
    let found = stage.doubt("run_workflow", deploy()).await;
    let seen = stage
        .done("get_workflow_run", run(found["run_id"].as_u64().unwrap()))
        .await;
    assert_eq!(
        (&seen["run"]["event"], &seen["run"]["actor"]["login"]),
        (&json!("workflow_dispatch"), &json!("xmrt-bot"))
    );
    let effect = stage.sandbox.effects()[0].clone();
    assert_eq!(
        effect["detail"],
        json!({ "ref": "main", "inputs": { "service": "api" } })
    );
    stage.done("run_workflow", deploy()).await;
    let two = stage.look("run_workflow", deploy()).await;
    assert!(
        matches!(&two, Ok(Reply::Ambiguous(why)) if why.contains("2 such runs")),
        "{two:?}"
    );
    stage.end().await;
}

#[tokio::test]
async fn a_run_of_somebody_else_or_of_a_moment_before_is_not_taken_for_ours() {
    let stage = stage().await;
    let begun = |id: u64, actor: &str, created: &str| {
        json!({ "github": { "runs": [{ "id": id, "path": ".github/workflows/deploy.yml", "event": "workflow_dispatch",
            "actor": actor, "branch": "main", "status": "queued", "created": created }] } })
    };
    stage.sandbox.seed(&begun(200, "mona", "+1s")).unwrap();
    assert_eq!(stage.look("run_workflow", deploy()).await, Ok(Reply::Absent));
    stage.sandbox.seed(&begun(201, "xmrt-bot", "-30s")).unwrap();
    let early = stage.look("run_workflow", deploy()).await;
    assert!(
        matches!(&early, Ok(Reply::Ambiguous(why)) if why.contains("a moment before")),
        "{early:?}"
    );
    stage.end().await;
}

#[tokio::test]
async fn a_rerun_of_all_jobs_whose_reply_was_lost_is_told_by_its_attempt() {
    let stage = stage().await;
    let mut rerun = run(97);
    rerun["attempt"] = json!(1);
    let found = stage.doubt("rerun_workflow", rerun.clone()).await;
    assert_eq!(found, json!({ "run_id": 97, "attempt": 2 }));
    assert_eq!(
        stage.fails("rerun_workflow", rerun).await.class,
        ErrorClass::Conflict
    );
    let other = stage.look("rerun_workflow", run(98)).await;
    assert_eq!(other, Ok(Reply::Absent));
    stage.end().await;
}

#[tokio::test]
async fn a_cancellation_whose_reply_was_lost_is_told_by_the_state() {
    let stage = stage().await;
    let found = stage.doubt("cancel_workflow_run", run(98)).await;
    assert_eq!(found, json!({ "run_id": 98, "conclusion": "cancelled" }));
    let over = stage.done("cancel_workflow_run", run(97)).await;
    assert_eq!(
        over,
        json!({ "run_id": 97, "conclusion": "success" }),
        "it was over before"
    );
    stage.end().await;
}

#[tokio::test]
async fn what_github_or_we_refuse_is_said_with_its_class() {
    use ErrorClass::{Forbidden, Invalid, NotFound};
    let stage = stage().await;
    let begin = |name: &str, value: Value| {
        let mut begin = deploy();
        begin[name] = value;
        begin
    };
    let inputs: serde_json::Map<String, Value> = (0..26).map(|n| (format!("i{n}"), json!("x"))).collect();
    for (tool, arguments, class, words) in [
        (
            "list_workflow_runs",
            json!({ "repo": "acme/none" }),
            NotFound,
            "Not Found",
        ),
        (
            "list_workflow_runs",
            json!({ "repo": "acme/api", "workflow": "none.yml" }),
            NotFound,
            "Not Found",
        ),
        (
            "list_workflow_runs",
            json!({ "repo": "acme/api", "workflow": "x/.." }),
            Invalid,
            "argument `workflow`",
        ),
        ("get_workflow_run", run(404), NotFound, "Not Found"),
        ("get_job_logs", run(404), NotFound, "Not Found"),
        (
            "get_job_logs",
            json!({ "repo": "acme/api", "job_id": 404 }),
            NotFound,
            "Not Found",
        ),
        (
            "get_job_logs",
            json!({ "repo": "acme/api" }),
            Invalid,
            "`run_id` must be given",
        ),
        (
            "get_job_logs",
            json!({ "repo": "acme/api", "job_id": 1, "run_id": 99 }),
            Invalid,
            "only one of them",
        ),
        (
            "run_workflow",
            begin("workflow", json!("none.yml")),
            NotFound,
            "Not Found",
        ),
        (
            "run_workflow",
            begin("workflow", json!("lint.yml")),
            Invalid,
            "does not have 'workflow_dispatch' trigger",
        ),
        (
            "run_workflow",
            begin("ref", json!("nothing")),
            Invalid,
            "No ref found",
        ),
        (
            "run_workflow",
            begin("inputs", json!({ "other": "x" })),
            Invalid,
            "Unexpected inputs",
        ),
        (
            "run_workflow",
            begin("inputs", json!(inputs)),
            Invalid,
            "must be at most 25",
        ),
        ("rerun_workflow", run(404), NotFound, "Not Found"),
        ("rerun_workflow", run(98), Forbidden, "already running"),
        ("cancel_workflow_run", run(404), NotFound, "Not Found"),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, class, "{tool}: {error}");
        assert!(error.message.contains(words), "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
    for (tool, arguments) in [
        ("run_workflow", begin("workflow", json!("none.yml"))),
        ("rerun_workflow", run(404)),
        ("cancel_workflow_run", run(404)),
    ] {
        let error = stage.look(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, NotFound, "{tool}: absence is not proved");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_sends_nothing() {
    let stage = stage().await;
    stage
        .dry_runs(&[
            (
                "run_workflow",
                deploy(),
                "POST /repos/acme/api/actions/workflows/deploy.yml/dispatches",
                json!({ "ref": "main", "inputs": { "service": "api" } }),
            ),
            (
                "rerun_workflow",
                run(9),
                "POST /repos/acme/api/actions/runs/9/rerun",
                Value::Null,
            ),
            (
                "cancel_workflow_run",
                run(9),
                "POST /repos/acme/api/actions/runs/9/cancel",
                Value::Null,
            ),
        ])
        .await;
    stage.end().await;
}
