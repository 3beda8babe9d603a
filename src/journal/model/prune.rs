//! In: how long things are wanted. Out: a smaller journal. Never: a run that is not at its end, or what it or a gate
//! needs; an id that is still to be recognized.

use std::collections::BTreeSet;
use std::ops::Bound;

use jiff::Timestamp;

use super::{Entry, Model};
use crate::clock::after;
use crate::journal::{PRUNE_MAX, Pruned, Retention, RunHistory, RunId, Share, Size};

impl Model {
    /// See [`Store::prune`](crate::journal::Store::prune).
    pub fn prune(&mut self, retention: &Retention, from: u64, max: usize, now: Timestamp) -> Pruned {
        let now = self.at(now);
        let mut pruned = Pruned::default();
        let max = max.clamp(1, PRUNE_MAX);
        let looked: Vec<u64> = self
            .events
            .range((Bound::Excluded(from), Bound::Unbounded))
            .take(max)
            .take_while(|(_, entry)| entry.record.received_at <= retention.newest(now))
            .map(|(seq, _)| *seq)
            .collect();
        if looked.len() == max {
            pruned.next = looked.last().copied();
        }
        for seq in looked {
            if let Some(runs) = self.prunable(seq, retention, now) {
                self.forget(seq, &runs, retention, now);
                pruned.events += 1;
                pruned.runs += runs.len() as u64;
            }
        }
        pruned
    }

    /// The runs that go with an event, if it is time.
    fn prunable(&self, seq: u64, retention: &Retention, now: Timestamp) -> Option<Vec<RunId>> {
        let event = &self.events.get(&seq)?.record;
        let runs: Vec<&RunHistory> = self
            .runs
            .values()
            .filter(|history| history.run.event == event.key)
            .collect();
        let over = match runs.iter().map(|history| history.run.updated_at).max() {
            None => after(event.received_at, retention.events_ms),
            Some(changed) => after(changed, retention.runs_ms),
        };
        let ended = runs.iter().all(|history| history.run.state.is_terminal());
        (ended && over <= now).then(|| runs.iter().map(|history| history.run.id.clone()).collect())
    }

    /// Deletes an event. What it is known by stays as long as it has to be.
    fn forget(&mut self, seq: u64, runs: &[RunId], retention: &Retention, now: Timestamp) {
        self.changes(now);
        for run in runs {
            self.runs.remove(run);
        }
        let Some(Entry { record, digest, .. }) = self.events.remove(&seq) else {
            return;
        };
        let until = after(record.received_at, retention.known_ms);
        let gone = super::Gone {
            key: record.key.clone(),
            until,
        };
        self.names
            .values_mut()
            .filter(|name| name.seq == seq)
            .for_each(|name| name.gone = Some(gone.clone()));
        if let Some(digest) = digest
            && let Some(mark) = self.digests.get_mut(&(record.key.source, digest))
        {
            mark.gone = Some(gone);
        }
        self.changes(now);
    }

    /// See [`Store::prune_books`](crate::journal::Store::prune_books).
    pub fn prune_books(&mut self, kept_ms: i64, now: Timestamp) -> u64 {
        let now = self.at(now);
        let needed = |hash: &String| {
            self.events
                .values()
                .any(|entry| entry.record.book == *hash || entry.former_books.contains(hash))
        };
        let unneeded: Vec<String> = self
            .books
            .iter()
            .filter(|(hash, shelved)| {
                after(shelved.at, kept_ms) <= now && self.last_good.as_ref() != Some(hash) && !needed(hash)
            })
            .map(|(hash, _)| hash.clone())
            .collect();
        if unneeded.is_empty() {
            return 0;
        }
        self.changes(now);
        for hash in &unneeded {
            self.books.remove(hash);
        }
        let listed: BTreeSet<(String, String)> = self
            .books
            .values()
            .flat_map(|shelved| &shelved.book.rules)
            .map(|rule| (rule.version.clone(), rule.rule.clone()))
            .collect();
        self.texts.retain(|name, _| listed.contains(name));
        unneeded.len() as u64
    }

    /// See [`Store::size`](crate::journal::Store::size).
    pub fn size(&self) -> Size {
        Size {
            bytes: self
                .events
                .values()
                .map(|entry| entry.record.body.len() as u64)
                .sum(),
            free_bytes: 0,
        }
    }

    /// See [`Store::shares`](crate::journal::Store::shares).
    pub fn shares(&self) -> Vec<Share> {
        let share = |kind: &str, count: usize, bytes: u64| Share {
            kind: kind.into(),
            count: count as u64,
            bytes,
        };
        vec![
            share("events", self.events.len(), self.size().bytes),
            share("runs", self.runs.len(), 0),
            share("audit", self.trail.len(), 0),
        ]
    }
}
