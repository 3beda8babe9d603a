//! The real program as processes: a server and a sandbox that outlives it, driven over HTTP as providers and people
//! would. Everything is private to one test and ends with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use xmrt::receive::GithubSecret;

/// How long anything may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);
pub const ADMIN_TOKEN: &str = "the token of the tests";
pub const GITHUB_TOKEN: &str = "the github token of the tests";
const GITHUB_SECRET: &str = "the webhook secret of the tests";

/// A process that is killed when the test ends, and a line it prints when it is ready.
pub struct Process {
    child: Child,
    pub url: String,
}

impl Process {
    /// Starts `xmrt` and waits for the line that names its address.
    fn start(arguments: &[&str], environment: &[(String, String)], log: &Path) -> Self {
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_xmrt"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let Some(Ok(line)) = lines.next() else {
                let status = child.wait().unwrap();
                panic!(
                    "`xmrt {arguments:?}` ended ({status}) before it listened:\n{}",
                    std::fs::read_to_string(log).unwrap()
                );
            };
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.trim().to_owned();
            }
        };
        // What it prints later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; says how it ended and how long that took.
    pub fn terminate(&mut self) -> (std::process::ExitStatus, Duration) {
        let begun = Instant::now();
        Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        (self.child.wait().unwrap(), begun.elapsed())
    }

    /// Waits until it is gone, whoever ended it.
    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server, a sandbox, a folder.
pub struct World {
    pub folder: TempDir,
    pub sandbox: Process,
    pub server: Process,
    pub client: reqwest::Client,
    environment: Vec<(String, String)>,
}

impl World {
    /// Starts both processes; `rules` are `(id, text)`, `config` is `xmrt.toml`.
    pub async fn start(rules: &[(&str, &str)], config: &str) -> Self {
        Self::start_with(rules, config, &[]).await
    }

