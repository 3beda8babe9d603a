//! In: refusals that anybody can bring about. Out: how many of them may go on record now. Never: a journal that strangers fill.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How many of them go on record in one window; that there are more is said once.
const KEPT_MAX: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);

/// The refusals of the present window.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Option<(Instant, u32)>>);

impl Refusals {
    /// Whether one more may go on record.
    pub fn one_more(&self) -> bool {
        let now = Clock::monotonic();
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, count) = window
            .filter(|(begun, _)| now.saturating_duration_since(*begun) < WINDOW)
            .unwrap_or((now, 0));
        *window = Some((begun, count.saturating_add(1)));
        if count == KEPT_MAX {
            tracing::warn!(
                target: "audit",
                "{KEPT_MAX} refusals that anybody can bring about are in the audit trail within a minute: more of them are left out"
            );
        }
        count < KEPT_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_not_kept_whole() {
        let refusals = Refusals::default();
        let kept = (0..1_000).filter(|_| refusals.one_more()).count();
        assert_eq!(kept, KEPT_MAX as usize);
    }
}
