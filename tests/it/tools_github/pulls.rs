//! The toolset `pulls`: what each tool does, what GitHub refuses, and what a lost answer leaves behind.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass::{self, Conflict, Invalid, NotFound};
use xmrt::hub::Reply;

use super::{KEY, Stage, issue, issue_and};

const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A pull request of mona's, one of our own, one that conflicts, and a branch without one.
async fn stage() -> Stage {
    let patch = "@@ -1 +1 @@\n-old\n+new";
    Stage::new(json!({
        "collaborators": [{ "login": "mona" }, { "login": "hubot" }],
        "branches": [{ "name": "feature", "sha": OTHER, "files": ["src/a.rs"] }, { "name": "next" }],
        "pulls": [
            { "number": 7, "title": "Fix it", "body": "Please.", "user": "mona", "head": "fix", "head_sha": HEAD,
              "labels": ["bug"], "files": [{ "filename": "src/main.rs", "patch": patch }] },
            { "number": 8, "title": "Ours", "user": "xmrt-bot", "head": "ours", "draft": true },
            { "number": 9, "title": "Clash", "user": "mona", "head": "clash", "conflicts": true, "head_sha": HEAD },
            { "number": 5, "title": "Old", "state": "closed", "head": "old", "merged": true, "head_sha": OTHER },
        ],
    }))
    .await
}

/// `issue()` with the head that it has.
fn expecting(head: &str) -> Value {
    issue_and(json!({ "expected_head": head }))
}

#[tokio::test]
async fn get_pull_request_shows_both_ends_and_whether_it_can_be_merged() {
    let stage = stage().await;
    let pull = stage.done("get_pull_request", issue()).await;
    assert_eq!(
        pull["head"],
        json!({ "ref": "fix", "sha": HEAD, "repo": "acme/api" })
    );
    assert_eq!(
        (&pull["base"]["ref"], &pull["user"]["login"]),
        (&json!("main"), &json!("mona"))
    );
    assert_eq!(
        (&pull["mergeable"], &pull["changed_files"]),
        (&json!(true), &json!(1))
    );
    let clash = stage
        .done("get_pull_request", json!({ "repo": "acme/api", "number": 9 }))
        .await;
    assert_eq!(
        (&clash["mergeable"], &clash["mergeable_state"]),
        (&json!(false), &json!("dirty"))
    );
    stage.end().await;
}

#[tokio::test]
async fn list_pull_requests_filters_by_state_and_branches_and_pages() {
    let stage = stage().await;
    let list = async |more: Value| -> (Vec<u64>, Value) {
        let mut arguments = more;
        arguments["repo"] = json!("acme/api");
        let page = stage.done("list_pull_requests", arguments).await;
        let numbers = page["pull_requests"].as_array().unwrap().iter();
        let numbers = numbers.map(|pull| pull["number"].as_u64().unwrap()).collect();
        (numbers, page["next_cursor"].clone())
    };
    assert_eq!(list(json!({})).await.0, [9, 8, 7]);
    assert_eq!(
        list(json!({ "state": "all", "limit": 3 })).await,
        (vec![9, 8, 7], json!(2))
    );
    assert_eq!(
        list(json!({ "state": "all", "limit": 3, "cursor": 2 })).await,
        (vec![5], Value::Null)
    );
    assert_eq!(list(json!({ "head": "fix" })).await.0, [7]);
    assert_eq!(
        list(json!({ "head": "acme:fix", "base": "next" })).await.0,
        [0; 0]
    );
    assert_eq!(list(json!({ "head": "mona:fix" })).await.0, [0; 0]);
    let bodies = stage
        .done(
            "list_pull_requests",
            json!({ "repo": "acme/api", "bodies": true }),
        )
        .await;
    assert_eq!(bodies["pull_requests"][2]["body"], "Please.");
    stage.end().await;
}

#[tokio::test]
async fn get_pull_request_diff_is_text_cut_after_whole_lines() {
    let stage = stage().await;
    let whole = stage.done("get_pull_request_diff", issue()).await;
    let diff = whole["diff"].as_str().unwrap();
    assert!(
        diff.starts_with("diff --git a/src/main.rs b/src/main.rs\n"),
        "{diff}"
    );
    assert!(diff.ends_with("-old\n+new\n"), "{diff}");
    assert_eq!(
        (&whole["bytes"], &whole["truncated"]),
        (&json!(diff.len()), &json!(false))
    );
    let files: Vec<Value> = (0..40)
        .map(|n| json!(format!("src/long/path/number{n}.rs")))
        .collect();
    let pull = json!({ "github": { "pulls": [{ "repo": "acme/api", "number": 7, "files": files }] } });
    stage.sandbox.seed(&pull).unwrap();
    let cut = stage
        .done("get_pull_request_diff", issue_and(json!({ "bytes_max": 1000 })))
        .await;
    let diff = cut["diff"].as_str().unwrap();
    assert!(
        diff.len() <= 1_000 && diff.ends_with('\n') && cut["truncated"] == true,
        "{cut}"
    );
    assert!(cut["bytes"].as_u64().unwrap() > 1_000);
    stage.end().await;
}

