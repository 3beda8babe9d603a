//! In: an agent's MCP over streamable HTTP. Out: what the gateway answers. Never: a word to anybody without the token;
//! a request for a host that is not ours, or from a web page nobody listed.
//!
//! The protocol itself, old revisions and new, is the SDK's. Here is what stands before it: host, origin, token, the
//! limits of the body and of the sessions, and which tools the URL asks for.

#[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
mod fixtures;
mod bearer;
mod clients;
mod guard;
mod metadata;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::body::{Held, Intake};
use super::listen::Peer;
use super::routes::{App, Shared};
use super::{Problem, answer};
use crate::agents::Who;
use crate::hub::{Caller, Face, Gateway, Selection};
use bearer::Bearer;
use clients::{Clients, Sessions};
use guard::Places;

/// Where the gateway lives; a single server is a segment below.
const ROOT: &str = "/mcp";
/// The largest message an agent may send, in bytes: a commit of several files fits.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long calls may finish after the end was asked for. Below the time open connections are given.
const FINISH: Duration = Duration::from_secs(7);
/// How long the answers of calls that were ended then may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// A request header that chooses toolsets, like `?toolsets=`.
const TOOLSETS: &str = "x-mcp-toolsets";
/// A request header that leaves out tools that change anything, like `?read_only=true`.
const READ_ONLY: &str = "x-mcp-readonly";
/// The session of a client of an older revision.
const SESSION: &str = "mcp-session-id";

/// What answers at an endpoint, behind everything that is the same for all.
enum Service {
    Gateway(StreamableHttpService<Gateway, LocalSessionManager>),
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    Fixtures(StreamableHttpService<fixtures::Fixtures, LocalSessionManager>),
}

impl Service {
    async fn handle(&self, request: http::Request<Full<Bytes>>) -> http::Response<Answered> {
        match self {
            Self::Gateway(service) => service.handle(request).await,
            #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
            Self::Fixtures(service) => service.handle(request).await,
        }
    }
}

/// The body of an answer.
type Answered = http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>;

/// The endpoints agents connect to. Cheap to clone; clones share sessions and calls.
#[derive(Clone)]
pub struct AgentDoor {
    endpoints: Arc<Vec<Endpoint>>,
    places: Arc<Places>,
    /// Requests whose answers are not wholly sent yet; not those that only listen.
    open: Arc<watch::Sender<usize>>,
    clients: Arc<Clients>,
    closing: CancellationToken,
    closed: CancellationToken,
}

struct Endpoint {
    /// The segment below [`ROOT`]; empty for the gateway over all servers.
    name: String,
    gateway: Gateway,
    by_default: Selection,
    sessions: Arc<Sessions>,
    service: Service,
}

impl std::fmt::Debug for AgentDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.name.as_str())
            .collect();
        f.debug_struct("AgentDoor")
            .field("endpoints", &names)
            .finish_non_exhaustive()
    }
}

impl AgentDoor {
    /// One endpoint for each gateway. Besides loopback, requests may name one of `hosts` (`name` or `name:port`); web
    /// pages may call from loopback, from those hosts by HTTPS, and from `origins`.
    pub fn new(gateways: Vec<Gateway>, hosts: &[String], origins: &[String]) -> Self {
        let places = Places::new(hosts, origins);
        let closed = CancellationToken::new();
        let endpoint = |gateway: Gateway| {
            let (sessions, config) = stack(&places, &closed);
            let served = gateway.clone();
            Endpoint {
                name: match gateway.face() {
                    Face::All => String::new(),
                    Face::One(server) => server.clone(),
                },
                by_default: gateway.toolsets().by_default(),
                service: Service::Gateway(StreamableHttpService::new(
                    move || Ok(served.seated()),
                    Arc::clone(&sessions),
                    config,
                )),
                sessions: Sessions::of(sessions),
                gateway,
            }
        };
        let endpoints = gateways.into_iter().map(endpoint);
        Self {
            endpoints: Arc::new(endpoints.collect()),
            places: Arc::new(places),
            open: Arc::default(),
            clients: Arc::default(),
            closing: CancellationToken::new(),
            closed,
        }
    }

