//! Tasks at the real program: a rule posts one, an agent does it, a rule hears of it; on record, in the API, on the terminal.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const CONFIG: &str = r#"
[role.worker]
allow = ["xmrt.*_task", "xmrt.list_*", "xmrt.register_agent", "xmrt.heartbeat", "xmrt.send_message", "xmrt.read_messages"]

[role.poster]
allow = ["xmrt.post_task"]

[[agent]]
id = "eliza"
role = "worker"

[[agent]]
id = "otto"
role = "worker"

[[agent]]
id = "petra"
role = "poster"
"#;

const ASKS: (&str, &str) = (
    "ask-for-help",
    r#"
description = "Wants somebody to look at every new issue"
on = "github.issues.opened"

[[action]]
id = "ask"
tool = "xmrt.post_task"
arguments = { title = "Look at {{ event.issue.title }}", about = "{{ meta.subject }}", needs = ["triage"], data = { number = "{{ event.issue.number }}" } }
"#,
);

const HEARS: (&str, &str) = (
    "tell-of-help",
    r#"
description = "Says what came of it"
on = "xmrt.task_done"

[when]
task.posted_by = "reactor"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.task.about | split('#') | first }}", number = "{{ event.task.data.number }}", body = "{{ event.task.agent }}: {{ event.task.result.said }}" }
"#,
);

async fn token(world: &World, agent: &str) -> String {
    let (status, made) = world
        .api_post(&format!("agents/{agent}/tokens"), json!({ "days": 7 }))
        .await;
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

async fn call(world: &World, bearer: &str, tool: &str, arguments: Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments, "_meta": meta },
    });
    let request = world
        .client
        .post(format!("{}/mcp/xmrt?toolsets=all", world.server.url))
        .bearer_auth(bearer)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool);
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    answer["result"]["structuredContent"].clone()
}

