//! Workflows that end otherwise although nothing changed.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use crate::tools_xmrt::stage::stage_of;

fn run(id: u64, workflow: &str, sha: &str, conclusion: &str, attempt: u64) -> Value {
    json!({
        "repo": "acme/api", "id": id, "name": workflow, "path": format!(".github/workflows/{}.yml", workflow.to_lowercase()),
        "head_sha": sha.repeat(40), "status": "completed", "conclusion": conclusion, "attempt": attempt,
        "created": format!("-{}h", 100 - id),
    })
}

#[tokio::test]
async fn a_workflow_is_flaky_that_failed_and_succeeded_on_one_commit_and_no_other_is() {
    let stage = stage_of(json!({ "github": {
        "repos": [{ "full_name": "acme/api" }],
        "runs": [
            // On b it failed, and another run succeeded; on c it succeeded when it was repeated; a is in order.
            run(1, "CI", "a", "success", 1),
            run(2, "CI", "b", "failure", 1),
            run(3, "CI", "b", "success", 1),
            run(4, "CI", "c", "success", 3),
            run(5, "CI", "d", "success", 1),
            // It fails, and always does.
            run(6, "Lint", "a", "failure", 1),
            run(7, "Lint", "b", "failure", 2),
            // What was canceled says nothing.
            run(8, "Docs", "a", "cancelled", 1),
            run(9, "Docs", "a", "success", 1),
            run(10, "Nightly", "d", "timed_out", 1),
            run(11, "Nightly", "d", "success", 1),
        ],
    } }))
    .await;
    let found = stage
        .call("flaky_workflows", json!({ "repo": "acme/api" }))
        .await
        .unwrap();
    assert_eq!((&found["runs"], &found["truncated"]), (&json!(10), &json!(false)));
    let told: Vec<String> = found["workflows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} runs, {} of {} commits, {} %, {} saved, examples {}",
                one["name"].as_str().unwrap(),
                one["runs"],
                one["flaky_commits"],
                one["commits"],
                one["flaky_percent"],
                one["saved_by_rerun"],
                one["examples"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["attempts"].to_string())
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "Nightly 2 runs, 1 of 1 commits, 100.0 %, 0 saved, examples 2",
            "CI 5 runs, 2 of 4 commits, 50.0 %, 1 saved, examples 3 2",
        ]
    );
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Flaky workflows of acme/api since 2027-01-01, 10 runs:

    - `Nightly` failed and succeeded on 1 of 1 commit (100 %): https://github.com/acme/api/actions/runs/11
    - `CI` failed and succeeded on 2 of 4 commits (50 %); 1 run succeeded only when repeated: https://github.com/acme/api/actions/runs/4 https://github.com/acme/api/actions/runs/3
    ");
    let newest = stage
        .call("flaky_workflows", json!({ "repo": "acme/api", "limit": 10 }))
        .await
        .unwrap();
    assert_eq!(newest["truncated"], true);
}

#[tokio::test]
async fn where_there_is_nothing_flaky_that_is_said_and_what_fails_is_an_error() {
    let repos = json!([{ "full_name": "acme/api" }]);
    let stage = stage_of(json!({ "github": { "repos": repos } })).await;
    let asked = json!({ "repo": "acme/api", "within": "7d" });
    let found = stage.call("flaky_workflows", asked.clone()).await.unwrap();
    assert_eq!(
        found["report"],
        "Flaky workflows of acme/api since 2027-01-08, 0 runs:\n\n- None has run."
    );
    let runs = json!([run(1, "CI", "a", "success", 1)]);
    let stage = stage_of(json!({ "github": { "repos": repos, "runs": runs } })).await;
    let found = stage.call("flaky_workflows", asked.clone()).await.unwrap();
    assert_eq!(
        found["report"],
        "Flaky workflows of acme/api since 2027-01-08, 1 run:\n\n- None failed and succeeded on the same commit."
    );
    let broken = json!({ "match": { "operation": "list_workflow_runs" }, "kind": "status", "status": 403 });
    stage.sandbox.add_faults(&broken).unwrap();
    let error = stage.call("flaky_workflows", asked).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden, "{error}");
}
