//! In: bytes, headers, secrets, `now`. Out: a [`Delivery`], or a [`Rejection`]. Never: storage, clocks, HTTP types
//! beyond the header map.
//!
//! The signature is verified over the raw bytes before anything in them is looked at.

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

mod body;
mod github;
mod internal;
mod rejection;
mod secret;
mod standard;

pub use body::{DEPTH_MAX, check_object};
pub use github::github;
pub use internal::{Internal, Maker};
pub use rejection::Rejection;
pub use secret::{GithubSecret, SecretError, StandardSecret};
pub use standard::{TOLERANCE_SECONDS, render};

/// The largest body taken, in bytes (25 MiB; GitHub sends at most 25 MB). Source: GitHub's webhook documentation.
pub const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// The longest delivery id or event name taken, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// Where a delivery comes from: `github`, `render`, `xmrt`, or a source declared in `xmrt.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(String);

impl Source {
    /// GitHub's webhooks.
    pub fn github() -> Self {
        Self("github".into())
    }

    /// Render's webhooks.
    pub fn render() -> Self {
        Self("render".into())
    }

    /// The ticks of rules' schedules; an event's type is `schedule.<rule id>`.
    pub fn schedule() -> Self {
        Self("schedule".into())
    }

    /// Rules that somebody asked for; an event's type is `manual.<rule id>`.
    pub fn manual() -> Self {
        Self("manual".into())
    }

    /// What became of our own runs.
    pub fn own() -> Self {
        Self("xmrt".into())
    }

    /// Whether the reactor itself is the source of events of this dotted type. `*` in a rule does not mean them.
    pub fn is_own(kind: &str) -> bool {
        matches!(kind.split('.').next(), Some("schedule" | "manual" | "xmrt"))
    }

    /// The source of a delivery that is on record already.
    pub fn on_record(name: &str) -> Self {
        Self(name.into())
    }

    /// The source's name, the first segment of its events' types.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a delivery came to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A signature over its bytes was verified.
    Webhook,
    /// It was fetched from the provider's own API, after a gap.
    Fetched(Fetch),
    /// The reactor made it; which part of it.
    Internal(Maker),
}

impl Origin {
    /// The word for it, as it is on record.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Fetched(_) => "fetched",
            Self::Internal(maker) => maker.as_str(),
        }
    }

    /// The one of this word; how something was fetched is on record elsewhere.
    pub fn parse(word: &str, fetch: impl FnOnce() -> Option<Fetch>) -> Option<Self> {
        match word {
            "webhook" => Some(Self::Webhook),
            "fetched" => fetch().map(Self::Fetched),
            word => Maker::parse(word).map(Self::Internal),
        }
    }
}

/// How a delivery was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The webhook in whose list it was found.
    pub from: String,
    /// When the provider first tried to deliver it.
    pub delivered_at: Timestamp,
    /// It may have been acted on before, by a journal that does not know of it any more.
    pub doubtful: bool,
}

/// Something a provider told us, proven to come from it. Only verification, a fetch from the provider's API, or the
/// reactor itself makes one: being verified is a type.
#[derive(Clone, Debug)]
pub struct Delivery {
    source: Source,
    id: String,
    kind: String,
    received_at: Timestamp,
    body: Bytes,
    digest: Option<[u8; 32]>,
    origin: Origin,
    actor: Option<String>,
    after: Option<String>,
    detail: Option<String>,
}

impl Delivery {
    /// A delivery as the provider's own API gave it: its id and raw event name, and its payload as JSON. The transport
    /// and the token prove where it comes from. Fails on a name that no webhook could have.
    ///
    /// The bytes are not the ones that were sent, so the digest knows only what was fetched alike.
    pub fn fetched(
        source: Source,
        (id, kind): (String, String),
        body: Bytes,
        now: Timestamp,
        fetch: Fetch,
    ) -> Result<Self, Rejection> {
        for (name, text) in [("delivery id", &id), ("event name", &kind)] {
            let fits = (1..=NAME_CHARS_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                return Err(Rejection::MalformedHeader(name));
            }
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let digest = (source == Source::github() && kind != "ping").then(|| Sha256::digest(&body).into());
        Ok(Self {
            source,
            id,
            kind,
            received_at: now,
            body,
            digest,
            origin: Origin::Fetched(fetch),
            actor: None,
            after: None,
            detail: None,
        })
    }

    /// Who sent it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The provider's delivery id (`X-GitHub-Delivery`, `webhook-id`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider's raw event name (`issues`, `deploy_ended`).
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// When it was received.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// The payload's bytes. For a form delivery this is the decoded `payload` field. Whether they are one JSON object is found out
    /// when an event is made of it.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// SHA-256 of the raw body where the signature covers the body only, as a second key against replays.
    pub fn digest(&self) -> Option<&[u8; 32]> {
        self.digest.as_ref()
    }

    /// Who asked for it, where the payload does not say so: a delivery of our own.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The run of ours that it tells of.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// What tells it apart from others of its type, for whoever announced it.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// How it came to be trusted.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}
