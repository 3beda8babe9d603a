//! Verification: every published vector, what must be refused, and the reference library as an oracle.

mod against_the_oracle;
mod bodies;
mod fetched;
mod github;
mod standard;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

/// Headers from pairs.
fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).unwrap()
}
