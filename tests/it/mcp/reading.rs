//! What agents can read besides calling tools: resources, prompts, completions; over HTTP and over stdio.

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, World, issue_opened};

const RULE: &str = "description = \"Note new issues\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"new\" }\n";

/// Asks an endpoint in the newest revision; the result, or the error.
async fn ask(world: &World, path: &str, method: &str, name: &str, mut params: Value) -> Result<Value, Value> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = world
        .client
        .post(format!("{}{path}", world.server.url))
        .bearer_auth(ADMIN_TOKEN)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name);
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err(answer["error"].clone()),
    }
}

async fn read(world: &World, path: &str, uri: &str) -> Result<String, Value> {
    let read = ask(world, path, "resources/read", uri, json!({ "uri": uri })).await?;
    Ok(read["contents"][0]["text"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_record_is_read_as_resources_behind_the_gateway_and_by_itself() {
    let world = World::start(&[("note", RULE)], "").await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let run = world.settled("d-1").await[0]["id"].as_str().unwrap().to_owned();
    for path in ["/mcp", "/mcp/xmrt"] {
        let listed = ask(&world, path, "resources/list", "", json!({})).await.unwrap();
        let listed = listed["resources"].as_array().unwrap().clone();
        for resource in &listed {
            let uri = resource["uri"].as_str().unwrap();
            assert!(!read(&world, path, uri).await.unwrap().is_empty(), "{uri}");
        }
        assert_eq!(listed.len(), 5);
        let templates = ask(&world, path, "resources/templates/list", "", json!({}))
            .await
            .unwrap();
        assert_eq!(templates["resourceTemplates"].as_array().unwrap().len(), 4);
        assert_eq!(read(&world, path, "xmrt://rules/note").await.unwrap(), RULE);
        let event = read(&world, path, "xmrt://events/d-1").await.unwrap();
        assert!(event.contains("It broke."), "with its payload: {event}");
        let decisions = read(&world, path, "xmrt://decisions/d-1").await.unwrap();
        assert!(
            decisions.contains("\"note\"") && decisions.contains(&run),
            "{decisions}"
        );
        assert!(
            read(&world, path, &format!("xmrt://runs/{run}"))
                .await
                .unwrap()
                .contains("xmrt.notify")
        );
        assert!(
            read(&world, path, "xmrt://reports/status")
                .await
                .unwrap()
                .contains("| succeeded | 1 |")
        );
        let missing = read(&world, path, "xmrt://rules/not-there").await.unwrap_err();
        assert!(
            missing["message"]
                .as_str()
                .unwrap()
                .contains("there is nothing at"),
            "{missing}"
        );
        let complete = |of: Value, argument: &'static str, typed: &'static str| {
            let argument = json!({ "name": argument, "value": typed });
            json!({ "ref": of, "argument": argument })
        };
        let template = json!({ "type": "ref/resource", "uri": "xmrt://rules/{id}" });
        let asked = ask(
            &world,
            path,
            "completion/complete",
            "",
            complete(template, "id", "n"),
        )
        .await
        .unwrap();
        assert_eq!(asked["completion"]["values"], json!(["note"]));
        let prompt = json!({ "type": "ref/prompt", "name": "triage_issue" });
        let asked = ask(
            &world,
            path,
            "completion/complete",
            "",
            complete(prompt, "repo", "ac"),
        )
        .await
        .unwrap();
        assert_eq!(asked["completion"]["values"], json!(["acme/api"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_are_worded_with_their_arguments_and_name_tools_that_there_are() {
    let world = World::start(&[], "").await;
    let listed = ask(&world, "/mcp", "prompts/list", "", json!({})).await.unwrap();
    let names: Vec<&str> = listed["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["triage_issue", "why_did_the_deploy_fail", "write_a_rule"]);
    let tools = xmrt::assemble::tool_facts().await.unwrap();
    let by_default = xmrt::tools::toolsets().default;
    let arguments = json!({
        "triage_issue": { "repo": "acme/api", "number": "7" },
        "why_did_the_deploy_fail": { "service_id": "srv-a" },
        "write_a_rule": { "wish": "Label crashes" },
    });
    for name in names {
        let given = &arguments[name];
        let prompt = ask(
            &world,
            "/mcp",
            "prompts/get",
            name,
            json!({ "name": name, "arguments": given }),
        )
        .await
        .unwrap();
        let text = prompt["messages"][0]["content"]["text"].as_str().unwrap();
        for value in given.as_object().unwrap().values() {
            assert!(text.contains(value.as_str().unwrap()), "{name}: {text}");
        }
        let named = text.split('`').skip(1).step_by(2).filter(|word| {
            ["github_", "render_", "xmrt_"]
                .iter()
                .any(|server| word.starts_with(server))
        });
        assert!(!text.contains("`github."), "as they are called here: {text}");
        for tool in named.filter(|word| !word.contains(' ')) {
            let tool = &tool.replacen('_', ".", 1);
            assert!(tools.contains_key(tool), "{name} names `{tool}`");
            // An agent that comes by HTTP and asks for nothing in particular can follow it.
            assert!(
                by_default.contains(&tool.to_owned()),
                "{name} names `{tool}`, which is not listed"
            );
        }
    }
    let refused = ask(
        &world,
        "/mcp",
        "prompts/get",
        "triage_issue",
        json!({ "name": "triage_issue", "arguments": { "repo": "a/b" } }),
    );
    let refused = refused.await.unwrap_err();
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("`number` is missing"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_language_in_one_page_shows_a_rule_that_holds() {
    let world = World::start(&[], "").await;
    let guide = read(&world, "/mcp", "xmrt://guide/rules").await.unwrap();
    let (_, after) = guide.split_once("```toml\n").unwrap();
    let (rule, _) = after.split_once("\n```").unwrap();
    let file = world.folder.path().join("guide.toml");
    std::fs::write(&file, rule).unwrap();
    let file = file.to_str().unwrap();
    let (found, errors, code) = world.xmrt(&["check", file]);
    assert_eq!(code, 0, "{found}{errors}");
    let (tests, errors, code) = world.xmrt(&["test", file]);
    assert_eq!(code, 0, "{tests}{errors}");
}