    /// With the endpoint that the conformance suite's scenarios are for.
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    pub fn with_fixtures(mut self) -> Self {
        let (sessions, config) = stack(&self.places, &self.closed);
        let suite = fixtures::Fixtures::new();
        let service = StreamableHttpService::new(move || Ok(suite.clone()), Arc::clone(&sessions), config);
        // Nobody shares the endpoints before the door is open.
        if let Some(endpoints) = Arc::get_mut(&mut self.endpoints)
            && let Some(gateway) = endpoints.first().map(|first| first.gateway.clone())
        {
            endpoints.push(Endpoint {
                name: "fixtures".to_owned(),
                by_default: gateway.toolsets().by_default(),
                service: Service::Fixtures(service),
                sessions: Sessions::of(sessions),
                gateway,
            });
        }
        self
    }

    /// Takes no new calls, lets those under way finish for a while, answers the rest that they were ended, and closes
    /// every session and stream.
    pub async fn close(&self) {
        self.closing.cancel();
        for endpoint in self.endpoints.iter() {
            endpoint.gateway.hush();
        }
        let mut open = self.open.subscribe();
        if tokio::time::timeout(FINISH, open.wait_for(|open| *open == 0))
            .await
            .is_err()
        {
            for endpoint in self.endpoints.iter() {
                endpoint.gateway.stop();
            }
            let _ = tokio::time::timeout(FAREWELL, open.wait_for(|open| *open == 0)).await;
        }
        self.closed.cancel();
    }

    fn endpoint(&self, path: &str) -> Option<&Endpoint> {
        let name = path.strip_prefix(ROOT)?;
        let name = name.strip_prefix('/').unwrap_or(name);
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }
}

/// The sessions and the settings of an endpoint.
fn stack(
    places: &Places,
    closed: &CancellationToken,
) -> (Arc<LocalSessionManager>, StreamableHttpServerConfig) {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config = SessionConfig::default();
    // How long a session is kept is ours to say: what we tell a client that is gone does not keep it.
    sessions.session_config.keep_alive = None;
    let config = StreamableHttpServerConfig::default()
        .with_json_response(true)
        .with_allowed_hosts(places.hosts())
        .with_allowed_origins(places.origins())
        .with_max_request_body_bytes(BODY_BYTES_MAX)
        .with_cancellation_token(closed.clone());
    (Arc::new(sessions), config)
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(ROOT, any(serve))
        .route("/mcp/{server}", any(serve))
        .route(metadata::PATH, get(metadata::show))
        .route("/.well-known/oauth-protected-resource/mcp", get(metadata::show))
        .route(
            "/.well-known/oauth-protected-resource/mcp/{server}",
            get(metadata::show),
        )
}

async fn serve(State(app): Shared, request: Request) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or_else(String::new, |peer| peer.0.to_string());
    let request_id = answer::request_id(request.headers()).to_owned();
    match served(&app, request).await {
        Ok(answer) => answer,
        Err(problem) => {
            app.counters.refusal("mcp", &problem);
            app.refusals.note("mcp", &peer, &request_id, &problem);
            problem.into_response()
        }
    }
}

