//! The endpoints in this process, in front of servers made for the test: what is JSON and what is a stream, and how
//! many sessions there is room for.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xmrt::clock::Clock;
use xmrt::http::{AgentDoor, Doors, Limits, router, serve};
use xmrt::hub::{Face, Gateway, Hub, Toolsets};
use xmrt::journal::MemoryStore;
use xmrt::reactor::{Parts, Reactor};
use xmrt::rules;

use super::progress::slow;

const TOKEN: &str = "the token of the tests";
/// Of one caller.
const SESSIONS_MAX: usize = 32;
const OPEN_MAX: usize = 128;

struct Served {
    url: String,
    client: reqwest::Client,
    hub: Hub,
    agents: AgentDoor,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn served(hub: Hub) -> Served {
    let clock = Clock::system();
    let reactor = Reactor::new(Parts {
        store: Arc::new(MemoryStore::new(clock.now())),
        hub: hub.clone(),
        clock,
        book: rules::load(&[], &json!({}), None).book.unwrap(),
        source: Box::new(|| Ok(Vec::new())),
        settle_ms: None,
    });
    let gateway = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap();
    let agents = AgentDoor::new(vec![gateway], &[], &[]);
    let doors = Doors::new(&[], &[], TOKEN.into())
        .unwrap()
        .with_agents(agents.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let served = tokio::spawn(serve(
        listener,
        router(reactor, doors),
        Limits::default(),
        shutdown,
    ));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Served {
        url,
        client,
        hub,
        agents,
        stop,
        served,
    }
}

impl Served {
    fn post(&self, query: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{query}", self.url))
            .bearer_auth(TOKEN)
            .header("accept", "application/json, text/event-stream")
            .json(body)
    }

    fn modern(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        let meta = &mut params["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self
            .post("?toolsets=all", &body)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if name.is_empty() {
            request
        } else {
            request.header("mcp-name", name)
        }
    }

    async fn close(self) {
        self.agents.close().await;
        let _ = self.stop.send(());
        self.served.await.unwrap();
        self.hub.stop().await;
    }
}

fn kind(answer: &reqwest::Response) -> String {
    answer.headers()["content-type"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_plain_call_is_json_and_one_that_reports_progress_is_a_stream() {
    let (slow, end) = slow();
    let served = served(Hub::builder().serve("slow", slow).start().await.unwrap()).await;
    let call = |meta: Value| {
        let arguments = json!({ "confirm": "slow_work" });
        served.modern(
            "tools/call",
            json!({ "name": "slow_work", "arguments": arguments, "_meta": meta }),
        )
    };
    end.notify_one();
    let plain = call(json!({})).send().await.unwrap();
    assert_eq!(
        (plain.status().as_u16(), kind(&plain)),
        (200, "application/json".into())
    );

    let mut streamed = call(json!({ "progressToken": "p" })).send().await.unwrap();
    assert_eq!(
        (streamed.status().as_u16(), kind(&streamed)),
        (200, "text/event-stream".into())
    );
    let mut text = String::new();
    while !text.contains("notifications/progress") {
        text.push_str(std::str::from_utf8(&streamed.chunk().await.unwrap().expect("progress")).unwrap());
    }
    assert!(
        text.contains("\"progressToken\":\"p\"") && !text.contains("\"result\""),
        "{text}"
    );
    end.notify_one();
    while let Some(chunk) = streamed.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("\"result\""), "{text}");
    served.close().await;
}

#[tokio::test]
async fn closing_the_stream_gives_the_call_up() {
    let (slow, _end) = slow();
    let served = served(Hub::builder().serve("slow", slow).start().await.unwrap()).await;
    let params = json!({ "name": "slow_work", "arguments": { "confirm": "slow_work" }, "_meta": { "progressToken": 1 } });
    let streamed = served.modern("tools/call", params).send().await.unwrap();
    drop(streamed);
    // Nobody ends the tool: if the call were still under way, this would take the seven seconds calls may have.
    let begun = std::time::Instant::now();
    served.close().await;
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn there_is_an_end_to_sessions_and_the_revision_without_sessions_goes_on() {
    let served = served(super::gateway::built_in().await).await;
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } },
    });
    let mut session = String::new();
    for _ in 0..SESSIONS_MAX {
        let answer = served.post("", &hello).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    }
    let refused = served.post("", &hello).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(
        served
            .modern("tools/list", json!({}))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );

    let end = served
        .client
        .delete(&served.url)
        .bearer_auth(TOKEN)
        .header("mcp-session-id", &session);
    assert_eq!(end.send().await.unwrap().status(), 204);
    assert_eq!(served.post("", &hello).send().await.unwrap().status(), 200);
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let gone = served
        .post("", &list)
        .header("mcp-session-id", &session)
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 404);
    served.close().await;
}

/// Streams are open for as long as their client likes; webhooks and health checks need connections, too.
#[tokio::test]
async fn there_is_an_end_to_the_streams_of_one_caller() {
    let served = served(super::gateway::built_in().await).await;
    let listen = || {
        served.modern(
            "subscriptions/listen",
            json!({ "notifications": { "toolsListChanged": true } }),
        )
    };
    let mut streams = Vec::new();
    for _ in 0..OPEN_MAX {
        let answer = listen().send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), kind(&answer)),
            (200, "text/event-stream".into())
        );
        streams.push(answer);
    }
    let refused = listen().send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let why: Value = refused.json().await.unwrap();
    assert_eq!(
        why["detail"],
        "128 requests and streams of `admin` are open; end some first"
    );
    // One that is left makes room, once that was noticed.
    streams.pop();
    let room = async {
        while listen().send().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    let soon = std::time::Duration::from_secs(10);
    tokio::time::timeout(soon, room).await.expect("room again");
    served.close().await;
}
