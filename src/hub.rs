//! In: a tool's name, arguments, and why. Out: its result, or a [`ToolError`]. Never: what the tool does.
//!
//! Every MCP server, built in or not, is reached the same way: through an MCP client. The built-in ones are served in
//! this process over an in-memory pipe, so that a rule's call and an agent's call take the same road.

pub mod contract;
mod answer;
mod builder;
mod external;
mod gateway;
mod grants;
mod later;
mod link;
mod listing;
mod nearest;
mod pins;
mod request;
mod switchboard;
mod updates;
mod watched;

pub use builder::HubBuilder;
pub use contract::*;
pub use external::{Condition, ExternalServer, Override, Reach, ServerStatus, Standing, ToolStatus};
pub use gateway::{Caller, Credential, Face, Gateway, GatewayError, Selection, Toolsets};
pub use later::LaterHub;
pub use nearest::nearest;
pub use pins::{Approval, Contract, Difference, MemoryPins, Pin as ToolPin, PinStore};
pub use request::traceparent;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, Tool};
use rmcp::service::ServiceError;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::agents::{Deed, Directory, Trail};
use answer::Word;
use builder::Starter;
use external::{External, Tidings};
use link::Link;
use listing::Listing;
use request::{Passed, object, request_meta};

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
    externals: BTreeMap<String, Arc<External>>,
    /// The tools of the servers in this process; they never change.
    own: BTreeMap<String, (ToolFacts, Tool)>,
    listing: ArcSwap<Listing>,
    tidings: Tidings,
    directory: Arc<Directory>,
    /// Where calls are put on record that their caller does not put there itself.
    trail: Option<Arc<dyn Trail>>,
}

impl Hub {
    /// An empty hub, to add servers to.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Every tool of every server, sorted by name. Those of external servers change with time.
    pub fn tools(&self) -> Vec<ToolFacts> {
        self.facts().values().cloned().collect()
    }

    /// The same, by name and shared.
    pub fn facts(&self) -> Arc<BTreeMap<String, ToolFacts>> {
        Arc::clone(&self.0.listing().tools)
    }

    /// The tool called `server.tool`.
    pub fn tool(&self, name: &str) -> Option<ToolFacts> {
        self.0.listing().tools.get(name).cloned()
    }

    /// The same, and if nobody has seen the server's tools yet, what must be assumed of one that it may have.
    pub fn tool_or_assumed(&self, name: &str) -> Option<ToolFacts> {
        self.tool(name).or_else(|| {
            let (server, tool) = name.split_once('.')?;
            let open = self.0.listing().open.contains(server);
            let external = self.0.externals.get(server).filter(|_| open)?;
            Some(external.assumed(tool))
        })
    }

    /// The external servers whose tools nobody has seen yet.
    pub fn open_servers(&self) -> BTreeSet<String> {
        self.0.listing().open.clone()
    }

    /// The names of all servers.
    pub fn servers(&self) -> Vec<String> {
        let external = self.0.externals.keys();
        self.0.links.keys().chain(external).cloned().collect()
    }

    /// Starts the external servers and keeps them going until [`Hub::stop`]. Does not wait for any of them.
    pub async fn wake(&self) {
        for external in self.0.externals.values() {
            external.wake().await;
        }
    }

