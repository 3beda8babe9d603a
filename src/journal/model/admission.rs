//! In: events. Out: verdicts. Never: anything after admission.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Charge, Entry, GateKey, Gone, Mark, Model, Name, Pending};
use crate::clock::after;
use crate::journal::gates::{self, CHAIN_NAMED, Refusal};
use crate::journal::machine::{self, whole};
use crate::journal::{
    Admission, DUPLICATES_KEPT, Decision, Duplicate, DuplicateBy, EventKey, EventRecord, Gates, NewEvent,
    NewFiring, RunHistory, RunId, StoreError, Verdict, Wish,
};

/// Which gates a firing has to pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    All,
    /// A person asked for the run: only a loop still stops it.
    LoopOnly,
}

/// What is known of an event that comes again.
enum Known {
    Kept(Box<Entry>),
    /// It was deleted, and is only recognized.
    Gone {
        seq: u64,
        key: EventKey,
    },
}

impl Name {
    pub(super) fn of(seq: u64, alias: bool) -> Self {
        Self {
            seq,
            alias,
            gone: None,
        }
    }
}

impl Entry {
    /// It is evaluated with another book from here on.
    fn rebook(&mut self, book: &str) {
        if self.record.book != book {
            let former = std::mem::replace(&mut self.record.book, book.into());
            self.former_books.insert(former);
            self.former_books.remove(book);
        }
    }
}

