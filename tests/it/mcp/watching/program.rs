//! The real program, over HTTP and over stdio: its records are watched.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::harness::{ADMIN_TOKEN, World, issue_opened};

const RULE: &str = "description = \"Note new issues\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"new\" }\n";

/// The request of the newest revision.
fn listen(uris: &[&str]) -> Value {
    let params = json!({
        "notifications": { "resourceSubscriptions": uris },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params })
}

/// What is said at an endpoint, as lines of server-sent events.
pub(in crate::mcp) struct Told(reqwest::Response, String);

impl Told {
    pub(in crate::mcp) async fn of(world: &World, bearer: &str, uris: &[&str]) -> Self {
        let request = world
            .client
            .post(format!("{}/mcp", world.server.url))
            .bearer_auth(bearer)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "subscriptions/listen");
        let answer = request.json(&listen(uris)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self(answer, String::new())
    }

    /// Reads on until all of these were told of once more.
    pub(in crate::mcp) async fn until(&mut self, uris: &[&str]) {
        self.1.clear();
        let told = |text: &str| {
            let of = |uri: &&str| text.contains(&format!("\"uri\":\"{uri}\""));
            uris.iter().all(of)
        };
        while !told(&self.1) {
            let more = self.more().await;
            let more = more.unwrap_or_else(|| panic!("it ended: {}", self.1));
            self.1.push_str(&more);
        }
    }

    /// All that is still said, up to the end.
    pub(in crate::mcp) async fn rest(mut self) -> String {
        let mut rest = String::new();
        while let Some(more) = self.more().await {
            rest.push_str(&more);
        }
        rest
    }

    async fn more(&mut self) -> Option<String> {
        // As long as a busy machine may take for a delivery.
        let chunk = tokio::time::timeout(6 * SOON, self.0.chunk()).await;
        let chunk = chunk.expect("a word, or the end").ok().flatten()?;
        Some(std::str::from_utf8(&chunk).unwrap().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reactors_records_are_watched_and_a_stream_keeps_no_server_from_ending() {
    let mut world = World::start(&[("note", RULE)], "").await;
    let watched = ["xmrt://runs", "xmrt://decisions/d-1"];
    let mut told = Told::of(&world, ADMIN_TOKEN, &watched).await;
    told.until(&watched).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    told.until(&watched).await;
    let (status, took) = world.server.terminate();
    // A call under way would have been given seven seconds.
    assert!(
        status.success() && took < Duration::from_secs(7),
        "{status} {took:?}"
    );
    let rest = told.rest().await;
    assert!(rest.contains("\"resultType\":\"complete\""), "{rest}");
}

/// A process of its own has no journal: it asks the server.
#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_the_running_servers_records_are_watched_too() {
    let mut world = World::start(&[("note", RULE)], "").await;
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(["mcp", "xmrt"])
        .current_dir(world.folder.path())
        .env_clear()
        .envs(world.environment().iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = async |method: &str| {
        let line = tokio::time::timeout(2 * SOON, lines.next_line()).await;
        let line = line.expect("a word").unwrap().expect("no end");
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["method"], method, "{line}");
    };
    let listen = listen(&["xmrt://decisions/d-1"]);
    input.write_all(format!("{listen}\n").as_bytes()).await.unwrap();
    told("notifications/subscriptions/acknowledged").await;
    told("notifications/resources/updated").await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    told("notifications/resources/updated").await;
    world.server.terminate();
    drop(input);
    let ended = tokio::time::timeout(SOON, child.wait())
        .await
        .expect("it ends with its input");
    assert!(ended.unwrap().success());
}
