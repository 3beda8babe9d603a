//! The toolset `issues`: what each tool does, what GitHub refuses, and what a lost answer leaves behind.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::{KEY, Stage, issue, issue_and};

#[tokio::test]
async fn search_issues_keeps_to_the_repository_and_the_kind_and_counts_all() {
    let stage = Stage::new(json!({
        "issues": [
            { "number": 1, "title": "Crash on start", "labels": ["bug"], "created": "-3h" },
            { "number": 2, "title": "Crash on stop", "created": "-2h", "body": "again" },
            { "number": 3, "title": "Crash, but done", "state": "closed", "created": "-1h" },
        ],
        "pulls": [{ "number": 4, "title": "Fix the crash", "created": "-1h" }],
    }))
    .await;
    stage
        .sandbox
        .seed(&json!({ "github": { "issues": [{ "repo": "acme/web", "number": 1, "title": "Crash" }] } }))
        .unwrap();
    let search = async |arguments: Value| -> (Vec<u64>, Value, Value) {
        let found = stage.done("search_issues", arguments).await;
        let numbers = found["issues"].as_array().unwrap().iter();
        let numbers = numbers.map(|issue| issue["number"].as_u64().unwrap()).collect();
        (numbers, found["total"].clone(), found["next_cursor"].clone())
    };
    let all = search(json!({ "query": "crash is:open", "repo": "acme/api" })).await;
    assert_eq!(all, (vec![2, 1], json!(2), Value::Null));
    let pulls = search(json!({ "query": "crash", "repo": "acme/api", "kind": "pull_request" })).await;
    assert_eq!(pulls.0, [4]);
    let everywhere = search(json!({ "query": "crash", "limit": 3, "sort": "newest" })).await;
    assert_eq!(
        (everywhere.0.len(), everywhere.1, everywhere.2),
        (3, json!(4), json!(2))
    );
    let rest = search(json!({ "query": "crash", "limit": 3, "cursor": 2, "sort": "newest" })).await;
    assert_eq!((rest.0.len(), rest.2), (1, Value::Null));
    let bodies = json!({ "query": "stop", "bodies": true });
    assert_eq!(
        stage.done("search_issues", bodies).await["issues"][0]["body"],
        "again"
    );
    let error = stage.fails("search_issues", json!({ "query": "  " })).await;
    assert_eq!(error.to_string(), "argument `query` must not be blank");
    stage.fault(
        json!({ "match": { "operation": "search_issues" }, "kind": "status", "status": 503, "times": 1 }),
    );
    let error = stage.fails("search_issues", json!({ "query": "crash" })).await;
    assert_eq!(error.class, ErrorClass::Unavailable);
    stage.end().await;
}

/// An issue that everything below can be done to, a closed one, a label, and a comment.
async fn stage() -> Stage {
    Stage::new(json!({
        "collaborators": [{ "login": "mona" }],
        "labels": [{ "name": "ops", "color": "aabbcc" }],
        "issues": [
            { "number": 7, "title": "It breaks", "body": "Old.", "labels": ["bug"], "user": "mona" },
            { "number": 8, "title": "Done", "state": "closed" },
            { "number": 9, "title": "Part" },
        ],
        "comments": [{ "id": 500, "number": 7, "body": "one", "user": "xmrt-bot" }],
    }))
    .await
}

#[tokio::test]
async fn what_may_be_repeated_ends_the_same_after_a_lost_answer() {
    let with_ops = json!({ "number": 7, "labels": ["bug", "ops"] });
    for (tool, operation, arguments, expected) in [
        (
            "set_labels",
            "set_labels",
            issue_and(json!({ "labels": ["bug", "ops"] })),
            with_ops,
        ),
        (
            "set_labels",
            "set_labels",
            issue_and(json!({ "labels": [] })),
            json!({ "labels": [] }),
        ),
        (
            "remove_label",
            "remove_label",
            issue_and(json!({ "label": "BUG" })),
            json!({ "number": 7, "labels": [] }),
        ),
        (
            "update_issue",
            "update_issue",
            issue_and(json!({ "title": "New" })),
            json!({ "title": "New", "labels": ["bug"] }),
        ),
        (
            "update_issue",
            "update_issue",
            issue_and(json!({ "labels": ["ops"], "assignees": ["mona"] })),
            json!({ "title": "It breaks", "labels": ["ops"], "assignees": ["mona"], "body": "Old." }),
        ),
        (
            "reopen_issue",
            "update_issue",
            json!({ "repo": "acme/api", "number": 8 }),
            json!({ "state": "open", "number": 8 }),
        ),
        (
            "assign_issue",
            "assign_issue",
            issue_and(json!({ "assignees": ["mona", "ghost"] })),
            json!({ "assignees": ["mona"], "passed_over": ["ghost"] }),
        ),
        (
            "lock_issue",
            "lock_issue",
            issue_and(json!({ "reason": "too heated" })),
            json!({ "number": 7, "locked": true }),
        ),
        (
            "update_comment",
            "update_comment",
            json!({ "repo": "acme/api", "comment_id": 500, "body": "two" }),
            json!({ "id": 500 }),
        ),
    ] {
        let stage = stage().await;
        let done = stage.repeated(tool, operation, arguments).await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&done[name], value, "{tool}: {name}");
        }
        stage.end().await;
    }
}

