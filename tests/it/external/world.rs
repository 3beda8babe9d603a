//! An external server attached to the real program: in rules, for agents, on the command line.

use std::path::Path;

use serde_json::{Value, json};

use super::{TOKEN, processes, script};
use crate::harness::{ADMIN_TOKEN, World, issue_opened};

const RULE: &str = r#"
description = "Note every new issue"
on = "github.issues.opened"

[[action]]
id = "note"
tool = "notes.write_note"
arguments = { text = "{{ event.issue.title }}" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "note {{ steps.note.count }}" }

[[test]]
name = "a new issue is noted"
event = { on = "github.issues.opened", payload = { issue = { title = "Crash" } } }
stub = { "notes.write_note" = { text = "Crash", count = 1 } }
expect = [{ tool = "notes.write_note", arguments.text = "Crash" }, { tool = "xmrt.notify", arguments.text = "note 1" }]

[[test]]
name = "a note that fails waits for a person"
event = { on = "github.issues.opened", payload = { issue = { title = "Crash" } } }
stub = { "notes.write_note" = { error = "the pen is broken" } }
expect = [{ tool = "notes.write_note" }]
decision = "unknown"
"#;

fn dying() -> String {
    RULE.replace("notes.write_note", "notes.write_and_die")
}

fn config(folder: &Path, more: &str) -> String {
    let folder = folder.to_str().unwrap();
    format!(
        "[mcp.notes]\ncommand = [\"python3\", {:?}, \"stdio\", {folder:?}]\nenv = [\"NOTES_TOKEN\"]\nhealth = \"100ms\"\n{more}",
        script()
    )
}

