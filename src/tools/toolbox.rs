//! In: declared tools and MCP requests. Out: MCP results. Never: what a tool does.
//!
//! A server is a [`Toolbox`] of [`Tool`]s. A tool is declared in one place: what it is called, what it takes and gives
//! (two types), what it promises, and the functions that do it.
//!
//! ```text
//! Toolbox::named("github", "…", parts)
//!     .with(reads("get_issue", "Get an issue", "…").untrusted(&["title", "body"]).answers(get_issue))
//!     .with(writes("create_comment", "Comment", "…", Doubt::Marker)
//!         .announced_as(&["github.issue_comment.created:{repo}#{number}"])
//!         .acts(create_comment)
//!         .looks(look_for_comment))
//! ```

mod arguments;
mod declare;
mod library;
mod reading;
mod schema;
mod serve;
mod waiting;
mod watch;
mod text;

pub use declare::{Draft, Tool, reads, writes};
pub use library::{Library, Opening, Page, Wanted};
pub use watch::{Print, print, tell};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::agents::Who;
use crate::clock::Clock;
use crate::hub::{ErrorClass, ToolError};
pub use crate::hub::{Pending, Resolved};
use crate::integrations::{ApiError, Failure, Request};

/// An MCP server: its tools, and the parts (API clients, stores) their handlers work with. Cheap to clone.
#[derive(Debug)]
pub struct Toolbox<P>(Arc<Inner<P>>);

#[derive(Debug)]
struct Inner<P> {
    name: String,
    instructions: String,
    parts: Arc<P>,
    clock: Clock,
    /// By name, which is also the order of `tools/list`.
    tools: BTreeMap<String, Tool<P>>,
    /// What there is to read, and words to begin with.
    library: Option<Arc<Library<P>>>,
}

impl<P> Clone for Toolbox<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Send + Sync + 'static> Toolbox<P> {
    /// A server without tools. `instructions` tell an agent what it is for.
    pub fn named(name: &str, instructions: &str, parts: P) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            instructions: instructions.to_owned(),
            parts: Arc::new(parts),
            clock: Clock::system(),
            tools: BTreeMap::new(),
            library: None,
        }))
    }

    /// Takes the time from `clock` instead of the system.
    pub fn with_clock(self, clock: Clock) -> Self {
        self.changed(|inner| inner.clock = clock)
    }

    /// Adds a tool; a later one replaces an earlier one of its name.
    pub fn with(self, tool: Tool<P>) -> Self {
        self.changed(|inner| {
            inner.tools.insert(tool.name().to_owned(), tool);
        })
    }

    /// Offers something to read, and words to begin with.
    pub fn with_library(self, library: Library<P>) -> Self {
        self.changed(|inner| inner.library = Some(Arc::new(library)))
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    fn changed(self, change: impl FnOnce(&mut Inner<P>)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            name: shared.name.clone(),
            instructions: shared.instructions.clone(),
            parts: Arc::clone(&shared.parts),
            clock: shared.clock.clone(),
            tools: shared.tools.clone(),
            library: shared.library.clone(),
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

/// What a handler knows of its call besides the arguments.
#[derive(Debug)]
pub struct Ctx<P> {
    /// What the server's handlers work with.
    pub parts: Arc<P>,
    /// The idempotency key: goes into what is written, so that it can be found again.
    pub key: Option<String>,
    /// When looking for an earlier effect: the time of the intent. Otherwise the epoch.
    pub since: Timestamp,
    /// When looking for an earlier effect: the ids of those that are other calls' ([`Draft::told_apart_by`]).
    pub taken: BTreeSet<String>,
    /// Where the time comes from.
    pub clock: Clock,
    /// Say what would be sent, and send nothing. Always false for reading tools.
    pub dry_run: bool,
    /// On whose behalf the call is made.
    pub who: Who,
    /// Canceled when the caller no longer wants the answer. The handler's future is dropped then; a handler that
    /// waits need not look at it.
    pub canceled: CancellationToken,
}

/// What a writing tool's handler did.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<T> {
    /// It is done.
    Done(T),
    /// Nothing was sent; this would have been.
    WouldSend(Vec<Request>),
    /// It is done and not over: who called asks again, or the toolbox does for them. Only of tools that say how to ask
    /// ([`Tool::polls`]).
    Pending(Pending),
}

/// What became of a call that was not over.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress<T> {
    /// It is over, well.
    Done(T),
    /// It still is not.
    Pending(Pending),
}

/// What a search for an earlier call's effect found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look<T> {
    /// The effect, and the result its call would have given.
    Found(T),
    /// It is not there (yet).
    Absent,
    /// Several things could be it, or one that somebody else may have made.
    Ambiguous(String),
    /// It is there, and not over.
    Pending(Pending),
}

/// An [`ErrorClass::Invalid`] that names the argument.
pub fn invalid(argument: &str, problem: impl std::fmt::Display) -> ToolError {
    ToolError::new(ErrorClass::Invalid, format!("argument `{argument}` {problem}"))
}

impl From<ApiError> for ToolError {
    fn from(error: ApiError) -> Self {
        let class = match error.failure {
            Failure::Invalid => ErrorClass::Invalid,
            Failure::NotFound => ErrorClass::NotFound,
            Failure::Forbidden => ErrorClass::Forbidden,
            Failure::Conflict => ErrorClass::Conflict,
            Failure::RateLimited { retry_at } => ErrorClass::RateLimited { retry_at },
            Failure::Unavailable => ErrorClass::Unavailable,
            Failure::UnknownEffect => ErrorClass::UnknownEffect,
        };
        Self {
            class,
            message: error.message,
            remedy: error.remedy,
        }
    }
}
