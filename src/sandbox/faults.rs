//! In: fault rules, and calls to hold against them. Out: what goes wrong with a call.
//! Never: doing it; the server room does.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::state::Provider;

/// More rules than this are refused.
const RULES_MAX: usize = 1_000;
/// Who makes the writes of a `foreign_writer`.
const FOREIGN_LOGIN: &str = "somebody-else";
const KINDS: &str =
    "latency, status, reply_lost, hang, empty_202, lagging_reads, webhook_before_reply, foreign_writer";

/// What a rule may say: which calls, and what happens.
const KEYS: [&[&str]; 2] = [
    &["provider", "method", "path", "operation"],
    &[
        "match",
        "times",
        "kind",
        "ms",
        "status",
        "retry_after",
        "reset_in",
        "secondary",
        "message",
        "effect",
    ],
];

/// The rules that are set, in the order in which they were added.
#[derive(Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
}

/// One rule: which calls, how often, what happens.
struct Rule {
    provider: Option<String>,
    method: Option<String>,
    path: Option<String>,
    operation: Option<String>,
    /// `None`: always.
    times: Option<u64>,
    hits: u64,
    kind: Kind,
    given: Value,
}

#[derive(Clone)]
enum Kind {
    Latency {
        ms: i64,
    },
    Status {
        status: u16,
        retry_after: Option<u64>,
        reset_in: Option<i64>,
        secondary: bool,
        message: Option<String>,
    },
    ReplyLost,
    Hang {
        effect: bool,
    },
    Empty202,
    LaggingReads {
        ms: i64,
    },
    WebhookBeforeReply,
    ForeignWriter,
}

/// What becomes of one call.
pub(super) struct Planned {
    pub(super) effect: Effect,
    pub(super) latency_ms: i64,
    pub(super) lag_ms: Option<i64>,
    pub(super) reply_lost: bool,
    pub(super) hangs: bool,
    pub(super) empty_202: bool,
    pub(super) webhook_before_reply: bool,
    pub(super) foreign_writer: bool,
}

/// Whether the call does what it asks.
pub(super) enum Effect {
    Real,
    /// Nothing happens; this is the answer.
    None(Answer),
}