    /// The same, with more variables.
    pub async fn start_with(rules: &[(&str, &str)], config: &str, more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules_folder = folder.path().join("rules");
        std::fs::create_dir(&rules_folder).unwrap();
        for (id, text) in rules {
            std::fs::write(rules_folder.join(format!("{id}.toml")), text).unwrap();
        }
        std::fs::write(folder.path().join("xmrt.toml"), config).unwrap();
        let mut environment = environment(folder.path());
        environment.extend(
            more.iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned())),
        );
        let sandbox = Process::start(
            &["sandbox", "--listen", "127.0.0.1:0"],
            &environment,
            &folder.path().join("sandbox.log"),
        );
        environment.push(("GITHUB_API_URL".into(), format!("{}/github", sandbox.url)));
        environment.push(("RENDER_API_URL".into(), format!("{}/render/v1", sandbox.url)));
        let server = start_server(&environment, folder.path());
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            folder,
            sandbox,
            server,
            client,
            environment,
        }
    }

    /// From the next start on, and for commands, this variable holds this.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the server again on the same folder, at a new port.
    pub fn restart(&mut self) {
        self.server = start_server(&self.environment, self.folder.path());
    }

    /// Another server beside this one: a data directory of its own, all else the same.
    pub fn replica(&self) -> Process {
        let mut environment = self.environment.clone();
        let data = self.folder.path().join("data-of-the-replica");
        environment.retain(|(name, _)| name != "XMRT_DATA_DIR");
        environment.push(("XMRT_DATA_DIR".into(), data.to_str().unwrap().to_owned()));
        start_server(&environment, self.folder.path())
    }

    /// What `xmrt` would answer on the command line, in the server's own surroundings: output, errors, exit code.
    pub fn xmrt(&self, arguments: &[&str]) -> (String, String, i32) {
        self.xmrt_with(arguments, &[])
    }

    /// The same, with more variables.
    pub fn xmrt_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> (String, String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_xmrt"))
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            text(output.stdout),
            text(output.stderr),
            output.status.code().unwrap_or(-1),
        )
    }

    /// What both processes were told.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    pub fn server_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap()
    }

    /// Tells the sandbox something under `/_sandbox/`.
    pub async fn sandbox_post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "sandbox {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Asks the sandbox something under `/_sandbox/`.
    pub async fn sandbox_get(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What the sandbox's GitHub answers to a request by hand: its status and its body.
    pub async fn at_github(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/github/{path}", self.sandbox.url);
        let request = self.client.request(method, url).bearer_auth(GITHUB_TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        answer(request.header("user-agent", "the tests")).await.unwrap()
    }

    /// The writes that took effect: `(operation, target)` in order.
    pub async fn effects(&self) -> Vec<(String, String)> {
        let effects = self.sandbox_get("effects").await;
        let list = effects
            .as_array()
            .or_else(|| effects["effects"].as_array())
            .cloned()
            .unwrap_or_default();
        let text = |effect: &Value, name: &str| effect[name].as_str().unwrap_or_default().to_owned();
        list.iter()
            .map(|effect| (text(effect, "operation"), text(effect, "target")))
            .collect()
    }

    /// How often an operation took effect.
    pub async fn count(&self, operation: &str) -> usize {
        let effects = self.effects().await;
        effects.iter().filter(|(done, _)| done == operation).count()
    }

    /// From here on the sandbox sends what happens in it to the server.
    pub async fn close_the_loop(&self) {
        let url = &self.server.url;
        self.sandbox_post("deliver_to", json!({ "url": url })).await;
    }

    /// Waits until a call for an operation arrived at the sandbox, answered or not.
    pub async fn arrived(&self, operation: &str) {
        self.until(&format!("a call for {operation}"), async || {
            let arrivals = self.sandbox_get("arrivals").await;
            let list = arrivals["arrivals"].as_array().cloned().unwrap_or_default();
            list.iter().any(|one| one == operation).then_some(())
        })
        .await;
    }

    /// Waits until the sandbox was asked for an operation, and has answered.
    pub async fn requested(&self, operation: &str) {
        self.until(&format!("a request for {operation}"), async || {
            let requests = self.sandbox_get("requests").await;
            let list = requests
                .as_array()
                .or_else(|| requests["requests"].as_array())
                .cloned()
                .unwrap_or_default();
            list.iter()
                .any(|request| request["operation"] == operation)
                .then_some(())
        })
        .await;
    }

    /// Sends a signed GitHub delivery; `None` when nobody answered.
    pub async fn github(&self, event: &str, id: &str, payload: &Value) -> Option<(u16, Value)> {
        let body = payload.to_string();
        let signature = GithubSecret::new(GITHUB_SECRET).unwrap().sign(body.as_bytes());
        let request = self
            .client
            .post(format!("{}/webhooks/github", self.server.url))
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", signature);
        answer(request.body(body)).await
    }

    /// `GET` on the API.
    pub async fn api(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.server.url);
        answer(self.client.get(url).bearer_auth(ADMIN_TOKEN))
            .await
            .expect("the server answers")
    }

    /// `POST` on the API.
    pub async fn api_post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.server.url);
        answer(self.client.post(url).bearer_auth(ADMIN_TOKEN).json(&body))
            .await
            .expect("the server answers")
    }

    /// Waits until every run of an event is at its end, and returns them.
    pub async fn settled(&self, event: &str) -> Vec<Value> {
        let ends = [
            "succeeded",
            "dead",
            "declined",
            "cancelled",
            "shadowed",
            "unknown",
        ];
        self.until(&format!("the runs of {event} to end"), async || {
            let (status, event) = self.api(&format!("events/{event}")).await;
            let runs = event["runs"].as_array().cloned().unwrap_or_default();
            let done = runs
                .iter()
                .all(|run| ends.contains(&run["status"].as_str().unwrap_or_default()));
            (status == 200 && done).then_some(runs)
        })
        .await
    }

    /// Asks again and again, until there is an answer.
    pub async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "waited {PATIENCE:?} for {what}; the server said:\n{}",
                self.server_log()
            );
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}

fn start_server(environment: &[(String, String)], folder: &Path) -> Process {
    Process::start(
        &["serve", "--listen", "127.0.0.1:0"],
        environment,
        &folder.join("server.log"),
    )
}

/// A Standard Webhooks secret, made of a text nobody could take for a real one.
pub fn render_secret() -> String {
    use base64::Engine;
    format!(
        "whsec_{}",
        base64::engine::general_purpose::STANDARD.encode("the render secret of the tests..")
    )
}

/// Everything both processes are told, and nothing of the caller's surroundings.
pub fn environment(folder: &Path) -> Vec<(String, String)> {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("XMRT_DATA_DIR", text(folder.join("data"))),
        ("XMRT_RULES", text(folder.join("rules"))),
        ("XMRT_CONFIG", text(folder.join("xmrt.toml"))),
        ("XMRT_ADMIN_TOKEN", ADMIN_TOKEN.into()),
        ("GITHUB_TOKEN", GITHUB_TOKEN.into()),
        ("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET.into()),
        ("RENDER_API_KEY", "the render key of the tests".into()),
        ("RENDER_WEBHOOK_SECRET", render_secret()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

async fn answer(request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// An `issues.opened` payload, with a number.
pub fn issue_opened(number: u64) -> Value {
    json!({
        "action": "opened",
        "issue": { "number": number, "title": format!("Issue {number}"), "body": "It broke.", "state": "open",
                   "user": { "login": "alice" }, "labels": [], "html_url": format!("https://example.test/{number}") },
        "repository": { "full_name": "acme/api", "name": "api", "owner": { "login": "acme" }, "default_branch": "main" },
        "sender": { "login": "alice", "type": "User" },
    })
}