#[tokio::test]
async fn a_new_text_carries_our_mark_and_a_lock_its_reason() {
    let stage = stage().await;
    let changed = stage
        .done("update_issue", issue_and(json!({ "body": "New." })))
        .await;
    assert_eq!(changed["body"], format!("New.\n\n<!-- xmrt:{KEY} -->"));
    let update = json!({ "repo": "acme/api", "comment_id": 500, "body": "two" });
    stage.done("update_comment", update).await;
    let listed = stage.done("list_comments", issue()).await;
    assert_eq!(
        listed["comments"][0]["body"],
        format!("two\n\n<!-- xmrt:{KEY} -->")
    );
    stage
        .done("lock_issue", issue_and(json!({ "reason": "off-topic" })))
        .await;
    assert_eq!(
        stage.sandbox.effects()[2]["detail"],
        json!({ "lock_reason": "off-topic" })
    );
    assert_eq!(stage.done("get_issue", issue()).await["locked"], true);
    let comment = stage
        .fails("create_comment", issue_and(json!({ "body": "x" })))
        .await;
    assert_eq!(comment.class, ErrorClass::Forbidden, "{comment}");
    stage.end().await;
}

#[tokio::test]
async fn a_label_is_made_once_and_found_by_its_looks() {
    let stage = stage().await;
    let new = json!({ "repo": "acme/api", "name": "p/1 now", "color": "D73A4A", "description": "At once" });
    let found = stage.doubt("create_label", new.clone()).await;
    assert_eq!(
        (&found["name"], &found["description"]),
        (&json!("p/1 now"), &json!("At once"))
    );
    let error = stage.fails("create_label", new).await;
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("name already_exists"), "{error}");
    let other = stage
        .look("create_label", json!({ "repo": "acme/api", "name": "OPS" }))
        .await;
    assert!(
        matches!(&other, Ok(Reply::Ambiguous(why)) if why.contains("another color")),
        "{other:?}"
    );
    let nowhere = stage
        .look("create_label", json!({ "repo": "acme/none", "name": "x" }))
        .await;
    assert_eq!(nowhere.unwrap_err().class, ErrorClass::NotFound);
    stage.end().await;
}

#[tokio::test]
async fn a_sub_issue_is_added_once_and_found_among_the_parts() {
    let stage = stage().await;
    let add = issue_and(json!({ "sub_issue": 9 }));
    let found = stage.doubt("add_sub_issue", add.clone()).await;
    assert_eq!((&found["number"], &found["sub_issue"]), (&json!(7), &json!(9)));
    let error = stage.fails("add_sub_issue", add).await;
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("duplicate"), "{error}");
    let elsewhere = json!({ "repo": "acme/api", "number": 8, "sub_issue": 9 });
    let error = stage.fails("add_sub_issue", elsewhere.clone()).await;
    assert!(error.message.contains("only have one parent"), "{error}");
    let mut replace = elsewhere;
    replace["replace_parent"] = json!(true);
    assert_eq!(stage.done("add_sub_issue", replace).await["number"], 8);
    let gone = stage
        .look("add_sub_issue", issue_and(json!({ "sub_issue": 9 })))
        .await;
    assert_eq!(gone, Ok(Reply::Absent));
    stage.end().await;
}

