//! Budgets: the ledger against an obvious model, replicas that share one, and providers that refuse what is too much.

mod model;
mod shared;

use jiff::Timestamp;
use xmrt::budget::{Charge, Limit};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn counted(max: u32, window_ms: i64, cost: u32) -> Charge {
    Charge {
        limit: Limit {
            name: "writes".into(),
            max: Some(max),
            window_ms,
            kept: true,
        },
        cost,
    }
}
