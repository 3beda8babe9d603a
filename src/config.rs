//! In: the environment, `xmrt.toml`, flags. Out: [`Settings`], each with where it came from. Never: what a setting is for.

mod file;
mod measures;
mod mcp;
mod people;
mod secrets;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::Value;

pub use file::{AccountUse, FileSettings};
pub use mcp::{Doubt, McpServer, McpSettings, ToolOverride};
pub use measures::{Age, Bytes};
pub use people::{Level, Person, Team};
pub use variables::{Also, VARIABLES, Variable};

/// The variables of a process: name → value.
pub type Environment = BTreeMap<String, String>;

/// What was said on the command line. `None` leaves the word to the environment, the file, the default.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--rules`
    pub rules: Option<PathBuf>,
    /// `--config`
    pub config: Option<PathBuf>,
}

/// Why the settings cannot be used. Each names the setting, what is wrong with it and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// Everything a process can be told. Secrets redact themselves in `Debug`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the embedded store lives, and in any case the lock file and a generated token.
    pub data_dir: PathBuf,
    /// The Redis that keeps the journal; absent: the embedded store.
    pub redis: Option<RedisSettings>,
    /// The rules folder.
    pub rules: PathBuf,
    /// GitHub's REST API.
    pub github_api_url: String,
    /// The token for GitHub; absent: not configured.
    pub github_token: Option<SecretString>,
    /// Where GitHub's sign-in pages are.
    pub github_url: String,
    /// The App that people sign agents in with; absent: nobody can.
    pub github_oauth: Option<GithubOauth>,
    /// Keys that tokens are sealed with, each 32 bytes in base64, the one that seals first; empty: one is generated and kept in
    /// the data directory.
    pub secret_keys: Vec<SecretString>,
    /// The App to act as, instead of a token.
    pub github_app: Option<GithubApp>,
    /// GitHub webhook secrets, each taken whole.
    pub github_webhook_secrets: Vec<SecretString>,
    /// Render's REST API, `/v1` included.
    pub render_api_url: String,
    /// The key for Render; absent: not configured.
    pub render_api_key: Option<SecretString>,
    /// Render webhook secrets.
    pub render_webhook_secrets: Vec<SecretString>,
    /// Render's deploy hooks, by name; whoever has an address can deploy.
    pub deploy_hooks: BTreeMap<String, SecretString>,
    /// Where `xmrt.notify` can send to.
    pub notify_urls: BTreeMap<String, SecretString>,
    /// The bearer token of the API; absent: generated and kept in the data directory.
    pub admin_token: Option<SecretString>,
    /// The public name Render gave this service; absent elsewhere.
    pub external_host: Option<String>,
    /// A `tracing` filter.
    pub log: String,
    /// Log lines as JSON.
    pub log_json: bool,
    /// Where spans go; absent: nowhere.
    pub otlp: Option<Otlp>,
    /// External MCP servers, with what the environment says of them, by name.
    pub mcp: BTreeMap<String, McpSettings>,
    /// Serve what the conformance suite of MCP tests with, too, where the build has it. Never set by the environment.
    pub conformance_fixtures: bool,
    /// What `xmrt.toml` says.
    pub file: FileSettings,
    /// How each came to be, for `xmrt config`.
    pub origins: Vec<Row>,
}

/// A GitHub App to act as.
#[derive(Clone, Debug)]
pub struct GithubApp {
    /// Its App id or client id.
    pub id: String,
    /// Its private key, in PEM.
    pub private_key: SecretString,
}

/// An App that people sign agents in with.
#[derive(Clone, Debug)]
pub struct GithubOauth {
    /// Its client id.
    pub client_id: String,
    /// Its secret; without it only devices can sign in.
    pub client_secret: Option<SecretString>,
}

/// Where OpenTelemetry spans are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// The base address of a collector that speaks OTLP over HTTP.
    pub endpoint: String,
    /// Of how many traces, between 0 and 1.
    pub share: f64,
}

/// Where a journal lies that several processes share.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Its address, with user and password.
    pub url: SecretString,
    /// How all keys begin there.
    pub prefix: String,
    /// Whether a server will do that forgets what it has acknowledged.
    pub allow_volatile: bool,
}

/// One line of `xmrt config`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The variable's name.
    pub name: String,
    /// What is in force, secrets masked.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// GitHub's public REST API.
pub const GITHUB_API_URL: &str = "https://api.github.com";
/// Render's public REST API.
pub const RENDER_API_URL: &str = "https://api.render.com/v1";

