//! What a tool promises its callers, and how that travels in MCP messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agents::Who;

/// `_meta` key of a call: the idempotency key, a string.
pub const META_IDEMPOTENCY_KEY: &str = "xmrt/idempotency-key";
/// `_meta` key of a call to a server in this process: on whose behalf it is made, a [`Who`].
pub const META_WHO: &str = "xmrt/who";
/// `_meta` key of a call: the patterns of the repositories that its caller may reach; absent where that is any.
pub const META_REPOS: &str = "xmrt/repos";
/// `_meta` key of a call: `{"since": <RFC 3339>}`. The call is not to be made; its effect is to be looked for.
pub const META_LOOK_FOR: &str = "xmrt/look-for";
/// `_meta` key of a call: an object. The caller takes [`Reply::Pending`] for an answer; with `{"cursor": …}` the call is
/// not to be made, it is asked what became of it.
pub const META_PENDING: &str = "xmrt/pending";
/// `_meta` key of a call: `true`. The call is not to be made; what it would come to is to be said: [`Reply::Resolved`].
pub const META_RESOLVE: &str = "xmrt/resolve";
/// `_meta` key of a tool: its [`ToolFacts`] beyond MCP's own annotations.
pub const META_FACTS: &str = "xmrt/facts";

/// How a write whose result is unknown is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Making the call again does no harm: it is repeated.
    Idempotent,
    /// The effect carries the step's key: it is looked for, and the call repeated when it is surely absent.
    Marker,
    /// The state it aims at can be read: it is, and the call repeated when the state is not reached.
    GoalState,
    /// The provider's records since the intent are read: exactly one candidate is the effect, none means repeat,
    /// several mean a person decides.
    Evidence,
    /// Nothing can be known: a person decides.
    None,
    /// Nothing can be known, and doing it twice is accepted: it is repeated.
    MayDouble,
}

impl Doubt {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Idempotent,
        Self::Marker,
        Self::GoalState,
        Self::Evidence,
        Self::MayDouble,
        Self::None,
    ];

    /// The word for it, as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Marker => "marker",
            Self::GoalState => "goal_state",
            Self::Evidence => "evidence",
            Self::MayDouble => "may_double",
            Self::None => "none",
        }
    }

    /// How a lost answer is made good.
    pub fn resolved_by(self) -> &'static str {
        match self {
            Self::Idempotent => {
                "The call is made again: what it leaves behind after two times is what it leaves behind after one. A restart, a \
                 ping or a new status happens a second time, and harms nothing by it; their `idempotentHint` is false."
            }
            Self::Marker => {
                "What our identity wrote since the intent is listed, all pages, and searched for the call's marker. Found: done. \
                 Absent twice, after the call's time-out and the settle time: the call is made again."
            }
            Self::GoalState => {
                "The state that was aimed at is read. Reached: done. Not reached, after the call's time-out and the settle time: \
                 the call is made again."
            }
            Self::Evidence => {
                "The provider's records since the intent are read. Exactly one fits: done. None, twice, after the call's time-out \
                 and the settle time: the call is made again. Several, or one that may be somebody else's: a person decides."
            }
            Self::MayDouble => "The call is made again, and may have its effect twice.",
            Self::None => "Nobody can tell: a person decides.",
        }
    }

    /// What can still go wrong.
    pub fn remains(self) -> &'static str {
        match self {
            Self::Idempotent => {
                "At most as many repetitions as there were lost answers, which change nothing more."
            }
            Self::Marker => {
                "An effect that stays invisible for longer than time-out and settle time is made a second time."
            }
            Self::GoalState => {
                "Who else brought the state about is not told from us; the aim is reached all the same."
            }
            Self::Evidence => {
                "Somebody else's identical call in the same moment is taken for ours when ours had no effect (that of another \
                 rule's run is not: each effect belongs to one step); an effect that stays invisible for longer than time-out and settle time is made a second time."
            }
            Self::MayDouble => "It arrives twice when an answer is lost.",
            Self::None => "Nothing goes on before a person has looked.",
        }
    }
}

