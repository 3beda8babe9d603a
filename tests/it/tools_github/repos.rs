//! The toolset `repos`: what each tool does, what GitHub refuses, and what a lost answer leaves behind.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass::{
    Conflict, Forbidden, Invalid, NotFound, RateLimited, Unavailable, UnknownEffect,
};
use xmrt::hub::{ErrorClass, Reply};

use super::{KEY, Stage};

const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Two repositories; the first has a branch beside main, a few files, and releases.
async fn stage() -> Stage {
    Stage::new(json!({
        "repos": [
            { "full_name": "acme/api", "head_sha": HEAD, "description": "Serves `all`", "language": "Rust", "topics": ["http"],
              "created": "-30d", "pushed": "-2h" },
            { "full_name": "acme/site", "pushed": "-1h" },
            { "full_name": "umbrella/core", "pushed": "-3h" },
        ],
        "branches": [{ "repo": "acme/api", "name": "next", "sha": OTHER, "message": "Prepare", "author": "mona",
                       "files": ["docs/guide.md"], "at": "-1h" }],
        "contents": [
            { "repo": "acme/api", "path": "README.md", "content": "Read me first" },
            { "repo": "acme/api", "path": "docs/guide.md", "content": "A guide\nfor you\n" },
            { "repo": "umbrella/core", "path": "README.md", "content": "Read nothing" },
        ],
        "releases": [
            { "repo": "acme/api", "tag": "v1", "name": "One", "body": "The first.", "created": "-9d" },
            { "repo": "acme/api", "tag": "v2", "body": "The second.", "created": "-2d" },
        ],
        "visits": [
            { "repo": "acme/api", "kind": "views", "day": "2026-11-20T00:00:00Z", "count": 7, "uniques": 3 },
            { "repo": "acme/api", "kind": "referrer", "name": "example.com", "count": 5, "uniques": 2 },
        ],
        "collaborators": [{ "repo": "acme/site", "login": "xmrt-bot", "permission": "read" }],
    }))
    .await
}

fn api(more: Value) -> Value {
    let mut arguments = json!({ "repo": "acme/api" });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[field].as_str().unwrap()).collect()
}

