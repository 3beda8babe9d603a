//! In: events with the runs they want. Out: what became of them, durably. Never: what a stage is; bodies are opaque.
//!
//! The journal knows keys, times, states and gates. [`Model`] is the specification, in memory; every backend of
//! [`Store`] must answer exactly as it does, and property tests compare them. What can be a function of its arguments is
//! one, and shared by all of them: the `machine` of a run and the wording of the `gates`. A backend only *keeps*.

pub mod records;
mod firing;
mod steps;
mod queries;
mod kv;
mod identity;
pub(crate) mod outbox;
pub(crate) mod gates;
pub(crate) mod machine;
pub mod store;
mod model;
mod memory;

pub use firing::{Debounce, Gates, NewFiring, Rate, Wish};
pub use kv::{KV_PAGE_BYTES_MAX, KV_VALUE_BYTES_MAX, Kv, KvEntry, KvKey, KvPage, KvQuery};
pub use memory::MemoryStore;
pub use model::Model;
pub use outbox::Notice;
pub use queries::{EventQuery, PAGE_MAX, RunHistory, RunQuery, Stats};
pub use records::*;
pub use steps::*;
pub use store::{Store, StoreError};
