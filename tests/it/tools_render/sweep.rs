//! Every tool of `render` against a Render that refuses and fails.

use serde_json::{Value, json};

use super::stage::stage;
use crate::sweep;
use xmrt::hub::CallMeta;

/// What a tool wants besides what its schema requires, because it checks more than a schema can say.
fn more(tool: &str) -> Value {
    match tool {
        "create_service" => json!({
            "type": "web_service", "name": "api", "repo": "https://github.com/acme/api", "runtime": "docker",
        }),
        "update_service" => json!({ "branch": "main" }),
        "set_autoscaling" => json!({ "min": 1, "max": 3, "cpu_percent": 70 }),
        "set_env_vars" => json!({ "vars": { "A": "1" } }),
        "set_env_group_vars" => json!({ "env_group_id": "evg-a", "vars": { "A": "1" } }),
        "create_webhook" => json!({ "url": "https://example.com/webhooks/render", "name": "reactor" }),
        "update_webhook" => json!({ "name": "another" }),
        "get_metrics" => json!({ "metrics": ["cpu"] }),
        "list_events" => json!({}),
        "validate_blueprint" => json!({ "text": "services: []\n", "owner_id": "tea-a" }),
        "add_custom_domain" | "delete_custom_domain" | "verify_custom_domain" => {
            json!({ "name": "www.example.com" })
        }
        "query_logs" => json!({ "service_id": "srv-a" }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn every_tool_says_what_render_refused_and_that_render_failed() {
    let stage = stage(json!({})).await;
    let mut wrong = Vec::new();
    let tools = stage.hub.tools();
    assert!(tools.len() >= 55, "{} tools", tools.len());
    for facts in tools {
        let name = facts.name.strip_prefix("render.").unwrap();
        for (status, classes) in sweep::expected(&facts) {
            let fault = json!({ "match": { "provider": "render" }, "kind": "status", "status": status });
            stage.sandbox.add_faults(&fault).unwrap();
            let arguments = sweep::arguments(&facts, &more(name));
            match stage.reply(name, arguments.clone(), CallMeta::default()).await {
                Err(error) if classes.contains(&error.class) && error.message.contains("Render answered") => {
                }
                other => wrong.push(format!("{name} {arguments} {status}: {other:?}")),
            }
            stage.clear_faults().await;
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn what_a_webhook_delivered_is_listed_and_one_that_is_not_there_is_not_found() {
    // Nobody listens there.
    let stage = stage(json!({
        "workspaces": [{ "id": "tea-a" }], "services": [{ "id": "srv-a", "owner_id": "tea-a" }],
        "webhooks": [{ "id": "whk-a", "url": "http://127.0.0.1:9/", "owner_id": "tea-a" }],
    }))
    .await;
    let list = async || {
        let events = stage
            .call("list_webhook_events", json!({ "webhook_id": "whk-a" }))
            .await;
        events.unwrap()["events"].clone()
    };
    assert_eq!(list().await, json!([]));
    stage
        .call("suspend_service", json!({ "service_id": "srv-a" }))
        .await
        .unwrap();
    let listed = async {
        loop {
            // It is listed once it was attempted.
            if let Some(sent) = list().await.get(0) {
                break sent.clone();
            }
        }
    };
    let sent = crate::intake::soon(listed).await;
    assert_eq!(sent["event_type"], "service_suspended", "{sent}");
    assert!(
        sent["error"].as_str().is_some_and(|why| !why.is_empty()),
        "{sent}"
    );
    assert_eq!(sent.get("status_code"), None, "{sent}");
    let missing = stage
        .call("list_webhook_events", json!({ "webhook_id": "whk-none" }))
        .await;
    assert_eq!(missing.unwrap_err().class, xmrt::hub::ErrorClass::NotFound);
}
