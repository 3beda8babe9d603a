//! In: a tool's name, arguments, and why. Out: its result, or a [`ToolError`]. Never: what the tool does.

pub mod contract;

pub use contract::*;
