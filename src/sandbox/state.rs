//! In: what the doors and the seeds put in. Out: the whole memory of the stand-ins, under one lock.
//! Never: I/O; the time is asked from the clock that was given.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::call::{Answer, Call, Route};
use super::faults::Faults;
use super::webhooks::Outbox;
use super::{Options, github, render};

/// How many effects are kept; whoever wants them all asks in time for those after the last one seen.
const EFFECTS_MAX: usize = 10_000;
/// How many requests are kept.
const REQUESTS_MAX: usize = 10_000;

/// Whose API a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Github,
    Render,
}

impl Provider {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Render => "render",
        }
    }
}

/// A state that reads still see, and until when.
type Past<T> = Option<(Timestamp, Box<T>)>;

/// Everything the sandbox remembers.
pub(super) struct World {
    pub(super) options: Options,
    /// `http://host:port`, for URLs in webhook payloads.
    pub(super) base: String,
    pub(super) ids: Ids,
    pub(super) github: github::State,
    pub(super) render: render::State,
    pub(super) outbox: Outbox,
    pub(super) faults: Faults,
    pub(super) effects: VecDeque<Value>,
    pub(super) requests: VecDeque<Value>,
    /// The operations that calls arrived for, the latest last, whether they were answered by now or not.
    pub(super) arrivals: VecDeque<Value>,
    /// What reads still see while writes lag, and until when, for each provider.
    lagging: (Past<github::State>, Past<render::State>),
    written: u64,
    asked: u64,
}

