//! In: the journal's operations. Out: the journal's answers, durable. Never: a decision of its own; what a run may do
//! next is the journal's `machine`, a backend only keeps it.

mod behind;
mod packing;
mod note;
mod lock;
pub mod embedded;
pub mod redis;

pub use embedded::{Embedded, OpenError, back_up, damage};
pub use lock::{DataDir, Holder};
pub use note::{Noted, noted};
pub use redis::Redis;