impl Faults {
    /// Adds a rule or a list of rules: all of them or, with an error, none.
    pub(super) fn add(&mut self, given: &Value) -> Result<usize, String> {
        let one = std::slice::from_ref(given);
        let list = given.as_array().map_or(one, Vec::as_slice);
        let rules: Result<Vec<Rule>, String> =
            list.iter().enumerate().map(|(n, rule)| parse(n, rule)).collect();
        let rules = rules?;
        if self.rules.len() + rules.len() > RULES_MAX {
            return Err(format!(
                "faults: more than {RULES_MAX} rules; DELETE /_sandbox/faults first"
            ));
        }
        let count = rules.len();
        self.rules.extend(rules);
        Ok(count)
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn shown(&self) -> Vec<Value> {
        let shown = |rule: &Rule| {
            let mut shown = rule.given.clone();
            shown["left"] = rule.times.map_or(Value::Null, Value::from);
            shown["hits"] = rule.hits.into();
            shown
        };
        self.rules.iter().map(shown).collect()
    }

    /// What the rules say about a call; a rule that has a number of times is used up by one.
    pub(super) fn draw(&mut self, provider: Provider, operation: &str, call: &Call) -> Planned {
        let mut planned = Planned {
            effect: Effect::Real,
            latency_ms: 0,
            lag_ms: None,
            reply_lost: false,
            hangs: false,
            empty_202: false,
            webhook_before_reply: false,
            foreign_writer: false,
        };
        for rule in &mut self.rules {
            if rule.times == Some(0) || !rule.holds(provider, operation, call) {
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            rule.hits += 1;
            planned.add(&rule.kind, provider, call.now);
        }
        planned
    }
}

impl Rule {
    fn holds(&self, provider: Provider, operation: &str, call: &Call) -> bool {
        let path = call.path.trim_start_matches('/');
        self.provider
            .as_deref()
            .is_none_or(|wanted| wanted == provider.name())
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(call.method.as_str()))
            && self
                .operation
                .as_deref()
                .is_none_or(|wanted| glob(wanted, operation))
            && self
                .path
                .as_deref()
                .is_none_or(|wanted| glob(wanted.trim_start_matches('/'), path))
    }
}

impl Planned {
    fn add(&mut self, kind: &Kind, provider: Provider, now: Timestamp) {
        match kind {
            Kind::Latency { ms } => self.latency_ms += ms,
            Kind::ReplyLost => self.reply_lost = true,
            Kind::Empty202 => self.empty_202 = true,
            Kind::LaggingReads { ms } => self.lag_ms = Some(*ms),
            Kind::WebhookBeforeReply => self.webhook_before_reply = true,
            Kind::ForeignWriter => self.foreign_writer = true,
            Kind::Hang { effect } => {
                self.hangs = true;
                if !effect {
                    self.effect = Effect::None(Answer::empty(503));
                }
            }
            Kind::Status { .. } => self.effect = Effect::None(refusal(kind, provider, now)),
        }
    }
}

/// The answer of a `status` rule, in the provider's words.
fn refusal(kind: &Kind, provider: Provider, now: Timestamp) -> Answer {
    let Kind::Status {
        status,
        retry_after,
        reset_in,
        secondary,
        message,
    } = kind
    else {
        return Answer::empty(500);
    };
    let limited = *status == 429 || (*status == 403 && (*secondary || reset_in.is_some()));
    let words = match (status, secondary) {
        (403 | 429, true) => {
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        }
        (403 | 429, false) if limited => "API rate limit exceeded",
        (500, _) => "Server Error",
        (502, _) => "Bad Gateway",
        (503, _) => "Service Unavailable",
        (504, _) => "Gateway Timeout",
        _ => "refused by a sandbox fault",
    };
    let words = message.as_deref().unwrap_or(words);
    let mut answer = match provider {
        Provider::Github => super::github::error(*status, words),
        Provider::Render => super::render::error(*status, words),
    };
    if let Some(seconds) = retry_after {
        answer = answer.with("retry-after", seconds.to_string());
    }
    let reset = now
        .checked_add(SignedDuration::from_secs(reset_in.unwrap_or(60)))
        .unwrap_or(now);
    match provider {
        // Secondary limits leave the primary counters as they are.
        Provider::Github if limited && !secondary => answer
            .with("x-ratelimit-limit", "5000")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-used", "5000")
            .with("x-ratelimit-reset", reset.as_second().to_string())
            .with("x-ratelimit-resource", "core"),
        Provider::Render if *status == 429 => answer
            .with("ratelimit-limit", "10")
            .with("ratelimit-remaining", "0")
            .with("ratelimit-reset", reset_in.unwrap_or(60).to_string()),
        _ => answer,
    }
}

/// The same kind of write, made by somebody else: another author, and no marker of ours in the text.
pub(super) fn foreign(call: &Call) -> Call {
    let mut foreign = call.clone();
    FOREIGN_LOGIN.clone_into(&mut foreign.actor);
    if let Some(mut body) = call.object() {
        for text in body.values_mut() {
            let bare = text
                .as_str()
                .and_then(|text| text.split_once("<!-- xmrt:"))
                .map(|(bare, _)| bare.trim_end().to_owned());
            if let Some(bare) = bare {
                *text = Value::String(bare);
            }
        }
        foreign.body = Bytes::from(Value::Object(body).to_string());
    }
    foreign
}

fn parse(n: usize, given: &Value) -> Result<Rule, String> {
    let place = |what: &str| format!("faults[{n}]: {what}");
    let fields = given
        .as_object()
        .ok_or_else(|| place("a rule is an object, as in {\"match\": {}, \"kind\": \"reply_lost\"}"))?;
    let unknown = |fields: &Map<String, Value>, known: &[&str]| {
        let unknown = fields.keys().find(|key| !known.contains(&key.as_str()))?;
        Some(place(&format!(
            "unknown key \"{unknown}\"; known are {}",
            known.join(", ")
        )))
    };
    let empty = Map::new();
    let matcher = match fields.get("match") {
        None => &empty,
        Some(Value::Object(matcher)) => matcher,
        Some(_) => return Err(place("match is an object of provider, method, path, operation")),
    };
    if let Some(what) = unknown(fields, &KEYS.concat()).or_else(|| unknown(matcher, KEYS[0])) {
        return Err(what);
    }
    // Which calls it is about may also be said beside `kind`, without a `match` around it.
    let part = |name: &str| match matcher.get(name).or_else(|| fields.get(name)) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(place(&format!("{name} must be a string, not {other}"))),
    };
    let provider = part("provider")?;
    if provider
        .as_deref()
        .is_some_and(|provider| provider != "github" && provider != "render")
    {
        return Err(place("provider is github or render"));
    }
    let times = match fields.get("times") {
        None | Some(Value::Null) => None,
        Some(times) => Some(
            times
                .as_u64()
                .ok_or_else(|| place("times must be a whole number"))?,
        ),
    };
    Ok(Rule {
        provider,
        method: part("method")?,
        path: part("path")?,
        operation: part("operation")?,
        times,
        hits: 0,
        kind: kind(given).map_err(|what| place(&what))?,
        given: given.clone(),
    })
}

fn kind(given: &Value) -> Result<Kind, String> {
    let ms = || {
        given["ms"]
            .as_i64()
            .filter(|ms| *ms >= 0)
            .ok_or("ms is missing: milliseconds, a whole number".to_owned())
    };
    let name = given["kind"]
        .as_str()
        .ok_or(format!("kind is missing: one of {KINDS}"))?;
    Ok(match name {
        "latency" | "latency_ms" => Kind::Latency { ms: ms()? },
        "status" => Kind::Status {
            status: given["status"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .filter(|status| (400..600).contains(status))
                .ok_or("status is missing: a number from 400 to 599")?,
            retry_after: given["retry_after"].as_u64(),
            reset_in: given["reset_in"].as_i64(),
            secondary: given["secondary"].as_bool().unwrap_or(false),
            message: given["message"].as_str().map(str::to_owned),
        },
        "reply_lost" => Kind::ReplyLost,
        "hang" => Kind::Hang {
            effect: given["effect"].as_bool().unwrap_or(true),
        },
        "empty_202" => Kind::Empty202,
        "lagging_reads" => Kind::LaggingReads { ms: ms()? },
        "webhook_before_reply" => Kind::WebhookBeforeReply,
        "foreign_writer" => Kind::ForeignWriter,
        other => return Err(format!("unknown kind \"{other}\"; known are {KINDS}")),
    })
}

/// `*` stands for anything, slashes included.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, middle)) = parts.split_last() else {
        return true;
    };
    for part in middle {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// What the rules look like when there are none.
pub(super) fn listed(faults: &Faults) -> Value {
    json!({"faults": faults.shown()})
}
