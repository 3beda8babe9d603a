//! In: events with the runs they want. Out: what became of them, durably. Never: what a stage is; bodies are opaque.
//!
//! The journal knows keys, times, states and gates. [`Model`] is the specification, in memory; every backend of
//! [`Store`] must answer exactly as it does, and property tests compare them. What can be a function of its arguments is
//! one, and shared by all of them: the `machine` of a run and the wording of the `gates`. A backend only *keeps*.

pub mod records;
mod firing;
pub(crate) mod groups;
mod steps;
mod pauses;
mod queries;
mod kv;
mod coverage;
mod ahead;
mod audit;
mod retention;
mod identity;
pub(crate) mod outbox;
pub(crate) mod gates;
pub(crate) mod machine;
pub mod store;
pub mod archive;
mod model;
mod memory;
mod approvals;

pub use ahead::{Ahead, ahead};
pub use approvals::{Word, WordError, say};
pub use audit::{AUDIT_BYTES_MAX, AUDIT_PRUNE_MAX, AuditEntry, AuditPlace, AuditQuery, AuditRecord};
pub use coverage::{
    Coverage, CoverageLease, CoveragePass, CoverageState, Found, Range, Stretch, Unreachable, all_coverage,
    coverage_of, coverage_pass,
};
pub use firing::{Debounce, Gates, Group, NewFiring, Rate, Wish};
pub(crate) use groups::made_way;
pub use groups::{GroupPlace, Stand};
pub use kv::{
    KV_BATCH_MAX, KV_PAGE_BYTES_MAX, KV_VALUE_BYTES_MAX, Kv, KvBatch, KvChange, KvEntry, KvKey, KvPage,
    KvQuery, kv_all,
};
pub use memory::MemoryStore;
pub use model::Model;
pub use outbox::Notice;
pub use pauses::Pause;
pub use queries::{EventQuery, PAGE_MAX, RunHistory, RunQuery, Stats};
pub use records::*;
pub use retention::{BOOK_MS_MIN, KNOWN_MS_MIN, PRUNE_MAX, Pruned, Retention, Share, Size};
pub use steps::*;
pub use store::{Store, StoreError};
