//! The endpoints of the real program: who is let in, what is refused and how, and what becomes of calls when somebody
//! leaves: the agent or the server.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, World};

/// The largest message, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

fn modern(world: &World, path: &str, method: &str, mut params: Value) -> RequestBuilder {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let request = bare(world, Method::POST, path)
        .bearer_auth(ADMIN_TOKEN)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
    match params["name"].as_str() {
        Some(name) => request.header("mcp-name", name),
        None => request,
    }
}

fn bare(world: &World, method: Method, path: &str) -> RequestBuilder {
    world
        .client
        .request(method, format!("{}{path}", world.server.url))
        .header("accept", "application/json, text/event-stream")
}

async fn answer(request: RequestBuilder) -> (StatusCode, String, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map_or("", |value| value.to_str().unwrap()).to_owned();
    let text = answer.text().await.unwrap();
    (
        status,
        challenge,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

async fn seeded(config: &str) -> World {
    let world = World::start(&[], config).await;
    let seed = json!({
        "github": { "repos": [{ "full_name": "acme/api" }], "issues": [{ "repo": "acme/api", "number": 1, "title": "Crash" }] },
        "render": { "services": [{ "id": "srv-a", "name": "api-prod" }] },
    });
    world.sandbox_post("seed", seed).await;
    world
}

fn get_issue() -> Value {
    json!({ "name": "github_get_issue", "arguments": { "repo": "acme/api", "number": 1 } })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_the_token_and_is_told_what_to_send() {
    let world = World::start(&[], "").await;
    let githubs = format!("{}_{}", "ghp", "a".repeat(12));
    for (bearer, slug, says) in [
        (None, "unauthorized", "XMRT_ADMIN_TOKEN"),
        (Some("wrong"), "unauthorized", "not one of this server"),
        (
            Some(githubs.as_str()),
            "github-token",
            "neither taken nor passed on",
        ),
    ] {
        for path in ["/mcp", "/mcp/github", "/mcp/nothing"] {
            let request = bare(&world, Method::POST, path).json(&json!({}));
            let request = match bearer {
                Some(bearer) => request.bearer_auth(bearer),
                None => request,
            };
            let (status, challenge, body) = answer(request).await;
            assert_eq!(status, 401, "{path}");
            assert_eq!(body["type"], format!("urn:xmrt:problem:{slug}"), "{path}");
            assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
            let url = &world.server.url;
            let metadata = format!("resource_metadata=\"{url}/.well-known/oauth-protected-resource{path}\"");
            assert!(
                challenge.starts_with("Bearer ") && challenge.contains(&metadata),
                "{challenge}"
            );
            assert_eq!(
                challenge.contains("invalid_token"),
                bearer.is_some(),
                "{challenge}"
            );
        }
    }
    let (status, _, body) =
        answer(bare(&world, Method::POST, "/mcp").basic_auth("x", Some(ADMIN_TOKEN))).await;
    assert_eq!((status.as_u16(), &body["status"]), (401, &json!(401)));
    // The refused token is nowhere in the log.
    assert!(!world.server_log().contains(&githubs), "{}", world.server_log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_names_the_resource_and_no_issuer() {
    let world = World::start(&[], "").await;
    let url = &world.server.url;
    for (path, resource) in [("", "/mcp"), ("/mcp", "/mcp"), ("/mcp/render", "/mcp/render")] {
        let document = format!("/.well-known/oauth-protected-resource{path}");
        let (status, _, body) = answer(bare(&world, Method::GET, &document)).await;
        assert_eq!(
            (status.as_u16(), &body["resource"]),
            (200, &json!(format!("{url}{resource}")))
        );
        assert_eq!(body["bearer_methods_supported"], json!(["header"]));
        assert!(body.get("authorization_servers").is_none(), "{body}");
    }
    let document = "/.well-known/oauth-protected-resource/mcp/nothing";
    assert_eq!(answer(bare(&world, Method::GET, document)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_another_host_or_from_an_unlisted_page_are_refused() {
    let config = "[http]\nhosts = ['agents.example.com']\norigins = ['https://app.example.com', 'https://any.example.com:*']\n";
    let world = World::start(&[], config).await;
    let port = world.server.url.rsplit(':').next().unwrap().to_owned();
    let list = async |name: &'static str, value: &str| {
        let request = modern(&world, "/mcp", "tools/list", json!({})).header(name, value);
        let (status, _, body) = answer(request).await;
        (
            status.as_u16(),
            body["type"].as_str().unwrap_or_default().to_owned(),
        )
    };
    for host in [
        "localhost",
        "127.0.0.1:1",
        "agents.example.com",
        "AGENTS.example.com:8443",
    ] {
        assert_eq!(list("host", host).await.0, 200, "{host}");
    }
    for host in [
        "evil.example.com",
        "agents.example.com.evil.com",
        "127.0.0.2",
        "localhost.evil.com",
    ] {
        assert_eq!(
            list("host", host).await,
            (403, "urn:xmrt:problem:wrong-host".into()),
            "{host}"
        );
    }
    let local = format!("http://localhost:{port}");
    for origin in [
        "https://app.example.com",
        "https://any.example.com:444",
        "https://agents.example.com",
        &local,
    ] {
        assert_eq!(list("origin", origin).await.0, 200, "{origin}");
    }
    let others = [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com:444",
        "null",
        "x",
    ];
    for origin in others {
        assert_eq!(
            list("origin", origin).await,
            (403, "urn:xmrt:problem:wrong-origin".into()),
            "{origin}"
        );
    }
    let metadata = bare(&world, Method::GET, "/.well-known/oauth-protected-resource");
    assert_eq!(answer(metadata.header("host", "evil.example.com")).await.0, 403);
    let metadata = bare(&world, Method::GET, "/.well-known/oauth-protected-resource/mcp");
    let (_, _, body) = answer(metadata.header("host", "agents.example.com")).await;
    assert_eq!(body["resource"], "https://agents.example.com/mcp");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_with_a_reason() {
    let world = World::start(&[], "").await;
    let url = |path: &str| modern(&world, path, "tools/list", json!({}));
    for (path, status, says) in [
        ("/mcp/nothing", 404, "/mcp/github"),
        ("/mcp?toolsets=isues", 400, "did you mean `issues`"),
        ("/mcp?toolsets=", 400, "no toolset is named"),
        ("/mcp?read_only=maybe", 400, "true or false"),
        ("/mcp?tools=all", 400, "toolsets and read_only"),
        ("/mcp?token=x", 400, "Authorization"),
    ] {
        let (given, _, body) = answer(url(path)).await;
        assert_eq!(given.as_u16(), status, "{path}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(says), "{path}: {body}");
    }
    let large = json!({ "pad": "x".repeat(BODY_BYTES_MAX) });
    let (status, _, body) = answer(
        bare(&world, Method::POST, "/mcp")
            .bearer_auth(ADMIN_TOKEN)
            .json(&large),
    )
    .await;
    assert_eq!(
        (status.as_u16(), &body["type"]),
        (413, &json!("urn:xmrt:problem:payload-too-large"))
    );

    let unknown = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let request = bare(&world, Method::POST, "/mcp")
        .bearer_auth(ADMIN_TOKEN)
        .json(&unknown);
    assert_eq!(answer(request.header("mcp-session-id", "nobody")).await.0, 404);
    let (status, _, body) = answer(modern(
        &world,
        "/mcp",
        "tools/call",
        json!({ "name": "github_get_isue" }),
    ))
    .await;
    assert_eq!(status, 200);
    assert_eq!(body["error"]["code"], -32602);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean `github_get_issue`"),
        "{body}"
    );
    let (status, _, body) = answer(modern(&world, "/mcp", "no/such", json!({}))).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!(-32601)));
    assert_eq!(
        answer(bare(&world, Method::PUT, "/mcp").bearer_auth(ADMIN_TOKEN))
            .await
            .0,
        405
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_asked_for_are_the_tools_offered() {
    let world = World::start(&[], "").await;
    let names = async |request: RequestBuilder| -> Vec<String> {
        let (status, _, body) = answer(request).await;
        assert_eq!(status, 200, "{body}");
        let tools = body["result"]["tools"].as_array().unwrap();
        tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = |path: &str| modern(&world, path, "tools/list", json!({}));
    let issues = names(list("/mcp/github?toolsets=issues")).await;
    assert!(
        issues.contains(&"create_issue".to_owned()) && !issues.contains(&"get_me".to_owned()),
        "{issues:?}"
    );
    assert_eq!(
        names(list("/mcp/github").header("x-mcp-toolsets", "issues")).await,
        issues
    );
    let reading = names(list("/mcp/github?toolsets=issues&read_only=true")).await;
    assert!(reading.contains(&"get_issue".to_owned()) && !reading.contains(&"create_issue".to_owned()));
    assert_eq!(
        names(list("/mcp/github?toolsets=issues").header("x-mcp-readonly", "true")).await,
        reading
    );

    let all = names(list("/mcp?toolsets=all")).await;
    let (listed, _, code) = world.xmrt(&["tools", "--json"]);
    assert_eq!(code, 0);
    let known: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let known = known
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().replacen('.', "_", 1));
    assert_eq!(all, known.collect::<Vec<_>>());
    assert_eq!(names(list("/mcp?toolsets=all")).await, all);

    let outside = json!({ "name": "get_me", "arguments": {} });
    let (_, _, body) = answer(modern(
        &world,
        "/mcp/github?toolsets=issues",
        "tools/call",
        outside,
    ))
    .await;
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("toolset is `context`"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destructive_call_takes_effect_only_with_the_name_of_the_thing_and_each_call_is_audited() {
    let world = seeded("").await;
    let restart = async |more: Value| {
        let mut arguments = json!({ "service_id": "srv-a" });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let params = json!({ "name": "render_restart_service", "arguments": arguments });
        answer(modern(&world, "/mcp", "tools/call", params)).await.2["result"].clone()
    };
    for refused in [json!({}), json!({ "confirm": "api-prod" })] {
        assert_eq!(
            restart(refused).await["structuredContent"]["error"]["class"],
            "invalid"
        );
    }
    assert_eq!(restart(json!({ "dry_run": true })).await["isError"], false);
    assert_eq!(world.effects().await, []);
    assert_eq!(restart(json!({ "confirm": "srv-a" })).await["isError"], false);
    assert_eq!(
        world.effects().await,
        [("restart_service".to_owned(), "srv-a".to_owned())]
    );

    let log = world.server_log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("agent call")).collect();
    assert_eq!(lines.len(), 4, "{log}");
    for (line, outcome) in lines.iter().zip(["invalid", "invalid", "dry_run", "done"]) {
        for part in [
            "agent=\"admin\"",
            "tool=\"render.restart_service\"",
            "arguments.sha256=",
            "latency_ms=",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(line.contains(&format!("outcome=\"{outcome}\"")), "{line}");
        assert!(!line.contains("srv-a"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_repeated_under_one_key_is_written_once() {
    let world = seeded("").await;
    let comment = async |key: &str| {
        let arguments = json!({ "repo": "acme/api", "number": 1, "body": "Seen.", "idempotency_key": key });
        let params = json!({ "name": "github_create_comment", "arguments": arguments });
        answer(modern(&world, "/mcp", "tools/call", params)).await.2["result"]["structuredContent"].clone()
    };
    let first = comment("one").await;
    assert!(first["id"].is_number() || first["id"].is_string(), "{first}");
    assert_eq!(comment("one").await["id"], first["id"]);
    assert_ne!(comment("two").await["id"], first["id"]);
    let comments = world.effects().await;
    assert_eq!(
        comments
            .iter()
            .filter(|(operation, _)| operation == "create_comment")
            .count(),
        2
    );
}

/// A call that hangs at the provider.
async fn hanging(world: &World) {
    let fault =
        json!([{ "match": { "operation": "get_issue" }, "times": 1, "kind": "hang", "effect": false }]);
    world.sandbox_post("faults", fault).await;
}

async fn audited(world: &World, outcome: &str) {
    let sign = format!("outcome=\"{outcome}\"");
    world
        .until(&sign, async || world.server_log().contains(&sign).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_hangs_up_has_canceled_its_call() {
    let world = seeded("").await;
    hanging(&world).await;
    let call = tokio::spawn(modern(&world, "/mcp", "tools/call", get_issue()).send());
    world.requested("get_issue").await;
    call.abort();
    audited(&world, "canceled").await;
}

/// A session of an older revision; its id.
async fn session(world: &World) -> String {
    let hello = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } },
    });
    let answer = bare(world, Method::POST, "/mcp")
        .bearer_auth(ADMIN_TOKEN)
        .json(&hello)
        .send()
        .await
        .unwrap();
    let id = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("\"protocolVersion\":\"2025-06-18\"")
    );
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(legacy(world, &id, &ready).send().await.unwrap().status(), 202);
    id
}

fn legacy(world: &World, session: &str, body: &Value) -> RequestBuilder {
    bare(world, Method::POST, "/mcp")
        .bearer_auth(ADMIN_TOKEN)
        .header("mcp-session-id", session)
        .json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_in_a_session_of_an_older_revision_reaches_the_call() {
    let world = seeded("").await;
    let session = session(&world).await;
    hanging(&world).await;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": get_issue() });
    let call = tokio::spawn(legacy(&world, &session, &call).send());
    world.requested("get_issue").await;
    let cancel =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    assert_eq!(
        legacy(&world, &session, &cancel).send().await.unwrap().status(),
        202
    );
    audited(&world, "canceled").await;
    call.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_lets_a_call_finish() {
    let mut world = seeded("").await;
    let slow = json!([{ "match": { "operation": "get_issue" }, "times": 1, "kind": "latency", "ms": 1500 }]);
    world.sandbox_post("faults", slow).await;
    let call = tokio::spawn(answer(modern(&world, "/mcp", "tools/call", get_issue())));
    world.requested("get_issue").await;
    let (status, _) = world.server.terminate();
    assert!(status.success(), "{status}");
    let (_, _, body) = call.await.unwrap();
    assert_eq!(body["result"]["structuredContent"]["title"], "Crash", "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_says_so_to_a_call_that_does_not() {
    let mut world = seeded("").await;
    let session = session(&world).await;
    let stream = bare(&world, Method::GET, "/mcp")
        .bearer_auth(ADMIN_TOKEN)
        .header("mcp-session-id", &session);
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    hanging(&world).await;
    let call = tokio::spawn(answer(modern(&world, "/mcp", "tools/call", get_issue())));
    world.requested("get_issue").await;
    let (status, took) = world.server.terminate();
    assert!(
        status.success() && took < Duration::from_secs(20),
        "{status} after {took:?}"
    );
    let (_, _, body) = call.await.unwrap();
    let text = body["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("shutting down"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_does_not_keep_a_server_from_ending() {
    let mut world = World::start(&[], "").await;
    let session = session(&world).await;
    let stream = bare(&world, Method::GET, "/mcp")
        .bearer_auth(ADMIN_TOKEN)
        .header("mcp-session-id", &session);
    let stream = stream.send().await.unwrap();
    let (status, took) = world.server.terminate();
    // Calls under way would get seven seconds, open connections ten.
    assert!(
        status.success() && took < Duration::from_secs(6),
        "{status} after {took:?}"
    );
    drop(stream);
}
