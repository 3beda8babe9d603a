//! In: what workers and people do with runs. Out: the runs as they are then. Never: a run that is lost.

use jiff::Timestamp;

use super::Model;
use crate::clock::after;
use crate::journal::groups::{self, Turn};
use crate::journal::machine;
use crate::journal::{
    Answer, AuditEntry, Claim, Fence, Notice, PAGE_MAX, Resolution, RunHistory, RunId, RunRecord, RunState,
    StepWrite, StoreError, Then,
};

impl Model {
    /// See [`Store::claim`](crate::journal::Store::claim).
    pub fn claim(&mut self, worker: &str, max: usize, lease_ms: i64, now: Timestamp) -> Vec<Claim> {
        let now = self.at(now);
        let mut due: Vec<_> = self
            .runs
            .values()
            .filter_map(|history| Some((history.run.due_at?, history.run.seq, history.run.id.clone())))
            .filter(|(due_at, _, _)| *due_at <= now)
            .collect();
        due.sort();
        due.truncate(max);
        if !due.is_empty() {
            self.changes(now);
        }
        let mut claims = Vec::new();
        let mut unresolved = Vec::new();
        for (_, _, id) in due {
            let Some(history) = self.runs.get(&id).cloned() else {
                continue;
            };
            if history.run.state == RunState::Unknown {
                unresolved.push(id);
            } else if history.run.due_at.is_some_and(|due_at| due_at <= now) {
                // It may have ended meanwhile, by what another one brought about.
                claims.extend(self.take(history, worker, after(now, lease_ms), now));
            }
        }
        for id in unresolved {
            // It was found a moment ago, so this is never refused.
            let _ = self.change(&id, now, |history| {
                history.expire(now);
                Ok(())
            });
        }
        claims
    }

    fn take(
        &mut self,
        mut history: RunHistory,
        worker: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Option<Claim> {
        if !matches!(groups::turn(self, &mut history, now), Ok(Turn::Goes)) {
            return None;
        }
        history.claim(worker, until, now);
        self.keep(history.clone());
        Some(Claim {
            event: self.event(&history.run.event)?,
            run: history.run,
            steps: history.steps,
            lease_until: until,
        })
    }

    /// See [`Store::renew`](crate::journal::Store::renew).
    pub fn renew(
        &mut self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let now = self.at(now);
        let until = after(now, lease_ms);
        self.change(run, now, |history| {
            history.held(fence)?;
            history.run.due_at = Some(until);
            Ok(())
        })?;
        Ok(until)
    }

    /// See [`Store::advance`](crate::journal::Store::advance).
    pub fn advance(
        &mut self,
        run: &RunId,
        fence: Fence,
        writes: &[StepWrite],
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.at(now);
        self.change(run, now, |history| history.advance(fence, writes, then, now))?;
        let depth = self.history(run)?.run.depth;
        self.expect(run, depth, writes, now);
        for write in writes {
            if let StepWrite::Audited(entry) = write {
                self.add((**entry).clone(), now);
            }
        }
        Ok(())
    }

    /// See [`Store::release`](crate::journal::Store::release).
    pub fn release(&mut self, worker: &str, others: bool, now: Timestamp) -> u64 {
        let now = self.at(now);
        let held: Vec<_> = self
            .runs
            .values()
            .filter(|history| history.run.state == RunState::Running)
            .filter(|history| (history.run.worker.as_deref() == Some(worker)) != others)
            .cloned()
            .collect();
        if !held.is_empty() {
            self.changes(now);
        }
        let count = held.len() as u64;
        for history in held {
            let _ = self.change(&history.run.id, now, |history| {
                history.release(now);
                Ok(())
            });
        }
        count
    }

    /// See [`Store::resolve`](crate::journal::Store::resolve).
    pub fn resolve(
        &mut self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.at(now);
        let said = resolution.clone();
        self.change(run, now, |history| history.resolve(who, resolution, now))?;
        self.say(run, now, |run| AuditEntry::resolved(who, &said, run))
    }

    /// See [`Store::answer`](crate::journal::Store::answer).
    pub fn answer(
        &mut self,
        run: &RunId,
        hash: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.at(now);
        self.change(run, now, |history| history.answer(hash, answer, now))?;
        self.say(run, now, |run| AuditEntry::answered(answer, run))
    }

    /// See [`Store::cancel`](crate::journal::Store::cancel).
    pub fn cancel(&mut self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError> {
        let now = self.at(now);
        self.change(run, now, |history| history.cancel(who, now))?;
        self.say(run, now, |run| AuditEntry::cancelled(who, run))
    }

    /// See [`Store::retry`](crate::journal::Store::retry).
    pub fn retry(&mut self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError> {
        let now = self.at(now);
        let old = self.history(run)?;
        let name = self.names.get(&old.run.event);
        let verdicts = name
            .and_then(|name| self.events.get(&name.seq))
            .map(|entry| entry.verdicts.as_slice());
        let new = old.next_generation(verdicts.unwrap_or_default(), self.seq + 1, now)?;
        self.changes(now);
        self.seq += 1;
        let verdict = machine::retried(&new.run, run, who);
        let name = self.names.get(&new.run.event);
        if let Some(entry) = name.and_then(|name| self.events.get_mut(&name.seq)) {
            entry.verdicts.push(verdict);
        }
        let id = new.run.id.clone();
        self.make(new, now)?;
        self.say(run, now, |run| AuditEntry::retried(who, run, &id))?;
        Ok(id)
    }

    /// See [`Store::notices`](crate::journal::Store::notices).
    pub fn notices(&self, max: usize) -> Vec<Notice> {
        self.outbox
            .values()
            .take(max.clamp(1, PAGE_MAX))
            .cloned()
            .collect()
    }

    /// See [`Store::told`](crate::journal::Store::told).
    pub fn told(&mut self, notices: &[Notice]) {
        for notice in notices {
            self.outbox.remove(&Self::place(notice));
        }
    }

    /// Puts a person's word on a run on record.
    fn say(
        &mut self,
        run: &RunId,
        now: Timestamp,
        word: impl FnOnce(&RunRecord) -> AuditEntry,
    ) -> Result<(), StoreError> {
        let entry = word(&self.history(run)?.run);
        self.add(entry, now);
        Ok(())
    }

    /// One change to one run, whole or not at all.
    fn change(
        &mut self,
        run: &RunId,
        now: Timestamp,
        change: impl FnOnce(&mut RunHistory) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let before = self.history(run)?.clone();
        let mut history = before.clone();
        change(&mut history)?;
        self.changes(now);
        self.keep(history.clone());
        groups::parted(self, &before.run, &history.run, now)
    }

    /// Keeps a new run, in its place in the queue if it is ready.
    pub(super) fn make(&mut self, mut history: RunHistory, now: Timestamp) -> Result<(), StoreError> {
        if history.run.state == RunState::Queued {
            groups::join(self, &mut history, now)?;
        }
        self.keep(history);
        Ok(())
    }
}
