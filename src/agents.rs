//! In: who asks, which tool, which arguments. Out: granted, to be approved by a person, or refused and why. Never: a
//! grant that nobody wrote down; a token in clear.
//!
//! Agents are denied by default. What a role allows is decided by one pure function, [`Directory::decide`]: the hub asks it
//! before every call, `xmrt check` asks it about the calls that rules will make, and `xmrt agents can` shows how it came
//! to its answer. An agent that connects proves who it is by a token, of which the journal keeps the hash.

mod audit;
mod directory;
mod grant;
mod reach;
mod refusals;
mod secrets;
mod tokens;
mod vault;
mod wildcard;

pub use crate::journal::AuditEntry;
pub use audit::{Deed, Trail, scrubbed, trace_of};
pub use directory::{Agent, Directory, REACTOR, Role, RoleText};
pub use grant::{Asked, Grant, Reason, Who};
pub use reach::{NAMES_ORG, NAMES_REPO, NAMES_SERVICE, covers_repository};
pub use refusals::Refusals;
pub use secrets::{HIDDEN, masked};
pub use tokens::{TOKEN_DAYS_MAX, TokenRecord, find, issue, list, revoke};
pub use vault::{Purpose, Sealed, Vault, VaultError, new_key, random};
