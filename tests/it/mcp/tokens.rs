//! Agents with tokens of their own, at the real program: what each sees, may do, and how it loses that.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::watching::Told;
use crate::harness::{ADMIN_TOKEN, World};

const CONFIG: &str = r#"
[role.triager]
allow = ["github.get_*", "github.add_labels"]
approval = ["github.close_issue"]
repos = ["acme/*"]

[role.reader]
allow = ["github.get_issue"]
repos = ["acme/*"]

[[agent]]
id = "eliza"
role = "triager"

[[agent]]
id = "rita"
role = "reader"
"#;

async fn world() -> World {
    let world = World::start(&[], CONFIG).await;
    let issue = |repo: &str| json!({ "repo": repo, "number": 1, "title": "Crash" });
    let seed = json!({
        "github": {
            "repos": [{ "full_name": "acme/api" }, { "full_name": "umbrella/core" }],
            "issues": [issue("acme/api"), issue("umbrella/core")],
        },
    });
    world.sandbox_post("seed", seed).await;
    world
}

async fn token(world: &World, agent: &str) -> String {
    let (status, made) = world
        .api_post(&format!("agents/{agent}/tokens"), json!({ "days": 7 }))
        .await;
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

/// One MCP request with a bearer token.
async fn ask(world: &World, bearer: &str, method: &str, mut params: Value) -> (StatusCode, Value) {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let mut request = world
        .client
        .post(format!("{}/mcp?toolsets=all", world.server.url))
        .bearer_auth(bearer)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("mcp-name", name.to_owned());
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = request.json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn call(world: &World, bearer: &str, tool: &str, arguments: Value) -> Value {
    let (status, answer) = ask(
        world,
        bearer,
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    answer["result"]["structuredContent"].clone()
}

async fn listed(world: &World, bearer: &str) -> Vec<String> {
    let (_, answer) = ask(world, bearer, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().unwrap().clone();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_and_may_do_what_its_role_allows_and_each_call_is_on_record_under_its_name() {
    let world = world().await;
    let (eliza, rita) = (token(&world, "eliza").await, token(&world, "rita").await);
    assert_eq!(listed(&world, &rita).await, ["github_get_issue"]);
    let tools = listed(&world, &eliza).await;
    assert!(
        tools.contains(&"github_close_issue".into()) && !tools.contains(&"github_create_issue".into()),
        "{tools:?}"
    );

    let issue = json!({ "repo": "acme/api", "number": 1 });
    assert_eq!(
        call(&world, &eliza, "github_get_issue", issue.clone()).await["title"],
        "Crash"
    );
    let labels = json!({ "repo": "acme/api", "number": 1, "labels": ["bug"] });
    let error = &call(&world, &rita, "github_add_labels", labels.clone()).await["error"];
    assert_eq!(error["class"], "forbidden", "{error}");
    assert!(
        error["remedy"].as_str().unwrap().contains("[role.reader]"),
        "{error}"
    );
    assert!(call(&world, &eliza, "github_add_labels", labels).await["error"].is_null());

    for outside in [
        "umbrella/core",
        "Umbrella/Core",
        "umbrella/core.git",
        "acme/../umbrella/core",
        "acme%2F..%2Fumbrella/core",
    ] {
        let error = &call(
            &world,
            &eliza,
            "github_get_issue",
            json!({ "repo": outside, "number": 1 }),
        )
        .await["error"];
        assert_eq!(error["class"], "forbidden", "{outside}: {error}");
    }
    let confirmed = json!({ "repo": "acme/api", "number": 1, "confirm": "acme/api#1" });
    let error = &call(&world, &eliza, "github_close_issue", confirmed).await["error"];
    assert!(error["message"].as_str().unwrap().contains("approval"), "{error}");
    let error = &call(&world, &eliza, "github_merge_pull_request", issue).await["error"];
    assert_eq!(error["class"], "forbidden", "{error}");

    // One effect, and it is hers.
    let effects = world.effects().await;
    assert_eq!(effects.len(), 1, "{effects:?}");
    let log = world.server_log();
    assert!(
        log.contains("eliza") && log.contains("rita") && log.contains("forbidden"),
        "{log}"
    );
    for secret in [&eliza, &rita] {
        assert!(!log.contains(secret.as_str()), "a token stands in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_paused_makes_no_call_of_its_own_until_a_person_ends_that() {
    let world = world().await;
    let (eliza, rita) = (token(&world, "eliza").await, token(&world, "rita").await);
    let issue = json!({ "repo": "acme/api", "number": 1 });
    let labels = json!({ "repo": "acme/api", "number": 1, "labels": ["bug"] });

    assert_eq!(world.xmrt(&["pause", "agent:eliza"]).2, 0);
    for (tool, arguments) in [("github_add_labels", &labels), ("github_get_issue", &issue)] {
        let error = &call(&world, &eliza, tool, arguments.clone()).await["error"];
        assert_eq!(error["class"], "forbidden", "{tool}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("`agent:eliza` was paused by"), "{message}");
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.contains("xmrt resume"), "{remedy}");
    }
    let (_, answer) = ask(&world, &eliza, "resources/list", json!({})).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("was paused by"), "{answer}");
    assert!(world.effects().await.is_empty(), "a paused agent had an effect");
    let log = world.server_log();
    let recorded = |line: &str| {
        ["eliza", "github.add_labels", "forbidden"]
            .iter()
            .all(|part| line.contains(part))
    };
    assert!(log.lines().any(recorded), "{log}");
    // Others go on, and so does she when it is over.
    assert_eq!(
        call(&world, &rita, "github_get_issue", issue.clone()).await["title"],
        "Crash"
    );
    assert_eq!(world.xmrt(&["resume", "agent:eliza"]).2, 0);
    assert!(call(&world, &eliza, "github_add_labels", labels).await["error"].is_null());
    assert_eq!(world.effects().await.len(), 1);

    // Everything stands still, except who can end it.
    assert_eq!(world.xmrt(&["pause", "all"]).2, 0);
    let error = &call(&world, &rita, "github_get_issue", issue.clone()).await["error"];
    assert!(
        error["message"].as_str().unwrap().contains("`all` was paused by"),
        "{error}"
    );
    assert_eq!(
        call(&world, ADMIN_TOKEN, "github_get_issue", issue).await["title"],
        "Crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_counted_taken_back_and_good_for_nothing_else() {
    let mut world = world().await;
    let (made, told, code) = world.xmrt(&["agents", "token", "eliza", "--days", "1"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("shown this once"), "{told}");
    let bearer = made.trim().to_owned();
    assert_eq!(
        listed(&world, &bearer).await.len(),
        listed(&world, &token(&world, "eliza").await).await.len()
    );

    // It opens /mcp and nothing else.
    let api = world
        .client
        .get(format!("{}/api/v1/runs", world.server.url))
        .bearer_auth(&bearer);
    assert_eq!(api.send().await.unwrap().status(), 401);

    let (_, shown) = world.api("agents/eliza").await;
    let tokens = shown["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 2, "{shown}");
    assert!(
        tokens.iter().all(|token| token["last_used_at"].is_string()),
        "{shown}"
    );
    assert!(!shown.to_string().contains(&bearer), "{shown}");
    let journal = std::fs::read(world.folder.path().join("data/journal.db-wal")).unwrap();
    let kept = journal
        .windows(bearer.len())
        .any(|window| window == bearer.as_bytes());
    assert!(!kept, "the journal holds the token in clear");

    // Who runs two servers on one journal, or starts one again, has the same tokens.
    world.server.terminate();
    world.restart();
    assert_eq!(ask(&world, &bearer, "tools/list", json!({})).await.0, 200);

    let id = tokens[0]["id"].as_str().unwrap();
    let (_, error, code) = world.xmrt(&["agents", "revoke", "rita", id]);
    assert_eq!(code, 2, "a token is taken back under its agent's name: {error}");
    let (_, error, code) = world.xmrt(&["agents", "revoke", "eliza", id]);
    assert_eq!(code, 0, "{error}");
    let (status, problem) = ask(&world, &bearer, "tools/list", json!({})).await;
    assert_eq!(status, 401, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("xmrt agents token"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_an_agent_that_was_taken_out_of_the_file_is_refused_by_name() {
    let mut world = world().await;
    let bearer = token(&world, "rita").await;
    let without = CONFIG.split("[[agent]]\nid = \"rita\"").next().unwrap();
    std::fs::write(world.folder.path().join("xmrt.toml"), without).unwrap();
    world.server.terminate();
    world.restart();
    let (status, problem) = ask(&world, &bearer, "tools/list", json!({})).await;
    assert_eq!(status, 401);
    assert!(
        problem["detail"].as_str().unwrap().contains("no agent `rita`"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_for_an_agent_there_is_and_for_a_year_at_most() {
    let world = world().await;
    let (status, problem) = world.api_post("agents/elisa/tokens", json!({})).await;
    assert_eq!(status, 404);
    assert!(
        problem["detail"].as_str().unwrap().contains("eliza, rita"),
        "{problem}"
    );
    for days in [0, -1, 367] {
        let (status, problem) = world
            .api_post("agents/eliza/tokens", json!({ "days": days }))
            .await;
        assert_eq!(status, 400, "{problem}");
    }
    let url = format!("{}/api/v1/agents/eliza/tokens/000000000000", world.server.url);
    let answer = world
        .client
        .request(Method::DELETE, url)
        .bearer_auth(ADMIN_TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
}

/// Who asks for nothing in particular sees what it may use, if that is little: it cannot know what to ask for.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_with_few_tools_sees_them_without_asking() {
    let world = world().await;
    let rita = token(&world, "rita").await;
    let request = world
        .client
        .post(format!("{}/mcp", world.server.url))
        .bearer_auth(&rita)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list");
    let params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    } });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params });
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    let tools = answer["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1, "{answer}");
    assert_eq!(tools[0]["name"], "github_get_issue");
    let (_, prompts) = ask(&world, &rita, "prompts/list", json!({})).await;
    let why = prompts["error"]["message"].as_str().unwrap();
    assert!(why.contains("`xmrt.read_resources`"), "{why}");
}

/// A session's id stands in headers and logs; it is no right to the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_whose_token_began_it() {
    let world = world().await;
    let (eliza, rita) = (token(&world, "eliza").await, token(&world, "rita").await);
    let post = |bearer: &str, body: Value| {
        let request = world.client.post(format!("{}/mcp", world.server.url));
        request
            .bearer_auth(bearer)
            .header("accept", "application/json, text/event-stream")
            .json(&body)
    };
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } },
    });
    let begun = post(&eliza, hello).send().await.unwrap();
    let session = begun.headers()["mcp-session-id"].clone();
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let of = |request: reqwest::RequestBuilder| request.header("mcp-session-id", &session);
    assert_eq!(of(post(&rita, list.clone())).send().await.unwrap().status(), 404);
    let end = world
        .client
        .delete(format!("{}/mcp", world.server.url))
        .bearer_auth(&rita);
    assert_eq!(of(end).send().await.unwrap().status(), 404);
    let listens = world
        .client
        .get(format!("{}/mcp", world.server.url))
        .bearer_auth(&rita)
        .header("accept", "text/event-stream");
    assert_eq!(of(listens).send().await.unwrap().status(), 404);
    assert_eq!(of(post(&eliza, list)).send().await.unwrap().status(), 200);
}

/// The right to be told ends with the token, and while somebody holds the agent.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_right_to_it() {
    let config = CONFIG.replace(
        "\"github.get_issue\"]",
        "\"github.get_issue\", \"xmrt.read_resources\"]",
    );
    let world = World::start(&[], &config).await;
    for ends in ["paused", "revoked"] {
        let (_, made) = world.api_post("agents/rita/tokens", json!({ "days": 7 })).await;
        let rita = made["token"].as_str().unwrap();
        let watched = ["xmrt://events"];
        let mut told = Told::of(&world, rita, &watched).await;
        told.until(&watched).await;
        let delete = async |path: &str| {
            let url = format!("{}/api/v1/{path}", world.server.url);
            let answer = world
                .client
                .delete(url)
                .bearer_auth(ADMIN_TOKEN)
                .send()
                .await
                .unwrap();
            assert!(answer.status().is_success(), "{path}: {answer:?}");
        };
        match ends {
            "paused" => assert!(world.api_post("pauses", json!({ "what": "agent:rita" })).await.0 < 300),
            _ => delete(&format!("agents/rita/tokens/{}", made["id"].as_str().unwrap())).await,
        }
        world
            .github("ping", &format!("d-{ends}"), &json!({ "zen": "x" }))
            .await
            .unwrap();
        let rest = told.rest().await;
        assert!(rest.contains("`rita` may not listen any more"), "{ends}: {rest}");
        assert!(!rest.contains("resources/updated"), "{ends}: {rest}");
        if ends == "paused" {
            delete("pauses/agent:rita").await;
        }
    }
}
