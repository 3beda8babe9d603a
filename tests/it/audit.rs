//! The audit trail at the real program: who did what, who let them, and what came of it.

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, World, issue_opened};

const CONFIG: &str = r#"
[role.triager]
allow = ["github.get_*", "github.add_labels", "xmrt.*"]
approval = ["github.close_issue"]
repos = ["acme/*"]

[role.narrow]
allow = ["github.get_issue"]
repos = ["acme/*"]

[[agent]]
id = "eliza"
role = "triager"

[[agent]]
id = "nick"
role = "narrow"
"#;

const LABEL: &str = r#"
description = "Labels new issues"
on = "github.issues.opened"
agent = "eliza"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = ["new"] }
"#;

const CLOSE: &str = r#"
description = "Closes issues that say so"
on = "github.issues.opened"
agent = "eliza"
if = "event.issue.title == 'spam'"

[[action]]
tool = "github.close_issue"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}" }
approval = { by = ["octocat", "mona"], expires = "1h" }
"#;

async fn world() -> World {
    let world = World::start(&[("label", LABEL), ("close", CLOSE)], CONFIG).await;
    let issues = json!([{ "repo": "acme/api", "number": 1, "title": "a" }, { "repo": "umbrella/core", "number": 2, "title": "b" }]);
    let repos = json!([{ "full_name": "acme/api" }, { "full_name": "umbrella/core" }]);
    world
        .sandbox_post("seed", json!({ "github": { "repos": repos, "issues": issues } }))
        .await;
    world
}

