//! What GitHub has in GraphQL alone of issues and pull requests: merging by themselves, drafts, transfers.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass::{Conflict, Forbidden, Invalid, NotFound, RateLimited, UnknownEffect};
use xmrt::hub::Reply;

use super::{Stage, issue, issue_and};

const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A pull request that waits for a status, one that waits for nothing, and two repositories of one owner and one of another.
async fn stage() -> Stage {
    staged(false).await
}

/// The same, acting as a GitHub App or with a token.
async fn staged(as_app: bool) -> Stage {
    let state = json!({
        "repos": [
            { "full_name": "acme/api" }, { "full_name": "acme/web" }, { "full_name": "umbrella/core" },
            { "full_name": "acme/strict", "allow_auto_merge": false },
        ],
        "labels": [{ "repo": "acme/web", "name": "bug" }],
        "issues": [
            { "repo": "acme/api", "number": 1, "title": "It breaks", "labels": ["bug", "api"] },
            { "repo": "acme/web", "number": 4, "title": "Older" },
        ],
        "comments": [{ "repo": "acme/api", "number": 1, "body": "Indeed.", "user": "mona" }],
        "pulls": [
            { "repo": "acme/api", "number": 7, "title": "Fix it", "head": "fix", "head_sha": HEAD },
            { "repo": "acme/api", "number": 8, "title": "Clean", "head": "clean", "head_sha": OTHER },
            { "repo": "acme/strict", "number": 1, "title": "x", "head": "x", "head_sha": OTHER },
        ],
    });
    let stage = Stage::acting(state, as_app).await;
    let status = json!({ "repo": "acme/api", "sha": HEAD, "state": "pending", "context": "ci" });
    stage.done("create_commit_status", status).await;
    stage
}

/// The effects of the tool under test; the stage itself said a status.
fn effects(stage: &Stage) -> Vec<String> {
    stage.effects().into_iter().skip(1).collect()
}

/// As [`Stage::doubt`], after what the stage did.
async fn doubt(stage: &Stage, tool: &str, arguments: Value) -> Value {
    assert_eq!(stage.look(tool, arguments.clone()).await, Ok(Reply::Absent));
    stage.fault(json!({ "match": { "operation": tool }, "kind": "reply_lost", "times": 1 }));
    let error = stage.fails(tool, arguments.clone()).await;
    assert_eq!(error.class, UnknownEffect, "{error}");
    let found = match stage.look(tool, arguments).await {
        Ok(Reply::Done(found)) => found,
        other => panic!("{tool}: {other:?}"),
    };
    assert_eq!(effects(stage), [tool]);
    found
}