/// What the product knows of a tool beyond its MCP description. Absent for external tools: then the defaults hold,
/// which are the worst case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// How doubt is resolved; [`Doubt::None`] by default.
    pub doubt: Doubt,
    /// How long after an intent the effect may still be invisible, in milliseconds.
    pub settle_ms: i64,
    /// Events the provider will announce the effect with: `<event type>:<subject>`, or `<event type>:<subject>~<detail>` where only
    /// one with this detail is the effect (`label=bug`). `{name}` stands for an argument, `{result.name}` for
    /// a field of the result, known only then; for a list, each of its items makes an effect. A `?` at the end: such an event may equally be somebody else's doing through the same account.
    pub effects: Vec<String>,
    /// How long an announcement is expected, in milliseconds.
    pub effects_ms: i64,
    /// Of [`Doubt::Evidence`]: what tells one effect from another that an equal call had, `<kind> <subject>/<id>`, with `{name}` for an
    /// argument before the slash and `{name}` for a field of the result (`{deploy.id}`) behind it. Several: the first that
    /// can be filled in, from a result or from a cursor. An effect that one step had is not taken for another's.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// It brings something back that is down: where a provider's limits leave little room, the room is for it.
    #[serde(default)]
    pub urgent: bool,
    /// A call may have had its effect and not be over: [`Reply::Pending`].
    #[serde(default)]
    pub pending: bool,
    /// It can say beforehand what a call would come to: [`Reply::Resolved`].
    #[serde(default)]
    pub resolves: bool,
    /// The fields of its result, at any depth, that hold what strangers wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrusted: Vec<String>,
}

impl Default for Promises {
    /// The worst case, which holds for a tool that promises nothing.
    fn default() -> Self {
        Self {
            doubt: Doubt::None,
            settle_ms: 0,
            effects: Vec::new(),
            effects_ms: 0,
            evidence: Vec::new(),
            urgent: false,
            pending: false,
            resolves: false,
            untrusted: Vec::new(),
        }
    }
}

/// One tool, as the hub lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolFacts {
    /// `server.tool`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
    /// JSON Schema of its result, where it has one.
    pub output_schema: Option<Value>,
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy or interrupt something.
    pub destructive: bool,
    /// Doubt, settle time, effects.
    pub promises: Promises,
}

/// A key under which an effect will come back as an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectKey {
    /// As the event has it among its causes: `<type>:<subject>[~<detail>]@<actor>`.
    pub key: String,
    /// An event under this key may as well be somebody else's doing, if that uses the same account.
    pub vague: bool,
}

impl ToolFacts {
    /// The keys under which the provider will announce this call's effect, when `actor` makes it, in lower case: the
    /// provider writes a name its own way, whatever the call wrote. A template whose argument is missing yields nothing.
    pub fn effect_keys(&self, arguments: &Value, actor: &str) -> Vec<EffectKey> {
        let mut keys = Vec::new();
        for template in &self.promises.effects {
            let (template, vague) = match template.strip_suffix('?') {
                Some(template) => (template, true),
                None => (template.as_str(), false),
            };
            keys.extend(fill(template, arguments).into_iter().map(|key| EffectKey {
                key: format!("{key}@{actor}").to_lowercase(),
                vague,
            }));
        }
        keys
    }

    /// What equal calls' effects are told apart by, without the id: names of one subject begin alike. Empty for a tool whose
    /// effects have no id.
    pub fn evidence_of(&self, arguments: &Value) -> Option<String> {
        let (subject, _) = self.promises.evidence.first()?.split_once('/')?;
        let subject = fill(subject, arguments).pop()?;
        Some(format!("{}/", subject.to_lowercase()))
    }

    /// The id of the effect that a result, or the cursor of a call that is not over, tells of.
    pub fn effect_id(&self, told: &Value) -> Option<String> {
        let ids = self
            .promises
            .evidence
            .iter()
            .filter_map(|template| template.split_once('/'));
        let mut filled = ids.filter_map(|(_, id)| {
            let mut parts = id.split(['{', '}']);
            let mut made = parts.next()?.to_owned();
            while let Some(field) = parts.next() {
                made += &plain(told.pointer(&format!("/{}", field.replace('.', "/")))?)?;
                made += parts.next().unwrap_or_default();
            }
            Some(made)
        });
        filled.next()
    }
}

/// How many items of a list make an effect each; beyond that a call announces less.
const ITEMS_MAX: usize = 100;

/// Replaces each `{name}` by the argument of that name, by each of its items where it is a list.
fn fill(template: &str, arguments: &Value) -> Vec<String> {
    let Some((before, after)) = template.split_once('{') else {
        return vec![template.to_owned()];
    };
    let Some((name, rest)) = after.split_once('}') else {
        return Vec::new();
    };
    let values: Vec<String> = match arguments.get(name) {
        Some(Value::Array(items)) => items.iter().take(ITEMS_MAX).filter_map(plain).collect(),
        Some(value) => plain(value).into_iter().collect(),
        None => Vec::new(),
    };
    let tails = if values.is_empty() {
        Vec::new()
    } else {
        fill(rest, arguments)
    };
    values
        .iter()
        .flat_map(|value| tails.iter().map(move |tail| format!("{before}{value}{tail}")))
        .collect()
}

