//! In: events with the runs they want. Out: what became of them, durably. Never: what a stage is; bodies are opaque.
//!
//! The journal knows keys, times, states and gates. [`Model`] is the specification, in memory; every backend of
//! [`Store`] must answer exactly as it does, and property tests compare them.

pub mod records;
pub mod store;

pub use records::*;
pub use store::{Store, StoreError};
