//! The journal: what every store must answer. Each conversation is held with the model and with SQLite.

pub(crate) mod desk;
pub(crate) mod walk;
mod notes;
mod audit;
mod gates;
mod groups;
mod kv;
mod ledger;
mod identity;
mod invariants;
pub(crate) mod retention;
mod limits;
mod runs;
mod outbox;
mod tell;
mod steps;
