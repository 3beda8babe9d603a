//! `[mcp.<name>]`: MCP servers of others, and the variables they are given.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::secrets::Reader;

/// Names that are taken: our own servers, and words that choose among servers.
const TAKEN: [&str; 6] = ["github", "render", "xmrt", "all", "default", "hub"];
/// The longest name: `name_tool` must fit into 40 characters.
const NAME_CHARS_MAX: usize = 20;
/// What every child sees: without it hardly anything can be started.
const PATH: &str = "PATH";

/// An MCP server of others: a command that speaks on its standard input and output, or a URL.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct McpServer {
    /// Program and arguments, as `["slack-mcp", "--stdio"]`. No shell.
    pub command: Vec<String>,
    /// Where it is, as `https://mcp.example.com/mcp`.
    pub url: Option<String>,
    /// The only variables the command sees, besides `PATH`. Each may come from a file, named by `<NAME>_FILE`.
    pub env: Vec<String>,
    /// Headers of every request, as `{ Authorization = "Bearer ${SLACK_TOKEN}" }`; `${NAME}` stands for a variable.
    pub headers: BTreeMap<String, String>,
    /// The tools that may be used. Absent: all.
    pub tools: Option<Vec<String>>,
    /// How long one call may take, as `"30s"` (the default is `"60s"`, at most `"10m"`).
    pub timeout: Option<String>,
    /// How long it may take to be there (`"30s"`, at most `"5m"`).
    pub start_timeout: Option<String>,
    /// How often it is looked whether it lives and is the same (`"30s"`, at least `"100ms"`).
    pub health: Option<String>,
    /// What its tools say of themselves (`readOnlyHint`, `destructiveHint`) is believed. Otherwise the worst is assumed.
    pub believe_annotations: bool,
    /// Every tool waits for `xmrt tools approve`, also one that is seen for the first time.
    pub approve_by_hand: bool,
    /// HTTP without TLS to another machine is meant.
    pub plain_http: bool,
    /// What is known of single tools, by name.
    pub tool: BTreeMap<String, ToolOverride>,
}

/// What is known of a tool of somebody else's server.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolOverride {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy or interrupt something: agents must confirm it, and `xmrt check` wants limits.
    pub destructive: Option<bool>,
    /// What is done when a call's answer is lost.
    pub doubt: Option<Doubt>,
    /// When it says that it failed, nothing happened. Otherwise a failed call that writes waits for a person.
    pub failure_is_clean: bool,
}

/// What is done when the answer of a call that writes is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// A person decides.
    None,
    /// The call is made again: a second time does no harm.
    Idempotent,
    /// The call is made again: that it may happen twice is accepted.
    MayDouble,
}

/// An external server, with what the environment says of it.
#[derive(Clone, Debug)]
pub struct McpSettings {
    /// What the file says.
    pub server: McpServer,
    /// What the command sees, `PATH` included.
    pub environment: Vec<(String, SecretString)>,
    /// The headers, variables filled in.
    pub headers: Vec<(String, SecretString)>,
    /// Variables that are not set.
    pub missing: Vec<String>,
}

impl McpServer {
    /// One call.
    pub fn call_timeout(&self) -> Duration {
        duration(self.timeout.as_deref(), "60s")
    }

    /// Until it is there.
    pub fn start_timeout(&self) -> Duration {
        duration(self.start_timeout.as_deref(), "30s")
    }

    /// Between two looks.
    pub fn health_interval(&self) -> Duration {
        duration(self.health.as_deref(), "30s")
    }

