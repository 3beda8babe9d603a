//! The stores: each answers as the model does, and what it has acknowledged outlives it.

mod archive;
mod conformance;
mod durability;
mod opening;
mod redis;
mod turned;
