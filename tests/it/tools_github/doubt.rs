//! What a lost answer leaves behind, and how the effect is found again, or not.

use jiff::SignedDuration;
use serde_json::{Value, json};
use xmrt::hub::{CallMeta, ErrorClass, Reply};

use super::{KEY, SOON, Stage, issue, issue_and};

fn failed_run() -> Value {
    json!({ "runs": [{ "id": 99, "status": "completed", "conclusion": "failure", "started": "-20m" }] })
}

#[tokio::test]
async fn add_labels_keeps_those_it_has_and_may_be_repeated() {
    let stage = Stage::with_issue().await;
    let add = issue_and(json!({ "labels": ["help wanted"] }));
    stage.fault(json!({ "match": { "operation": "add_labels" }, "kind": "reply_lost", "times": 1 }));
    assert_eq!(
        stage.fails("add_labels", add.clone()).await.class,
        ErrorClass::UnknownEffect
    );
    let labeled = stage.done("add_labels", add).await;
    assert_eq!(labeled, json!({ "number": 7, "labels": ["bug", "help wanted"] }));
    stage.end().await;
}

#[tokio::test]
async fn close_issue_gives_the_reason_and_may_be_repeated() {
    let stage = Stage::with_issue().await;
    let close = issue_and(json!({ "state_reason": "not_planned" }));
    stage.fault(json!({ "match": { "operation": "update_issue" }, "kind": "reply_lost", "times": 1 }));
    assert_eq!(
        stage.fails("close_issue", close.clone()).await.class,
        ErrorClass::UnknownEffect
    );
    let closed = stage.done("close_issue", close).await;
    assert_eq!(
        (&closed["state"], &closed["state_reason"]),
        (&json!("closed"), &json!("not_planned"))
    );
    let error = stage
        .fails("close_issue", issue_and(json!({ "state_reason": "tired" })))
        .await;
    assert!(
        error
            .message
            .contains("must be one of \"completed\", \"not_planned\", \"duplicate\""),
        "{error}"
    );
    stage.end().await;
}

#[tokio::test]
async fn create_comment_leaves_its_mark_on_the_last_line() {
    let stage = Stage::with_issue().await;
    let created = stage
        .done("create_comment", issue_and(json!({ "body": "Hello.\n" })))
        .await;
    let listed = stage.done("list_comments", issue()).await;
    assert_eq!(
        listed["comments"][0]["body"],
        format!("Hello.\n\n<!-- xmrt:{KEY} -->")
    );
    assert_eq!(listed["comments"][0]["id"], created["id"]);
    let error = stage
        .fails("create_comment", issue_and(json!({ "body": " \n" })))
        .await;
    assert_eq!(error.to_string(), "argument `body` must not be blank");
    stage.end().await;
}

#[tokio::test]
async fn a_comment_whose_reply_was_lost_is_found_by_its_mark() {
    let stage = Stage::with_issue().await;
    let found = stage
        .doubt("create_comment", issue_and(json!({ "body": "Hello." })))
        .await;
    let listed = stage.done("list_comments", issue()).await;
    assert_eq!(found["id"], listed["comments"][0]["id"]);
    stage.end().await;
}

#[tokio::test]
async fn a_mark_of_another_author_another_key_or_in_a_quotation_is_not_ours() {
    let mark = format!("<!-- xmrt:{KEY} -->");
    let comments = json!([
        { "number": 7, "body": format!("x\n\n{mark}"), "user": "mona", "created": "-1s" },
        { "number": 7, "body": format!("> {mark}\n\nmore"), "user": "xmrt-bot", "created": "-1s" },
        { "number": 7, "body": "x\n\n<!-- xmrt:other -->", "user": "xmrt-bot", "created": "-1s" },
        { "number": 7, "body": "plain", "user": "xmrt-bot", "created": "-1s" },
    ]);
    let stage = Stage::new(json!({ "issues": [{ "number": 7, "title": "t" }], "comments": comments })).await;
    let create = issue_and(json!({ "body": "x" }));
    assert_eq!(
        stage.look("create_comment", create.clone()).await,
        Ok(Reply::Absent)
    );
    assert!(matches!(
        stage.look_with("create_comment", create, "other").await,
        Ok(Reply::Done(_))
    ));
    stage.end().await;
}

#[tokio::test]
async fn a_mark_is_found_on_the_last_of_many_pages_and_not_from_before_the_intent() {
    let mark = |minutes: &str| json!({ "number": 7, "body": format!("x\n\n<!-- xmrt:{KEY} -->"), "user": "xmrt-bot", "created": minutes });
    let mut comments: Vec<Value> = (0..250)
        .map(|_| json!({ "number": 7, "body": "noise", "created": "-30s" }))
        .collect();
    comments.push(mark("-1s"));
    let issues = json!([{ "number": 7, "title": "t" }]);
    let stage = Stage::new(json!({ "issues": issues, "comments": comments })).await;
    let create = issue_and(json!({ "body": "x" }));
    assert!(matches!(
        stage.look("create_comment", create.clone()).await,
        Ok(Reply::Done(_))
    ));
    stage.end().await;
    let stage = Stage::new(json!({ "issues": issues, "comments": [mark("-5m")] })).await;
    assert_eq!(stage.look("create_comment", create).await, Ok(Reply::Absent));
    stage.end().await;
}

