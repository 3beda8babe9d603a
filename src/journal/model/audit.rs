//! In: what somebody did. Out: that, on record, in order. Never: an entry that is changed.

use jiff::Timestamp;

use super::Model;
use crate::clock::after;
use crate::journal::{AUDIT_PRUNE_MAX, AuditEntry, AuditQuery, AuditRecord};

impl Model {
    /// See [`Store::audit`](crate::journal::Store::audit).
    pub fn audit(&mut self, entries: Vec<AuditEntry>, now: Timestamp) {
        if entries.is_empty() {
            return;
        }
        let now = self.at(now);
        self.changes(now);
        for entry in entries {
            self.add(entry, now);
        }
    }

    /// Adds an entry; the operation it belongs to happens at `now`.
    pub(super) fn add(&mut self, entry: AuditEntry, now: Timestamp) {
        let seq = self.trail.last_key_value().map_or(0, |(seq, _)| *seq) + 1;
        let entry = entry.bounded();
        self.trail.insert(seq, AuditRecord { seq, at: now, entry });
    }

    /// See [`Store::audited`](crate::journal::Store::audited).
    pub fn audited(&self, query: &AuditQuery) -> Vec<AuditRecord> {
        self.trail
            .values()
            .rev()
            .filter(|record| query.reaches(record.at, record.seq) && query.fits(&record.entry))
            .take(query.limit())
            .cloned()
            .collect()
    }

    /// See [`Store::prune_audit`](crate::journal::Store::prune_audit).
    pub fn prune_audit(&mut self, kept_ms: i64, max: usize, now: Timestamp) -> u64 {
        let now = self.at(now);
        let all_but_the_newest = self.trail.len().saturating_sub(1);
        let over: Vec<u64> = self
            .trail
            .values()
            .take(all_but_the_newest.min(max.clamp(1, AUDIT_PRUNE_MAX)))
            .take_while(|record| record.at <= after(now, -kept_ms))
            .map(|record| record.seq)
            .collect();
        if !over.is_empty() {
            self.changes(now);
        }
        for seq in &over {
            self.trail.remove(seq);
        }
        over.len() as u64
    }
}
