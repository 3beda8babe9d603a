//! `xmrt.toml`: what is not secret.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::mcp::McpServer;
use super::measures::{Age, Bytes};
use super::people::{self, Person, Team};
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
    /// What those may do who have the role.
    pub role: BTreeMap<String, Role>,
    /// Who acts under a name of its own.
    pub agent: Vec<Agent>,
    /// Who may sign in to the dashboard with GitHub.
    pub person: Vec<Person>,
    /// Whose members may.
    pub team: Vec<Team>,
    /// How what the providers delivered is compared with the journal.
    pub coverage: Coverage,
    /// How long what is kept, and how much.
    pub retention: Retention,
    /// MCP servers of others, by name: their tools can be called like our own.
    pub mcp: BTreeMap<String, McpServer>,
    /// The account on GitHub.
    pub github: Github,
    /// What the providers allow, beyond what their answers say.
    pub budget: Budget,
}

/// What the providers allow one identity, beyond what their answers say: [docs/budgets.md]. Without a line the documented
/// limits hold at the providers' own addresses, and none elsewhere. 0: no limit.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// GitHub's secondary limits.
    pub github: GithubBudget,
    /// Render's groups.
    pub render: RenderBudget,
}

/// GitHub's secondary limits, which no answer tells.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GithubBudget {
    /// Points a minute of the REST API, where a read is one and a write five (900).
    pub points_per_minute: Option<u32>,
    /// Points a minute of the GraphQL API, where a query is one and a mutation five (2000).
    pub graphql_points_per_minute: Option<u32>,
    /// Requests a minute that make something people are told of (80).
    pub content_per_minute: Option<u32>,
    /// The same, an hour (500).
    pub content_per_hour: Option<u32>,
    /// Requests under way at once in each process (48).
    pub at_once: Option<u32>,
}

/// Render's groups of requests.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenderBudget {
    /// Reads a minute (400).
    pub reads_per_minute: Option<u32>,
    /// Writes a minute that have no group of their own (30).
    pub writes_per_minute: Option<u32>,
    /// Deploys, changes, suspensions and deploy hooks a minute, of one service (10).
    pub service_per_minute: Option<u32>,
    /// New services an hour (20).
    pub services_per_hour: Option<u32>,
    /// Jobs an hour (2000).
    pub jobs_per_hour: Option<u32>,
}

/// What those may do who have the role. Nothing else is allowed. `[role.reactor]` narrows what rules may do that name no
/// agent.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Role {
    /// Tools, as `server.tool`; `*` stands for any signs.
    pub allow: Vec<String>,
    /// Tools that are allowed, but a person confirms each call.
    pub approval: Vec<String>,
    /// Repositories it may reach, as `owner/name`; `*` stands for any signs. None by default.
    pub repos: Vec<String>,
    /// Services it may reach, by id; `*` stands for any signs. None by default.
    pub services: Vec<String>,
}

/// Somebody who acts under a name of its own: a rule by `agent = "…"`, or a program that connects to `/mcp` with a token.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its id, in kebab-case.
    pub id: String,
    /// Its role: the name of a `[role.<name>]`.
    pub role: String,
    /// The login of the account on GitHub whose owner signs it in (`xmrt agents login`), and as which it acts there.
    #[serde(default)]
    pub github_login: Option<String>,
}

/// How what the providers delivered is compared with the journal, and what is missing recovered.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    /// How often, in milliseconds (10 minutes; at least 1000). 0: only by `xmrt coverage recover`.
    pub every_ms: i64,
    /// How young a delivery is left alone, in milliseconds (a minute): it may still be on its way.
    pub grace_ms: i64,
    /// How many pages of a hundred deliveries are read of one webhook in one comparison (20; 2 to 1000). What is left is
    /// gone on with in the next one.
    pub pages: usize,
    /// The repositories whose webhooks are looked at, as `owner/name`. With neither these nor organizations: those that
    /// the token's account administers.
    pub repositories: Vec<String>,
    /// The organizations whose webhooks are looked at.
    pub organizations: Vec<String>,
    /// The services on Render whose own list of events is compared as well, by id (`srv-…`, `crn-…`): for a workspace
    /// without webhooks, and for what a webhook that was switched off did not tell.
    pub services: Vec<String>,
    /// How old a recovered event may be for a rule without a `max_age`, in milliseconds (6 hours). Older ones are
    /// recorded as stale.
    pub stale_ms: i64,
    /// The same for a rule with a destructive tool (15 minutes).
    pub stale_destructive_ms: i64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            every_ms: 600_000,
            grace_ms: 60_000,
            pages: 20,
            repositories: Vec::new(),
            organizations: Vec::new(),
            services: Vec::new(),
            stale_ms: 6 * 3_600_000,
            stale_destructive_ms: 15 * 60_000,
        }
    }
}