#[tokio::test]
async fn a_search_that_cannot_be_made_never_says_absent() {
    let stage = Stage::with_issue().await;
    let create = issue_and(json!({ "body": "x" }));
    stage.fault(
        json!({ "match": { "operation": "list_comments" }, "kind": "status", "status": 502, "times": 1 }),
    );
    assert_eq!(
        stage
            .look("create_comment", create.clone())
            .await
            .unwrap_err()
            .class,
        ErrorClass::Unavailable
    );
    let gone = json!({ "repo": "acme/api", "number": 404, "body": "x" });
    assert_eq!(
        stage.look("create_comment", gone).await.unwrap_err().class,
        ErrorClass::NotFound
    );
    let keyless = CallMeta {
        idempotency_key: None,
        look_for_since: Some(stage.start),
        ..CallMeta::default()
    };
    let reply = stage
        .hub
        .call("github.create_comment", create, keyless, SOON)
        .await;
    assert!(matches!(reply, Ok(Reply::Ambiguous(why)) if why.contains("no idempotency key")));
    stage.end().await;
}

#[tokio::test]
async fn an_issue_whose_reply_was_lost_is_found_by_its_mark() {
    let stage = Stage::with_issue().await;
    let new = json!({ "repo": "acme/api", "title": "Deploy failed", "body": "See.", "labels": ["ops"], "assignees": ["mona"] });
    let found = stage.doubt("create_issue", new).await;
    let number = found["number"].as_u64().unwrap();
    let issue = stage
        .done("get_issue", json!({ "repo": "acme/api", "number": number }))
        .await;
    assert_eq!(
        (&issue["title"], &issue["labels"]),
        (&json!("Deploy failed"), &json!(["ops"]))
    );
    assert_eq!(issue["body"], format!("See.\n\n<!-- xmrt:{KEY} -->"));
    stage.end().await;
}

#[tokio::test]
async fn a_rerun_whose_reply_was_lost_is_told_by_its_attempt() {
    for more in [json!({}), json!({ "attempt": 1 })] {
        let stage = Stage::new(failed_run()).await;
        let mut rerun = json!({ "repo": "acme/api", "run_id": 99 });
        rerun
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let found = stage.doubt("rerun_failed_jobs", rerun).await;
        assert_eq!(found, json!({ "run_id": 99, "attempt": 2 }));
        stage.end().await;
    }
}

#[tokio::test]
async fn a_rerun_by_somebody_else_is_not_taken_for_ours() {
    let stage = Stage::new(json!({ "runs": [{ "id": 99, "attempt": 2, "status": "queued" }] })).await;
    let rerun = json!({ "repo": "acme/api", "run_id": 99, "attempt": 1 });
    let reply = stage.look("rerun_failed_jobs", rerun.clone()).await;
    assert!(
        matches!(reply, Ok(Reply::Ambiguous(ref why)) if why.contains("begun by octo-user")),
        "{reply:?}"
    );
    let error = stage.fails("rerun_failed_jobs", rerun).await;
    assert_eq!(
        (error.class, error.message.as_str()),
        (ErrorClass::Conflict, "run 99 is at attempt 2 already, not 1")
    );
    stage.end().await;
}

#[tokio::test]
async fn rerun_failed_jobs_begins_the_next_attempt_and_a_running_one_cannot_be_repeated() {
    let stage = Stage::new(failed_run()).await;
    let rerun = json!({ "repo": "acme/api", "run_id": 99 });
    assert_eq!(
        stage.done("rerun_failed_jobs", rerun.clone()).await,
        json!({ "run_id": 99, "attempt": 2 })
    );
    let error = stage.fails("rerun_failed_jobs", rerun).await;
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.message.contains("already running"), "{error}");
    stage.end().await;
}

#[tokio::test]
async fn a_provider_that_fails_limits_or_forbids_is_told_apart() {
    let stage = Stage::with_issue().await;
    let create = issue_and(json!({ "body": "x" }));
    let fault = |status: u16, more: Value| {
        let mut fault = json!({ "match": { "operation": "create_comment" }, "kind": "status", "status": status, "times": 1 });
        fault
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        stage.fault(fault);
    };
    fault(500, json!({}));
    assert_eq!(
        stage.fails("create_comment", create.clone()).await.class,
        ErrorClass::UnknownEffect
    );
    fault(403, json!({}));
    assert_eq!(
        stage.fails("create_comment", create.clone()).await.class,
        ErrorClass::Forbidden
    );
    stage.fault(json!({ "match": { "operation": "create_comment" }, "kind": "empty_202", "times": 1 }));
    assert_eq!(
        stage.fails("create_comment", create.clone()).await.class,
        ErrorClass::UnknownEffect
    );
    fault(429, json!({ "retry_after": 30 }));
    let error = stage.fails("create_comment", create).await;
    let ErrorClass::RateLimited {
        retry_at: Some(retry_at),
    } = error.class
    else {
        panic!("{error:?}")
    };
    let wait = retry_at.duration_since(stage.start);
    assert!(
        wait >= SignedDuration::from_secs(30) && wait < SignedDuration::from_secs(60),
        "{wait}"
    );
    stage.end().await;
}
