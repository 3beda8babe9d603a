//! Where a journal in Redis is, how it is used, and why none was opened. Never: a connection.

use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{founding, scripts};

/// Why no journal was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address makes no sense.
    #[error(
        "REDIS_URL is not usable ({0}); it looks like redis://user:password@host:6379/0, or rediss:// with TLS, or \
         redis+cluster://user:password@host:6379,host:6379"
    )]
    Url(String),
    /// The server is not reachable, or does not let us in.
    #[error("Redis at {server} cannot be used: {what}")]
    Away {
        /// Its address.
        server: String,
        /// What was wrong, and what to do.
        what: String,
    },
    /// The server would lose what it acknowledges, or cannot do what is needed.
    #[error("{product} at {server} cannot keep a journal: {}", .problems.join("; "))]
    Unfit {
        /// Its address.
        server: String,
        /// What it is.
        product: String,
        /// Each with its consequence and what to do.
        problems: Vec<String>,
    },
    /// There is none, and none was to be made.
    #[error("there is no journal in Redis at {server} yet; the first `xmrt serve` makes it")]
    NoJournal {
        /// Its address.
        server: String,
    },
    /// An import into it was begun and not ended.
    #[error(
        "the journal in Redis at {server} is half of one: an import was interrupted; import the whole again with \
         `xmrt import --replace`"
    )]
    Unfinished {
        /// Its address.
        server: String,
    },
    /// The journal there was written by another program.
    #[error(
        "the journal in Redis at {server} has layout {found} and this program knows layout {}: another release of xmrt \
         wrote it; use that, or another prefix (XMRT_REDIS_PREFIX)",
        founding::LAYOUT
    )]
    Layout {
        /// Its address.
        server: String,
        /// Its layout.
        found: String,
    },
}

/// Whose clock a journal goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Time {
    /// The server's: replicas need not agree about the time.
    #[default]
    OfServer,
    /// Each operation's `now`. For tests that move the time by hand; with several replicas leases would be unsafe.
    OfCaller,
}

impl Time {
    /// What scripts are to take for the server's time; nothing for its own.
    pub(super) fn put_onto(self, args: &mut scripts::Args, now: Timestamp) {
        match self {
            Self::OfServer => args.put(""),
            Self::OfCaller => args.int(now.as_millisecond()),
        };
    }
}

/// What is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opens {
    /// The journal there, or one that is made now.
    #[default]
    Any,
    /// The journal there: whoever only reads makes none.
    Existing,
    /// Also what an interrupted import left: to import again.
    Unfinished,
}

/// Where a journal is, and how it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// `redis://user:password@host:port/database`, or `rediss://` with TLS; `redis+cluster://` and `rediss+cluster://` with
    /// any number of a Cluster's nodes, separated by commas.
    pub url: SecretString,
    /// How all keys begin: several installations can share a server under different ones.
    pub prefix: String,
    /// Accept a server that forgets what it has acknowledged.
    pub allow_volatile: bool,
    /// A directory for a note of the journal's identity, so that its loss is noticed at the next start.
    pub note_dir: Option<PathBuf>,
    /// What is opened there.
    pub opens: Opens,
    /// Whose clock it goes by.
    pub time: Time,
}