/// The environment of this process. Values that are not Unicode are left out.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one reader of the environment"
)]
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Joins flags, environment, file and defaults, in this order of precedence. Every problem is reported at once.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Settings, ConfigError> {
    let mut reader = secrets::Reader::new(environment);
    let config_path = reader.path("XMRT_CONFIG", flags.config.as_deref(), "--config", "./xmrt.toml");
    let explicit = flags.config.is_some() || environment.contains_key("XMRT_CONFIG");
    let file = file::read(&config_path, explicit).unwrap_or_else(|problem| {
        reader.problem(problem);
        FileSettings::default()
    });
    let listen = listen(&mut reader, flags);
    let settings = Settings {
        conformance_fixtures: false,
        listen,
        data_dir: reader.path(
            "XMRT_DATA_DIR",
            flags.data_dir.as_deref(),
            "--data-dir",
            "./.xmrt",
        ),
        redis: redis(&mut reader),
        rules: reader.path("XMRT_RULES", flags.rules.as_deref(), "--rules", "./rules"),
        github_url: github_url(&mut reader),
        github_api_url: reader.url("GITHUB_API_URL", GITHUB_API_URL),
        github_token: reader.secret("GITHUB_TOKEN"),
        github_app: github_app(&mut reader),
        github_oauth: github_oauth(&mut reader),
        secret_keys: reader.rotating_secrets("XMRT_SECRET_KEY"),
        github_webhook_secrets: reader.rotating_secrets("GITHUB_WEBHOOK_SECRET"),
        render_api_url: reader.url("RENDER_API_URL", RENDER_API_URL),
        render_api_key: reader.secret("RENDER_API_KEY"),
        render_webhook_secrets: reader.rotating_secrets("RENDER_WEBHOOK_SECRET"),
        deploy_hooks: reader.named_urls("RENDER_DEPLOY_HOOKS"),
        notify_urls: reader.named_urls("XMRT_NOTIFY_URLS"),
        admin_token: reader.secret("XMRT_ADMIN_TOKEN"),
        external_host: external_host(&mut reader),
        log: reader.text("XMRT_LOG", "info"),
        log_json: reader.choice("XMRT_LOG_FORMAT", &["text", "json"]) == "json",
        otlp: otlp(&mut reader),
        mcp: mcp::resolve(&mut reader, &file.mcp),
        file,
        origins: Vec::new(),
    };
    let (rows, problems) = reader.finish();
    if problems.is_empty() {
        Ok(Settings {
            origins: rows,
            ..settings
        })
    } else {
        Err(ConfigError(problems))
    }
}

/// The App to act as. It takes the place of a token: with both it would not be clear who acts.
fn github_app(reader: &mut secrets::Reader<'_>) -> Option<GithubApp> {
    const ID: &str = "GITHUB_APP_ID";
    const KEY: &str = "GITHUB_APP_PRIVATE_KEY";
    let id = reader.raw(ID);
    reader.row(ID, id.as_deref().unwrap_or("(not set)"), origin(id.is_some()));
    let key = reader.secret(KEY);
    match (&id, &key) {
        (Some(_), Some(_)) if reader.is_set("GITHUB_TOKEN") => {
            reader.problem(format!(
                "both {ID} and GITHUB_TOKEN are set, so it is not clear who acts; unset one"
            ));
        }
        (Some(_), None) => reader.problem(format!(
            "{ID} is set and {KEY} is not: set it, or {KEY}_FILE to the file that was downloaded from the App's settings page"
        )),
        (None, Some(_)) => reader.problem(format!("{KEY} is set and {ID} is not: the App's settings page shows it")),
        _ => {}
    }
    Some(GithubApp {
        id: id?,
        private_key: key?,
    })
}

/// The sign-in pages belong to the API: where only that is named, they are beside it.
fn github_url(reader: &mut secrets::Reader<'_>) -> String {
    let api = reader.raw("GITHUB_API_URL");
    let beside = match api.as_deref().map(|api| api.trim_end_matches('/')) {
        None | Some(GITHUB_API_URL) => "https://github.com",
        Some(api) => api.strip_suffix("/api/v3").unwrap_or(api),
    };
    reader.url("GITHUB_URL", beside)
}

/// The App that people sign agents in with. Several processes must seal tokens with one key, which none of them can make.
fn github_oauth(reader: &mut secrets::Reader<'_>) -> Option<GithubOauth> {
    const ID: &str = "GITHUB_CLIENT_ID";
    const SECRET: &str = "GITHUB_CLIENT_SECRET";
    let client_id = reader.raw(ID);
    reader.row(
        ID,
        client_id.as_deref().unwrap_or("(not set)"),
        origin(client_id.is_some()),
    );
    let client_secret = reader.secret(SECRET);
    if client_id.is_none() && client_secret.is_some() {
        reader.problem(format!(
            "{SECRET} is set and {ID} is not: the App's settings page shows it"
        ));
    }
    if client_id.is_some() && reader.is_set("REDIS_URL") && !reader.is_set("XMRT_SECRET_KEY") {
        reader.problem(
            "GITHUB_CLIENT_ID is set and the journal is in Redis, where every instance must open the tokens that another one \
             sealed: set XMRT_SECRET_KEY to the same 32 bytes in base64 for all of them (`openssl rand -base64 32`)",
        );
    }
    Some(GithubOauth {
        client_id: client_id?,
        client_secret,
    })
}

fn origin(is_set: bool) -> &'static str {
    if is_set { "environment" } else { "default" }
}

