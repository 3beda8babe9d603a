//! In: sockets, bytes, the reactor. Out: HTTP. axum lives here and nowhere else. Never: a decision of its own; a route
//! asks the reactor or the journal and writes down what they say.

mod listen;
mod stream;
mod body;
mod routes;
mod webhooks;
mod api;
mod mcp;
mod health;
mod pages;
mod answer;
mod problem;
mod counters;

/// The routes as others hand them around: they need not name axum for it.
pub use api::description as api_description;
pub use axum::Router;
/// A request's or an answer's body, for calling the routes without a socket.
pub use axum::body::Body;
pub use body::BodyError;
pub use listen::{Limits, serve};
pub use mcp::AgentDoor;
pub use pages::dashboard_levels;
pub use problem::Problem;
pub use routes::{Doors, router};
