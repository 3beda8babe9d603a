//! In: firings in the order of their events. Out: which of them the limits of their rules let through. Never: a store;
//! time is the events' own.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::normalize::Event;
use crate::rules::rule::Limits;

/// A rule's id, and what its limits are counted by.
type Gate = (String, String);

/// What was charged so far. Charges are told by the place of the event they are for.
#[derive(Default)]
pub(super) struct Gates {
    cooling: BTreeMap<Gate, (usize, Timestamp)>,
    rates: BTreeMap<Gate, Vec<(usize, Timestamp)>>,
    pending: BTreeMap<Gate, Pending>,
}

/// A firing that waits for quiet.
struct Pending {
    place: usize,
    first: Timestamp,
    due: Timestamp,
}

/// What the limits say.
pub(super) enum Answer {
    /// There is no run.
    Refused,
    /// There is a run, which takes the place of the one of an earlier event.
    Admitted {
        /// That event's place.
        superseded: Option<usize>,
    },
}

impl Gates {
    /// Asks all gates, and charges them if they are open.
    pub(super) fn ask(&mut self, limits: &Limits, gate: Gate, event: &Event, place: usize) -> Answer {
        let now = event.received_at;
        let age_ms = now.as_millisecond() - event.time.as_millisecond();
        if limits.max_age_ms.is_some_and(|max| age_ms > max) {
            return Answer::Refused;
        }
        let pending = self
            .pending
            .remove(&gate)
            .filter(|pending| limits.debounce.is_some() && now < pending.due);
        let superseded = pending.as_ref().map(|pending| pending.place);
        let counts = |charged: usize| superseded != Some(charged);
        let cooling = self.cooling.get(&gate);
        let cooling = limits.cooldown_ms.is_some()
            && cooling.is_some_and(|(charged, until)| counts(*charged) && now < *until);
        let charges = self.rates.entry(gate.clone()).or_default();
        charges.retain(|(charged, until)| counts(*charged) && now < *until);
        let used_up = limits
            .rate
            .is_some_and(|rate| charges.len() >= usize::try_from(rate.max).unwrap_or(usize::MAX));
        if cooling || used_up {
            if let Some(pending) = pending {
                self.pending.insert(gate, pending);
            }
            return Answer::Refused;
        }
        if let Some(rate) = limits.rate {
            charges.push((place, after(now, rate.window_ms)));
        }
        if let Some(cooldown_ms) = limits.cooldown_ms {
            self.cooling
                .insert(gate.clone(), (place, after(now, cooldown_ms)));
        }
        if let Some(debounce) = limits.debounce {
            let first = pending.map_or(now, |pending| pending.first);
            let quiet = after(now, debounce.quiet_ms).min(after(first, debounce.max_wait_ms));
            let due = after(quiet, limits.delay_ms.unwrap_or(0));
            self.pending.insert(gate, Pending { place, first, due });
        }
        Answer::Admitted { superseded }
    }
}

/// A time so many milliseconds later, or the last there is.
fn after(at: Timestamp, ms: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_millis(ms))
        .unwrap_or(Timestamp::MAX)
}
