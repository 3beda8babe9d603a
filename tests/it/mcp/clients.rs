//! Clients written by others: the official Python SDK and FastMCP, of today's revision and of an older one, over HTTP
//! and over stdio, against the real program and the sandbox.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{ADMIN_TOKEN, World};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The interpreter that has the clients; the script installs them the first time.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let script = root().join("scripts/mcp-clients");
        let output = std::process::Command::new(script)
            .output()
            .expect("scripts/mcp-clients runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/mcp-clients: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// What a client saw on carrying out a plan.
async fn seen(client: &str, mode: &str, plan: &Value) -> Value {
    let output = Command::new(python())
        .arg(root().join("tests/clients/agent.py"))
        .args([client, mode, &plan.to_string()])
        .env("NO_PROXY", "127.0.0.1,localhost")
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client} {mode}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{client} {mode} said: {output:?}"))
}

/// The calls of every client, on an issue and a service of its own.
fn calls(number: u64) -> Value {
    let service = format!("srv-{number}");
    json!([
        { "tool": "github_get_me", "arguments": {} },
        { "tool": "github_create_comment", "arguments": { "repo": "acme/api", "number": number, "body": "Seen." } },
        { "tool": "render_restart_service", "arguments": { "service_id": service } },
        { "tool": "render_restart_service", "arguments": { "service_id": service, "confirm": service } },
        { "tool": "github_get_isue", "arguments": {} },
        { "tool": "github_get_issue", "arguments": { "repo": "acme/api", "number": "one" } },
    ])
}

fn held(client: &str, mode: &str, seen: &Value, tools: usize) {
    let who = format!("{client} {mode}: {seen:#}");
    assert_eq!(seen["tools"].as_array().unwrap().len(), tools, "{who}");
    let call = |index: usize| &seen["calls"][index];
    assert_eq!(call(0)["structured"]["login"], "xmrt-bot", "{who}");
    assert_eq!(call(1)["error"], false, "{who}");
    let refused = &call(2)["structured"]["error"];
    assert!(
        refused["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("confirm")),
        "{who}"
    );
    assert_eq!(call(3)["error"], false, "{who}");
    let unknown = call(4)["refused"].as_str().unwrap_or_default();
    assert!(unknown.contains("did you mean `github_get_issue`"), "{who}");
    let wrong = call(5)["text"].as_str().unwrap_or_default();
    assert!(wrong.contains("`number`"), "{who}");
    if client == "mcp" {
        let version = if mode == "legacy" {
            "2025-11-25"
        } else {
            "2026-07-28"
        };
        assert_eq!(
            (&seen["version"], &seen["server"]),
            (&json!(version), &json!("xmrt")),
            "{who}"
        );
        assert_eq!(
            (&seen["stable"], &seen["paged"]),
            (&json!(true), &json!(false)),
            "{who}"
        );
    }
}

const CLIENTS: [(&str, &str); 4] = [
    ("mcp", "auto"),
    ("mcp", "legacy"),
    ("fastmcp", "auto"),
    ("fastmcp", "legacy"),
];

async fn every_client(plan: impl Fn(&World, Value) -> Value) {
    let world = World::start(&[], "").await;
    let numbers = 1..=CLIENTS.len();
    let issues: Vec<Value> = numbers
        .clone()
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": "Crash" }))
        .collect();
    let services: Vec<Value> = numbers
        .map(|number| json!({ "id": format!("srv-{number}"), "name": format!("api-{number}") }))
        .collect();
    let seed = json!({
        "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues },
        "render": { "services": services },
    });
    world.sandbox_post("seed", seed).await;
    let (listed, _, _) = world.xmrt(&["tools", "--json"]);
    let tools = serde_json::from_str::<Vec<Value>>(&listed).unwrap().len();
    for (number, (client, mode)) in (1..).zip(CLIENTS) {
        let seen = seen(client, mode, &plan(&world, calls(number))).await;
        held(client, mode, &seen, tools);
    }
    let effects = world.effects().await;
    let count = |operation: &str| effects.iter().filter(|(done, _)| done == operation).count();
    assert_eq!(
        (count("create_comment"), count("restart_service")),
        (CLIENTS.len(), CLIENTS.len()),
        "{effects:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_of_both_eras_work_over_http() {
    every_client(|world, calls| {
        let url = format!("{}/mcp?toolsets=all", world.server.url);
        json!({ "url": url, "token": ADMIN_TOKEN, "calls": calls })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_of_both_eras_work_over_stdio() {
    every_client(|world, calls| {
        let environment: serde_json::Map<String, Value> = world
            .environment()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        json!({ "command": env!("CARGO_BIN_EXE_xmrt"), "args": ["mcp", "all"], "env": environment, "calls": calls })
    })
    .await;
}