async fn trail(world: &World) -> Vec<String> {
    let (_, page) = world.api("audit?limit=200").await;
    let entries = page["audit"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| {
            let at = |name: &str| entry[name].as_str().unwrap_or_default();
            format!("{} {} {}", at("who"), at("what"), at("outcome"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_posts_a_task_an_agent_does_it_and_a_rule_hears_of_it() {
    let mut world = World::start(&[ASKS, HEARS], CONFIG).await;
    let seed = json!({ "github": {
        "repos": [{ "full_name": "acme/api" }],
        "issues": [{ "repo": "acme/api", "number": 42, "title": "Crash" }],
    } });
    world.sandbox_post("seed", seed).await;
    let eliza = token(&world, "eliza").await;
    let early = call(&world, &eliza, "claim_task", json!({})).await;
    assert_eq!(early["error"]["class"], "conflict", "{early}");
    call(
        &world,
        &eliza,
        "register_agent",
        json!({ "capabilities": ["triage"] }),
    )
    .await;

    let (status, _) = world.github("issues", "d-1", &issue_opened(42)).await.unwrap();
    assert_eq!(status, 202);
    world.settled("d-1").await;
    // The same delivery again posts no second task.
    world.github("issues", "d-1", &issue_opened(42)).await.unwrap();
    let claimed = call(
        &world,
        &eliza,
        "claim_task",
        json!({ "idempotency_key": "first" }),
    )
    .await;
    let (task, fence) = (claimed["task"]["id"].clone(), claimed["fence"].clone());
    assert_eq!(claimed["task"]["about"], "acme/api#42", "{claimed}");
    let none = call(&world, &eliza, "claim_task", json!({})).await;
    assert_eq!(none["claimed"], false, "{none}");

    // What was claimed is still held after the server was killed, and the same claim leads to it.
    world.server.kill();
    world.restart();
    let again = call(
        &world,
        &eliza,
        "claim_task",
        json!({ "idempotency_key": "first" }),
    )
    .await;
    assert_eq!(
        (&again["task"]["id"], &again["fence"]),
        (&task, &fence),
        "{again}"
    );
    let result = json!({ "task": task, "fence": fence, "result": { "said": "it is a crash" } });
    let done = call(&world, &eliza, "complete_task", result.clone()).await;
    assert_eq!(done["state"], "done", "{done}");
    let twice = call(&world, &eliza, "complete_task", result).await;
    assert_eq!(twice["state"], "done", "{twice}");
    world
        .until("the comment", async || {
            (world.count("create_comment").await == 1).then_some(())
        })
        .await;
    // It is the same chain as the rule's call.
    let (_, events) = world.api("events?kind=xmrt.task_done").await;
    let (_, runs) = world.api("runs?rule=tell-of-help").await;
    assert_eq!(runs["runs"][0]["depth"], 1, "{runs} {events}");

    let (told, _, code) = world.xmrt(&["tasks", "--state", "all", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["tasks"][0]["state"]), (0, &json!("done")), "{told}");
    let (shown, _, _) = world.xmrt(&["tasks", "show", task.as_str().unwrap()]);
    assert!(
        shown.contains("eliza claimed") && shown.contains("eliza done"),
        "{shown}"
    );
    let trail = trail(&world).await;
    for line in [
        "reactor xmrt.post_task done",
        "reactor task.post done",
        "eliza xmrt.claim_task conflict",
        "eliza xmrt.claim_task done",
        "eliza task.done done",
    ] {
        assert!(trail.contains(&line.to_owned()), "{line} {trail:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_speaks_for_another_and_what_it_may_is_what_its_role_says() {
    let world = World::start(&[], CONFIG).await;
    let (eliza, otto, petra) = (
        token(&world, "eliza").await,
        token(&world, "otto").await,
        token(&world, "petra").await,
    );
    for agent in [&eliza, &otto] {
        call(&world, agent, "register_agent", json!({})).await;
    }
    let posted = call(
        &world,
        &petra,
        "post_task",
        json!({ "title": "work", "idempotency_key": "k" }),
    )
    .await;
    // Another agent's key of the same name is another key.
    let other = call(
        &world,
        &eliza,
        "post_task",
        json!({ "title": "more work", "idempotency_key": "k" }),
    )
    .await;
    assert!(
        posted["id"].is_string() && other["id"].is_string() && posted["id"] != other["id"],
        "{posted} {other}"
    );
    let refused = call(&world, &petra, "claim_task", json!({})).await;
    assert_eq!(refused["error"]["class"], "forbidden", "{refused}");
    let claimed = call(&world, &eliza, "claim_task", json!({ "task": posted["id"] })).await;
    let stolen = json!({ "task": posted["id"], "fence": claimed["fence"], "result": {} });
    let refused = call(&world, &otto, "complete_task", stolen).await;
    assert_eq!(refused["error"]["class"], "conflict", "{refused}");
    let refused = call(&world, &otto, "cancel_task", json!({ "task": posted["id"] })).await;
    assert_eq!(refused["error"]["class"], "forbidden", "{refused}");
    call(
        &world,
        &eliza,
        "send_message",
        json!({ "to": "otto", "text": "take over" }),
    )
    .await;
    let mine = call(&world, &eliza, "read_messages", json!({})).await;
    assert_eq!(mine["messages"], json!([]), "{mine}");
    let letters = call(&world, &otto, "read_messages", json!({})).await;
    assert_eq!(letters["messages"][0]["from"], "eliza", "{letters}");
    let nobody = call(
        &world,
        &eliza,
        "send_message",
        json!({ "to": "nobody", "text": "?" }),
    )
    .await;
    assert_eq!(nobody["error"]["class"], "not_found", "{nobody}");

    // Who stands still says nothing, and so loses what it has.
    world.api_post("pauses", json!({ "what": "agent:eliza" })).await;
    let paused = call(&world, &eliza, "heartbeat", json!({})).await;
    assert_eq!(paused["error"]["class"], "forbidden", "{paused}");
    let (_, agents) = world.api("agents").await;
    assert_eq!(agents["present"].as_array().unwrap().len(), 2, "{agents}");
    let (status, task) = world
        .api_post("tasks", json!({ "title": "by hand", "to": "nobody" }))
        .await;
    assert_eq!(status, 404, "{task}");
    let (status, task) = world.api_post("tasks", json!({ "title": "by hand" })).await;
    assert_eq!(status, 201, "{task}");
    let path = format!("tasks/{}/cancel", task["id"].as_str().unwrap());
    let (status, task) = world.api_post(&path, json!({ "reason": "no" })).await;
    assert_eq!((status, &task["state"]), (200, &json!("cancelled")), "{task}");
    let (status, again) = world.api_post(&path, json!({})).await;
    assert_eq!((status, &again["state"]), (200, &json!("cancelled")), "{again}");
}