impl Model {
    /// See [`Store::admit`](crate::journal::Store::admit).
    pub fn admit(&mut self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError> {
        let now = self.at(now);
        self.changes(now);
        match self.known(&event) {
            Some((Known::Kept(entry), by)) => return self.admit_again(*entry, by, event, now),
            Some((Known::Gone { seq, key }, by)) => {
                return Ok(Admission {
                    key,
                    seq,
                    duplicate: Some(by),
                    verdicts: Vec::new(),
                });
            }
            None => {}
        }
        let seq = self.next_seq();
        let cause = self.cause_of(&event);
        let record = EventRecord {
            key: event.key,
            seq,
            kind: event.kind,
            subject: event.subject,
            time: whole(event.time),
            received_at: now,
            meta: event.meta,
            body: event.body,
            book: event.book,
            depth: cause.as_ref().map_or(0, |(depth, _)| depth + 1),
            caused_by: cause.map(|(_, run)| run),
            duplicates: Vec::new(),
            duplicates_total: 0,
        };
        self.names.insert(record.key.clone(), Name::of(seq, false));
        if let Some(digest) = event.digest {
            let digest = (record.key.source.clone(), digest);
            self.digests.insert(digest, Mark { seq, gone: None });
        }
        let mut entry = Entry {
            record,
            digest: event.digest,
            verdicts: Vec::new(),
            former_books: BTreeSet::new(),
        };
        for firing in gates::one_per_rule(event.firings) {
            let verdict = self.decide(&entry.record, firing, 0, seq, Ask::All, now)?;
            entry.verdicts.push(verdict);
        }
        let admission = self.admission(&entry, None, &entry.verdicts);
        self.events.insert(seq, entry);
        Ok(admission)
    }

    /// See [`Store::replay`](crate::journal::Store::replay).
    pub fn replay(
        &mut self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let Some(mut entry) = self
            .names
            .get(key)
            .and_then(|name| self.events.get(&name.seq))
            .cloned()
        else {
            return Err(StoreError::NotFound {
                what: "event",
                id: key.to_string(),
            });
        };
        let now = self.at(now);
        self.changes(now);
        entry.rebook(book);
        let seq = self.next_seq();
        let earlier = entry.verdicts.len();
        for firing in gates::one_per_rule(firings) {
            let generation = machine::next_generation(&entry.verdicts, &firing.rule);
            let verdict = self.decide(&entry.record, firing, generation, seq, Ask::LoopOnly, now)?;
            entry.verdicts.push(verdict);
        }
        let admission = self.admission(&entry, None, &entry.verdicts[earlier..]);
        self.events.insert(entry.record.seq, entry);
        Ok(admission)
    }

    /// The verdicts as they stand, with the present states of their runs.
    pub(super) fn present(&self, verdicts: &[Verdict]) -> Vec<Verdict> {
        verdicts
            .iter()
            .cloned()
            .map(|mut verdict| {
                let run = verdict.run.as_ref().and_then(|run| self.runs.get(run));
                verdict.state = run.map(|history| history.run.state);
                verdict
            })
            .collect()
    }

    fn known(&self, event: &NewEvent) -> Option<(Known, DuplicateBy)> {
        if let Some(name) = self.names.get(&event.key) {
            return Some((self.known_at(name.seq, name.gone.as_ref())?, DuplicateBy::Id));
        }
        let digest = (event.key.source.clone(), event.digest?);
        let mark = self.digests.get(&digest)?;
        Some((self.known_at(mark.seq, mark.gone.as_ref())?, DuplicateBy::Body))
    }

    fn known_at(&self, seq: u64, gone: Option<&Gone>) -> Option<Known> {
        Some(match gone {
            Some(Gone { key, .. }) => Known::Gone {
                seq,
                key: key.clone(),
            },
            None => Known::Kept(Box::new(self.events.get(&seq)?.clone())),
        })
    }

    /// A second arrival: its fact is kept, and only what erred the first time is decided again.
    fn admit_again(
        &mut self,
        mut entry: Entry,
        by: DuplicateBy,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let seq = entry.record.seq;
        entry.record.duplicates_total += 1;
        if entry.record.duplicates.len() < DUPLICATES_KEPT {
            entry.record.duplicates.push(Duplicate {
                id: event.key.id.clone(),
                by,
                at: now,
            });
            self.names.entry(event.key).or_insert(Name::of(seq, true));
        }
        let mut run_seq = None;
        for firing in gates::one_per_rule(event.firings)
            .into_iter()
            .filter(gates::fires)
        {
            let Some(place) = machine::erred(&entry.verdicts, &firing.rule) else {
                continue;
            };
            let run_seq = *run_seq.get_or_insert_with(|| self.next_seq());
            let generation = entry.verdicts[place].generation;
            entry.rebook(&event.book);
            entry.verdicts[place] = self.decide(&entry.record, firing, generation, run_seq, Ask::All, now)?;
        }
        let admission = self.admission(&entry, Some(by), &entry.verdicts);
        self.events.insert(seq, entry);
        Ok(admission)
    }

    fn admission(&self, entry: &Entry, duplicate: Option<DuplicateBy>, verdicts: &[Verdict]) -> Admission {
        Admission {
            key: entry.record.key.clone(),
            seq: entry.record.seq,
            duplicate,
            verdicts: self.present(verdicts),
        }
    }

    /// The longest chain of our own runs that ends in this event, by its cause keys or by what it tells of: the last run and
    /// its depth.
    fn cause_of(&self, event: &NewEvent) -> Option<(u32, RunId)> {
        let told_of = event.after.as_ref().and_then(|run| self.runs.get(run));
        let told_of = told_of.map(|history| (history.run.depth, history.run.id.clone()));
        self.causes
            .iter()
            .filter(|((key, _), _)| event.causes.contains(key))
            .map(|((_, run), cause)| (cause.depth, run.clone()))
            .chain(told_of)
            .max()
    }

    fn decide(
        &mut self,
        event: &EventRecord,
        firing: NewFiring,
        generation: u32,
        seq: u64,
        ask: Ask,
        now: Timestamp,
    ) -> Result<Verdict, StoreError> {
        let mut verdict = Verdict {
            rule: firing.rule,
            version: firing.version,
            generation,
            decision: Decision::Fired,
            run: None,
            state: None,
            reason: None,
        };
        let (shadow, gates, pinned) = match firing.wish {
            Wish::Run {
                shadow,
                gates,
                pinned,
            } => (shadow, gates, pinned),
            Wish::Error { reason } => {
                verdict.decision = Decision::Error;
                verdict.reason = Some(reason);
                return Ok(verdict);
            }
        };
        let gate = GateKey {
            rule: verdict.rule.clone(),
            shadow,
            key: gates.key.clone(),
        };
        let pending = self
            .pending
            .get(&gate)
            .filter(|_| ask == Ask::All && gates.debounce.is_some())
            .cloned();
        if let Some(refusal) = self.refusal(event, &gate, &gates, pending.as_ref(), ask, now) {
            verdict.decision = refusal.decision;
            verdict.reason = Some(refusal.reason);
            return Ok(verdict);
        }
        let id = RunId::of(&event.key, &verdict.rule, generation);
        let first = pending.as_ref().map_or(now, |pending| pending.first);
        if let Some(mut history) = pending.and_then(|pending| self.runs.get(&pending.run).cloned()) {
            history.supersede(&id, now);
            self.keep(history);
        }
        let held_back = gates::held_back(&gates).filter(|_| ask == Ask::All);
        verdict.run = Some(id.clone());
        let group = gates.group.clone();
        let mut run = machine::fresh(event, &verdict, shadow, group, pinned, seq, now);
        if let Some(reason) = held_back {
            run = machine::delayed(run, gates::starts_at(&gates, first, now), reason);
        }
        self.make(RunHistory { run, steps: vec![] }, now)?;
        if ask == Ask::All {
            self.charge(gate, &gates, id, first, now);
        }
        Ok(verdict)
    }

    /// Charges all gates for a run that was admitted.
    fn charge(&mut self, gate: GateKey, gates: &Gates, run: RunId, first: Timestamp, now: Timestamp) {
        if let Some(cooldown_ms) = gates.cooldown_ms {
            let until = after(now, cooldown_ms);
            let run = run.clone();
            self.cooldowns.insert(gate.clone(), Charge { run, until });
        }
        if let Some(rate) = gates.rate {
            let until = after(now, rate.window_ms);
            self.rates.insert((gate.clone(), run.clone()), until);
        }
        if gates.debounce.is_some() {
            self.pending.insert(gate, Pending { run, first });
        }
    }

    /// The first gate that is closed. What the `pending` run charged does not count: it makes way if this one is let in.
    fn refusal(
        &self,
        event: &EventRecord,
        gate: &GateKey,
        gates: &Gates,
        pending: Option<&Pending>,
        ask: Ask,
        now: Timestamp,
    ) -> Option<Refusal> {
        if ask == Ask::All
            && let Some(refusal) = gates::age(gates, event.time, now)
        {
            return Some(refusal);
        }
        if gates::is_loop(gates, event.depth) {
            let chain = self.chain(event);
            return Some(gates::loop_cut(gates.depth_max, event.depth, &chain));
        }
        if ask == Ask::LoopOnly {
            return None;
        }
        let counts = |run: &RunId| pending.is_none_or(|pending| pending.run != *run);
        if gates.cooldown_ms.is_some()
            && let Some(charge) = self.cooldowns.get(gate)
            && counts(&charge.run)
            && charge.until > now
        {
            return Some(gates::cooling(&charge.run, charge.until));
        }
        let rate = gates.rate?;
        let mut charges: Vec<(Timestamp, &RunId)> = self
            .rates
            .iter()
            .filter(|((charged, run), until)| charged == gate && counts(run) && **until > now)
            .map(|((_, run), until)| (*until, run))
            .collect();
        charges.sort();
        let (until, run) = charges[gates::closing(rate, charges.len())?];
        Some(gates::rated(rate, run, until))
    }

    /// The runs that led to an event, nearest first.
    fn chain(&self, event: &EventRecord) -> Vec<(RunId, String)> {
        let mut chain = Vec::new();
        let mut next = event.caused_by.as_ref();
        while let Some(history) = next.and_then(|run| self.runs.get(run)) {
            chain.push((history.run.id.clone(), history.run.rule.clone()));
            if chain.len() > CHAIN_NAMED {
                break;
            }
            let name = self.names.get(&history.run.event);
            let event = name.and_then(|name| self.events.get(&name.seq));
            next = event.and_then(|entry| entry.record.caused_by.as_ref());
        }
        chain
    }
}