    /// Whether it can be meant as it is written.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        check_name(name)?;
        match (self.command.first(), &self.url) {
            (None, None) => {
                return Err("say where it is: `command = [\"…\"]` or `url = \"https://…\"`".into());
            }
            (Some(_), Some(_)) => return Err("`command` and `url` exclude each other".into()),
            (Some(program), None) if program.is_empty() => return Err("`command` names no program".into()),
            (Some(_), None) if !self.headers.is_empty() || self.plain_http => {
                return Err("`headers` and `plain_http` belong to a `url`; a command takes `env`".into());
            }
            (None, Some(_)) if !self.env.is_empty() => {
                return Err("`env` belongs to a `command`; a URL takes `headers`".into());
            }
            (None, Some(url)) => check_url(url)?,
            _ => {}
        }
        for (name, given, low, high) in [
            ("timeout", &self.timeout, 1, 600_000),
            ("start_timeout", &self.start_timeout, 1, 300_000),
            ("health", &self.health, 100, 3_600_000),
        ] {
            let Some(given) = given else { continue };
            let millis = given.parse::<SignedDuration>().map(|length| length.as_millis());
            if !millis.is_ok_and(|millis| (low..=high).contains(&millis)) {
                return Err(format!(
                    "`{name}` is \"{given}\"; write a length like \"30s\", {low} ms to {} s",
                    high / 1_000
                ));
            }
        }
        let tools = self.tools.as_deref().unwrap_or_default();
        for tool in self.tool.keys() {
            if self.tools.is_some() && !tools.contains(tool) {
                return Err(format!(
                    "`tool.{tool}` is said of a tool that `tools` does not name"
                ));
            }
        }
        for value in self.headers.values() {
            variables(value)?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if TAKEN.contains(&name) {
        return Err("this name is taken; choose another".into());
    }
    let fits = name.starts_with(|sign: char| sign.is_ascii_lowercase())
        && name.len() <= NAME_CHARS_MAX
        && name
            .chars()
            .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-_".contains(sign));
    match fits {
        true => Ok(()),
        false => Err(format!(
            "its name must start with a lower-case letter, hold only a-z, 0-9, `-` and `_`, and have at most \
             {NAME_CHARS_MAX} characters: it is the first half of `server.tool`"
        )),
    }
}

fn check_url(url: &str) -> Result<(), String> {
    let parsed = url::Url::parse(url).map_err(|error| format!("`url` is \"{url}\": {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(format!("`url` is \"{url}\"; write https://…"));
    }
    Ok(())
}

fn duration(given: Option<&str>, default: &str) -> Duration {
    let parsed = given.unwrap_or(default).parse::<SignedDuration>();
    parsed.map_or(Duration::from_secs(30), SignedDuration::unsigned_abs)
}

/// The text before each variable, and the variable; and the text behind the last.
type Pieces<'t> = (Vec<(&'t str, &'t str)>, &'t str);

fn variables(text: &str) -> Result<Pieces<'_>, String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after
            .split_once('}')
            .ok_or_else(|| format!("`{text}` opens `${{` and does not close it"))?;
        let fits = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("`${{{name}}}` names no variable"));
        }
        found.push((before, name));
        rest = behind;
    }
    Ok((found, rest))
}

/// What the environment says of the servers. A variable that is not set is no reason not to start: the server that
/// wants it is what does not work.
pub(super) fn resolve(
    reader: &mut Reader<'_>,
    servers: &BTreeMap<String, McpServer>,
) -> BTreeMap<String, McpSettings> {
    let mut values: BTreeMap<String, Option<SecretString>> = BTreeMap::new();
    let mut resolved = BTreeMap::new();
    for (name, server) in servers {
        let mut missing = Vec::new();
        let mut value = |variable: &str, reader: &mut Reader<'_>| {
            let known = values
                .entry(variable.to_owned())
                .or_insert_with(|| reader.secret(variable));
            if known.is_none() {
                missing.push(variable.to_owned());
            }
            known.clone()
        };
        let mut environment: Vec<(String, SecretString)> = Vec::new();
        for variable in server.env.iter().filter(|variable| *variable != PATH) {
            if let Some(value) = value(variable, reader) {
                environment.push((variable.clone(), value));
            }
        }
        let mut headers = Vec::new();
        for (header, text) in &server.headers {
            let Ok((pieces, rest)) = variables(text) else {
                continue;
            };
            let mut filled = String::new();
            for (before, variable) in pieces {
                filled.push_str(before);
                if let Some(value) = value(variable, reader) {
                    filled.push_str(value.expose_secret());
                }
            }
            filled.push_str(rest);
            headers.push((header.clone(), filled.into()));
        }
        if let Some(path) = reader.raw(PATH) {
            environment.push((PATH.to_owned(), path.into()));
        }
        resolved.insert(
            name.clone(),
            McpSettings {
                server: server.clone(),
                environment,
                headers,
                missing,
            },
        );
    }
    resolved
}