fn new_pull() -> Value {
    json!({ "repo": "acme/api", "title": "Feature", "body": "See.", "head": "feature", "base": "main" })
}

#[tokio::test]
async fn a_pull_request_whose_reply_was_lost_is_found_by_its_mark() {
    let stage = stage().await;
    let found = stage.doubt("create_pull_request", new_pull()).await;
    let number = found["number"].as_u64().unwrap();
    let pull = json!({ "repo": "acme/api", "number": number });
    let seen = stage.done("get_pull_request", pull.clone()).await;
    assert_eq!(seen["body"], format!("See.\n\n<!-- xmrt:{KEY} -->"));
    assert_eq!(
        (&found["head_sha"], &found["base"]),
        (&json!(OTHER), &json!("main"))
    );
    let files = stage.done("list_pull_request_files", pull.clone()).await;
    assert_eq!(files["files"][0]["filename"], "src/a.rs");
    let again = stage.fails("create_pull_request", new_pull()).await;
    assert_eq!(again.class, Invalid);
    assert!(
        again
            .message
            .contains("A pull request already exists for acme:feature."),
        "{again}"
    );
    let other = stage.look_with("create_pull_request", new_pull(), "other").await;
    assert_eq!(other, Ok(Reply::Absent));
    stage.done("close_issue", pull).await;
    let found = stage.look("create_pull_request", new_pull()).await;
    assert!(
        matches!(found, Ok(Reply::Done(_))),
        "a closed one is still ours: {found:?}"
    );
    stage.end().await;
}

#[tokio::test]
async fn a_pull_request_of_somebody_else_from_the_same_branch_is_not_ours() {
    let stage = stage().await;
    stage.fault(json!({ "match": { "operation": "create_pull_request" }, "kind": "status", "status": 502, "times": 1 }));
    let error = stage.fails("create_pull_request", new_pull()).await;
    assert_eq!(error.class, ErrorClass::UnknownEffect);
    let mark = format!("x\n\n<!-- xmrt:{KEY} -->");
    let foreign = json!({ "number": 20, "title": "t", "head": "feature", "user": "mona", "body": mark });
    stage
        .sandbox
        .seed(&json!({ "github": { "pulls": [foreign] } }))
        .unwrap();
    assert_eq!(
        stage.look("create_pull_request", new_pull()).await,
        Ok(Reply::Absent)
    );
    stage.end().await;
}

#[tokio::test]
async fn a_merge_whose_reply_was_lost_is_told_by_the_state() {
    let stage = stage().await;
    let found = stage.doubt("merge_pull_request", expecting(HEAD)).await;
    assert_eq!(found, json!({ "number": 7, "merged": true, "sha": null }));
    let again = stage.fails("merge_pull_request", expecting(HEAD)).await;
    assert_eq!(again.class, Conflict, "{again}");
    let other = stage.look("merge_pull_request", expecting(OTHER)).await;
    assert!(
        matches!(&other, Ok(Reply::Ambiguous(why)) if why.contains("merged by xmrt-bot")),
        "{other:?}"
    );
    stage.end().await;
}

#[tokio::test]
async fn merge_pull_request_gives_the_commit_it_made_with_the_words_it_was_given() {
    let stage = stage().await;
    let mut merge = expecting(HEAD);
    merge["method"] = json!("squash");
    merge["commit_title"] = json!("Fix it at last");
    let merged = stage.done("merge_pull_request", merge).await;
    assert_eq!(merged["sha"].as_str().unwrap().len(), 40);
    let detail = stage.sandbox.effects()[0]["detail"].clone();
    assert_eq!(
        detail,
        json!({ "sha": HEAD, "merge_method": "squash", "commit_title": "Fix it at last" })
    );
    let pull = stage.done("get_pull_request", issue()).await;
    assert_eq!(
        (&pull["state"], &pull["merged_by"]["login"]),
        (&json!("closed"), &json!("xmrt-bot"))
    );
    stage.end().await;
}

#[tokio::test]
async fn an_update_of_a_branch_is_told_by_what_it_still_lacks() {
    let stage = stage().await;
    let current = stage.look("update_branch", expecting(HEAD)).await;
    assert!(
        matches!(current, Ok(Reply::Done(_))),
        "it lacks nothing: {current:?}"
    );
    let error = stage.fails("update_branch", expecting(HEAD)).await;
    assert!(error.message.contains("no new commits"), "{error}");
    let push = json!({ "do": "push", "repo": "acme/api", "by": "mona" });
    stage.sandbox.act(&push).await.unwrap();
    let error = stage.fails("update_branch", expecting(OTHER)).await;
    assert_eq!(error.class, Invalid, "{error}");
    let found = stage.doubt("update_branch", expecting(HEAD)).await;
    let pull = stage.done("get_pull_request", issue()).await;
    assert_ne!(pull["head"]["sha"], HEAD);
    assert_eq!(found, json!({ "number": 7, "head_sha": pull["head"]["sha"] }));
    stage.end().await;
}