#[tokio::test]
async fn a_pull_request_that_shall_merge_by_itself_is_known_to_although_the_answer_was_lost() {
    let stage = stage().await;
    let enable = issue_and(json!({ "method": "squash", "expected_head": HEAD }));
    let found = doubt(&stage, "enable_auto_merge", enable).await;
    assert_eq!(
        found,
        json!({ "number": 7, "auto_merge": "squash", "draft": false, "merged": false, "head_sha": HEAD })
    );
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_merge_by_itself_says_why() {
    let stage = stage().await;
    let of = |repo: &str, number: u64| json!({ "repo": repo, "number": number });
    for (arguments, class, said) in [
        (of("acme/api", 8), Invalid, "clean status"),
        (of("acme/strict", 1), Invalid, "not allowed"),
        (
            of("acme/api", 404),
            NotFound,
            "PullRequest with the number of 404",
        ),
        (of("acme/none", 1), NotFound, "Repository with the name"),
        (
            issue_and(json!({ "expected_head": OTHER })),
            Conflict,
            "was modified",
        ),
    ] {
        let error = stage.fails("enable_auto_merge", arguments).await;
        assert_eq!(
            (error.class.clone(), error.message.contains(said)),
            (class, true),
            "{error}"
        );
    }
    stage.fault(
        json!({ "match": { "operation": "enable_auto_merge" }, "kind": "status", "status": 403, "times": 1 }),
    );
    assert_eq!(stage.fails("enable_auto_merge", issue()).await.class, Forbidden);
    let limit = json!({ "match": { "operation": "enable_auto_merge" }, "kind": "status", "status": 403, "retry_after": 9, "times": 1 });
    stage.fault(limit);
    assert!(matches!(
        stage.fails("enable_auto_merge", issue()).await.class,
        RateLimited { .. }
    ));
    assert_eq!(effects(&stage), [""; 0], "a refusal in a 200 is no effect");
    stage.end().await;
}

#[tokio::test]
async fn a_draft_is_made_once_and_unmade() {
    let stage = stage().await;
    let found = doubt(&stage, "set_draft", issue_and(json!({ "draft": true }))).await;
    assert_eq!(found["draft"], true);
    let again = stage.done("set_draft", issue_and(json!({ "draft": true }))).await;
    assert_eq!(
        (&again["draft"], effects(&stage).len()),
        (&json!(true), 1),
        "it was one already"
    );
    let ready = stage
        .done("set_draft", issue_and(json!({ "draft": false })))
        .await;
    assert_eq!((&ready["draft"], effects(&stage).len()), (&json!(false), 2));
    let draft = stage.done("set_draft", issue_and(json!({ "draft": true }))).await;
    assert_eq!((&draft["draft"], effects(&stage).len()), (&json!(true), 3));
    let error = stage
        .fails(
            "set_draft",
            json!({ "repo": "acme/api", "number": 1, "draft": true }),
        )
        .await;
    assert_eq!(error.class, NotFound, "it is an issue");
    stage.end().await;
}

fn transfer(more: Value) -> Value {
    let mut arguments = json!({ "repo": "acme/api", "number": 1, "to_repo": "acme/web" });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

#[tokio::test]
async fn a_transferred_issue_is_found_at_its_new_place_from_the_old_one() {
    // An App's tokens are for the repositories that are meant alone, here both.
    for (as_app, create_labels, labels) in [
        (false, false, json!(["bug"])),
        (false, true, json!(["bug", "api"])),
        (true, true, json!(["bug", "api"])),
    ] {
        let stage = staged(as_app).await;
        let found = doubt(
            &stage,
            "transfer_issue",
            transfer(json!({ "create_labels": create_labels })),
        )
        .await;
        assert_eq!(
            found,
            json!({ "number": 5, "html_url": "https://github.com/acme/web/issues/5" })
        );
        let there = json!({ "repo": "acme/web", "number": 5 });
        assert_eq!(stage.done("get_issue", there.clone()).await["labels"], labels);
        assert_eq!(
            stage.done("list_comments", there).await["comments"][0]["body"],
            "Indeed."
        );
        let elsewhere = stage
            .look("transfer_issue", transfer(json!({ "to_repo": "acme/strict" })))
            .await;
        let fits = match &elsewhere {
            Ok(Reply::Ambiguous(why)) => !as_app && why.contains("acme/web/issues/5"),
            // Where it is by now, that token is not for.
            Err(error) => as_app && error.class == NotFound,
            _ => false,
        };
        assert!(fits, "{elsewhere:?}");
        stage.end().await;
    }
}

#[tokio::test]
async fn an_issue_is_moved_no_further_than_its_owner_and_no_pull_request_is() {
    let stage = stage().await;
    for (more, class, said) in [
        (json!({ "to_repo": "umbrella/core" }), Invalid, "same owner"),
        (
            json!({ "to_repo": "ACME/api" }),
            Invalid,
            "the repository it is in",
        ),
        (json!({ "to_repo": "acme/none" }), NotFound, "Not Found"),
        (json!({ "number": 404 }), NotFound, "Not Found"),
        (json!({ "number": 7 }), NotFound, "global id"),
    ] {
        let error = stage.fails("transfer_issue", transfer(more)).await;
        assert_eq!(
            (error.class.clone(), error.message.contains(said)),
            (class, true),
            "{error}"
        );
    }
    assert_eq!(effects(&stage), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn dry_runs_show_the_mutation_with_words_for_the_ids() {
    let stage = Stage::new(json!({})).await;
    for (tool, arguments, operation, input) in [
        (
            "enable_auto_merge",
            issue(),
            "EnableAutoMerge",
            json!({ "pullRequestId": "the id of acme/api#7", "mergeMethod": "MERGE" }),
        ),
        (
            "set_draft",
            issue_and(json!({ "draft": false })),
            "MarkReady",
            json!({ "pullRequestId": "the id of acme/api#7" }),
        ),
        (
            "transfer_issue",
            transfer(json!({})),
            "TransferIssue",
            json!({ "issueId": "the id of acme/api#1", "repositoryId": "the id of acme/web", "createLabelsIfMissing": false }),
        ),
    ] {
        let mut arguments = arguments;
        arguments["dry_run"] = json!(true);
        let shown = stage.done(tool, arguments).await;
        let request = &shown["dry_run"][0];
        assert_eq!(
            (&request["method"], &request["path"]),
            (&json!("POST"), &json!("/graphql"))
        );
        assert_eq!(
            (
                &request["body"]["operationName"],
                &request["body"]["variables"]["input"]
            ),
            (&json!(operation), &input)
        );
    }
    assert_eq!(stage.sandbox.requests(), [Value::Null; 0]);
    stage.end().await;
}