/// A text or a number, as it is written within another text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Why a call is made: travels in `_meta`.
#[derive(Clone, Debug, Default)]
pub struct CallMeta {
    /// Who makes it. The hub asks what the caller may before every call.
    pub who: Who,
    /// A person approved this very call.
    pub approved: bool,
    /// The idempotency key; its 32 hexadecimal digits become the marker in what is written.
    pub idempotency_key: Option<String>,
    /// Do not act: look for the effect of an earlier call with these arguments and this key, made at or after.
    pub look_for_since: Option<Timestamp>,
    /// When looking: the ids of effects that are other calls' ([`Promises::evidence`]).
    pub taken: Vec<String>,
    /// Who does not wait for a call that is not over asks again later.
    pub patience: Patience,
    /// Do not act: say what the call would come to, so that somebody can approve of exactly that.
    pub resolve: bool,
    /// Whoever makes the call puts it into the audit trail; otherwise the hub does.
    pub on_record: bool,
}

/// What a caller does when a call is not over.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Patience {
    /// It waits for the answer.
    #[default]
    Waits,
    /// It asks again later.
    AsksAgain,
    /// It asks again: do not act, say what became of the call that gave this cursor.
    Asks(Value),
}

/// A tool's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It is done (or the effect looked for was found): the structured result.
    Done(Value),
    /// The effect looked for is not there (yet).
    Absent,
    /// Several things could be the effect looked for, or one that somebody else may have made.
    Ambiguous(String),
    /// It had its effect and is not over. Only who said that it asks again gets this.
    Pending(Pending),
    /// What the call would come to.
    Resolved(Resolved),
}

/// What a call would come to if it were made now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// The arguments with every symbolic value replaced by what it stands for.
    pub arguments: Value,
    /// What was so when this was found out, and must still be so for it to be the same thing.
    pub pinned: Value,
    /// What it does, for the person who is to approve of it; strangers' words quoted.
    pub shows: String,
}

/// A call that had its effect and is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// In how many milliseconds to ask again.
    pub poll_after_ms: i64,
    /// By what to ask; opaque to the caller.
    pub cursor: Value,
    /// How far it is, for a person.
    pub note: String,
}

/// What went wrong, for the caller to act on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", remedy.as_ref().map(|r| format!(" ({r})")).unwrap_or_default())]
pub struct ToolError {
    /// What kind.
    #[serde(flatten)]
    pub class: ErrorClass,
    /// The provider's message, or ours.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remedy: Option<String>,
}

/// The kinds of error. Whether a retry can help, and whether the effect may have happened, follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum ErrorClass {
    /// The arguments are wrong.
    Invalid,
    /// The thing is not there, or hidden from us.
    NotFound,
    /// We may not.
    Forbidden,
    /// It changed under us, or cannot be done in its present state.
    Conflict,
    /// Too many calls.
    RateLimited {
        /// When to try again, if the provider said.
        retry_at: Option<Timestamp>,
    },
    /// The provider is away; the call certainly had no effect.
    Unavailable,
    /// The call may have had its effect: a time-out, a reset, a 5xx, an answer without an id.
    UnknownEffect,
}

impl ErrorClass {
    /// Every class, in the order in which they are told.
    pub fn all() -> [Self; 7] {
        [
            Self::Invalid,
            Self::NotFound,
            Self::Forbidden,
            Self::Conflict,
            Self::RateLimited { retry_at: None },
            Self::Unavailable,
            Self::UnknownEffect,
        ]
    }

    /// What it means, in a few words.
    pub fn means(&self) -> &'static str {
        match self {
            Self::Invalid => "the arguments are wrong",
            Self::NotFound => "the thing is not there, or hidden from us",
            Self::Forbidden => "we may not",
            Self::Conflict => "it changed under us, or cannot be done in its present state",
            Self::RateLimited { .. } => "too many calls; the provider's own time is waited for",
            Self::Unavailable => "the provider is away, and the call had no effect",
            Self::UnknownEffect => "the call may have had its effect",
        }
    }

    /// As it is written down, without what goes with it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::UnknownEffect => "unknown_effect",
        }
    }
}

impl ToolError {
    /// An error without a remedy.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            remedy: None,
        }
    }

    /// The same error, with what to do about it.
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

impl ErrorClass {
    /// Whether the same call may succeed later. [`ErrorClass::UnknownEffect`] is not a matter of retrying but of doubt.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable)
    }
}
