//! In: who asks, which tool, which arguments. Out: granted, to be approved by a person, or refused and why. Never: the
//! world; a grant that nobody wrote down.
//!
//! Agents are denied by default. What a role allows is decided by one pure function, [`Directory::decide`]: the hub asks it
//! before every call, `xmrt check` asks it about the calls that rules will make, and `xmrt agents can` shows how it came
//! to its answer.

mod directory;
mod grant;
mod reach;
mod wildcard;

pub use directory::{Agent, Directory, REACTOR, Role, RoleText};
pub use grant::{Asked, Grant, Reason, Who};
pub use reach::{NAMES_REPO, NAMES_SERVICE};