#[tokio::test]
async fn a_review_whose_reply_was_lost_is_found_by_its_mark() {
    for (event, body, state) in [
        ("APPROVE", "", "APPROVED"),
        ("REQUEST_CHANGES", "Not yet.", "CHANGES_REQUESTED"),
        ("COMMENT", "Hm.", "COMMENTED"),
    ] {
        let stage = stage().await;
        let remark = json!([{ "path": "src/main.rs", "line": 1, "body": "Why?" }]);
        let review = issue_and(json!({ "event": event, "body": body, "commit": HEAD, "comments": remark }));
        let found = stage.doubt("create_review", review).await;
        let listed = stage.done("list_reviews", issue()).await;
        let only = &listed["reviews"][0];
        assert_eq!((&only["id"], &only["state"]), (&found["id"], &json!(state)));
        assert_eq!(only["body"], format!("{body}\n\n<!-- xmrt:{KEY} -->"));
        assert_eq!(
            (&only["commit_id"], &only["user"]["login"]),
            (&json!(HEAD), &json!("xmrt-bot"))
        );
        let sent = &stage.sandbox.effects()[0]["detail"]["comments"][0];
        assert_eq!(
            sent,
            &json!({ "path": "src/main.rs", "line": 1, "side": "RIGHT", "body": "Why?" })
        );
        stage.end().await;
    }
}

#[tokio::test]
async fn reviews_are_listed_by_page() {
    let stage = stage().await;
    for _ in 0..3 {
        stage
            .done(
                "create_review",
                issue_and(json!({ "event": "COMMENT", "body": "x" })),
            )
            .await;
    }
    let first = stage.done("list_reviews", issue_and(json!({ "limit": 2 }))).await;
    assert_eq!(
        (first["reviews"].as_array().unwrap().len(), &first["next_cursor"]),
        (2, &json!(2))
    );
    let rest = stage
        .done("list_reviews", issue_and(json!({ "limit": 2, "cursor": 2 })))
        .await;
    assert_eq!(
        (rest["reviews"].as_array().unwrap().len(), &rest["next_cursor"]),
        (1, &Value::Null)
    );
    stage.end().await;
}

#[tokio::test]
async fn what_may_be_repeated_ends_the_same_after_a_lost_answer() {
    for (tool, arguments, expected) in [
        (
            "update_pull_request",
            issue_and(json!({ "title": "New", "base": "next" })),
            json!({ "number": 7, "base": "next", "state": "open" }),
        ),
        (
            "request_reviewers",
            issue_and(json!({ "reviewers": ["hubot"], "teams": ["core"] })),
            json!({ "number": 7, "reviewers": ["hubot"], "teams": ["core"] }),
        ),
    ] {
        let stage = stage().await;
        let done = stage.repeated(tool, tool, arguments).await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&done[name], value, "{tool}: {name}");
        }
        stage.end().await;
    }
}

fn at(number: u64, more: Value) -> Value {
    let mut arguments = more;
    arguments["repo"] = json!("acme/api");
    arguments["number"] = json!(number);
    arguments
}