fn lines(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("notes")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn is_up(world: &World) {
    world
        .until("the external server", async || {
            let (_, tools) = world.api("tools").await;
            (tools["servers"][0]["condition"] == "up").then_some(())
        })
        .await;
}

async fn degraded(world: &World) -> String {
    let url = format!("{}/readyz", world.server.url);
    let answer = world.client.get(url).send().await.unwrap();
    assert_eq!(
        answer.status(),
        200,
        "an external server is no reason to refuse deliveries"
    );
    answer.json::<Value>().await.unwrap()["degraded"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_calls_a_tool_of_an_external_server() {
    let notes = tempfile::tempdir().unwrap();
    let config = config(notes.path(), "");
    let mut world = World::start_with(&[("note", RULE)], &config, &[("NOTES_TOKEN", TOKEN)]).await;
    // Neither of these starts the server, and both know the rule's tool.
    let (_, errors, code) = world.xmrt_with(&["check"], &[]);
    assert_eq!(code, 0, "{errors}");
    let (tests, errors, code) = world.xmrt(&["test"]);
    assert_eq!(code, 0, "{tests}{errors}");
    assert_eq!(lines(notes.path()).len(), 0);
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let runs = world.settled("d-1").await;
    assert_eq!(
        runs[0]["status"],
        "succeeded",
        "{runs:#?}\n{}",
        world.server_log()
    );
    assert_eq!(lines(notes.path()), ["Issue 1"]);
    // What is on record of it is checked, also without the server.
    let wrong = RULE.replace("{ text = \"{{ event.issue.title }}\" }", "{ txt = \"hi\" }");
    std::fs::write(world.folder.path().join("wrong.toml"), wrong).unwrap();
    let file = world.folder.path().join("wrong.toml");
    let check = |world: &World| world.xmrt(&["check", file.to_str().unwrap()]);
    let (found, _, code) = check(&world);
    assert_eq!(code, 1, "{found}");
    assert!(
        found.contains("`notes.write_note` takes no argument `txt`"),
        "{found}"
    );
    let (status, took) = world.server.terminate();
    assert!(status.success() && took.as_secs() < 15, "{status} {took:?}");
    assert_eq!(
        processes(notes.path()),
        Vec::<u32>::new(),
        "it ends with the server"
    );
    let (found, _, _) = check(&world);
    assert!(
        found.contains("takes no argument `txt`"),
        "from the journal: {found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_call_without_an_answer_waits_for_a_person() {
    let notes = tempfile::tempdir().unwrap();
    let config = config(notes.path(), "");
    let rule = dying();
    let world = World::start_with(&[("note", &rule)], &config, &[("NOTES_TOKEN", TOKEN)]).await;
    is_up(&world).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let runs = world.settled("d-1").await;
    assert_eq!(runs[0]["status"], "unknown", "{runs:#?}");
    assert_eq!(lines(notes.path()), ["Issue 1"], "it was not called again");
    is_up(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_waits_for_a_server_that_is_not_there_and_the_instance_says_so() {
    let notes = tempfile::tempdir().unwrap();
    let config = config(notes.path(), "");
    let world = World::start_with(&[("note", RULE)], &config, &[]).await;
    world
        .until("the part that does not work", async || {
            degraded(&world)
                .await
                .contains("NOTES_TOKEN must be set")
                .then_some(())
        })
        .await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    world
        .until("the run to wait", async || {
            let (_, event) = world.api("events/d-1").await;
            let (_, run) = world
                .api(&format!("runs/{}", event["runs"][0]["id"].as_str()?))
                .await;
            run.to_string()
                .contains("is not there: NOTES_TOKEN must be set")
                .then_some(())
        })
        .await;
    assert_eq!(lines(notes.path()).len(), 0);
    let (shown, _, _) = world.xmrt(&["tools"]);
    assert!(shown.contains("notes: NOTES_TOKEN must be set"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tool_is_shown_with_its_difference_and_approved_on_the_command_line() {
    let notes = tempfile::tempdir().unwrap();
    let config = config(notes.path(), "");
    let mut world = World::start_with(&[("note", RULE)], &config, &[("NOTES_TOKEN", TOKEN)]).await;
    is_up(&world).await;
    std::fs::write(notes.path().join("description"), "Writes a note, and more.").unwrap();
    world
        .until("the quarantine", async || {
            degraded(&world).await.contains("notes.write_note").then_some(())
        })
        .await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    assert_eq!(world.settled("d-1").await[0]["status"], "dead");
    let (list, _, _) = world.xmrt(&["tools"]);
    let line = list
        .lines()
        .find(|line| line.starts_with("notes.write_note"))
        .unwrap();
    assert!(line.contains("CHANGED"), "{line}");
    let (shown, _, code) = world.xmrt(&["tools", "show", "notes.write_note"]);
    assert_eq!(code, 0);
    assert!(
        shown.contains("- \"Writes a note.\"") && shown.contains("+ \"Writes a note, and more.\""),
        "{shown}"
    );
    let (_, errors, code) = world.xmrt(&["tools", "approve", "notes.write_note", "--hash", "beef"]);
    assert_eq!(code, 2);
    assert!(errors.contains("changed again"), "{errors}");
    let (said, errors, code) = world.xmrt(&["tools", "approve", "notes.write_note"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("`notes.write_note` is in use"), "{said}");
    world.github("issues", "d-2", &issue_opened(2)).await.unwrap();
    assert_eq!(world.settled("d-2").await[0]["status"], "succeeded");
    // The approval outlives the process.
    world.server.terminate();
    world.restart();
    is_up(&world).await;
    world.github("issues", "d-3", &issue_opened(3)).await.unwrap();
    assert_eq!(world.settled("d-3").await[0]["status"], "succeeded");
    assert_eq!(lines(notes.path()), ["Issue 2", "Issue 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_find_an_external_server_behind_the_gateway_and_by_itself() {
    let notes = tempfile::tempdir().unwrap();
    let config = config(
        notes.path(),
        "[mcp.notes.tool.write_note]\ndestructive = false\n[mcp.notes.tool.read_notes]\nread_only = true\n",
    );
    let world = World::start_with(&[], &config, &[("NOTES_TOKEN", TOKEN)]).await;
    is_up(&world).await;
    let ask = async |path: &str, method: &str, params: Value| {
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let request = world
            .client
            .post(format!("{}{path}", world.server.url))
            .bearer_auth(ADMIN_TOKEN)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .header("mcp-name", params["name"].as_str().unwrap_or_default());
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        request
            .json(&body)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    };
    let names = async |path: &str| {
        let listed = ask(path, "tools/list", json!({})).await;
        let tools = listed["result"]["tools"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("{listed}"));
        tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/mcp?toolsets=notes").await.len(), 6);
    assert!(
        names("/mcp?toolsets=all")
            .await
            .contains(&"notes_write_note".to_owned())
    );
    assert!(
        !names("/mcp").await.contains(&"notes_write_note".to_owned()),
        "only for who asks"
    );
    assert_eq!(
        names("/mcp/notes?toolsets=all&read_only=true").await,
        ["read_notes"]
    );
    // At its own door everything is listed, so nothing is said of what is not.
    let said = async |path: &str| {
        let found = ask(path, "server/discover", json!({})).await;
        found["result"]["instructions"].as_str().map(str::to_owned)
    };
    let alone = said("/mcp/notes").await.unwrap_or_default();
    assert!(!alone.contains("are listed over HTTP"), "{alone}");
    let all = said("/mcp").await.unwrap();
    assert!(
        all.contains("\nnotes_*: an external server (toolsets=notes).\n"),
        "{all}"
    );
    assert!(all.contains(" tools are listed over HTTP"), "{all}");
    let note = json!({ "name": "notes_write_note", "arguments": { "text": "by an agent" } });
    let done = ask("/mcp?toolsets=notes", "tools/call", note).await;
    assert_eq!(done["result"]["structuredContent"]["count"], 1, "{done}");
    // What is not known to be harmless wants the agent's word for it.
    let dying = json!({ "name": "write_and_die", "arguments": { "text": "no" } });
    let refused = ask("/mcp/notes?toolsets=all", "tools/call", dying).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(refused.to_string().contains("confirm"), "{refused}");
    let spread = json!({ "name": "xmrt_fan_out", "arguments": {
        "tool": "notes.read_notes", "targets": [{}, { "odd": 1 }, {}],
    }});
    let spread = ask("/mcp?toolsets=all", "tools/call", spread).await;
    let content = &spread["result"]["structuredContent"];
    assert_eq!(
        (&content["ok"], &content["failed"]),
        (&json!(3), &json!(0)),
        "{spread}"
    );
    assert_eq!(lines(notes.path()), ["by an agent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_everything_starts_and_ends_as_one() {
    use std::io::{BufRead, Write};
    let notes = tempfile::tempdir().unwrap();
    let config = config(notes.path(), "");
    let world = World::start_with(&[], "", &[("NOTES_TOKEN", TOKEN)]).await;
    let file = world.folder.path().join("with-notes.toml");
    std::fs::write(&file, config).unwrap();
    let data = world.folder.path().join("elsewhere");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args([
            "--config",
            file.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "mcp",
            "all",
        ])
        .env_clear()
        .envs(world.environment().iter().cloned())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut ask = |message: Value| {
        writeln!(input, "{message}").unwrap();
        let mut line = String::new();
        if message.get("id").is_some() {
            output.read_line(&mut line).unwrap();
        }
        serde_json::from_str::<Value>(&line).unwrap_or_default()
    };
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    ask(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }));
    ask(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let listed = ask(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
    let has = |name: &str| {
        listed["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tool| tool["name"] == name)
    };
    assert!(has("notes_write_note") && has("github_get_issue"), "{listed}");
    assert_eq!(processes(notes.path()).len(), 1);
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(processes(notes.path()), Vec::<u32>::new());
}