#[tokio::test]
async fn what_github_or_we_refuse_is_said_with_its_class() {
    use ErrorClass::{Invalid, NotFound};
    let stage = stage().await;
    let at = |number: u64, more: Value| {
        let mut arguments = more;
        arguments["repo"] = json!("acme/api");
        arguments["number"] = json!(number);
        arguments
    };
    for (tool, arguments, class, words) in [
        (
            "update_issue",
            at(404, json!({ "title": "x" })),
            NotFound,
            "Not Found",
        ),
        ("update_issue", at(7, json!({})), Invalid, "nothing would change"),
        (
            "update_issue",
            at(7, json!({ "title": " " })),
            Invalid,
            "must not be blank",
        ),
        ("reopen_issue", at(404, json!({})), NotFound, "Not Found"),
        (
            "remove_label",
            at(404, json!({ "label": "bug" })),
            NotFound,
            "Not Found",
        ),
        (
            "remove_label",
            at(7, json!({ "label": ".." })),
            Invalid,
            "argument `label` must not be `.` or `..`",
        ),
        (
            "set_labels",
            at(404, json!({ "labels": [] })),
            NotFound,
            "Not Found",
        ),
        (
            "create_label",
            json!({ "repo": "acme/none", "name": "x" }),
            NotFound,
            "Not Found",
        ),
        (
            "create_label",
            json!({ "repo": "acme/api", "name": "x", "color": "purple" }),
            Invalid,
            "six hexadecimal",
        ),
        (
            "assign_issue",
            at(404, json!({ "assignees": ["mona"] })),
            NotFound,
            "Not Found",
        ),
        ("lock_issue", at(404, json!({})), NotFound, "Not Found"),
        (
            "lock_issue",
            at(7, json!({ "reason": "tired" })),
            Invalid,
            "argument `reason`",
        ),
        (
            "update_comment",
            json!({ "repo": "acme/api", "comment_id": 404, "body": "x" }),
            NotFound,
            "Not Found",
        ),
        (
            "update_comment",
            json!({ "repo": "acme/api", "comment_id": 500, "body": " " }),
            Invalid,
            "must not be blank",
        ),
        (
            "add_sub_issue",
            at(7, json!({ "sub_issue": 404 })),
            NotFound,
            "Not Found",
        ),
        (
            "add_sub_issue",
            at(7, json!({ "sub_issue": 7 })),
            Invalid,
            "its own parent",
        ),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, class, "{tool}: {error}");
        assert!(error.message.contains(words), "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn a_merged_pull_request_stays_closed() {
    let stage =
        Stage::new(json!({ "pulls": [{ "number": 7, "title": "t", "state": "closed", "merged": true }] }))
            .await;
    assert_eq!(
        stage.fails("reopen_issue", issue()).await.class,
        ErrorClass::Invalid
    );
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_sends_nothing() {
    let stage = stage().await;
    stage
        .dry_runs(&[
            (
                "update_issue",
                issue_and(json!({ "title": "x" })),
                "PATCH /repos/acme/api/issues/7",
                json!({ "title": "x" }),
            ),
            (
                "reopen_issue",
                issue(),
                "PATCH /repos/acme/api/issues/7",
                json!({ "state": "open", "state_reason": "reopened" }),
            ),
            (
                "remove_label",
                issue_and(json!({ "label": "a b/c" })),
                "DELETE /repos/acme/api/issues/7/labels/a%20b%2Fc",
                Value::Null,
            ),
            (
                "set_labels",
                issue_and(json!({ "labels": ["x"] })),
                "PUT /repos/acme/api/issues/7/labels",
                json!({ "labels": ["x"] }),
            ),
            (
                "create_label",
                json!({ "repo": "acme/api", "name": "x" }),
                "POST /repos/acme/api/labels",
                json!({ "name": "x", "color": "ededed", "description": "" }),
            ),
            (
                "assign_issue",
                issue_and(json!({ "assignees": ["mona"] })),
                "POST /repos/acme/api/issues/7/assignees",
                json!({ "assignees": ["mona"] }),
            ),
            (
                "lock_issue",
                issue(),
                "PUT /repos/acme/api/issues/7/lock",
                json!({}),
            ),
            (
                "update_comment",
                json!({ "repo": "acme/api", "comment_id": 5, "body": "x" }),
                "PATCH /repos/acme/api/issues/comments/5",
                json!({ "body": format!("x\n\n<!-- xmrt:{KEY} -->") }),
            ),
            (
                "add_sub_issue",
                issue_and(json!({ "sub_issue": 9 })),
                "POST /repos/acme/api/issues/7/sub_issues",
                json!({ "sub_issue_id": "the id of acme/api#9", "replace_parent": false }),
            ),
        ])
        .await;
    stage.end().await;
}
