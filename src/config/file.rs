//! `xmrt.toml`: what is not secret.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::read_text;

/// What `xmrt.toml` can say.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    /// Variables every rule can use as `vars.<name>`; a rule's own `[vars]` overlay them.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub vars: Value,
    /// How much at once, and for how long.
    pub limits: Limits,
    /// Under which names this server is reached, and by which web pages.
    pub http: Http,
    /// The account on GitHub.
    pub github: Github,
}

/// The account on GitHub that the token belongs to.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Github {
    /// Who acts through it. Only where nobody else does, an event by that account is taken for the effect of a call that could
    /// have caused it; otherwise only what is unmistakably such an effect.
    pub account: AccountUse,
}

/// Who acts through an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountUse {
    /// A person, too, as far as is known.
    #[default]
    Shared,
    /// This program alone.
    Own,
}

/// Under which names this server is reached, and by which web pages. Matters for agents at `/mcp`: a request that names
/// another host, or comes from another page, is refused.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Public host names, as `xmrt.example.com` or `xmrt.example.com:8443`. `localhost`, and on Render the name the
    /// service got, need not be listed.
    pub hosts: Vec<String>,
    /// Origins of web pages that may call, as `https://app.example.com`, with the port unless it is the usual one, or
    /// `:*` for any.
    pub origins: Vec<String>,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            vars: json!({}),
            limits: Limits::default(),
            http: Http::default(),
            github: Github::default(),
        }
    }
}

/// How much at once, and for how long.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many runs this process works on at once (1–1024).
    pub concurrency: usize,
    /// How many connections are served at once (1–65536).
    pub connections: usize,
    /// How many bytes of request bodies may be in memory at once; beyond it deliveries are answered 503.
    pub body_bytes_in_flight: usize,
    /// How long a lease on a run lasts, in milliseconds. It is extended before a call that may take longer.
    pub lease_ms: i64,
    /// How long the effect of a write may stay invisible at the provider, in milliseconds: overrides what each tool
    /// says. Meant for tests against a provider that shows effects at once.
    pub settle_ms: Option<i64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            connections: 4096,
            body_bytes_in_flight: 256 * 1024 * 1024,
            lease_ms: 90_000,
            settle_ms: None,
        }
    }
}

/// Tables that are part of the product's plan but do nothing yet: saying so beats ignoring them.
const NOT_YET: &[&str] = &["agent", "role", "mcp", "source", "retention"];

/// Reads the file. A missing one is fine unless somebody named it.
pub(super) fn read(path: &Path, explicit: bool) -> Result<FileSettings, String> {
    let shown = path.display();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !explicit => {
            return Ok(FileSettings::default());
        }
        Err(error) => return Err(format!("{shown}: cannot be read: {error}")),
    };
    parse(&text).map_err(|problem| format!("{shown}: {problem}"))
}

/// Parses the file's text.
fn parse(text: &str) -> Result<FileSettings, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    if let Some(name) = NOT_YET.iter().find(|name| table.contains_key(**name)) {
        return Err(format!("`[{name}]` is not available yet; remove it"));
    }
    let settings: FileSettings = toml::from_str(text).map_err(|error| error.to_string())?;
    let limits = &settings.limits;
    if !settings.vars.is_object() {
        return Err("`vars` must be a table: `[vars]`".into());
    }
    if !(1..=1024).contains(&limits.concurrency) {
        return Err(format!(
            "`limits.concurrency` is {}; it can be 1 to 1024",
            limits.concurrency
        ));
    }
    if !(1..=65_536).contains(&limits.connections) {
        return Err(format!(
            "`limits.connections` is {}; it can be 1 to 65536",
            limits.connections
        ));
    }
    if !(1_000..=3_600_000).contains(&limits.lease_ms) {
        return Err(format!(
            "`limits.lease_ms` is {}; it can be 1000 to 3600000",
            limits.lease_ms
        ));
    }
    if limits
        .settle_ms
        .is_some_and(|settle| !(0..=600_000).contains(&settle))
    {
        return Err("`limits.settle_ms` can be 0 to 600000".into());
    }
    for host in &settings.http.hosts {
        let authority = host.parse::<http::uri::Authority>();
        if host.contains(['/', '@', '*']) || authority.is_err() {
            return Err(format!(
                "`http.hosts` holds \"{host}\"; write the host alone, as in \"xmrt.example.com\""
            ));
        }
    }
    for origin in &settings.http.origins {
        let base = origin.strip_suffix(":*").unwrap_or(origin);
        let fits = url::Url::parse(base)
            .is_ok_and(|url| url.has_host() && url.path() == "/" && !base.ends_with('/'));
        if !fits {
            return Err(format!(
                "`http.origins` holds \"{origin}\"; write scheme and host, as in \"https://app.example.com\""
            ));
        }
    }
    Ok(settings)
}
