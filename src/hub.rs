//! In: a tool's name, arguments, and why. Out: its result, or a [`ToolError`]. Never: what the tool does.
//!
//! Every MCP server, built in or not, is reached the same way: through an MCP client. The built-in ones are served in
//! this process over an in-memory pipe, so that a rule's call and an agent's call take the same road.

pub mod contract;
mod answer;
mod gateway;
mod link;
mod nearest;
mod progress;

pub use contract::*;
pub use gateway::{Caller, Face, Gateway, GatewayError, Selection, Toolsets};
pub use nearest::nearest;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ServerHandler;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, MetaObject, RequestMetaObject, Tool};
use serde_json::{Value, json};

use link::Link;
use progress::Listener;

/// Why the hub could not start.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Two servers under one name, or a name that cannot be written in a rule.
    #[error("MCP server name `{name}`: {problem}")]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A server did not come up, or did not say which tools it has.
    #[error("MCP server `{server}` did not start: {problem}")]
    Start {
        /// Its name.
        server: String,
        /// What the protocol said.
        problem: String,
    },
}

/// The integration layer: routes `server.tool` to the server that has it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    links: BTreeMap<String, Link>,
    tools: BTreeMap<String, ToolFacts>,
    /// The tools as their servers list them, by `server.tool`.
    listed: BTreeMap<String, Tool>,
}

/// Collects the servers of a [`Hub`].
#[derive(Default)]
pub struct HubBuilder {
    servers: Vec<(String, Starter)>,
}

type Starting = Pin<Box<dyn Future<Output = Result<Link, HubError>> + Send>>;
type Starter = Box<dyn FnOnce(String) -> Starting + Send>;

impl HubBuilder {
    /// Adds a server that runs in this process. What its tools promise in `_meta` is believed.
    pub fn serve<H: ServerHandler + 'static>(mut self, name: &str, handler: H) -> Self {
        self.servers.push((
            name.to_owned(),
            Box::new(move |name| Box::pin(link::in_process(name, handler))),
        ));
        self
    }

    /// Starts every server, in the order they were added, and asks each for its tools. If one fails, those already
    /// started are stopped again.
    pub async fn start(self) -> Result<Hub, HubError> {
        let mut started = Inner {
            links: BTreeMap::new(),
            tools: BTreeMap::new(),
            listed: BTreeMap::new(),
        };
        for (name, starter) in self.servers {
            if let Err(error) = started.add(name, starter).await {
                started.stop().await;
                return Err(error);
            }
        }
        Ok(Hub(Arc::new(started)))
    }
}

impl std::fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.servers.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Hub {
    /// An empty hub, to add servers to.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Every tool of every server, sorted by name.
    pub fn tools(&self) -> Vec<ToolFacts> {
        self.0.tools.values().cloned().collect()
    }

    /// The tool called `server.tool`.
    pub fn tool(&self, name: &str) -> Option<&ToolFacts> {
        self.0.tools.get(name)
    }

    /// Calls a tool and waits for its answer, at most `timeout`; then the call is canceled.
    ///
    /// A time-out, and a server that goes away meanwhile, leave a writing call's effect unknown
    /// ([`ErrorClass::UnknownEffect`]); a reading call, and a call that only looks for an earlier effect, were merely
    /// [`ErrorClass::Unavailable`].
    pub async fn call(
        &self,
        tool: &str,
        arguments: Value,
        meta: CallMeta,
        timeout: Duration,
    ) -> Result<Reply, ToolError> {
        let writes = self.writes(tool, &meta);
        let arguments = object(arguments)?;
        let response = self
            .forward(tool, arguments, &meta, Passed::default(), timeout)
            .await?;
        answer::of_response(tool, response, writes)
    }

    /// Calls a tool and hands its answer back as the server gave it; errors are those of [`Hub::call`].
    async fn forward(
        &self,
        tool: &str,
        arguments: JsonObject,
        meta: &CallMeta,
        passed: Passed,
        timeout: Duration,
    ) -> Result<CallToolResponse, ToolError> {
        let (_, link, name) = self.route(tool)?;
        let writes = self.writes(tool, meta);
        let mut request = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        request.meta = Some(request_meta(meta, passed.meta));
        if link.peer.is_transport_closed() {
            return Err(ToolError::new(
                ErrorClass::Unavailable,
                format!("the MCP server of `{tool}` is stopped"),
            ));
        }
        // Dropping the call's future sends the server a cancellation, so a time-out here needs no more than this.
        match tokio::time::timeout(timeout, link.call(request, passed.listener)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(answer::of_failure(tool, &error, writes)),
            Err(_elapsed) => Err(answer::lost(
                writes,
                format!("`{tool}` did not answer within {timeout:?}"),
            )),
        }
    }