/// Each of these is refused with this class and these words, and nothing took effect.
async fn refused(cases: &[(&str, Value, ErrorClass, &str)]) {
    let stage = stage().await;
    for (tool, arguments, class, words) in cases {
        let error = stage.fails(tool, arguments.clone()).await;
        assert_eq!(error.class, *class, "{tool}: {error}");
        assert!(error.message.contains(words), "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    for (tool, more) in [
        ("get_pull_request", json!({})),
        ("get_pull_request_diff", json!({})),
        ("list_reviews", json!({})),
        ("update_pull_request", json!({ "title": "x" })),
        ("merge_pull_request", json!({ "expected_head": HEAD })),
        ("update_branch", json!({ "expected_head": HEAD })),
        ("request_reviewers", json!({ "reviewers": ["hubot"] })),
        ("create_review", json!({ "event": "APPROVE" })),
    ] {
        refused(&[(tool, at(404, more), NotFound, "Not Found")]).await;
    }
    refused(&[(
        "list_pull_requests",
        json!({ "repo": "acme/none" }),
        NotFound,
        "Not Found",
    )])
    .await;
}

#[tokio::test]
async fn a_search_where_nothing_can_be_seen_never_says_absent() {
    let stage = stage().await;
    for (tool, more) in [
        ("merge_pull_request", json!({ "expected_head": HEAD })),
        ("update_branch", json!({ "expected_head": HEAD })),
        ("create_review", json!({ "event": "APPROVE" })),
    ] {
        let error = stage.look(tool, at(404, more)).await.unwrap_err();
        assert_eq!(error.class, NotFound, "{tool}");
    }
    let mut nowhere = new_pull();
    nowhere["repo"] = json!("acme/none");
    let error = stage.look("create_pull_request", nowhere).await.unwrap_err();
    assert_eq!(error.class, NotFound);
    stage.end().await;
}

#[tokio::test]
async fn a_pull_request_that_cannot_be_opened_or_changed_says_why() {
    let new = |name: &str, value: &str| {
        let mut new = new_pull();
        new[name] = json!(value);
        ("create_pull_request", new)
    };
    let update = |more: Value| ("update_pull_request", at(7, more));
    for ((tool, arguments), class, words) in [
        (new("repo", "acme/none"), NotFound, "Not Found"),
        (new("head", "nothing"), Invalid, "head invalid"),
        (new("base", "nothing"), Invalid, "base invalid"),
        (new("title", " "), Invalid, "must not be blank"),
        (
            new("base", "feature"),
            Invalid,
            "No commits between feature and feature",
        ),
        (update(json!({})), Invalid, "nothing would change"),
        (update(json!({ "title": " " })), Invalid, "must not be blank"),
        (update(json!({ "base": "nothing" })), Invalid, "base invalid"),
    ] {
        refused(&[(tool, arguments, class, words)]).await;
    }
}

#[tokio::test]
async fn a_pull_request_that_cannot_be_merged_or_updated_says_why() {
    let merge =
        |number: u64, head: &str| ("merge_pull_request", at(number, json!({ "expected_head": head })));
    let update = |number: u64, head: &str| ("update_branch", at(number, json!({ "expected_head": head })));
    for ((tool, arguments), class, words) in [
        (merge(7, OTHER), Conflict, "Head branch was modified"),
        (merge(8, HEAD), Conflict, "still a draft"),
        (merge(9, HEAD), Conflict, "not mergeable"),
        (merge(5, OTHER), Conflict, "not mergeable"),
        (merge(7, "main"), Invalid, "argument `expected_head`"),
        (update(5, OTHER), Invalid, "is closed"),
        (update(7, OTHER), Invalid, "match current head"),
    ] {
        refused(&[(tool, arguments, class, words)]).await;
    }
}

#[tokio::test]
async fn a_review_that_cannot_be_asked_for_or_given_says_why() {
    let ask = |more: Value| ("request_reviewers", at(7, more));
    let review = |number: u64, more: Value| ("create_review", at(number, more));
    let nowhere = json!([{ "path": "x", "line": 1, "body": "y" }]);
    for ((tool, arguments), words) in [
        (ask(json!({})), "nobody would be asked"),
        (ask(json!({ "reviewers": ["mona"] })), "pull request author"),
        (ask(json!({ "reviewers": ["ghost"] })), "from collaborators"),
        (review(8, json!({ "event": "APPROVE" })), "approve your own"),
        (review(7, json!({ "event": "COMMENT" })), "must not be blank"),
        (review(7, json!({ "event": "DISMISS" })), "argument `event`"),
        (
            review(7, json!({ "event": "APPROVE", "comments": nowhere })),
            "Path could not be resolved",
        ),
    ] {
        refused(&[(tool, arguments, Invalid, words)]).await;
    }
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_sends_nothing() {
    let stage = stage().await;
    let marked = |body: &str| format!("{body}\n\n<!-- xmrt:{KEY} -->");
    stage
        .dry_runs(&[
            ("create_pull_request", new_pull(), "POST /repos/acme/api/pulls",
                json!({ "title": "Feature", "body": marked("See."), "head": "feature", "base": "main", "draft": false })),
            ("update_pull_request", issue_and(json!({ "base": "next" })), "PATCH /repos/acme/api/pulls/7", json!({ "base": "next" })),
            ("merge_pull_request", expecting(HEAD), "PUT /repos/acme/api/pulls/7/merge", json!({ "sha": HEAD, "merge_method": "merge" })),
            ("update_branch", expecting(HEAD), "PUT /repos/acme/api/pulls/7/update-branch", json!({ "expected_head_sha": HEAD })),
            ("request_reviewers", issue_and(json!({ "teams": ["core"] })), "POST /repos/acme/api/pulls/7/requested_reviewers",
                json!({ "reviewers": [], "team_reviewers": ["core"] })),
            ("create_review", issue_and(json!({ "event": "APPROVE" })), "POST /repos/acme/api/pulls/7/reviews",
                json!({ "event": "APPROVE", "body": marked("") })),
        ])
        .await;
    stage.end().await;
}
