//! In: the journal's operations. Out: the journal's answers, durable. Never: a decision of its own; what a run may do
//! next is the journal's `machine`, a backend only keeps it.

pub mod embedded;

pub use embedded::{Embedded, Holder, OpenError};
