//! In: what happened, as it happens. Out: numbers for Prometheus, spans for OpenTelemetry. Never: a label or an attribute
//! that a stranger chooses without bound, a payload, a secret.

pub mod numbers;
mod scrape;
mod spans;
mod table;

pub use scrape::Scrape;
pub use spans::{Exporting, Span, export};
pub use table::{Counter, Gauge, Histogram, Row, VALUES_MAX, markdown};
