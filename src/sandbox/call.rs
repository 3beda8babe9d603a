//! In: one HTTP request, read whole. Out: its parts by name, and the answer to it as data.
//! Never: sockets; a handler is a plain function from a call and the world to an answer.

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::state::World;

/// A request to a stand-in, with what its route captured.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Below the provider's prefix, undecoded, with a leading slash.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The provider's base URL as this caller reaches it.
    pub(super) base: String,
    /// Who makes the call: the owner of the token, or a foreign writer.
    pub(super) actor: String,
    pub(super) now: Timestamp,
    pub(super) params: Vec<(&'static str, String)>,
}

impl Call {
    /// What the route captured under `name`; empty when it has no such capture.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// A captured number; `None` when it is none (the providers answer 404 then).
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.param(name).parse().ok()
    }

    /// The first value of a query parameter that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter, repeated or joined by commas.
    pub(super) fn queries(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// A header's text; empty when it is absent or not text.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// The bearer token, also in GitHub's older `token …` form.
    pub(super) fn token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization").split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then(|| token.trim())
    }

    /// The body as a JSON object; an empty body is an empty object, `None` is anything else.
    pub(super) fn object(&self) -> Option<Map<String, Value>> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Some(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        }
    }
}

/// What goes back to the caller.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

/// A handler's end: both sides are answers, `Err` only lets a handler leave early.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// One verb on one path of a provider's API.
pub(super) struct Route {
    method: &'static str,
    /// `/repos/{o}/{r}/contents/{path*}`: `{x}` takes one segment, `{x*}` the rest.
    pattern: &'static str,
    /// The name by which effects and faults speak of it, equal to our tool's name where there is one.
    pub(super) operation: &'static str,
    pub(super) run: fn(&mut World, &Call) -> Outcome,
}

impl Route {
    pub(super) const fn new(
        method: &'static str,
        pattern: &'static str,
        operation: &'static str,
        run: fn(&mut World, &Call) -> Outcome,
    ) -> Self {
        Self {
            method,
            pattern,
            operation,
            run,
        }
    }

    pub(super) fn writes(&self) -> bool {
        self.method != "GET"
    }
}

/// What looking for a route came to.
pub(super) enum Found {
    Route(&'static Route, Vec<(&'static str, String)>),
    /// The path exists, under other verbs.
    WrongVerb,
    Nothing,
}

/// Finds the route of a call; a HEAD is served as the GET it stands for.
pub(super) fn find(tables: &[&'static [Route]], method: &Method, path: &str) -> Found {
    let verb = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let mut wrong_verb = false;
    for route in tables.iter().copied().flatten() {
        if let Some(params) = captures(route.pattern, path) {
            if route.method == verb {
                return Found::Route(route, params);
            }
            wrong_verb = true;
        }
    }
    if wrong_verb {
        Found::WrongVerb
    } else {
        Found::Nothing
    }
}

fn captures(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut params = Vec::new();
    let mut given = path.trim_matches('/').split('/');
    for part in pattern.trim_matches('/').split('/') {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            if given.next()? != part {
                return None;
            }
            continue;
        };
        if let Some(name) = name.strip_suffix('*') {
            let rest: Vec<String> = given.map(decoded).collect();
            params.push((name, rest.join("/")));
            return Some(params);
        }
        let value = given.next().filter(|value| !value.is_empty())?;
        params.push((name, decoded(value)));
    }
    given.next().is_none().then_some(params)
}

/// Percent-decoding of one path segment (a plus stays a plus); malformed escapes stay as they are.
fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