async fn audit(world: &World, query: &str) -> Vec<Value> {
    let (status, page) = world.api(&format!("audit?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["audit"].as_array().unwrap().clone()
}

async fn token(world: &World, agent: &str) -> String {
    let (_, made) = world
        .api_post(&format!("agents/{agent}/tokens"), json!({ "days": 7 }))
        .await;
    made["token"].as_str().unwrap().to_owned()
}

/// One MCP request; gives the whole answer.
async fn ask(world: &World, bearer: &str, method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let answer = world
        .client
        .post(format!("{}/mcp?toolsets=all", world.server.url))
        .bearer_auth(bearer)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
    answer.send().await.unwrap().json().await.unwrap()
}

async fn call(world: &World, bearer: &str, tool: &str, arguments: Value) -> Value {
    ask(
        world,
        bearer,
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_did_as_an_agent_is_on_record_with_its_event_its_run_and_its_refusal() {
    let world = world().await;
    world.github("issues", "inside", &issue_opened(1)).await.unwrap();
    world.settled("inside").await;
    let mut outside = issue_opened(2);
    outside["repository"]["full_name"] = json!("umbrella/core");
    world.github("issues", "outside", &outside).await.unwrap();
    world.settled("outside").await;

    let found = audit(&world, "who=eliza").await;
    assert_eq!(found.len(), 2, "{found:#?}");
    let (denied, made) = (&found[0], &found[1]);
    let of = |entry: &Value| {
        [
            "who", "what", "target", "outcome", "rule", "event", "source", "step",
        ]
        .map(|name| entry[name].as_str().unwrap_or_default().to_owned())
    };
    let step = made["step"].as_str().unwrap();
    assert_eq!(
        of(made),
        [
            "eliza",
            "github.add_labels",
            "acme/api#1",
            "done",
            "label",
            "inside",
            "github",
            step
        ]
    );
    assert_eq!(
        of(denied),
        [
            "eliza",
            "github.add_labels",
            "umbrella/core#2",
            "forbidden",
            "label",
            "outside",
            "github",
            step
        ]
    );
    assert!(
        denied["note"].as_str().unwrap().contains("outside `repos`"),
        "{denied}"
    );
    assert_eq!(made["arguments"]["labels"], json!(["new"]), "{made}");
    assert_eq!(made["arguments_sha256"].as_str().unwrap().len(), 64);
    assert!(
        made["latency_ms"].is_u64() && made["trace"].as_str().unwrap().len() == 32,
        "{made}"
    );
    let run = made["run"].as_str().unwrap();
    let of_the_run = audit(&world, &format!("run={run}")).await;
    assert_eq!(of_the_run, std::slice::from_ref(made));

    // It outlives the server.
    let mut world = world;
    world.server.kill();
    world.restart();
    assert_eq!(audit(&world, "who=eliza").await, found);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_let_an_agent_close_an_issue_is_on_record_and_who_wanted_to_and_could_not() {
    let world = world().await;
    let mut spam = issue_opened(1);
    spam["issue"]["title"] = json!("spam");
    world.github("issues", "spam", &spam).await.unwrap();
    let run = world
        .until("a question", async || {
            let (_, page) = world.api("approvals").await;
            page["approvals"][0]["run"].as_str().map(str::to_owned)
        })
        .await;
    let (status, _) = world
        .api_post(
            &format!("runs/{run}/approve"),
            json!({ "as": "mona", "hash": "of another call" }),
        )
        .await;
    assert_eq!(status, 409);
    let (status, said) = world
        .api_post(
            &format!("runs/{run}/approve"),
            json!({ "as": "octocat", "why": "it is spam" }),
        )
        .await;
    assert_eq!(status, 200, "{said}");
    world.settled("spam").await;
    let found = audit(&world, &format!("run={run}")).await;
    let told: Vec<String> = found
        .iter()
        .map(|entry| {
            ["who", "what", "outcome", "approved_by"]
                .map(|name| entry[name].as_str().unwrap_or("-").to_owned())
                .join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "eliza github.close_issue done octocat",
            "octocat run.approve approved -"
        ],
        "{found:#?}"
    );
    let refused = audit(&world, "who=mona").await;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(
        (&refused[0]["what"], &refused[0]["outcome"]),
        (&json!("run.approve"), &json!("refused"))
    );
    assert_eq!(refused[0]["target"], json!(run));

    for path in ["pauses", "runs/none/cancel"] {
        world.api_post(path, json!({ "what": "agent:eliza" })).await;
    }
    let words = audit(&world, "what=pause").await;
    assert_eq!(
        (&words[0]["who"], &words[0]["target"]),
        (&json!("api"), &json!("agent:eliza"))
    );
    let refused = audit(&world, "what=run.*&outcome=refused&who=api").await;
    assert_eq!(refused[0]["target"], "none", "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_calls_by_itself_is_on_record_also_what_it_may_not_and_no_secret_is() {
    let world = world().await;
    let (eliza, nick) = (token(&world, "eliza").await, token(&world, "nick").await);
    let issue = json!({ "repo": "acme/api", "number": 1 });
    call(&world, &eliza, "github_get_issue", issue.clone()).await;
    call(
        &world,
        &eliza,
        "github_get_issue",
        json!({ "repo": "acme/api", "number": 99 }),
    )
    .await;
    call(&world, &eliza, "github_merge_pull_request", issue).await;
    let body = format!("my token is {eliza}");
    call(
        &world,
        &eliza,
        "github_get_thing",
        json!({ "body": body, "secret": "hunter2" }),
    )
    .await;
    let read = json!({ "name": "triage_issue", "arguments": { "repo": "acme/api", "number": "1" } });
    let prompt = ask(&world, &eliza, "prompts/get", read.clone()).await;
    assert!(prompt["result"]["messages"].is_array(), "{prompt}");
    // What names other tools' work is granted like reading.
    let refused = ask(&world, &nick, "prompts/get", read.clone()).await;
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("`xmrt.read_resources`"), "{why}");
    world.api_post("pauses", json!({ "what": "agent:eliza" })).await;
    // What is paused is looked at anew every second.
    world
        .until("the pause to be seen", async || {
            let paused = ask(&world, &eliza, "prompts/get", read.clone()).await;
            paused["error"]["message"]
                .as_str()
                .filter(|why| why.contains("paused"))
                .map(drop)
        })
        .await;

    let told = |entries: &[Value]| -> Vec<String> {
        let line = |entry: &Value| {
            format!(
                "{} {}",
                entry["what"].as_str().unwrap(),
                entry["outcome"].as_str().unwrap()
            )
        };
        entries.iter().rev().map(line).collect()
    };
    let hers = audit(&world, "who=eliza&limit=500").await;
    let lines = told(&hers);
    assert_eq!(
        lines[..5],
        [
            "github.get_issue done",
            "github.get_issue not_found",
            "github.merge_pull_request forbidden",
            "github_get_thing refused",
            "prompts/get done",
        ],
        "{hers:#?}"
    );
    assert_eq!(lines.last().unwrap(), "prompts/get refused");
    assert_eq!(told(&audit(&world, "who=nick").await), ["prompts/get refused"]);
    assert_eq!(
        told(&audit(&world, "what=agent.token").await),
        ["agent.token done", "agent.token done"]
    );

    let (exported, errors, code) = world.xmrt(&["audit", "--export", "--agent", "eliza", "--since", "1h"]);
    assert_eq!(code, 0, "{errors}");
    let lines: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, hers, "an export holds every entry");
    for secret in [eliza.as_str(), "hunter2", ADMIN_TOKEN] {
        assert!(
            !exported.contains(secret),
            "a secret stands in the trail: {exported}"
        );
    }
    let (table, _, code) = world.xmrt(&["audit", "--agent", "eliza", "--outcome", "forbidden"]);
    assert_eq!(code, 0);
    assert!(
        table.contains("github.merge_pull_request") && table.contains("forbidden"),
        "{table}"
    );
    assert!(!table.contains("prompts/get"), "{table}");
    let (_, error, code) = world.xmrt(&["audit", "--since", "yesterday"]);
    assert_eq!(code, 2);
    assert!(error.contains("--since is neither a time"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_with_a_token_that_is_not_of_this_server_is_refused_and_on_record() {
    let world = world().await;
    // Tokens that are not of this server: GitHub's, and an agent's of another installation.
    for (strange, why) in [
        ("gho_", "a token of GitHub"),
        ("xmrt_agent_", "not one of this server"),
    ] {
        let bearer = format!("{strange}{}", "0".repeat(64));
        ask(&world, &bearer, "tools/list", json!({})).await;
        let found = audit(&world, "what=mcp.connect").await;
        let (outcome, note) = (&found[0]["outcome"], found[0]["note"].as_str().unwrap());
        assert_eq!(
            (&found[0]["who"], outcome),
            (&json!("a stranger"), &json!("refused"))
        );
        assert!(note.contains(why), "{note}");
        assert!(!found[0].to_string().contains(&bearer));
    }
    // Without any token nobody claims to be anybody.
    let before = audit(&world, "what=mcp.connect").await.len();
    let url = format!("{}/mcp", world.server.url);
    let answer = world.client.post(url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(audit(&world, "what=mcp.connect").await.len(), before);
}
