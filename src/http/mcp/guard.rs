//! In: the head of an agent's request. Out: where it believes to be, or why it may not be there. Never: a token that
//! was not made for us.

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use secrecy::ExposeSecret;

use super::super::Problem;
use super::super::api::bears;
use super::super::routes::App;
use super::metadata;
use crate::agents::{self, Who};
use crate::journal::StoreError;

/// Who bears the admin token, in the audit.
pub(super) const ADMIN: &str = "admin";

/// Names of this machine for itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How GitHub's tokens begin, before an underscore.
const GITHUB_PREFIXES: [&str; 6] = ["ghp", "gho", "ghu", "ghs", "ghr", "github_pat"];

/// Where requests may be for, and which web pages may send them.
#[derive(Debug)]
pub(super) struct Places {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Places {
    pub(super) fn new(hosts: &[String], origins: &[String]) -> Self {
        let own = hosts.iter().map(|host| match host.contains(':') {
            true => format!("https://{host}"),
            false => format!("https://{host}:443"),
        });
        let local = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];
        Self {
            hosts: LOOPBACK
                .iter()
                .map(|&host| host.to_owned())
                .chain(hosts.iter().cloned())
                .collect(),
            origins: local
                .iter()
                .map(|&origin| origin.to_owned())
                .chain(own)
                .chain(origins.iter().cloned())
                .collect(),
        }
    }

    pub(super) fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    pub(super) fn origins(&self) -> Vec<String> {
        self.origins.clone()
    }

    /// The base URL the request is for, if it is one of ours, and no web page that nobody listed sends it: the guard
    /// against DNS rebinding.
    pub(super) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<String, Problem> {
        let text = |name| {
            headers
                .get(name)
                .map(|value: &HeaderValue| value.to_str().unwrap_or_default())
        };
        let host = match text(header::HOST) {
            Some(host) => host.to_owned(),
            None => uri.authority().map(Authority::to_string).unwrap_or_default(),
        };
        let authority: Authority = host
            .parse()
            .map_err(|_| Problem::bad_request("the header `Host` is missing or malformed"))?;
        if !self.hosts.iter().any(|allowed| same_host(allowed, &authority)) {
            let remedy = "it is served as localhost, and under the names in `[http] hosts` of xmrt.toml";
            return Err(forbidden(
                "wrong-host",
                format!("this server is not `{authority}`: {remedy}"),
            ));
        }
        if let Some(origin) = text(header::ORIGIN)
            && !self.origins.iter().any(|allowed| same_origin(allowed, origin))
        {
            let remedy = "list it in `[http] origins` of xmrt.toml if it may";
            return Err(forbidden(
                "wrong-origin",
                format!("pages of {origin:?} may not call: {remedy}"),
            ));
        }
        let scheme = if is_loopback(&authority) { "http" } else { "https" };
        Ok(format!("{scheme}://{authority}"))
    }
}

fn forbidden(slug: &'static str, detail: String) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        slug,
        "The request may not come here this way",
        detail,
    )
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase()
}

fn is_loopback(authority: &Authority) -> bool {
    LOOPBACK.contains(&bare(authority.host()).as_str())
}

/// An allowed host without a port is allowed at any.
fn same_host(allowed: &str, given: &Authority) -> bool {
    if bare(allowed) == bare(given.host()) {
        return true;
    }
    let allowed = allowed.parse::<Authority>().ok();
    allowed.is_some_and(|allowed| {
        bare(allowed.host()) == bare(given.host())
            && (allowed.port_u16().is_none() || allowed.port_u16() == given.port_u16())
    })
}