#[tokio::test]
async fn get_repository_is_compact_and_repositories_are_listed_the_last_pushed_first() {
    let stage = stage().await;
    let found = stage.done("get_repository", api(json!({}))).await;
    assert_eq!(
        (&found["full_name"], &found["default_branch"], &found["topics"]),
        (&json!("acme/api"), &json!("main"), &json!(["http"]))
    );
    assert_eq!(found.get("archive_url"), None);
    let all = stage.done("list_repositories", json!({ "limit": 2 })).await;
    assert_eq!(each(&all["repositories"], "full_name"), ["acme/site", "acme/api"]);
    let rest = json!({ "limit": 2, "cursor": all["next_cursor"] });
    let rest = stage.done("list_repositories", rest).await;
    assert_eq!(each(&rest["repositories"], "full_name"), ["umbrella/core"]);
    let of_org = stage
        .done("list_repositories", json!({ "org": "umbrella" }))
        .await;
    assert_eq!(each(&of_org["repositories"], "full_name"), ["umbrella/core"]);
    let odd = stage.fails("list_repositories", json!({ "org": "a/../b" })).await;
    assert!(odd.message.contains("argument `org` must be a login"), "{odd}");
    stage.end().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_may_not_be_seen_is_forbidden() {
    let stage = stage().await;
    for (tool, more) in [
        ("get_repository", json!({})),
        ("list_branches", json!({})),
        ("list_files", json!({})),
        ("list_commits", json!({})),
        ("compare_commits", json!({ "base": "main", "head": "next" })),
        ("list_releases", json!({})),
        ("get_traffic", json!({})),
        ("create_branch", json!({ "branch": "fix" })),
        ("create_release", json!({ "tag": "v9" })),
        (
            "commit_files",
            json!({ "branch": "main", "expected_head": HEAD, "title": "x", "files": [{ "path": "a", "text": "b" }] }),
        ),
    ] {
        let mut arguments = more;
        arguments["repo"] = json!("acme/nothing");
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, NotFound, "{tool}: {error}");
        assert!(error.remedy.unwrap().contains("may not see it"), "{tool}");
    }
    let error = stage.fails("get_traffic", json!({ "repo": "acme/site" })).await;
    assert_eq!(
        (error.class, error.message.contains("push access")),
        (Forbidden, true)
    );
    let error = stage
        .fails("list_commits", api(json!({ "ref": "nowhere" })))
        .await;
    assert_eq!(error.class, NotFound);
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn branches_files_commits_releases_and_visits_are_listed() {
    let stage = stage().await;
    let branches = stage.done("list_branches", api(json!({}))).await;
    assert_eq!(each(&branches["branches"], "name"), ["main", "next"]);
    assert_eq!(branches["branches"][1]["sha"], OTHER);
    let protected = stage
        .done("list_branches", api(json!({ "protected": true })))
        .await;
    assert_eq!(each(&protected["branches"], "name"), ["main"]);

    let top = stage.done("list_files", api(json!({}))).await;
    assert_eq!(each(&top["files"], "path"), ["README.md", "docs"]);
    assert_eq!(each(&top["files"], "type"), ["file", "dir"]);
    let docs = stage
        .done("list_files", api(json!({ "path": "docs", "ref": "next" })))
        .await;
    assert_eq!(
        (each(&docs["files"], "path"), &docs["truncated"]),
        (vec!["docs/guide.md"], &json!(false))
    );
    let error = stage
        .fails("list_files", api(json!({ "path": "README.md" })))
        .await;
    assert_eq!(error.to_string(), "`README.md` is a file, not a folder");

    let commits = stage.done("list_commits", api(json!({ "ref": "next" }))).await;
    assert_eq!(each(&commits["commits"], "sha"), [OTHER, HEAD]);
    assert_eq!(commits["commits"][0]["message"], "Prepare");
    let of_path =
        api(json!({ "ref": "next", "path": "docs", "author": "mona", "since": "2026-01-01T00:00:00Z" }));
    let of_path = stage.done("list_commits", of_path).await;
    assert_eq!(each(&of_path["commits"], "sha"), [OTHER]);
    let between = stage
        .done("compare_commits", api(json!({ "base": "main", "head": "next" })))
        .await;
    assert_eq!(
        (&between["status"], &between["ahead_by"], &between["truncated"]),
        (&json!("ahead"), &json!(1), &json!(false))
    );
    assert_eq!(each(&between["files"], "filename"), ["docs/guide.md"]);

    let releases = stage.done("list_releases", api(json!({ "limit": 1 }))).await;
    assert_eq!(
        (
            &releases["releases"][0]["tag_name"],
            &releases["releases"][0]["body"]
        ),
        (&json!("v2"), &Value::Null)
    );
    let older = api(json!({ "limit": 1, "cursor": releases["next_cursor"], "bodies": true }));
    let older = stage.done("list_releases", older).await;
    assert_eq!(older["releases"][0]["body"], "The first.");
    let traffic = stage.done("get_traffic", api(json!({}))).await;
    assert_eq!(
        (
            &traffic["views"]["count"],
            &traffic["views"]["days"][0]["uniques"]
        ),
        (&json!(7), &json!(3))
    );
    assert_eq!(
        (&traffic["referrers"][0]["referrer"], &traffic["clones"]["count"]),
        (&json!("example.com"), &json!(0))
    );
    stage.end().await;
}

#[tokio::test]
async fn a_search_stays_in_the_repository_that_is_given() {
    let stage = stage().await;
    let everywhere = stage
        .done("search_code", json!({ "query": "read path:README" }))
        .await;
    assert_eq!(
        (&everywhere["total"], each(&everywhere["files"], "repo")),
        (&json!(2), vec!["acme/api", "umbrella/core"])
    );
    let here = stage.done("search_code", api(json!({ "query": "read" }))).await;
    assert_eq!(each(&here["files"], "path"), ["README.md"]);
    for (tool, query) in [
        ("search_code", "read repo:umbrella/core"),
        ("search_code", "read OR user:umbrella"),
        ("search_issues", "crash -repo:acme/api org:umbrella"),
    ] {
        let error = stage.fails(tool, api(json!({ "query": query }))).await;
        assert_eq!(error.class, Invalid, "{error}");
        assert!(error.message.contains("beside the argument `repo`"), "{error}");
    }
    let blank = stage.fails("search_code", json!({ "query": "path:docs" })).await;
    assert_eq!(blank.class, Invalid, "GitHub wants a word: {blank}");
    stage.end().await;
}

#[tokio::test]
async fn a_branch_whose_answer_was_lost_is_found_where_it_shall_lead() {
    let stage = stage().await;
    let found = stage
        .doubt("create_branch", api(json!({ "branch": "fix/login" })))
        .await;
    assert_eq!(found, json!({ "branch": "fix/login", "sha": HEAD }));
    let from_next = api(json!({ "branch": "fix/login", "from": "next" }));
    let reply = stage.look("create_branch", from_next.clone()).await;
    assert!(
        matches!(reply, Ok(Reply::Ambiguous(ref why)) if why.contains(HEAD) && why.contains(OTHER)),
        "{reply:?}"
    );
    let error = stage.fails("create_branch", from_next).await;
    assert_eq!(
        (error.class, error.remedy.unwrap().contains("another name")),
        (Conflict, true)
    );
    let of_commit = api(json!({ "branch": "at-commit", "from": OTHER }));
    assert_eq!(
        stage.look("create_branch", of_commit.clone()).await,
        Ok(Reply::Absent)
    );
    assert_eq!(stage.done("create_branch", of_commit).await["sha"], OTHER);
    for odd in ["refs/heads/x", "a b", "x..y", "/x", "x.lock"] {
        let error = stage.fails("create_branch", api(json!({ "branch": odd }))).await;
        assert!(
            error.message.contains("argument `branch` must be"),
            "{odd}: {error}"
        );
    }
    let gone = json!({ "repo": "acme/nothing", "branch": "x", "from": HEAD });
    assert_eq!(
        stage.look("create_branch", gone).await.unwrap_err().class,
        NotFound
    );
    stage.end().await;
}

fn change(more: Value) -> Value {
    let files = json!([
        { "path": "docs/guide.md", "text": "Another guide\n" },
        { "path": "logo.bin", "base64": "AAEC" },
        { "path": "README.md", "delete": true },
    ]);
    let mut arguments = api(json!({
        "branch": "main", "expected_head": HEAD, "title": "Renew the docs", "body": "They were old.", "files": files,
    }));
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

#[tokio::test]
async fn a_commit_of_several_files_whose_answer_was_lost_is_found_by_its_trailer() {
    let stage = stage().await;
    let found = stage.doubt("commit_files", change(json!({}))).await;
    let commits = stage.done("list_commits", api(json!({ "limit": 1 }))).await;
    let made = &commits["commits"][0];
    assert_eq!((&made["sha"], &made["parents"]), (&found["sha"], &json!([HEAD])));
    assert_eq!(
        made["message"],
        format!("Renew the docs\n\nThey were old.\n\nXmrt-Step: {KEY}")
    );
    let listed = stage.done("list_files", api(json!({}))).await;
    assert_eq!(each(&listed["files"], "path"), ["docs", "logo.bin"]);
    let guide = stage
        .done("get_file", api(json!({ "path": "docs/guide.md" })))
        .await;
    assert_eq!(guide["text"], "Another guide\n");
    let elsewhere = stage.done("list_files", api(json!({ "ref": "next" }))).await;
    assert_eq!(
        each(&elsewhere["files"], "path"),
        ["README.md", "docs"],
        "the other branch is as it was"
    );
    // Made again it would be on top of another head.
    let error = stage.fails("commit_files", change(json!({}))).await;
    assert_eq!(error.class, Conflict, "{error}");
    assert!(error.message.contains("Expected branch to point to"), "{error}");
    assert_eq!(stage.effects(), ["commit_files"]);
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_committed_is_refused_and_nothing_of_it_is_done() {
    let stage = stage().await;
    let item = |files: Value| change(json!({ "files": files }));
    for (arguments, class, said) in [
        (
            item(json!([{ "path": "a", "text": "x", "delete": true }])),
            Invalid,
            "item 1 (`a`) needs one of",
        ),
        (
            item(json!([{ "path": "a", "base64": "!" }])),
            Invalid,
            "is not base64",
        ),
        (
            item(json!([{ "path": "../a", "text": "x" }])),
            Invalid,
            "a path inside the repository",
        ),
        (
            item(json!([{ "path": "a", "text": "x" }, { "path": "a", "text": "y" }])),
            Invalid,
            "is there twice",
        ),
        (
            item(json!([{ "path": "a", "text": "x" }, { "path": "none", "delete": true }])),
            Invalid,
            "does not exist",
        ),
        (change(json!({ "branch": "nowhere" })), NotFound, "was not found"),
        (
            change(json!({ "title": "two\nlines" })),
            Invalid,
            "argument `title` must be one line",
        ),
    ] {
        let error = stage.fails("commit_files", arguments).await;
        assert_eq!(
            (error.class.clone(), error.message.contains(said)),
            (class, true),
            "{error}"
        );
    }
    let fault = |more: Value| {
        let mut fault = json!({ "match": { "operation": "commit_files" }, "times": 1 });
        fault
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        stage.fault(fault);
    };
    fault(json!({ "kind": "status", "status": 502 }));
    assert_eq!(
        stage.fails("commit_files", change(json!({}))).await.class,
        UnknownEffect
    );
    stage.fault(
        json!({ "match": { "operation": "compare_commits" }, "kind": "status", "status": 502, "times": 1 }),
    );
    assert_eq!(
        stage
            .look("commit_files", change(json!({})))
            .await
            .unwrap_err()
            .class,
        Unavailable
    );
    assert_eq!(stage.effects(), [""; 0]);
    assert_eq!(
        stage.done("list_files", api(json!({}))).await["files"][0]["path"],
        "README.md"
    );
    fault(json!({ "kind": "status", "status": 429, "retry_after": 30 }));
    let class = stage.fails("commit_files", change(json!({}))).await.class;
    assert!(matches!(class, RateLimited { retry_at: Some(_) }), "{class:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_release_whose_answer_was_lost_is_found_by_its_mark_also_above_generated_notes() {
    for more in [
        json!({}),
        json!({ "generate_notes": true, "prerelease": true }),
        json!({ "draft": true }),
    ] {
        let stage = stage().await;
        let mut new = api(json!({ "tag": "v3", "name": "Three", "body": "The third.", "target": "next" }));
        new.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let found = stage.doubt("create_release", new.clone()).await;
        assert_eq!(
            (&found["tag_name"], &found["target_commitish"]),
            (&json!("v3"), &json!("next"))
        );
        let body = found["body"].as_str().unwrap();
        assert!(
            body.starts_with(&format!("The third.\n\n<!-- xmrt:{KEY} -->")),
            "{body}"
        );
        let listed = stage.done("list_releases", api(json!({ "limit": 1 }))).await;
        assert_eq!(listed["releases"][0]["id"], found["id"]);
        if more.get("draft").is_none() {
            let error = stage.fails("create_release", new).await;
            assert_eq!(
                (error.class, error.message.contains("already_exists")),
                (Invalid, true)
            );
        }
        stage.end().await;
    }
}

#[tokio::test]
async fn dry_runs_of_repository_tools_show_the_request_and_send_none() {
    let stage = stage().await;
    let body = format!("<!-- xmrt:{KEY} -->");
    stage
        .dry_runs(&[
            (
                "create_branch",
                api(json!({ "branch": "fix", "from": "next" })),
                "POST /repos/acme/api/git/refs",
                json!({ "ref": "refs/heads/fix", "sha": "the head of next" }),
            ),
            (
                "create_release",
                api(json!({ "tag": "v3" })),
                "POST /repos/acme/api/releases",
                json!({
                    "tag_name": "v3", "body": format!("\n\n{body}"), "draft": false, "prerelease": false,
                    "generate_release_notes": false, "make_latest": "true",
                }),
            ),
        ])
        .await;
    let shown = stage
        .done("commit_files", change(json!({ "dry_run": true })))
        .await;
    let request = &shown["dry_run"][0];
    assert_eq!(
        (&request["method"], &request["path"]),
        (&json!("POST"), &json!("/graphql"))
    );
    let input = &request["body"]["variables"]["input"];
    assert_eq!(
        (&input["expectedHeadOid"], &input["fileChanges"]["deletions"]),
        (&json!(HEAD), &json!([{ "path": "README.md" }]))
    );
    assert_eq!(stage.sandbox.requests(), [Value::Null; 0]);
    stage.end().await;
}

#[tokio::test]
async fn a_read_that_fails_is_unavailable() {
    let stage = stage().await;
    for (tool, arguments) in [
        ("get_repository", api(json!({}))),
        ("list_files", api(json!({}))),
        ("search_code", json!({ "query": "x" })),
    ] {
        let operation = if tool == "list_files" { "list_files" } else { tool };
        stage.fault(
            json!({ "match": { "operation": operation }, "kind": "status", "status": 503, "times": 1 }),
        );
        let class: ErrorClass = stage.fails(tool, arguments).await.class;
        assert_eq!(class, Unavailable, "{tool}");
    }
    stage.end().await;
}
