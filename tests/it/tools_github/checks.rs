//! The toolset `checks`: what is said of a commit, and of what is deployed.

use serde_json::{Value, json};
use xmrt::hub::{CallMeta, ErrorClass, Reply};

use super::{KEY, SOON, Stage};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

#[tokio::test]
async fn what_is_said_of_a_commit_stands_there_the_newest_first() {
    let stage = Stage::new(json!({})).await;
    for (state, description) in [("pending", "Deploying"), ("success", "Live")] {
        let said = json!({
            "repo": "acme/api", "sha": SHA, "state": state, "context": "deploy/production", "description": description,
            "target_url": "https://dashboard.render.com/web/srv-a",
        });
        let made = stage.done("create_commit_status", said).await;
        assert_eq!(
            (&made["state"], &made["context"]),
            (&json!(state), &json!("deploy/production")),
            "{made}"
        );
    }
    let found = stage
        .done(
            "list_commit_statuses",
            json!({ "repo": "acme/api", "sha": SHA, "limit": 1 }),
        )
        .await;
    assert_eq!(found["statuses"][0]["state"], "success", "{found}");
    assert_eq!(found["statuses"][0]["creator"]["login"], "xmrt-bot");
    assert_eq!(found["next_cursor"], 2);
    stage.end().await;
}

#[tokio::test]
async fn one_whose_reply_was_lost_is_said_again() {
    let stage = Stage::new(json!({})).await;
    let said = json!({ "repo": "acme/api", "sha": SHA, "state": "failure", "context": "deploy" });
    let made = stage
        .repeated("create_commit_status", "create_commit_status", said)
        .await;
    assert_eq!(made["state"], "failure");
    stage.end().await;
}