/// Scheme, host and port must be the same; the port `*` is any.
fn same_origin(allowed: &str, given: &str) -> bool {
    let Some(given) = url::Url::parse(given).ok().filter(url::Url::has_host) else {
        return false;
    };
    let (base, any_port) = match allowed.strip_suffix(":*") {
        Some(base) => (base, true),
        None => (allowed, false),
    };
    let Ok(allowed) = url::Url::parse(base) else {
        return false;
    };
    allowed.scheme() == given.scheme()
        && allowed.host() == given.host()
        && (any_port || allowed.port_or_known_default() == given.port_or_known_default())
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Wrong,
    Github,
    /// The token is an agent's that there is none of any more.
    Gone(String),
}

/// Who sends the request: the bearer of the admin token, or an agent. A GitHub token is refused whatever it is good for
/// elsewhere: taking it would teach agents to hand it around.
pub(super) async fn caller(app: &App, headers: &HeaderMap) -> Result<Result<Who, Refusal>, StoreError> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Ok(Err(Refusal::Missing));
    };
    let given = given.to_str().unwrap_or_default();
    let (scheme, bearer) = given.split_once(' ').unwrap_or_default();
    let githubs = |prefix: &&str| {
        bearer
            .strip_prefix(*prefix)
            .is_some_and(|rest| rest.starts_with('_'))
    };
    if GITHUB_PREFIXES.iter().any(githubs) {
        return Ok(Err(Refusal::Github));
    }
    if bears(headers, app.doors.admin_token.expose_secret()) {
        return Ok(Ok(Who::Operator(ADMIN.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Err(Refusal::Wrong));
    }
    let found = agents::find(app.reactor.store().as_ref(), bearer, app.reactor.clock().now()).await?;
    Ok(match found {
        None => Err(Refusal::Wrong),
        Some(token) if app.reactor.directory().agent(&token.agent).is_none() => {
            Err(Refusal::Gone(token.agent))
        }
        Some(token) => Ok(Who::Agent(token.agent)),
    })
}

/// Why an agent makes no calls for now, if somebody paused it, or everything. People are not held up: they are who ends it.
pub(super) async fn paused(app: &App, who: &Who) -> Result<Option<String>, StoreError> {
    let Who::Agent(agent) = who else {
        return Ok(None);
    };
    let pause = app.reactor.agent_paused(agent).await?;
    Ok(pause.map(|pause| {
        format!(
            "agent `{agent}` stands still: `{}` was paused by {} at {}",
            pause.what, pause.who, pause.since
        )
    }))
}

impl Refusal {
    /// Who bears the token, as the audit trail calls them; nobody who bears none.
    pub(super) fn who(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Wrong | Self::Github => Some("a stranger".to_owned()),
            Self::Gone(agent) => Some(agent.clone()),
        }
    }

    /// The answer: what to send instead, and where the metadata of the resource is (RFC 9728).
    pub(super) fn problem(self, base: &str, path: &str) -> Problem {
        const HOW: &str = "send `Authorization: Bearer <token>`, an agent's (`xmrt agents token <id>` makes one) or XMRT_ADMIN_TOKEN";
        let (slug, detail, error) = match self {
            Self::Missing => ("unauthorized", HOW.to_owned(), ""),
            Self::Wrong => (
                "unauthorized",
                format!("the token is not one of this server, or has ended: {HOW}"),
                ", error=\"invalid_token\"",
            ),
            Self::Github => (
                "github-token",
                format!(
                    "this is a token of GitHub, which was not made for this server and is neither taken nor passed on; \
                     {HOW}, and consider revoking the other"
                ),
                ", error=\"invalid_token\"",
            ),
            Self::Gone(agent) => (
                "unauthorized",
                format!("there is no agent `{agent}` in xmrt.toml any more: {HOW}"),
                ", error=\"invalid_token\"",
            ),
        };
        let challenge = format!(
            "Bearer realm=\"xmrt\", resource_metadata=\"{base}{}{path}\"{error}",
            metadata::PATH
        );
        let problem = Problem::new(StatusCode::UNAUTHORIZED, slug, "Agents need a token", detail);
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.with_header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem.with_header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"xmrt\""),
            ),
        }
    }
}
