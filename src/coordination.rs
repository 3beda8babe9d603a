//! In: what agents say of themselves, work that somebody wants done. Out: who is there, who holds which task, what they wrote
//! to each other; in the journal. Never: a provider, a rule; two holders of one fence.
//!
//! This is a layer over the journal's small values by name, not operations of the journal's own. A task is one value, and
//! everything that happens to it is one [`KvBatch`](crate::journal::KvBatch): it expects the task as it was read, and changes
//! the task, its place in the indexes, its lease, the audit trail and what is to be told, in one atomic write. So what a
//! task may become is a pure function ([`Task`]), the same over every store, and a crash leaves nothing half done.
//!
//! A lease is a value with an end, so leases end by the store's clock, and no replica's clock matters. That a task was
//! completed depends on its holder and fence alone, never on time.

mod task;
mod wish;
mod writing;
mod board;
mod claims;
mod presence;
mod letters;
mod sweep;
mod tellings;

pub use board::{Board, BoardError, Listing, TaskQuery};
pub use claims::{Claimed, Holding};
pub use letters::{Letter, NewLetter, Sent};
pub use presence::{Beat, Present, Registration};
pub use sweep::Swept;
pub use task::{Happening, Holder, Task, TaskState};
pub use tellings::Telling;
pub use wish::{BODY_CHARS_MAX, NEEDS_MAX, NOTE_CHARS_MAX, NewTask, PRIORITY_MAX, TITLE_CHARS_MAX};

/// How long a task is held without a word, unless the claim says otherwise, in milliseconds.
pub const LEASE_MS: i64 = 300_000;
/// The shortest and the longest lease, in milliseconds.
pub const LEASE_MS_RANGE: std::ops::RangeInclusive<i64> = 1_000..=86_400_000;
/// How long an agent may stay without a word before it counts as silent, unless it says otherwise, in milliseconds.
pub const SILENT_MS: i64 = 120_000;
/// The least and the most of that, in milliseconds.
pub const SILENT_MS_RANGE: std::ops::RangeInclusive<i64> = 1_000..=86_400_000;
/// How often a task is tried, unless it says otherwise, and at most.
pub const ATTEMPTS: u32 = 3;
/// See [`ATTEMPTS`].
pub const ATTEMPTS_MAX: u32 = 20;
/// How often a task is handed on at most.
pub const HAND_OFFS_MAX: u32 = 20;
/// How many tasks may be open at once; beyond that none is taken.
pub const OPEN_MAX: usize = 2_000;
/// How long a settled task, a letter and an agent that is gone are kept, in milliseconds.
pub const KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// How many letters wait for one agent at most.
pub const LETTERS_MAX: u64 = 1_000;
