//! What the records of both providers say of how the work goes: on histories that were counted by hand.

mod activity;
mod delivery;
mod ecosystem;
mod flaky;
