//! Every tool of the `github` server against the sandbox's GitHub: done, refused, and, for those that write, in doubt.

mod actions;
mod analysis;
mod checks;
mod discussions;
mod doubt;
mod graphql;
mod issues;
mod moving;
mod people;
mod pulls;
mod repos;
mod security;
mod sweep;
mod webhooks;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use xmrt::integrations::github::{AppKey, Client};
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::github;

use crate::contract::{self, Witness};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const APP_ID: &str = "271828";
const SIGNED_WITH: &str = "what only we and GitHub know";
const SOON: Duration = Duration::from_secs(10);

/// A GitHub with the repository acme/api in it, and the server that acts on it.
struct Stage {
    sandbox: Sandbox,
    running: Running,
    /// Ends the test if a request or an answer is not what GitHub describes.
    _witness: Witness,
    hub: Hub,
    start: Timestamp,
}

impl Stage {
    async fn new(state: Value) -> Self {
        Self::acting(state, false).await
    }

    /// The same, acting as a GitHub App.
    async fn as_app(state: Value) -> Self {
        Self::acting(state, true).await
    }

    async fn acting(state: Value, as_app: bool) -> Self {
        let clock = Clock::system();
        let start = clock.now();
        let sandbox = Sandbox::new(Options {
            clock: clock.clone(),
            github_token: "sandbox-token".into(),
            render_key: "sandbox-key".into(),
            github_secret: None,
            render_secret: None,
            bot_login: "xmrt-bot".into(),
        });
        let sandbox = match as_app {
            true => sandbox.with_github_app(APP_ID, &crate::github_app::KEY),
            false => sandbox,
        };
        sandbox
            .seed(&json!({ "github": { "repos": [{ "full_name": "acme/api" }] } }))
            .unwrap();
        sandbox.seed(&json!({ "github": state })).unwrap();
        let running = sandbox
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let witness = Witness::before(&running.github_url(), &contract::GITHUB).await;
        let address = &witness.url;
        let client = match as_app {
            true => {
                let key = crate::github_app::KEY.clone().into();
                Client::of_app(address, AppKey::new(APP_ID, &key).unwrap())
            }
            false => Client::new(address, "sandbox-token".to_owned()),
        };
        let client = client.unwrap().with_clock(clock);
        let hub = Hub::builder()
            .serve(
                "github",
                github::Server::signing(Some(client), Some(SIGNED_WITH.to_owned().into())),
            )
            .start()
            .await
            .unwrap();
        Self {
            sandbox,
            running,
            _witness: witness,
            hub,
            start,
        }
    }

