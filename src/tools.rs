//! In: MCP requests. Out: MCP results, and typed work done at a provider. Never: a decision about when to do it.
//!
//! One folder per server. What they share, from the declaration of a tool to the text form of its result, is [`toolbox`].

pub mod toolbox;
mod span;
mod counted;
mod unread;
mod when;
mod toolsets;
pub mod quote;
pub mod github;
pub mod render;
pub mod xmrt;

pub use toolsets::toolsets;