impl Coverage {
    fn check(&self) -> Result<(), String> {
        const DAY_MS: i64 = 86_400_000;
        if self.every_ms != 0 && !(1_000..=DAY_MS).contains(&self.every_ms) {
            return Err(format!(
                "`coverage.every_ms` is {}; it can be 0, or 1000 to {DAY_MS}",
                self.every_ms
            ));
        }
        for (name, value, max) in [
            ("grace_ms", self.grace_ms, DAY_MS),
            ("stale_ms", self.stale_ms, 30 * DAY_MS),
            ("stale_destructive_ms", self.stale_destructive_ms, 30 * DAY_MS),
        ] {
            if !(0..=max).contains(&value) {
                return Err(format!("`coverage.{name}` is {value}; it can be 0 to {max}"));
            }
        }
        if !(2..=1_000).contains(&self.pages) {
            return Err(format!("`coverage.pages` is {}; it can be 2 to 1000", self.pages));
        }
        if let Some(name) = self.repositories.iter().find(|name| name.split('/').count() != 2) {
            return Err(format!(
                "`coverage.repositories` holds \"{name}\"; write owner/name, as in \"acme/api\""
            ));
        }
        if let Some(name) = self
            .organizations
            .iter()
            .find(|name| name.is_empty() || name.contains('/'))
        {
            return Err(format!(
                "`coverage.organizations` holds \"{name}\"; write the login alone, as in \"acme\""
            ));
        }
        let is_service = |id: &String| {
            id.split_once('-')
                .is_some_and(|(kind, rest)| matches!(kind, "srv" | "crn") && !rest.is_empty())
        };
        if let Some(id) = self.services.iter().find(|id| !is_service(id)) {
            return Err(format!(
                "`coverage.services` holds \"{id}\"; write the service's id, as in \"srv-…\": its page's address ends in it"
            ));
        }
        Ok(())
    }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema)]
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
            role: BTreeMap::new(),
            agent: Vec::new(),
            person: Vec::new(),
            team: Vec::new(),
            coverage: Coverage::default(),
            retention: Retention::default(),
            mcp: BTreeMap::new(),
            github: Github::default(),
            budget: Budget::default(),
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

/// How long what is kept in the journal, and how much. What is not at its end is kept however old it is; ids and digests
/// of events are known for at least eight days, so that what a provider sends again is recognized.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How long an event that made no run is kept, with its payload and its decisions: `30d`, `12h`.
    pub events: Age,
    /// How long an event with runs is kept after the last change to one of them, with everything about it.
    pub runs: Age,
    /// How long the audit trail is kept: who did what, and who let them. When the journal is nearly as large as it may be,
    /// entries older than a month go before their time.
    pub audit: Age,
    /// How large the journal may become: `4GiB`. From 90 % of it on the oldest is deleted before its time; when that is
    /// not enough, deliveries are answered 503. Without it there is no bound but the disk, or the server's memory.
    pub size: Option<Bytes>,
}

/// An empty journal takes most of 1 MiB: with a smaller bound nothing could ever be taken, or kept.
const SIZE_MIN: u64 = 2 << 20;

impl Retention {
    fn check(&self) -> Result<(), String> {
        match &self.size {
            Some(size) if size.bytes < SIZE_MIN => Err(format!(
                "`retention.size` is {} bytes; it can be 2MiB or more: an empty journal takes nearly 1 MiB, and all deliveries would \
                 be answered 503",
                size.bytes
            )),
            _ => Ok(()),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            events: Age::days(30),
            runs: Age::days(90),
            audit: Age::days(365),
            size: None,
        }
    }
}

/// Tables that are part of the product's plan but do nothing yet: saying so beats ignoring them.
const NOT_YET: &[&str] = &["source"];

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
    settings.retention.check()?;
    if limits
        .settle_ms
        .is_some_and(|settle| !(0..=600_000).contains(&settle))
    {
        return Err("`limits.settle_ms` can be 0 to 600000".into());
    }
    settings.coverage.check()?;
    people::check(&settings.person, &settings.team)?;
    for (name, server) in &settings.mcp {
        server
            .check(name)
            .map_err(|problem| format!("`[mcp.{name}]`: {problem}"))?;
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