#[tokio::test]
async fn what_github_or_we_refuse_is_said_with_its_class() {
    let stage = Stage::new(json!({})).await;
    let said = |more: Value| {
        let mut said = json!({ "repo": "acme/api", "sha": SHA, "state": "success", "context": "deploy" });
        said.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        said
    };
    for (more, class, word) in [
        (json!({ "sha": "main" }), ErrorClass::Invalid, "sha"),
        (json!({ "sha": "z".repeat(40) }), ErrorClass::Invalid, "full SHA"),
        (json!({ "state": "done" }), ErrorClass::Invalid, "state"),
        (
            json!({ "target_url": "javascript:alert(1)" }),
            ErrorClass::Invalid,
            "target_url",
        ),
        (json!({ "repo": "acme/none" }), ErrorClass::NotFound, "404"),
    ] {
        let error = stage.fails("create_commit_status", said(more)).await;
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let long = said(json!({ "description": "ä".repeat(200) }));
    let made = stage.done("create_commit_status", long).await;
    let kept = made["description"].as_str().unwrap();
    assert!(kept.chars().count() == 140 && kept.ends_with('…'), "{kept}");
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_sends_nothing() {
    let stage = Stage::new(json!({})).await;
    let path = format!("POST /repos/acme/api/statuses/{SHA}");
    stage
        .dry_runs(&[(
            "create_commit_status",
            json!({ "repo": "acme/api", "sha": SHA, "state": "success", "context": "deploy" }),
            &path,
            json!({ "state": "success", "context": "deploy" }),
        )])
        .await;
    stage.end().await;
}

fn check(more: Value) -> Value {
    let mut said = json!({
        "repo": "acme/api", "sha": SHA, "name": "license headers", "conclusion": "failure",
        "title": "One file lacks its header", "summary": "See below.",
        "annotations": [{ "path": "src/a.rs", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "No header." }],
    });
    said.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    said
}

#[tokio::test]
async fn a_check_run_whose_answer_was_lost_is_found_by_the_id_its_app_gave_it() {
    let stage = Stage::as_app(json!({})).await;
    let found = stage.doubt("create_check_run", check(json!({}))).await;
    assert_eq!(
        (&found["external_id"], &found["status"], &found["conclusion"]),
        (&json!(KEY), &json!("completed"), &json!("failure"))
    );
    // A later one of the same name hides it in GitHub's list of the newest.
    let later = CallMeta {
        idempotency_key: Some("f".repeat(32)),
        ..CallMeta::default()
    };
    let again = check(json!({ "conclusion": "success", "title": "One file lacks its header" }));
    let again = stage
        .hub
        .call("github.create_check_run", again, later, SOON)
        .await;
    assert!(matches!(again, Ok(Reply::Done(_))), "{again:?}");
    let looked = stage.look("create_check_run", check(json!({}))).await;
    assert_eq!(looked, Ok(Reply::Done(found)));
    let running = stage
        .done(
            "create_check_run",
            check(json!({ "name": "slow", "conclusion": null })),
        )
        .await;
    assert_eq!(
        (&running["status"], &running["conclusion"]),
        (&json!("in_progress"), &Value::Null)
    );
    let listed = json!({ "repo": "acme/api", "ref": SHA, "limit": 1 });
    let listed = stage.done("list_check_runs", listed).await;
    assert_eq!(
        (&listed["total"], &listed["check_runs"][0]["name"]),
        (&json!(2), &json!("slow"))
    );
    let named = json!({ "repo": "acme/api", "ref": SHA, "name": "license headers" });
    let named = stage.done("list_check_runs", named).await;
    assert_eq!(
        (&named["total"], &named["check_runs"][0]["title"]),
        (&json!(1), &json!("One file lacks its header"))
    );
    let elsewhere = stage
        .fails("create_check_run", check(json!({ "repo": "acme/none" })))
        .await;
    // The App is not installed there, for all it can see.
    assert_eq!(elsewhere.class, ErrorClass::Forbidden, "{elsewhere}");
    stage.end().await;
}

#[tokio::test]
async fn a_check_run_is_an_apps_and_whoever_has_a_token_hears_what_to_use_instead() {
    let stage = Stage::new(json!({})).await;
    let error = stage.fails("create_check_run", check(json!({}))).await;
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.remedy.unwrap().contains("create_commit_status"));
    assert_eq!(stage.sandbox.requests(), [Value::Null; 0]);
    let error = stage
        .fails("list_check_runs", json!({ "repo": "acme/api", "ref": "nowhere" }))
        .await;
    assert_eq!(error.class, ErrorClass::NotFound);
    stage.end().await;
    let stage = Stage::as_app(json!({})).await;
    let places = json!([{ "path": "a", "start_line": 3, "end_line": 2, "annotation_level": "notice", "message": "m" }]);
    let error = stage
        .fails("create_check_run", check(json!({ "annotations": places })))
        .await;
    assert!(error.message.contains("a last line before its first"), "{error}");
    stage.end().await;
}

fn deployment(more: Value) -> Value {
    let mut asked = json!({ "repo": "acme/api", "ref": "main", "environment": "staging", "payload": { "region": "oregon" } });
    asked
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    asked
}

#[tokio::test]
async fn a_deployment_whose_answer_was_lost_is_found_by_the_key_in_its_payload() {
    let stage = Stage::new(json!({})).await;
    let found = stage.doubt("create_deployment", deployment(json!({}))).await;
    assert_eq!(
        (&found["environment"], &found["ref"]),
        (&json!("staging"), &json!("main"))
    );
    let sent = stage.sandbox.effects()[0]["detail"].clone();
    assert_eq!(sent["payload"], json!({ "region": "oregon", "xmrt_step": KEY }));
    let elsewhere = deployment(json!({ "environment": "production" }));
    assert_eq!(
        stage.look("create_deployment", elsewhere).await,
        Ok(Reply::Absent)
    );
    let said = json!({
        "repo": "acme/api", "deployment_id": found["id"], "state": "success", "description": "ä".repeat(200),
        "environment_url": "https://staging.example.com",
    });
    let said = stage.done("create_deployment_status", said).await;
    assert_eq!(
        (&said["state"], &said["environment"]),
        (&json!("success"), &json!("staging"))
    );
    assert_eq!(said["description"].as_str().unwrap().chars().count(), 140);
    stage.end().await;
}

#[tokio::test]
async fn a_deployment_waits_for_required_statuses_and_what_is_not_there_is_not_deployed() {
    let stage = Stage::new(json!({ "branches": [{ "name": "next", "sha": SHA }] })).await;
    let bad = json!({ "repo": "acme/api", "sha": SHA, "state": "failure", "context": "ci" });
    stage.done("create_commit_status", bad).await;
    let next = deployment(json!({ "ref": "next" }));
    let error = stage.fails("create_deployment", next).await;
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
    assert!(error.message.contains("status checks failed"), "{error}");
    stage
        .done(
            "create_deployment",
            deployment(json!({ "ref": "next", "required_contexts": [] })),
        )
        .await;
    for (tool, arguments, class) in [
        (
            "create_deployment",
            deployment(json!({ "ref": "nowhere" })),
            ErrorClass::Invalid,
        ),
        (
            "create_deployment",
            deployment(json!({ "payload": { "xmrt_step": "x" } })),
            ErrorClass::Invalid,
        ),
        (
            "create_deployment_status",
            json!({ "repo": "acme/api", "deployment_id": 404, "state": "success" }),
            ErrorClass::NotFound,
        ),
        (
            "create_deployment_status",
            json!({ "repo": "acme/api", "deployment_id": 404, "state": "success", "log_url": "no" }),
            ErrorClass::Invalid,
        ),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, class, "{error}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_deployment_status_whose_answer_was_lost_is_said_again() {
    let stage = Stage::new(json!({})).await;
    let made = stage.done("create_deployment", deployment(json!({}))).await;
    let say = json!({ "repo": "acme/api", "deployment_id": made["id"], "state": "in_progress" });
    stage.fault(
        json!({ "match": { "operation": "create_deployment_status" }, "kind": "reply_lost", "times": 1 }),
    );
    let lost = stage.fails("create_deployment_status", say.clone()).await;
    assert_eq!(lost.class, ErrorClass::UnknownEffect);
    assert_eq!(
        stage.done("create_deployment_status", say).await["state"],
        "in_progress"
    );
    stage.end().await;
}

#[tokio::test]
async fn dry_runs_of_checks_and_deployments_show_the_request_and_send_none() {
    let stage = Stage::new(json!({})).await;
    stage
        .dry_runs(&[
            (
                "create_check_run",
                check(json!({ "annotations": [] })),
                "POST /repos/acme/api/check-runs",
                json!({
                    "name": "license headers", "head_sha": SHA, "status": "completed", "conclusion": "failure",
                    "external_id": KEY, "output": { "title": "One file lacks its header", "summary": "See below." },
                }),
            ),
            (
                "create_deployment",
                deployment(json!({ "production": false })),
                "POST /repos/acme/api/deployments",
                json!({
                    "ref": "main", "task": "deploy", "environment": "staging", "description": "", "auto_merge": false,
                    "payload": { "region": "oregon", "xmrt_step": KEY }, "transient_environment": false,
                    "production_environment": false,
                }),
            ),
            (
                "create_deployment_status",
                json!({ "repo": "acme/api", "deployment_id": 5, "state": "queued" }),
                "POST /repos/acme/api/deployments/5/statuses",
                json!({ "state": "queued", "description": "", "auto_inactive": true }),
            ),
        ])
        .await;
    stage.end().await;
}
