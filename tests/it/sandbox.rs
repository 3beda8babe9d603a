//! The stand-ins, spoken to as our clients do: over HTTP.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::sandbox::{Options, Running, Sandbox};

mod github;
mod render;
mod faults;
mod webhooks;
mod seeding;
mod typed;

/// Longer than any of these stories takes; one that hangs fails instead.
const STORY_WITHIN: Duration = Duration::from_secs(60);

/// A listening sandbox on a virtual clock, and a client that carries the right tokens.
struct Story {
    sandbox: Sandbox,
    running: Running,
    clock: Clock,
    client: Client,
}

impl Story {
    async fn github(&self, method: Method, path: &str, body: Value) -> Response {
        self.send(
            method,
            format!("{}{path}", self.running.github_url()),
            "github-test",
            body,
        )
        .await
    }

    async fn render(&self, method: Method, path: &str, body: Value) -> Response {
        self.send(
            method,
            format!("{}{path}", self.running.render_url()),
            "render-test",
            body,
        )
        .await
    }

    async fn send(&self, method: Method, url: String, token: &str, body: Value) -> Response {
        let request = self
            .client
            .request(method, url)
            .bearer_auth(token)
            .header("user-agent", "story");
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        request.send().await.expect("an answer")
    }

    async fn github_get(&self, path: &str) -> Value {
        read(self.github(Method::GET, path, Value::Null).await).await
    }

    async fn render_get(&self, path: &str) -> Value {
        read(self.render(Method::GET, path, Value::Null).await).await
    }

    fn seed(&self, state: Value) {
        self.sandbox.seed(&state).expect("a seed that is understood");
    }

    fn pass(&self, millis: i64) {
        self.clock
            .advance_to(xmrt::clock::after(self.clock.now(), millis));
    }
}

/// The JSON of a 2xx answer.
async fn read(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// A signing secret in the text form that Render shows.
fn render_secret() -> String {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.encode("a key of twenty-four bytes");
    format!("whsec_{key}")
}

fn options(clock: Clock) -> Options {
    Options {
        clock,
        github_token: "github-test".to_owned(),
        render_key: "render-test".to_owned(),
        github_secret: Some("It's a Secret to Everybody".to_owned()),
        render_secret: Some(render_secret()),
        bot_login: "xmrt-bot".to_owned(),
    }
}

/// Tells a story in a runtime of its own; the sandbox is stopped in good order at its end.
fn story<F: Future<Output = Story>>(tell: impl FnOnce(Story) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let clock = Clock::virtual_at(start());
        let sandbox = Sandbox::new(options(clock.clone()));
        let running = sandbox
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let client = Client::builder().no_proxy().build().expect("a client");
        let told = tell(Story {
            sandbox,
            running,
            clock,
            client,
        });
        let story = tokio::time::timeout(STORY_WITHIN, told)
            .await
            .expect("a story that ends");
        story.running.stop().await;
    });
}

/// A repository with three issues, one of them a pull request.
fn acme() -> Value {
    json!({"github": {
        "repos": [{"full_name": "acme/api", "description": "The API"}],
        "labels": [{"repo": "acme/api", "name": "bug", "color": "d73a4a"}],
        "issues": [
            {"repo": "acme/api", "number": 2, "title": "Crash on start", "body": "It crashes", "labels": ["bug"], "created": "-1h"},
            {"repo": "acme/api", "number": 1, "title": "Old one", "state": "closed", "created": "-2d", "closed": "-1d"},
        ],
        "pulls": [{"repo": "acme/api", "number": 3, "title": "Fix it", "head": "fix", "created": "-30m",
                   "files": ["src/main.rs", "docs/guide.md"]}],
        "comments": [{"repo": "acme/api", "number": 2, "body": "me too", "user": "ann", "created": "-50m"}],
    }})
}
