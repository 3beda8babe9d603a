//! In: settings. Out: live parts, joined. The only room that sees concrete parts. Never: what any of them does.

mod accounts;
mod agents;
mod budgets;
mod call;
mod connect;
mod external;
mod files;
mod instance;
mod journal;
mod lent;
mod stdio_trail;
mod part;
mod people;
mod pins;
mod providers;
mod signing;
mod starter;
mod trial;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

pub use agents::{StdioOptions, ToolsetCost, serve_stdio, toolset_costs};
pub use call::{Asked, call_tool};
pub use connect::{Change, Signing, Subscription, Target, signing, subscribe, subscription};
pub use files::{admin_token, read_rules};
pub use instance::{AssembleError, Instance, Running, offline, start};
pub use journal::{Bare, back_up, damage};
pub use providers::{Providers, demo_sandbox, sandbox};
pub use signing::{Signed, read_payload, signed_github, signed_render};
pub use trial::{Trial, run_tests};

use crate::agents::{Agent, Directory, RoleText};
use crate::clock::Clock;
use crate::config::Settings;
use crate::hub::{Hub, HubError, ServerStatus, ToolFacts};
use crate::journal::MemoryStore;
use crate::normalize;
use crate::reactor::{self, Explained};
use crate::receive::{Delivery, Internal, Maker, Source};
use crate::rules::{self, RuleBook};
use crate::store::DataDir;

/// Every built-in tool, as the hub lists it; needs no credentials.
pub async fn tool_facts() -> Result<BTreeMap<String, ToolFacts>, HubError> {
    let clock = Clock::system();
    let store = Arc::new(MemoryStore::new(clock.now()));
    let hub = providers::builder(&Providers::default(), store, &clock)
        .start()
        .await?;
    let facts = hub.facts();
    hub.stop().await;
    Ok(Arc::unwrap_or_clone(facts))
}

/// A hub with nothing behind it but what is on record.
async fn known_hub(settings: &Settings, pins: Arc<lent::LentPins>) -> Result<Hub, HubError> {
    let clock = Clock::system();
    let store = Arc::new(MemoryStore::new(clock.now()));
    let builder = providers::builder(&Providers::default(), store, &clock);
    let builder = external::attached(builder, settings).pins(pins);
    builder.start().await
}

/// What can be called, as far as it is known without starting anything.
#[derive(Debug)]
pub struct KnownTools {
    /// By name.
    pub tools: BTreeMap<String, ToolFacts>,
    /// External servers whose tools nobody has seen yet.
    pub open: BTreeSet<String>,
    /// The external servers, as the journal knows them.
    pub servers: Vec<ServerStatus>,
}

/// Every built-in tool, and those of external servers that are on record; starts none of them, needs no network.
pub async fn known_tools(settings: &Settings) -> Result<KnownTools, HubError> {
    let pins = lent::LentPins::new(settings);
    let hub = known_hub(settings, Arc::clone(&pins)).await?;
    let (tools, open, servers) = (hub.facts(), hub.open_servers(), hub.status());
    let servers = pins.told().await.unwrap_or(servers);
    hub.stop().await;
    Ok(KnownTools {
        tools: Arc::unwrap_or_clone(tools),
        open,
        servers,
    })
}

/// Who there is and what each may do, as `xmrt.toml` says. Everything that is wrong with it is reported at once.
pub fn directory(settings: &Settings) -> Result<Arc<Directory>, String> {
    let roles = settings.file.role.iter().map(|(name, role)| {
        let text = RoleText {
            allow: role.allow.clone(),
            approval: role.approval.clone(),
            repos: role.repos.clone(),
            services: role.services.clone(),
        };
        (name.clone(), text)
    });
    let agents = settings.file.agent.iter().map(|agent| Agent {
        id: agent.id.clone(),
        role: agent.role.clone(),
        github_login: agent.github_login.clone(),
    });
    Directory::new(roles, agents.collect())
        .map(Arc::new)
        .map_err(|problems| format!("xmrt.toml:\n  {}", problems.join("\n  ")))
}

/// The base URL of the server running on the data directory, if one does.
pub fn running_server(settings: &Settings) -> Option<String> {
    DataDir::holder(&settings.data_dir)?.address
}

