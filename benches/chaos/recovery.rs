//! In: when runs were interrupted, and what the sandbox was asked for afterwards. Out: how long their next step took.
//! Never: a run that was not held in a call when its server died.

use super::witness::Request;
use super::work;

/// A run whose server was killed while it waited for the provider.
#[derive(Clone, Debug)]
pub(super) struct Interrupted {
    /// How every path that is about its event begins.
    pub(super) base: String,
    /// When its server was killed, in milliseconds of the machine's clock.
    pub(super) at_ms: i64,
    /// Whether its server stayed dead, so that another one had to go on.
    pub(super) by_another: bool,
}

/// From the kill to the interrupted run's next request at the provider, in milliseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    pub(super) restarted_ms: Vec<i64>,
    pub(super) by_another_ms: Vec<i64>,
}

impl Recovery {
    pub(super) fn of(interrupted: &[Interrupted], requests: &[Request]) -> Self {
        let mut recovery = Self::default();
        for run in interrupted {
            let next = requests
                .iter()
                .find(|request| request.at_ms >= run.at_ms && work::concerns(&request.path, &run.base));
            let Some(next) = next else { continue };
            match run.by_another {
                true => recovery.by_another_ms.push(next.at_ms - run.at_ms),
                false => recovery.restarted_ms.push(next.at_ms - run.at_ms),
            }
        }
        recovery.restarted_ms.sort_unstable();
        recovery.by_another_ms.sort_unstable();
        recovery
    }
}

/// The value below which so many of a hundred lie.
pub(super) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied()
}
