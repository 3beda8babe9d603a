//! The stores: each answers as the model does, and what it has acknowledged outlives it.

mod conformance;
mod durability;
mod opening;
mod redis;