/// The base URL of the sandbox of that server, if it has one.
pub fn running_sandbox(settings: &Settings) -> Option<String> {
    DataDir::holder(&settings.data_dir)?.sandbox
}

/// Waits for SIGTERM or SIGINT. From the call on, not only from the first wait, they end nothing by themselves.
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            _ => std::future::pending().await,
        }
    }
}

/// Explains a rule, or all of them, for a payload in a file, as if it had just come in.
pub fn explain_file(
    settings: &Settings,
    rule: Option<&str>,
    file: &Path,
    kind: &str,
) -> Result<Explained, String> {
    let files = read_rules(std::slice::from_ref(&settings.rules))?;
    let loaded = rules::load(&files, settings.vars(), None);
    let book = loaded
        .book
        .ok_or("the rules hold errors; `xmrt check` shows them")?;
    let chosen = rule
        .map(|rule| book.rule(rule).ok_or_else(|| unknown_rule(&book, rule)))
        .transpose()?;
    let body = files::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let body = with_action(kind, body);
    let delivery = given_delivery(kind, "file", &body, Clock::system().now())?;
    let event = normalize::event(delivery).map_err(|error| format!("{}: {error}", file.display()))?;
    let given = &event.kind.0;
    if given != kind && !given.starts_with(&format!("{kind}.")) {
        return Err(format!(
            "{}: what it holds is `{given}`, and --type says `{kind}`: write `--type {given}`, or change the payload's `action`",
            file.display()
        ));
    }
    Ok(reactor::suppose(&event, chosen, book.rules()))
}

/// The payload with the `action` that its type names: who writes a payload by hand leaves out what was said already.
fn with_action(kind: &str, body: Vec<u8>) -> Vec<u8> {
    let action = kind.strip_prefix("github.").and_then(|rest| rest.split_once('.'));
    // What is no object is refused where it is read.
    let (Some((_, action)), Ok(Value::Object(mut payload))) = (action, serde_json::from_slice(&body)) else {
        return body;
    };
    if payload.contains_key("action") {
        return body;
    }
    payload.insert("action".into(), action.into());
    Value::Object(payload).to_string().into_bytes()
}

/// A delivery of a payload that somebody gave. `kind` is a dotted type: its first segment is the source, the second the
/// raw type; a third must be the payload's `action`.
pub(crate) fn given_delivery(kind: &str, id: &str, body: &[u8], now: Timestamp) -> Result<Delivery, String> {
    let (source, rest) = kind.split_once('.').unwrap_or((kind, ""));
    let source = match source {
        "github" => Source::github(),
        "render" => Source::render(),
        "xmrt" => Source::own(),
        "schedule" => Source::schedule(),
        "manual" => Source::manual(),
        _ => return Err(no_type(kind)),
    };
    let raw = match source.as_str() {
        "github" | "render" => rest.split('.').next().unwrap_or_default(),
        _ => rest,
    };
    if raw.is_empty() {
        return Err(no_type(kind));
    }
    let given = Internal {
        by: Maker::Given,
        source,
        id: id.into(),
        kind: raw.into(),
        body: bytes::Bytes::copy_from_slice(body),
        actor: None,
        after: None,
        detail: None,
    };
    Ok(Delivery::internal(given, now))
}

fn no_type(kind: &str) -> String {
    format!(
        "`{kind}` is not an event type; write `github.issues.opened`, `render.deploy_ended`, `xmrt.run_dead`, or \
         `schedule.` or `manual.` and the rule's id"
    )
}

fn unknown_rule(book: &RuleBook, rule: &str) -> String {
    let ids: Vec<&str> = book.rules().iter().map(|rule| rule.id.as_str()).collect();
    match crate::hub::nearest(rule, ids.iter().copied()) {
        Some(near) => format!("there is no rule `{rule}`; did you mean `{near}`?"),
        None => format!("there is no rule `{rule}`; there are {}", ids.join(", ")),
    }
}

/// A fresh random secret: 64 hexadecimal digits.
pub(crate) fn random_secret() -> SecretString {
    let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    halves
        .iter()
        .map(|half| half.simple().to_string())
        .collect::<String>()
        .into()
}

/// A path as the user would type it: relative to the working directory where it lies below it.
pub(crate) fn shown(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let path = path.strip_prefix(&current).unwrap_or(path);
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}