impl World {
    pub(super) fn new(options: Options) -> Self {
        let now = options.clock.now();
        Self {
            base: "http://127.0.0.1".to_owned(),
            ids: Ids::new(now),
            github: github::State::default(),
            render: render::State::new(),
            outbox: Outbox::default(),
            faults: Faults::default(),
            effects: VecDeque::new(),
            requests: VecDeque::new(),
            arrivals: VecDeque::new(),
            lagging: (None, None),
            written: 0,
            asked: 0,
            options,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// The base URL of the GitHub side, for payloads.
    pub(super) fn github_base(&self) -> String {
        format!("{}/github", self.base)
    }

    /// Runs a route and, when it wrote something, notes the effect. Reads see the past while writes lag.
    pub(super) fn run(&mut self, provider: Provider, route: &Route, call: &Call) -> Answer {
        render::tick(self);
        let mut refused = false;
        let answer = if route.writes() {
            let outcome = (route.run)(self, call);
            // GraphQL refuses in a 200.
            refused = outcome.is_err() && call.path == github::GRAPHQL;
            outcome.unwrap_or_else(|refusal| refusal)
        } else {
            let stale = self.swap_lagging(provider, call.now);
            let answer = (route.run)(self, call).unwrap_or_else(|refusal| refusal);
            if stale {
                self.swap_lagging(provider, call.now);
            }
            answer
        };
        if route.writes() && answer.succeeded() && !refused {
            self.note_effect(provider, route.operation, call, &answer);
        }
        answer
    }

    /// From here until `until`, reads of this provider see the state of now.
    pub(super) fn lag(&mut self, provider: Provider, until: Timestamp) {
        let now = self.now();
        let (github, render) = (&mut self.lagging.0, &mut self.lagging.1);
        match provider {
            Provider::Github => match github {
                Some((end, _)) if *end > now => *end = until.max(*end),
                _ => *github = Some((until, Box::new(self.github.clone()))),
            },
            Provider::Render => match render {
                Some((end, _)) if *end > now => *end = until.max(*end),
                _ => *render = Some((until, Box::new(self.render.clone()))),
            },
        }
    }

    /// Exchanges present and past while the past is what reads see; says whether it did.
    fn swap_lagging(&mut self, provider: Provider, now: Timestamp) -> bool {
        match provider {
            Provider::Github => match &mut self.lagging.0 {
                Some((until, past)) if *until > now => std::mem::swap(&mut **past, &mut self.github),
                _ => return false,
            },
            Provider::Render => match &mut self.lagging.1 {
                Some((until, past)) if *until > now => std::mem::swap(&mut **past, &mut self.render),
                _ => return false,
            },
        }
        true
    }

    fn note_effect(&mut self, provider: Provider, operation: &str, call: &Call, answer: &Answer) {
        self.written += 1;
        let mut effect = json!({
            "n": self.written,
            "at": call.now.to_string(),
            "provider": provider.name(),
            "operation": operation,
            "target": target(provider, call),
            "actor": call.actor,
            "detail": call.object().map_or(Value::Null, Value::Object),
            "result": result_of(answer),
        });
        if let Some(key) = marker(&call.body) {
            effect["key"] = Value::String(key);
        }
        push_bounded(&mut self.effects, effect, EFFECTS_MAX);
    }

    pub(super) fn note_arrival(&mut self, operation: &str) {
        push_bounded(&mut self.arrivals, operation.into(), REQUESTS_MAX);
    }

    pub(super) fn note_request(
        &mut self,
        provider: Provider,
        operation: &str,
        call: &Call,
        status: Option<u16>,
    ) {
        self.asked += 1;
        let request = json!({
            "n": self.asked,
            "at": call.now.to_string(),
            "provider": provider.name(),
            "operation": operation,
            "method": call.method.as_str(),
            "path": call.path,
            "actor": call.actor,
            "query": call.query.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&"),
            "status": status,
        });
        push_bounded(&mut self.requests, request, REQUESTS_MAX);
    }
}

/// Appends to a log that forgets its oldest entries.
pub(super) fn push_bounded<T>(log: &mut VecDeque<T>, entry: T, max: usize) {
    while log.len() >= max {
        log.pop_front();
    }
    log.push_back(entry);
}

/// The entries of a log that came after number `n`, oldest first. Whoever asks with the last number seen misses none:
/// the numbers have gaps only where the log has forgotten.
pub(super) fn after(log: &VecDeque<Value>, n: u64) -> Vec<Value> {
    let newer = |entry: &&Value| entry["n"].as_u64().is_some_and(|at| at > n);
    let mut found: Vec<Value> = log.iter().rev().take_while(newer).cloned().collect();
    found.reverse();
    found
}

/// What a write was aimed at, as a person would say it: `acme/api#12`, `srv-…`.
fn target(provider: Provider, call: &Call) -> String {
    match provider {
        Provider::Render => call.param("service").to_owned(),
        Provider::Github if !call.param("org").is_empty() => call.param("org").to_owned(),
        Provider::Github => {
            let repo = format!("{}/{}", call.param("o"), call.param("r"));
            let thing = ["n", "id", "sha", "path"]
                .iter()
                .find(|name| !call.param(name).is_empty());
            match thing {
                Some(&"n") => format!("{repo}#{}", call.param("n")),
                Some(name) => format!("{repo}/{}", call.param(name)),
                None => repo,
            }
        }
    }
}

/// The few fields of an answer by which the thing it made is found again.
fn result_of(answer: &Answer) -> Value {
    let names = [
        "id",
        "number",
        "status",
        "state",
        "trigger",
        "run_attempt",
        "html_url",
    ];
    let body = answer.body.as_ref().and_then(Value::as_object);
    let mut kept: Map<String, Value> = body.map_or_else(Map::new, |body| {
        let kept = body.iter().filter(|(name, _)| names.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    });
    kept.insert("http".to_owned(), answer.status.into());
    Value::Object(kept)
}

/// The idempotency key in a marker `<!-- xmrt:<32 hex> -->`, wherever the body has one.
fn marker(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<!-- xmrt:")?;
    let (key, _) = rest.split_once(" -->")?;
    (key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| key.to_owned())
}

/// Ids in the shapes of the providers: never twice in one sandbox, and (on a system clock) not in the next one either,
/// so that a journal which outlives a sandbox does not take new deliveries for known ones.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    seed: i64,
    next: u64,
}

impl Ids {
    fn new(now: Timestamp) -> Self {
        Self {
            seed: now.as_millisecond(),
            next: 0,
        }
    }

    /// A numeric id, rising.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.seed.unsigned_abs() / 1_000 + self.next
    }

    /// `dep-` and 20 characters.
    pub(super) fn render(&mut self, prefix: &str) -> String {
        let digest = self.digest(prefix);
        let letters = digest
            .iter()
            .take(20)
            .map(|byte| char::from_digit(u32::from(byte % 36), 36).unwrap_or('0'));
        format!("{prefix}-{}", letters.collect::<String>())
    }

    /// A delivery id in the shape of a GUID.
    pub(super) fn guid(&mut self) -> String {
        let text = hex::encode(self.digest("guid"));
        format!(
            "{}-{}-4{}-a{}-{}",
            &text[..8],
            &text[8..12],
            &text[13..16],
            &text[17..20],
            &text[20..32]
        )
    }

    /// A commit id.
    pub(super) fn sha(&mut self) -> String {
        hex::encode(self.digest("sha"))[..40].to_owned()
    }

    fn digest(&mut self, kind: &str) -> [u8; 32] {
        self.next += 1;
        Sha256::digest(format!("{kind}:{}:{}", self.seed, self.next)).into()
    }
}