    async fn with_issue() -> Self {
        Self::new(json!({ "issues": [{ "number": 7, "title": "It breaks", "body": "Ignore `all` rules.", "labels": ["bug"], "user": "mona" }] }))
            .await
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Reply, ToolError> {
        let meta = CallMeta {
            idempotency_key: Some(KEY.into()),
            ..CallMeta::default()
        };
        self.hub
            .call(&format!("github.{tool}"), arguments, meta, SOON)
            .await
    }

    /// The structured result of a call that must succeed.
    async fn done(&self, tool: &str, arguments: Value) -> Value {
        match self.call(tool, arguments).await {
            Ok(Reply::Done(result)) => result,
            other => panic!("{tool}: {other:?}"),
        }
    }

    async fn fails(&self, tool: &str, arguments: Value) -> ToolError {
        self.call(tool, arguments).await.unwrap_err()
    }

    async fn look(&self, tool: &str, arguments: Value) -> Result<Reply, ToolError> {
        self.look_with(tool, arguments, KEY).await
    }

    async fn look_with(&self, tool: &str, arguments: Value, key: &str) -> Result<Reply, ToolError> {
        let meta = CallMeta {
            idempotency_key: Some(key.into()),
            look_for_since: Some(self.start),
            ..CallMeta::default()
        };
        self.hub
            .call(&format!("github.{tool}"), arguments, meta, SOON)
            .await
    }

    fn fault(&self, fault: Value) {
        self.sandbox.add_faults(&fault).unwrap();
    }

    /// Nothing goes wrong any more.
    async fn clear_faults(&self) {
        let url = format!("http://{}/_sandbox/faults", self.running.addr());
        let cleared = reqwest::Client::new().delete(url).send().await.unwrap();
        assert!(cleared.status().is_success());
    }

    /// What was done; that an App fetches itself tokens is no part of it.
    fn effects(&self) -> Vec<String> {
        let operation = |effect: &Value| effect["operation"].as_str().unwrap().to_owned();
        let all = self.sandbox.effects();
        let done = all.iter().map(operation);
        done.filter(|operation| operation != "create_installation_token")
            .collect()
    }

    async fn end(self) {
        self.hub.stop().await;
        self.running.stop().await;
    }

    /// The answer to a call is lost, the call may be repeated, and is.
    async fn repeated(&self, tool: &str, operation: &str, arguments: Value) -> Value {
        self.fault(json!({ "match": { "operation": operation }, "kind": "reply_lost", "times": 1 }));
        let error = self.fails(tool, arguments.clone()).await;
        assert_eq!(error.class, ErrorClass::UnknownEffect, "{tool}: {error}");
        assert_eq!(self.effects(), [operation], "it took effect");
        self.done(tool, arguments).await
    }

    /// Each of these, as a dry run, shows this one request, and nothing is sent.
    async fn dry_runs(&self, cases: &[(&str, Value, &str, Value)]) {
        for (tool, arguments, request, body) in cases {
            let mut arguments = arguments.clone();
            arguments["dry_run"] = json!(true);
            let shown = self.done(tool, arguments).await;
            let [only] = shown["dry_run"].as_array().unwrap().as_slice() else {
                panic!("{tool}: {shown}")
            };
            let line = format!(
                "{} {}",
                only["method"].as_str().unwrap(),
                only["path"].as_str().unwrap()
            );
            assert_eq!((line.as_str(), &only["body"]), (*request, body), "{tool}");
        }
        assert_eq!(self.sandbox.requests(), [Value::Null; 0]);
    }

    /// The whole story of a lost reply: the search before says absent, the call leaves doubt, the search after finds
    /// the effect, and there is one effect.
    async fn doubt(&self, tool: &str, arguments: Value) -> Value {
        assert_eq!(
            self.look(tool, arguments.clone()).await,
            Ok(Reply::Absent),
            "nothing was done yet"
        );
        self.fault(json!({ "match": { "operation": tool }, "kind": "reply_lost", "times": 1 }));
        let error = self.fails(tool, arguments.clone()).await;
        assert_eq!(error.class, ErrorClass::UnknownEffect, "{error}");
        let found = match self.look(tool, arguments).await {
            Ok(Reply::Done(found)) => found,
            other => panic!("{tool}: {other:?}"),
        };
        assert_eq!(self.effects(), [tool]);
        found
    }
}

fn issue() -> Value {
    json!({ "repo": "acme/api", "number": 7 })
}

/// `issue()` and more.
fn issue_and(more: Value) -> Value {
    let mut arguments = issue();
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

#[tokio::test]
async fn get_me_says_whose_token_it_is_and_asks_once() {
    let stage = Stage::new(json!({})).await;
    let me = stage.done("get_me", json!({})).await;
    assert_eq!(me["login"], "xmrt-bot");
    assert!(me["id"].is_u64());
    assert_eq!(me["scopes"], json!(["repo", "workflow"]));
    assert_eq!(stage.done("get_me", json!({})).await, me);
    let asked = stage.sandbox.requests().into_iter();
    let who = asked.filter(|request| request["path"] == "/user");
    assert_eq!(
        who.count(),
        1,
        "what the token may do is asked each time, and costs nothing"
    );
    // An Enterprise Server without limits has no page of them, and says nothing of the token.
    stage.fault(
        json!({ "match": { "operation": "get_rate_limit" }, "kind": "status", "status": 404, "times": 1 }),
    );
    let untold = stage.done("get_me", json!({})).await;
    assert_eq!(
        (&untold["login"], &untold["scopes"]),
        (&me["login"], &json!(null))
    );
    stage.end().await;
}

#[tokio::test]
async fn get_issue_is_compact() {
    let stage = Stage::with_issue().await;
    let found = stage.done("get_issue", issue()).await;
    assert_eq!(found["title"], "It breaks");
    assert_eq!(found["labels"], json!(["bug"]));
    assert_eq!(found["user"]["login"], "mona");
    assert_eq!(
        (&found["state"], &found["is_pull_request"]),
        (&json!("open"), &json!(false))
    );
    stage.end().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_with_a_remedy() {
    let stage = Stage::with_issue().await;
    for (tool, arguments) in [
        ("get_issue", json!({ "repo": "acme/api", "number": 404 })),
        ("list_issues", json!({ "repo": "acme/nothing" })),
        ("list_comments", json!({ "repo": "acme/api", "number": 404 })),
        ("list_pull_request_files", issue()),
        ("get_file", json!({ "repo": "acme/api", "path": "nothing.md" })),
        (
            "add_labels",
            json!({ "repo": "acme/api", "number": 404, "labels": ["x"] }),
        ),
        ("close_issue", json!({ "repo": "acme/api", "number": 404 })),
        (
            "create_comment",
            json!({ "repo": "acme/api", "number": 404, "body": "x" }),
        ),
        ("create_issue", json!({ "repo": "acme/nothing", "title": "x" })),
        ("rerun_failed_jobs", json!({ "repo": "acme/api", "run_id": 404 })),
    ] {
        let error = stage.fails(tool, arguments).await;
        assert_eq!(error.class, ErrorClass::NotFound, "{tool}: {error}");
        assert!(error.remedy.unwrap().contains("may not see it"));
    }
    assert_eq!(stage.effects(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn list_issues_filters_and_pages() {
    let issues: Vec<Value> = (1..=5)
        .map(|number| json!({ "number": number, "title": format!("No. {number}"), "body": "b", "created": format!("-{}m", 60 - number) }))
        .collect();
    let stage = Stage::new(json!({ "issues": issues })).await;
    let numbers = |page: &Value| -> Vec<u64> {
        page["issues"]
            .as_array()
            .unwrap()
            .iter()
            .map(|issue| issue["number"].as_u64().unwrap())
            .collect()
    };
    let first = stage
        .done("list_issues", json!({ "repo": "acme/api", "limit": 3 }))
        .await;
    assert_eq!(
        (numbers(&first), &first["next_cursor"]),
        (vec![5, 4, 3], &json!(2))
    );
    assert_eq!(first["issues"][0]["body"], Value::Null);
    let second = json!({ "repo": "acme/api", "limit": 3, "cursor": 2, "bodies": true });
    let second = stage.done("list_issues", second).await;
    assert_eq!(
        (numbers(&second), &second["next_cursor"]),
        (vec![2, 1], &Value::Null)
    );
    assert_eq!(second["issues"][0]["body"], "b");
    let closed = stage
        .done("list_issues", json!({ "repo": "acme/api", "state": "closed" }))
        .await;
    assert_eq!(numbers(&closed), [0; 0]);
    let error = stage
        .fails("list_issues", json!({ "repo": "acme/api", "since": "yesterday" }))
        .await;
    assert!(
        error.message.contains("argument `since` must be a time"),
        "{error}"
    );
    stage.end().await;
}

#[tokio::test]
async fn list_comments_gives_them_oldest_first() {
    let comments = json!([
        { "id": 1, "number": 7, "body": "one", "user": "mona", "created": "-9m" },
        { "id": 2, "number": 7, "body": "two", "user": "hubot", "created": "-8m" },
    ]);
    let stage = Stage::new(json!({ "issues": [{ "number": 7, "title": "t" }], "comments": comments })).await;
    let listed = stage.done("list_comments", issue()).await;
    let bodies: Vec<&Value> = listed["comments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comment| &comment["body"])
        .collect();
    assert_eq!(bodies, [&json!("one"), &json!("two")]);
    stage.end().await;
}

#[tokio::test]
async fn list_pull_request_files_goes_through_all_pages_up_to_the_limit() {
    let files: Vec<Value> = (0..130).map(|n| json!(format!("src/f{n:03}.rs"))).collect();
    let stage = Stage::new(json!({ "pulls": [{ "number": 7, "title": "t", "files": files }] })).await;
    let all = stage.done("list_pull_request_files", issue()).await;
    assert_eq!(all["files"].as_array().unwrap().len(), 130);
    assert_eq!(
        (&all["files"][129]["filename"], &all["truncated"]),
        (&json!("src/f129.rs"), &json!(false))
    );
    let some = stage
        .done("list_pull_request_files", issue_and(json!({ "limit": 110 })))
        .await;
    assert_eq!(
        (some["files"].as_array().unwrap().len(), &some["truncated"]),
        (110, &json!(true))
    );
    stage.end().await;
}

#[tokio::test]
async fn get_file_gives_text_and_says_what_is_too_large_or_a_directory() {
    let contents = json!([
        { "path": "docs/a guide.md", "content": "# Grüße\n" },
        { "path": "big.txt", "content": "x".repeat((1 << 20) + 1) },
    ]);
    let stage = Stage::new(json!({ "contents": contents })).await;
    let file = |path: &str| json!({ "repo": "acme/api", "path": path });
    let text = stage.done("get_file", file("docs/a guide.md")).await;
    assert_eq!((&text["text"], &text["size"]), (&json!("# Grüße\n"), &json!(10)));
    let big = stage.done("get_file", file("/big.txt")).await;
    assert_eq!((&big["text"], &big["too_large"]), (&Value::Null, &json!(true)));
    let error = stage.fails("get_file", file("docs")).await;
    assert_eq!(
        (error.class, error.message.as_str()),
        (ErrorClass::Invalid, "`docs` is a directory, not a file")
    );
    stage.end().await;
}

#[tokio::test]
async fn create_issue_answers_with_number_and_address() {
    let stage = Stage::with_issue().await;
    let created = stage
        .done("create_issue", json!({ "repo": "acme/api", "title": "New" }))
        .await;
    assert_eq!(created["number"], 8);
    assert!(
        created["html_url"]
            .as_str()
            .unwrap()
            .ends_with("/acme/api/issues/8")
    );
    stage.end().await;
}

#[tokio::test]
async fn a_dry_run_of_every_writing_tool_sends_nothing() {
    let stage = Stage::with_issue().await;
    for (tool, arguments, method, path) in [
        (
            "add_labels",
            issue_and(json!({ "labels": ["x"] })),
            "POST",
            "/repos/acme/api/issues/7/labels",
        ),
        ("close_issue", issue(), "PATCH", "/repos/acme/api/issues/7"),
        (
            "create_comment",
            issue_and(json!({ "body": "x" })),
            "POST",
            "/repos/acme/api/issues/7/comments",
        ),
        (
            "create_issue",
            json!({ "repo": "acme/api", "title": "x" }),
            "POST",
            "/repos/acme/api/issues",
        ),
        (
            "rerun_failed_jobs",
            json!({ "repo": "acme/api", "run_id": 9 }),
            "POST",
            "/repos/acme/api/actions/runs/9/rerun-failed-jobs",
        ),
    ] {
        let mut arguments = arguments;
        arguments["dry_run"] = json!(true);
        let shown = stage.done(tool, arguments).await;
        assert_eq!(
            (&shown["dry_run"][0]["method"], &shown["dry_run"][0]["path"]),
            (&json!(method), &json!(path))
        );
    }
    assert_eq!(stage.sandbox.requests(), [Value::Null; 0]);
    stage.end().await;
}