    /// Waits until every external server was reached or not, at most `patience`.
    pub async fn tried(&self, patience: Duration) {
        let all = async {
            for external in self.0.externals.values() {
                external.tried().await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
    }

    /// How the external servers are doing, in order.
    pub fn status(&self) -> Vec<ServerStatus> {
        self.0
            .externals
            .values()
            .map(|external| external.status())
            .collect()
    }

    /// Changes whenever an external server, or what is known of its tools, does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.tidings.subscribe()
    }

    /// Takes into use what an external server's tool is now; `hash` says which contract was looked at.
    pub async fn approve(&self, tool: &str, hash: Option<&str>, by: &str) -> Result<(), ToolError> {
        let named = tool
            .split_once('.')
            .and_then(|(server, name)| Some((self.0.externals.get(server)?, name)));
        let Some((external, name)) = named else {
            let names: Vec<&str> = self.0.externals.keys().map(String::as_str).collect();
            let remedy = match names.as_slice() {
                [] => "none is attached; see [mcp.<name>] in xmrt.toml".to_owned(),
                names => format!("external servers: {}", names.join(", ")),
            };
            let message = format!("`{tool}` is no tool of an external server");
            return Err(ToolError::new(ErrorClass::NotFound, message).with_remedy(remedy));
        };
        external.approve(name, hash, by).await
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
        let trail = self.0.trail.as_ref().filter(|_| !meta.on_record);
        let noted = trail.map(|trail| (trail, Deed::begin(&meta.who.to_string(), tool, &arguments)));
        let answer = self.answer(tool, arguments, meta, timeout).await;
        if let Some((trail, deed)) = noted {
            let entry = match &answer {
                Ok(Reply::Done(_)) => deed.end("done", None),
                Ok(_) => deed.end("asked", None),
                Err(error) => deed.end(error.class.as_str(), Some(&error.to_string())),
            };
            trail.note(entry).await;
        }
        answer
    }

    async fn answer(
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
        answer::of_response(tool, response, writes, self.0.word(tool))
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
        let (route, name) = self.route(tool)?;
        let call = watched::Call::begun(tool, meta, &passed);
        let answer = call
            .within(self.send((tool, name), route, arguments, meta, passed, timeout))
            .await;
        call.ended(&answer);
        answer
    }

    async fn send(
        &self,
        (tool, name): (&str, &str),
        route: Route<'_>,
        arguments: JsonObject,
        meta: &CallMeta,
        passed: Passed,
        timeout: Duration,
    ) -> Result<CallToolResponse, ToolError> {
        // Looking for the effect of an earlier call, and asking whether it is over, are always allowed: what was begun has to
        // be found out, also by somebody who may not begin it any more. What a call would come to is asked before the approval.
        if meta.look_for_since.is_none() && !matches!(meta.patience, Patience::Asks(_)) {
            self.check_grant(tool, &arguments, &meta.who, meta.approved || meta.resolve)?;
        }
        let writes = self.writes(tool, meta);
        let mut request = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        let mut passed = passed;
        // Others need not know who there is here.
        if matches!(route, Route::Own(_)) {
            passed.meta.insert(META_WHO.to_owned(), json!(meta.who));
            if let Some(repos) = self.directory().repos_of(&meta.who) {
                passed.meta.insert(META_REPOS.to_owned(), json!(repos));
            }
        }
        request.meta = Some(request_meta(meta, passed.meta));
        (request.input_responses, request.request_state) = passed.input;
        let link = match route {
            Route::Own(link) => link,
            Route::External(external) => {
                if meta.look_for_since.is_some() {
                    // A server that does not know the question would take it for the call itself.
                    let message = format!("`{tool}` cannot be asked whether it did something earlier");
                    return Err(ToolError::new(ErrorClass::Conflict, message));
                }
                let along = (&meta.who, passed.listener, passed.capabilities);
                return external
                    .call(name, request, along, timeout)
                    .await
                    .map_err(|trouble| {
                        if let external::Trouble::Failed(ServiceError::McpError(error)) = &trouble {
                            let _ = passed.fault.set(error.clone());
                        }
                        answer::of_trouble(tool, trouble, writes)
                    });
            }
        };
        if link.wire.peer.is_transport_closed() {
            return Err(ToolError::new(
                ErrorClass::Unavailable,
                format!("the MCP server of `{tool}` is stopped"),
            ));
        }
        // Dropping the call's future sends the server a cancellation, so a time-out here needs no more than this.
        match tokio::time::timeout(timeout, link.wire.call(request, passed.listener, None)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(answer::of_failure(tool, &error, writes)),
            Err(_elapsed) => Err(answer::late(tool, timeout, writes)),
        }
    }

    fn writes(&self, tool: &str, meta: &CallMeta) -> bool {
        let listing = self.0.listing();
        let read_only = listing.tools.get(tool).is_some_and(|facts| facts.read_only);
        let acts =
            meta.look_for_since.is_none() && !meta.resolve && !matches!(meta.patience, Patience::Asks(_));
        !read_only && acts
    }

    /// Stops every server and waits until they are gone, a few seconds at most. Calls under way fail as if the
    /// server had gone away; later ones are refused.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    fn route<'a>(&'a self, tool: &'a str) -> Result<(Route<'a>, &'a str), ToolError> {
        if let Some((server, name)) = tool.split_once('.') {
            if let Some(external) = self.0.externals.get(server) {
                return Ok((Route::External(external), name));
            }
            let link = self.0.links.get(server);
            if let Some(link) = link.filter(|_| self.0.own.contains_key(tool)) {
                return Ok((Route::Own(link), name));
            }
        }
        let error = ToolError::new(ErrorClass::NotFound, format!("there is no tool `{tool}`"));
        let listing = self.0.listing();
        Err(match nearest(tool, listing.tools.keys().map(String::as_str)) {
            Some(meant) => error.with_remedy(format!("did you mean `{meant}`?")),
            None => error.with_remedy(format!("servers: {}", self.servers().join(", "))),
        })
    }
}