    fn writes(&self, tool: &str, meta: &CallMeta) -> bool {
        let read_only = self.tool(tool).is_some_and(|facts| facts.read_only);
        let acts =
            meta.look_for_since.is_none() && !meta.resolve && !matches!(meta.patience, Patience::Asks(_));
        !read_only && acts
    }

    /// Stops every server and waits until they are gone, a few seconds at most. Calls under way fail as if the
    /// server had gone away; later ones are refused.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    fn route<'a>(&'a self, tool: &'a str) -> Result<(&'a ToolFacts, &'a Link, &'a str), ToolError> {
        let found = self.0.tools.get(tool).and_then(|facts| {
            let (server, name) = tool.split_once('.')?;
            Some((facts, self.0.links.get(server)?, name))
        });
        found.ok_or_else(|| {
            let error = ToolError::new(ErrorClass::NotFound, format!("there is no tool `{tool}`"));
            match nearest(tool, self.0.tools.keys().map(String::as_str)) {
                Some(meant) => error.with_remedy(format!("did you mean `{meant}`?")),
                None => error.with_remedy(format!("servers: {}", self.0.server_names())),
            }
        })
    }
}

impl Inner {
    async fn add(&mut self, name: String, starter: Starter) -> Result<(), HubError> {
        check_name(&name)?;
        if self.links.contains_key(&name) {
            return Err(HubError::Name {
                name,
                problem: "is taken by another server",
            });
        }
        let link = starter(name.clone()).await?;
        let listed = link.list().await;
        self.links.insert(name.clone(), link);
        let tools = listed.map_err(|error| HubError::Start {
            server: name.clone(),
            problem: error.to_string(),
        })?;
        for tool in tools {
            let facts = answer::facts(&name, tool.clone());
            self.listed.insert(facts.name.clone(), tool);
            self.tools.insert(facts.name.clone(), facts);
        }
        Ok(())
    }

    async fn stop(&self) {
        for link in self.links.values() {
            link.stop().await;
        }
    }

    fn server_names(&self) -> String {
        let names: Vec<&str> = self.links.keys().map(String::as_str).collect();
        names.join(", ")
    }
}

/// A server's name is the first half of `server.tool`, and a path segment of `/mcp/<server>`.
fn check_name(name: &str) -> Result<(), HubError> {
    let fine = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if fine {
        return Ok(());
    }
    Err(HubError::Name {
        name: name.to_owned(),
        problem: "must start with a lower-case letter and hold only a-z, 0-9, `-` and `_`",
    })
}

fn object(arguments: Value) -> Result<JsonObject, ToolError> {
    match arguments {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(JsonObject::new()),
        other => Err(ToolError::new(
            ErrorClass::Invalid,
            format!("arguments must be an object, not {other}"),
        )),
    }
}

/// What goes along with a call besides its purpose.
#[derive(Default)]
struct Passed {
    /// Keys of the caller's `_meta` that travel on.
    meta: JsonObject,
    /// Who wants to hear of progress.
    listener: Option<Listener>,
}

fn request_meta(meta: &CallMeta, mut object: JsonObject) -> RequestMetaObject {
    if let Some(key) = &meta.idempotency_key {
        object.insert(META_IDEMPOTENCY_KEY.to_owned(), json!(key));
    }
    if let Some(since) = &meta.look_for_since {
        object.insert(META_LOOK_FOR.to_owned(), json!({ "since": since }));
    }
    match &meta.patience {
        Patience::Waits => {}
        Patience::AsksAgain => {
            object.insert(META_PENDING.to_owned(), json!({}));
        }
        Patience::Asks(cursor) => {
            object.insert(META_PENDING.to_owned(), json!({ "cursor": cursor }));
        }
    }
    if meta.resolve {
        object.insert(META_RESOLVE.to_owned(), json!(true));
    }
    RequestMetaObject(MetaObject(object))
}
