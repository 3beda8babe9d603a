//! In: what is to stand still, and what is to go on. Out: that, on record, and runs that are due. Never: which run is meant.

use jiff::Timestamp;

use super::Model;
use crate::journal::{AuditEntry, Pause, WaitsFor};

impl Model {
    /// See [`Store::pause`](crate::journal::Store::pause).
    pub fn pause(&mut self, what: &str, who: &str, now: Timestamp) {
        let now = self.at(now);
        self.changes(now);
        self.pauses.entry(what.into()).or_insert_with(|| Pause {
            what: what.into(),
            who: who.into(),
            since: now,
        });
        self.add(AuditEntry::paused(who, true, what), now);
    }

    /// See [`Store::resume`](crate::journal::Store::resume).
    pub fn resume(&mut self, what: &str, who: &str, now: Timestamp) -> bool {
        let now = self.at(now);
        if self.pauses.remove(what).is_none() {
            return false;
        }
        self.changes(now);
        self.add(AuditEntry::paused(who, false, what), now);
        for history in self.runs.values_mut() {
            if history.run.waits_for == Some(WaitsFor::Pause) {
                history.run.due_at = Some(now);
            }
        }
        true
    }

    /// See [`Store::pauses`](crate::journal::Store::pauses).
    pub fn pauses(&self) -> Vec<Pause> {
        self.pauses.values().cloned().collect()
    }
}