async fn served(app: &Arc<App>, request: Request) -> Result<Response, Problem> {
    let Some(door) = &app.doors.agents else {
        return Err(Problem::not_found("no agents are served here"));
    };
    let (mut parts, body) = request.into_parts();
    let base = match door.places.check(&parts.headers, &parts.uri) {
        Ok(base) => base,
        Err(problem) => {
            // What a page that was led here sends is worth knowing of; strangers are not to fill the journal.
            if problem.status() == StatusCode::FORBIDDEN && app.strangers.one_more() {
                let place = parts.uri.path();
                app.reactor
                    .refused("a stranger", "mcp.connect", place, problem.detail())
                    .await;
            }
            return Err(problem);
        }
    };
    let who = match guard::caller(app, &parts.headers).await? {
        Ok(who) => who,
        Err(refusal) => {
            let name = refusal.who();
            let problem = refusal.problem(&base, parts.uri.path());
            // Without any token nobody claims to be anybody; and strangers are not to fill the journal.
            if let Some(name) = name.filter(|_| app.strangers.one_more()) {
                let place = parts.uri.path();
                app.reactor
                    .refused(&name, "mcp.connect", place, problem.detail())
                    .await;
            }
            return Err(problem);
        }
    };
    let paused = guard::paused(app, &who).await?;
    let path = parts.uri.path().to_owned();
    let Some(endpoint) = door.endpoint(&path) else {
        let names: Vec<&str> = door
            .endpoints
            .iter()
            .map(|endpoint| endpoint.name.as_str())
            .collect();
        let there = names
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| format!("{ROOT}/{name}"));
        let there = there.collect::<Vec<_>>().join(", ");
        return Err(Problem::not_found(format!(
            "there is no MCP server at {path}; there are {ROOT}, {there}"
        )));
    };
    if door.closing.is_cancelled() {
        return Err(Problem::unavailable("the server is shutting down").closing());
    }
    let place = door.clients.enter(&who)?;
    let session = parts.headers.get(SESSION).and_then(|id| id.to_str().ok());
    let in_use = match session {
        Some(id) => endpoint.sessions.enter(id, &who)?,
        None => None,
    };
    let selection = selection(endpoint, &who, &parts.headers, parts.uri.query())?;
    let held = Intake::of(&parts.extensions)
        .take(&parts.headers, body, BODY_BYTES_MAX)
        .await?;
    let begins = session.is_none() && is_initialize(&held);
    if begins {
        endpoint.sessions.room(&who).await?;
    }
    let bearer = Bearer::new(app, &parts.headers, &who);
    // The token was for us alone: no tool, and no log of a request, gets to see it.
    parts.headers.remove(header::AUTHORIZATION);
    parts.extensions.insert(Caller {
        who: who.clone(),
        selection,
        paused,
        credential: Some(Arc::new(bearer)),
    });
    let request = http::Request::from_parts(parts, Full::<Bytes>::new(held.bytes.clone()));
    let ends_session = request.method() == Method::DELETE;
    let open = (request.method() == Method::POST).then(|| Open::new(&door.open));
    let mut answer = endpoint.service.handle(request).await;
    let begun = answer.headers().get(SESSION).filter(|_| begins);
    if let Some(id) = begun.and_then(|id| id.to_str().ok()) {
        endpoint.sessions.begun(id, who);
    }
    // The session is gone when this is said, and some clients take "accepted" for a failure.
    if ends_session && answer.status() == StatusCode::ACCEPTED {
        *answer.status_mut() = StatusCode::NO_CONTENT;
    }
    // Counted until the last of its body is on its way.
    let body = |body: Answered| {
        Body::new(body.map_frame(move |frame| {
            let _counted = (&open, &place, &in_use);
            frame
        }))
    };
    Ok(answer.map(body))
}

/// Counts a request as long as it lasts.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn new(open: &Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// Which tools the request asks for: `?toolsets=` and `?read_only=`, or the headers of that name.
fn selection(
    endpoint: &Endpoint,
    who: &Who,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Selection, Problem> {
    #[derive(Default)]
    struct Asked {
        toolsets: Option<String>,
        read_only: Option<String>,
    }
    let mut asked = Asked::default();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "toolsets" => asked.toolsets = Some(value.into_owned()),
            "read_only" => asked.read_only = Some(value.into_owned()),
            // A token in a URL ends up in logs and histories, so it is not overlooked in silence.
            "token" | "access_token" => {
                return Err(Problem::bad_request(
                    "a token does not belong into the URL; send `Authorization: Bearer <token>`",
                ));
            }
            other => {
                return Err(Problem::bad_request(format!(
                    "there is no parameter `{other}`; there are toolsets and read_only"
                )));
            }
        }
    }
    let header = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let toolsets = asked.toolsets.as_deref().or_else(|| header(TOOLSETS));
    let read_only = asked.read_only.as_deref().or_else(|| header(READ_ONLY));
    let chosen = match toolsets {
        Some(words) => endpoint
            .gateway
            .toolsets()
            .select(words)
            .map_err(Problem::bad_request)?,
        None => endpoint.gateway.by_default_for(who, &endpoint.by_default),
    };
    match read_only {
        None | Some("false") => Ok(chosen),
        Some("true") => Ok(chosen.read_only(true)),
        Some(other) => Err(Problem::bad_request(format!(
            "`read_only` is {other:?}; it can be true or false"
        ))),
    }
}

/// Whether a message begins a session.
fn is_initialize(held: &Held) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        method: Option<std::borrow::Cow<'a, str>>,
    }
    let message = serde_json::from_slice::<Message<'_>>(&held.bytes);
    message.is_ok_and(|message| message.method.as_deref() == Some("initialize"))
}
