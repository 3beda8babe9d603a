//! Where the demo is played: a sandbox in this process, a server in a process of its own, a folder that goes with them.
#![expect(
    clippy::disallowed_methods,
    reason = "the demo makes a folder and a process of its own"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::assemble;
use crate::cli::Failure;
use crate::cli::api::Api;
use crate::cli::rules::SHIPPED;
use crate::clock::Clock;
use crate::config::Environment;
use crate::sandbox::{Running, Sandbox};

/// How long anything in the story may take.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often a question is asked again.
const POLL: Duration = Duration::from_millis(40);

/// How long a rule watches a service it rolled back, and how long it does in the story.
const WATCH: &str = "watch = \"2m\"";
const WATCH_IN_DEMO: &str = "watch = \"2s\"";

/// The stage.
pub(super) struct Stage {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    sandbox: Sandbox,
    running: Running,
    server: Child,
    address: SocketAddr,
    api: Api,
    token: SecretString,
    client: reqwest::Client,
}

impl Stage {
    /// Sets the stage: everything is new, and nothing of the caller's settings is used.
    pub(super) async fn set(rules: Option<PathBuf>, caller: &Environment) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("xmrt-demo-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder)?;
        let stage = Self::set_in(folder.clone(), rules, caller).await;
        if stage.is_err() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        stage
    }

    async fn set_in(folder: PathBuf, rules: Option<PathBuf>, caller: &Environment) -> Result<Self, Failure> {
        let own = rules.or_else(|| Some(PathBuf::from("rules")).filter(|path| path.is_dir()));
        let rules = rules_in(&folder, own)?;
        let (sandbox, credentials) = assemble::demo_sandbox(Clock::system());
        let running = sandbox.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let token = assemble::random_secret();
        let mut environment = credentials;
        for (name, value) in [
            ("XMRT_DATA_DIR", folder.join("data").display().to_string()),
            ("XMRT_CONFIG", empty_config(&folder)?.display().to_string()),
            ("XMRT_RULES", rules.display().to_string()),
            ("XMRT_ADMIN_TOKEN", token.expose_secret().to_owned()),
            (
                "XMRT_LOG",
                caller.get("XMRT_LOG").cloned().unwrap_or_else(|| "warn".into()),
            ),
            ("GITHUB_API_URL", running.github_url()),
            ("RENDER_API_URL", running.render_url()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let (server, address) = start_server(&environment, "127.0.0.1:0", &folder).await?;
        sandbox.deliver_to(Some(&format!("http://{address}")));
        let api = Api::remote(&format!("http://{address}"), token.clone());
        let client = reqwest::Client::new();
        Ok(Self {
            folder,
            environment,
            sandbox,
            running,
            server,
            address,
            api,
            token,
            client,
        })
    }

    pub(super) fn server_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    pub(super) fn token(&self) -> &str {
        self.token.expose_secret()
    }

    /// The API of the server.
    pub(super) async fn api(&self, path: &str) -> Result<Value, String> {
        self.api
            .get(&format!("/api/v1/{path}"))
            .await
            .map_err(|failure| match failure {
                Failure::CouldNot(why) => why,
                Failure::Found => "the server refused".into(),
            })
    }

    /// Sends a delivery with the given headers straight to the server; gives status and answer.
    pub(super) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(u16, Value), String> {
        let mut request = self
            .client
            .post(format!("{}{path}", self.server_url()))
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.map_err(|error| error.to_string())?))
    }

    /// Asks the sandbox.
    pub(super) async fn sandbox_get(&self, path: &str) -> Result<Value, String> {
        let request = self.client.get(format!("{}/{path}", self.sandbox_url()));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }

    /// Asks a provider's API as anybody with its token would; `name` is `GITHUB` or `RENDER`.
    pub(super) async fn provider_get(&self, name: &str, path: &str) -> Result<Value, String> {
        let set = |wanted: &str| {
            let found = self.environment.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let token = if name == "GITHUB" {
            set("GITHUB_TOKEN")
        } else {
            set("RENDER_API_KEY")
        };
        let request = self
            .client
            .get(format!("{}/{path}", set(&format!("{name}_API_URL"))))
            .header("user-agent", "xmrt-demo")
            .bearer_auth(token);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }

    /// Tells the sandbox something under `/_sandbox/`.
    pub(super) async fn sandbox_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self
            .client
            .post(format!("{}/_sandbox/{path}", self.sandbox_url()))
            .json(body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let fine = answer.status().is_success();
        let value: Value = answer.json().await.map_err(|error| error.to_string())?;
        if fine {
            Ok(value)
        } else {
            Err(format!("sandbox {path}: {value}"))
        }
    }

    /// Lets the sandbox forget its faults.
    pub(super) async fn clear_faults(&self) -> Result<(), String> {
        let request = self
            .client
            .delete(format!("{}/_sandbox/faults", self.sandbox_url()));
        request.send().await.map(drop).map_err(|error| error.to_string())
    }

    /// The writes that took effect at the providers since the `n`-th.
    pub(super) async fn effects_since(&self, n: u64) -> Result<Vec<Value>, String> {
        let effects = self.sandbox_get("_sandbox/effects").await?;
        let list = effects["effects"].as_array().cloned().unwrap_or_default();
        Ok(list
            .into_iter()
            .filter(|effect| effect["n"].as_u64().is_some_and(|at| at > n))
            .collect())
    }

    /// Asks again and again until there is an answer, or patience ends.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<Option<T>, String>,
    ) -> Result<T, String> {
        let waiting = async {
            loop {
                match ask().await {
                    Ok(Some(answer)) => return Ok(answer),
                    Ok(None) => tokio::time::sleep(POLL).await,
                    Err(why) => return Err(why),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("waited {} s for {what}", PATIENCE.as_secs())),
        }
    }

    /// `kill -9`: the server gets no chance to tidy up. It starts again on the same folder and address.
    pub(super) async fn kill_and_restart(&mut self) -> Result<(), String> {
        self.server.kill().await.map_err(|error| error.to_string())?;
        let address = self.address.to_string();
        let (server, address) = start_server(&self.environment, &address, &self.folder).await?;
        (self.server, self.address) = (server, address);
        Ok(())
    }

    /// What the server said last on its standard error.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends everything and removes the folder.
    pub(super) async fn clear(mut self) {
        if let Some(pid) = self.server.id() {
            // SIGTERM lets it drain; a server that does not end is killed when it is dropped.
            let _ = Command::new("kill").arg(pid.to_string()).status().await;
            let _ = tokio::time::timeout(Duration::from_secs(20), self.server.wait()).await;
        }
        self.running.stop().await;
        let _ = std::fs::remove_dir_all(&self.folder);
        drop(self.sandbox);
    }
}

/// A settings file that says nothing, so that none of the caller's is read.
fn empty_config(folder: &Path) -> std::io::Result<PathBuf> {
    let path = folder.join("xmrt.toml");
    std::fs::write(&path, "")?;
    Ok(path)
}

fn rules_in(folder: &Path, own: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules)?;
    let files: Vec<(PathBuf, String)> = match own {
        Some(own) => assemble::read_rules(&[own])?
            .into_iter()
            .map(|file| (PathBuf::from(file.path), file.text))
            .collect(),
        // Outside of the repository: all that are shipped.
        None => SHIPPED
            .iter()
            .map(|rule| (PathBuf::from(format!("{}.toml", rule.name)), rule.text.to_owned()))
            .collect(),
    };
    for (path, text) in files {
        // Two minutes are what production wants, and more than a story takes.
        let text = text.replace(WATCH, WATCH_IN_DEMO);
        if let Some(name) = path.file_name() {
            std::fs::write(rules.join(name), text)?;
        }
    }
    Ok(rules)
}

/// Starts this program as a server and waits until it says where it listens.
async fn start_server(
    environment: &[(String, String)],
    listen: &str,
    folder: &Path,
) -> Result<(Child, SocketAddr), String> {
    let log_path = folder.join("server.log");
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .map_err(|error| error.to_string())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(["serve", "--listen", listen])
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the server cannot be started: {error}"))?;
    let output = child.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        if let Some(address) = line.strip_prefix("listening on http://") {
            let address = address
                .trim()
                .parse()
                .map_err(|_| format!("the server listens on {address:?}"))?;
            // What it prints later must not block it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, address));
        }
    }
    let log = std::fs::read_to_string(&log_path).unwrap_or_default();
    Err(format!("the server did not start:\n{}", log.trim_end()))
}

/// The world before the story: a repository with some history, and a service that runs its third deploy.
pub(super) fn before() -> Value {
    json!({
        "github": {
            "repos": [{ "full_name": "acme/api" }],
            "contents": [{ "repo": "acme/api", "path": ".github/CODEOWNERS", "content": "/src/payments/ @acme/payments\n*.md @acme/docs\n" }],
            "issues": [
                { "repo": "acme/api", "number": 11, "title": "Dark mode for the settings page", "body": "It would be nice to have.", "user": "bob" },
                { "repo": "acme/api", "number": 12, "title": "Checkout crashes with a timeout when paying by card",
                  "body": "The checkout page crashes with a timeout error as soon as I pay by card.", "user": "carol" },
            ],
        },
        "render": {
            "services": [{ "id": "srv-api", "name": "api-prod", "repo": "acme/api", "branch": "main", "auto_deploy": "no" }],
            "deploys": [
                { "id": "dep-good", "service_id": "srv-api", "status": "live", "finished": "-2d", "commit": "600d600d600d600d600d600d600d600d600d600d" },
                { "id": "dep-old", "service_id": "srv-api", "status": "deactivated", "finished": "-9d", "commit": "01d01d01d01d01d01d01d01d01d01d01d01d01d0" },
            ],
        },
    })
}