/// What says that the journal is in Redis, and how it is to be used there.
fn redis(reader: &mut secrets::Reader<'_>) -> Option<RedisSettings> {
    let url = reader.redis_url("REDIS_URL");
    let prefix = reader.text("XMRT_REDIS_PREFIX", "xmrt");
    if prefix.contains(|sign: char| !sign.is_ascii_alphanumeric() && !"-_.:".contains(sign)) {
        reader.problem(format!(
            "XMRT_REDIS_PREFIX is `{prefix}`; it can hold letters, digits, `-`, `_`, `.` and `:`"
        ));
    }
    let allow_volatile = reader.choice("XMRT_ALLOW_VOLATILE_REDIS", &["0", "1"]) == "1";
    Some(RedisSettings {
        url: url?,
        prefix,
        allow_volatile,
    })
}

/// `XMRT_LISTEN` wins over `PORT`, which a platform sets without being asked.
fn listen(reader: &mut secrets::Reader<'_>, flags: &Flags) -> SocketAddr {
    let default = match reader.raw("PORT") {
        Some(port) if flags.listen.is_none() && reader.raw("XMRT_LISTEN").is_none() => {
            reader.row("PORT", &port, "environment");
            format!("0.0.0.0:{port}")
        }
        _ => "127.0.0.1:8080".to_owned(),
    };
    let text = match &flags.listen {
        Some(said) => {
            reader.row("XMRT_LISTEN", said, "--listen");
            said.clone()
        }
        None => reader.text("XMRT_LISTEN", &default),
    };
    text.parse().unwrap_or_else(|_| {
        reader.problem(format!(
            "the address to listen on is `{text}`, which is not `<IP address>:<port>`; try XMRT_LISTEN=127.0.0.1:8080"
        ));
        SocketAddr::from(([127, 0, 0, 1], 8080))
    })
}

/// Where spans go. Headers, time-outs and the service's name are read by the exporter itself, from the variables that
/// OpenTelemetry defines for them; they are shown where they are set.
fn otlp(reader: &mut secrets::Reader<'_>) -> Option<Otlp> {
    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";
    const OF_EXPORTER: [&str; 3] = [
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
    ];
    let endpoint = reader.raw(ENDPOINT);
    let shown = endpoint
        .as_deref()
        .map_or_else(|| "(not set)".to_owned(), secrets::without_password);
    reader.row(ENDPOINT, &shown, origin(endpoint.is_some()));
    let text = reader.text(SHARE, "1");
    let endpoint = endpoint?;
    if let Some(headers) = reader.raw("OTEL_EXPORTER_OTLP_HEADERS") {
        reader.row(
            "OTEL_EXPORTER_OTLP_HEADERS",
            &secrets::mask(&headers),
            "environment",
        );
    }
    for name in OF_EXPORTER {
        if let Some(value) = reader.raw(name) {
            reader.row(name, &value, "environment");
        }
    }
    if !secrets::is_http(&endpoint) {
        reader.problem(format!(
            "{ENDPOINT} is `{shown}`, which is not an http(s) URL; a collector on this machine is http://127.0.0.1:4318"
        ));
    }
    let share: f64 = text.parse().unwrap_or(-1.0);
    if !(0.0..=1.0).contains(&share) {
        reader.problem(format!(
            "{SHARE} is `{text}`; it is the share of traces that are sent, between 0 and 1"
        ));
    }
    Some(Otlp { endpoint, share })
}

/// Set by Render for every web service, so it is shown only where it is.
fn external_host(reader: &mut secrets::Reader<'_>) -> Option<String> {
    const NAME: &str = "RENDER_EXTERNAL_HOSTNAME";
    let host = reader.raw(NAME)?;
    reader.row(NAME, &host, "environment");
    Some(host)
}

impl Settings {
    /// The lock file of the embedded store, where a running server says its address.
    pub fn lock_file(&self) -> PathBuf {
        self.data_dir.join("lock")
    }

    /// Where the key is kept that tokens are sealed with, where it was generated.
    pub fn secret_key_file(&self) -> PathBuf {
        self.data_dir.join("secret-key")
    }

    /// Where the settings that are not secret are.
    pub fn config_file(&self) -> PathBuf {
        let row = self.origins.iter().find(|row| row.name == "XMRT_CONFIG");
        PathBuf::from(row.map_or("./xmrt.toml", |row| row.value.as_str()))
    }

    /// What `xmrt.toml` says by now, or what is wrong with it; that it is gone is wrong, too.
    pub fn file_as_it_is(&self) -> Result<FileSettings, String> {
        file::read(&self.config_file(), true)
    }

    /// Where a generated admin token is kept.
    pub fn admin_token_file(&self) -> PathBuf {
        self.data_dir.join("admin-token")
    }

    /// The public names this server is reached under.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = self.file.http.hosts.clone();
        hosts.extend(self.external_host.clone());
        hosts
    }

    /// Where the name of the worker is kept that has, or had, leases in a shared journal.
    pub fn worker_file(&self) -> PathBuf {
        self.data_dir.join("worker")
    }

    /// The variables of `xmrt.toml`, an object.
    pub fn vars(&self) -> &Value {
        &self.file.vars
    }
}

/// The text of a file a setting points to.
#[expect(clippy::disallowed_methods, reason = "settings may live in files")]
fn read_text(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