/// Where a call goes.
enum Route<'a> {
    Own(&'a Link),
    External(&'a External),
}

impl Inner {
    async fn add(&mut self, name: String, starter: Starter) -> Result<(), HubError> {
        self.check_new(&name)?;
        let link = starter(name.clone()).await?;
        let listed = link.list().await;
        self.links.insert(name.clone(), link);
        let tools = listed.map_err(|error| HubError::Start {
            server: name.clone(),
            problem: error.to_string(),
        })?;
        for tool in tools {
            let facts = answer::own_facts(&name, tool.clone());
            self.own.insert(facts.name.clone(), (facts, tool));
        }
        Ok(())
    }

    fn check_new(&self, name: &str) -> Result<(), HubError> {
        check_name(name)?;
        if self.links.contains_key(name) || self.externals.contains_key(name) {
            return Err(HubError::Name {
                name: name.to_owned(),
                problem: "is taken by another server",
            });
        }
        Ok(())
    }

    /// The tools as they are now.
    fn listing(&self) -> Arc<Listing> {
        let listing = self.listing.load_full();
        if listing.as_of == self.tidings.now() {
            return listing;
        }
        let listing = Arc::new(self.list_now());
        self.listing.store(Arc::clone(&listing));
        listing
    }

    fn list_now(&self) -> Listing {
        // The moment is noted first: what changes meanwhile is listed again.
        Listing::of(self.tidings.now(), &self.own, self.externals.values())
    }

    /// What a server says it is for.
    fn instructions(&self, server: &str) -> Option<String> {
        match self.externals.get(server) {
            Some(external) => external.instructions(),
            None => self.links.get(server)?.wire.instructions(),
        }
    }

    /// What the word of a tool's server is worth.
    fn word(&self, tool: &str) -> Word {
        let external = tool
            .split_once('.')
            .and_then(|(server, name)| Some((self.externals.get(server)?, name)));
        match external {
            None => Word::Own,
            Some((external, name)) => match external.spec.overrides.get(name) {
                Some(known) if known.failure_is_clean => Word::FailureIsClean,
                _ => Word::Foreign,
            },
        }
    }

    async fn stop(&self) {
        // All at once: each may take its time.
        let mut ending = JoinSet::new();
        for external in self.externals.values() {
            let external = Arc::clone(external);
            ending.spawn(async move { external.stop().await });
        }
        while ending.join_next().await.is_some() {}
        for link in self.links.values() {
            link.stop().await;
        }
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
