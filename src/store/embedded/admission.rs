//! In: events. Out: verdicts. Never: anything after admission. Reads side by side with the model's room of this name.

mod keep;

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::rows;
use super::writer::{Fault, Tx};
use crate::clock::{after, from_millis};
use crate::journal::gates::{self, CHAIN_NAMED, Refusal};
use crate::journal::machine::{self, whole};
use crate::journal::{
    Admission, DUPLICATES_KEPT, Decision, Duplicate, DuplicateBy, EventKey, EventRecord, Gates, NewEvent,
    NewFiring, RunHistory, RunId, StoreError, Verdict, Wish,
};

pub(super) use keep::Packed;

/// Which gates a firing has to pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    All,
    LoopOnly,
}

/// What the charges of a rule's limits are kept under.
#[derive(Clone, Copy)]
struct Gate<'a> {
    rule: &'a str,
    shadow: bool,
    key: &'a str,
}

impl Tx<'_> {
    pub(super) fn admit(
        &mut self,
        event: &NewEvent,
        packed: &Packed,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        let now = self.at(now);
        self.changes(now)?;
        if let Some((seq, by, gone)) = self.known(event, now)? {
            if gone {
                return Ok(Admission {
                    key: self.name_of_gone(seq)?,
                    seq,
                    duplicate: Some(by),
                    verdicts: Vec::new(),
                });
            }
            return self.admit_again(seq, by, event, now);
        }
        let seq = self.next_seq();
        let cause = self.cause_of(event, now)?;
        let record = EventRecord {
            key: event.key.clone(),
            seq,
            kind: event.kind.clone(),
            subject: event.subject.clone(),
            time: whole(event.time),
            received_at: now,
            meta: event.meta.clone(),
            body: event.body.clone(),
            book: event.book.clone(),
            depth: cause.as_ref().map_or(0, |(depth, _)| depth + 1),
            caused_by: cause.map(|(_, run)| run),
            duplicates: Vec::new(),
            duplicates_total: 0,
        };
        self.insert_event(&record, event.digest, packed)?;
        self.insert_name(&record.key, seq, false, now)?;
        let firings = gates::one_per_rule(event.firings.clone());
        if firings.is_empty() {
            return Ok(Admission::of_silent(record.key, seq));
        }
        for (place, firing) in firings.into_iter().enumerate() {
            let verdict = self.decide(&record, firing, 0, seq, Ask::All, now)?;
            self.keep_verdict(seq, place, &verdict)?;
        }
        self.admission(record.key, seq, None, 0)
    }

    pub(super) fn replay(
        &mut self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        let Some(seq) = rows::seq_of(self.conn, key)? else {
            let id = key.to_string();
            return Err(StoreError::NotFound { what: "event", id }.into());
        };
        let now = self.at(now);
        self.changes(now)?;
        self.rebook(seq, book)?;
        let event = rows::event_by_seq(self.conn, seq)?;
        let run_seq = self.next_seq();
        let earlier = rows::verdicts(self.conn, seq)?;
        for (place, firing) in gates::one_per_rule(firings).into_iter().enumerate() {
            let generation = machine::next_generation(&earlier, &firing.rule);
            let verdict = self.decide(&event, firing, generation, run_seq, Ask::LoopOnly, now)?;
            self.keep_verdict(seq, earlier.len() + place, &verdict)?;
        }
        self.admission(event.key, seq, None, earlier.len())
    }

    /// The place of the event that this one repeats, by what that is recognized, and whether it was deleted.
    fn known(&self, event: &NewEvent, now: Timestamp) -> rusqlite::Result<Option<(u64, DuplicateBy, bool)>> {
        let now = now.as_millisecond();
        let found = |by| move |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, by, row.get(1)?));
        let by_id = self
            .conn
            .prepare_cached(
                "SELECT seq, until IS NOT NULL FROM names
                 WHERE source = ?1 AND id = ?2 AND (until IS NULL OR until > ?3)",
            )?
            .query_row((&event.key.source, &event.key.id, now), found(DuplicateBy::Id))
            .optional()?;
        let (None, Some(digest)) = (by_id, event.digest) else {
            return Ok(by_id);
        };
        self.conn
            .prepare_cached(
                "SELECT seq, until IS NOT NULL FROM digests
                 WHERE source = ?1 AND digest = ?2 AND (until IS NULL OR until > ?3)",
            )?
            .query_row((&event.key.source, digest, now), found(DuplicateBy::Body))
            .optional()
    }

    /// How an event that was deleted was called.
    fn name_of_gone(&self, seq: u64) -> rusqlite::Result<EventKey> {
        self.conn
            .prepare_cached(
                "SELECT source, id FROM names WHERE seq = ?1 AND until IS NOT NULL ORDER BY alias LIMIT 1",
            )?
            .query_row([seq as i64], |row| {
                Ok(EventKey {
                    source: row.get(0)?,
                    id: row.get(1)?,
                })
            })
    }

    fn admit_again(
        &mut self,
        seq: u64,
        by: DuplicateBy,
        event: &NewEvent,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        let mut record = rows::event_by_seq(self.conn, seq)?;
        record.duplicates_total += 1;
        if record.duplicates.len() < DUPLICATES_KEPT {
            record.duplicates.push(Duplicate {
                id: event.key.id.clone(),
                by,
                at: now,
            });
            self.insert_name(&event.key, seq, true, now)?;
        }
        self.keep_arrivals(&record)?;
        let mut run_seq = None;
        for firing in gates::one_per_rule(event.firings.clone())
            .into_iter()
            .filter(gates::fires)
        {
            let earlier = rows::verdicts(self.conn, seq)?;
            let Some(place) = machine::erred(&earlier, &firing.rule) else {
                continue;
            };
            let run_seq = *run_seq.get_or_insert_with(|| self.next_seq());
            let generation = earlier[place].generation;
            self.rebook(seq, &event.book)?;
            let verdict = self.decide(&record, firing, generation, run_seq, Ask::All, now)?;
            self.keep_verdict(seq, place, &verdict)?;
        }
        self.admission(record.key, seq, Some(by), 0)
    }

    fn admission(
        &self,
        key: EventKey,
        seq: u64,
        duplicate: Option<DuplicateBy>,
        from: usize,
    ) -> Result<Admission, Fault> {
        let verdicts = rows::verdicts(self.conn, seq)?.split_off(from);
        Ok(Admission {
            key,
            seq,
            duplicate,
            verdicts,
        })
    }

    /// The longest live chain of our own runs that ends in this event, by its cause keys or by what it tells of: the last run
    /// and its depth.
    fn cause_of(&self, event: &NewEvent, now: Timestamp) -> rusqlite::Result<Option<(u32, RunId)>> {
        let mut longest = match &event.after {
            None => None,
            Some(run) => self
                .conn
                .prepare_cached("SELECT depth FROM runs WHERE id = ?1")?
                .query_row([&run.0], |row| Ok((row.get(0)?, run.clone())))
                .optional()?,
        };
        for key in &event.causes {
            let found = self
                .conn
                .prepare_cached(
                    "SELECT depth, run FROM causes WHERE key = ?1 AND until > ?2 ORDER BY depth DESC, run DESC LIMIT 1",
                )?
                .query_row((key, now.as_millisecond()), |row| {
                    Ok((row.get(0)?, RunId(row.get(1)?)))
                })
                .optional()?;
            longest = longest.max(found);
        }
        Ok(longest)
    }

    fn decide(
        &mut self,
        event: &EventRecord,
        firing: NewFiring,
        generation: u32,
        seq: u64,
        ask: Ask,
        now: Timestamp,
    ) -> Result<Verdict, Fault> {
        let mut verdict = Verdict {
            rule: firing.rule.clone(),
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
        let gate = Gate {
            rule: &firing.rule,
            shadow,
            key: &gates.key,
        };
        let pending = match gates.debounce {
            Some(_) if ask == Ask::All => self.pending(gate)?,
            _ => None,
        };
        let made_way = pending.as_ref().map(|(run, _)| run);
        if let Some(refusal) = self.refusal(event, gate, &gates, made_way, ask, now)? {
            verdict.decision = refusal.decision;
            verdict.reason = Some(refusal.reason);
            return Ok(verdict);
        }
        let id = RunId::of(&event.key, &verdict.rule, generation);
        let first = pending.as_ref().map_or(now, |(_, first)| *first);
        if let Some((pending, _)) = pending {
            self.change(&pending, now, |history| {
                history.supersede(&id, now);
                Ok(())
            })?;
        }
        let held_back = gates::held_back(&gates).filter(|_| ask == Ask::All);
        verdict.run = Some(id.clone());
        let group = gates.group.clone();
        let mut run = machine::fresh(event, &verdict, shadow, group, pinned, seq, now);
        if let Some(reason) = held_back {
            run = machine::delayed(run, gates::starts_at(&gates, first, now), reason);
        }
        let steps = Vec::new();
        self.make(event.seq, RunHistory { run, steps }, now)?;
        if ask == Ask::All {
            self.charge(gate, &gates, &id, first, now)?;
        }
        Ok(verdict)
    }

    /// The run of a burst that waits for quiet, and when the burst began.
    fn pending(&self, gate: Gate<'_>) -> rusqlite::Result<Option<(RunId, Timestamp)>> {
        self.conn
            .prepare_cached("SELECT run, first FROM pending WHERE rule = ?1 AND shadow = ?2 AND key = ?3")?
            .query_row((gate.rule, gate.shadow, gate.key), |row| {
                Ok((RunId(row.get(0)?), from_millis(row.get(1)?)))
            })
            .optional()
    }

    /// Charges all gates for a run that was admitted.
    fn charge(
        &self,
        gate: Gate<'_>,
        gates: &Gates,
        run: &RunId,
        first: Timestamp,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let charge = |table: &str, at: Timestamp| {
            self.conn
                .prepare_cached(&format!(
                    "INSERT OR REPLACE INTO {table} VALUES (?1, ?2, ?3, ?4, ?5)"
                ))?
                .execute((gate.rule, gate.shadow, gate.key, &run.0, at.as_millisecond()))
        };
        if let Some(cooldown_ms) = gates.cooldown_ms {
            charge("cooldowns", after(now, cooldown_ms))?;
        }
        if let Some(rate) = gates.rate {
            charge("rates", after(now, rate.window_ms))?;
        }
        if gates.debounce.is_some() {
            charge("pending", first)?;
        }
        Ok(())
    }

    /// The first gate that is closed. What the run charged that makes way if this one is let in does not count.
    fn refusal(
        &self,
        event: &EventRecord,
        gate: Gate<'_>,
        gates: &Gates,
        made_way: Option<&RunId>,
        ask: Ask,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Refusal>> {
        if ask == Ask::All
            && let Some(refusal) = gates::age(gates, event.time, now)
        {
            return Ok(Some(refusal));
        }
        if gates::is_loop(gates, event.depth) {
            let chain = self.chain(event)?;
            return Ok(Some(gates::loop_cut(gates.depth_max, event.depth, &chain)));
        }
        if ask == Ask::LoopOnly {
            return Ok(None);
        }
        let made_way = made_way.map_or("", |run| run.0.as_str());
        let counted = (gate.rule, gate.shadow, gate.key, now.as_millisecond(), made_way);
        if gates.cooldown_ms.is_some() {
            let cooling = self
                .conn
                .prepare_cached(
                    "SELECT run, until FROM cooldowns
                     WHERE rule = ?1 AND shadow = ?2 AND key = ?3 AND until > ?4 AND run <> ?5",
                )?
                .query_row(counted, |row| {
                    Ok(gates::cooling(&RunId(row.get(0)?), from_millis(row.get(1)?)))
                })
                .optional()?;
            if cooling.is_some() {
                return Ok(cooling);
            }
        }
        let Some(rate) = gates.rate else {
            return Ok(None);
        };
        let charges: Vec<(RunId, Timestamp)> = self
            .conn
            .prepare_cached(
                "SELECT run, until FROM rates
                 WHERE rule = ?1 AND shadow = ?2 AND key = ?3 AND until > ?4 AND run <> ?5 ORDER BY until, run",
            )?
            .query_map(counted, |row| {
                Ok((RunId(row.get(0)?), from_millis(row.get(1)?)))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let closing = gates::closing(rate, charges.len()).map(|place| &charges[place]);
        Ok(closing.map(|(run, until)| gates::rated(rate, run, *until)))
    }

    /// The runs that led to an event, nearest first.
    fn chain(&self, event: &EventRecord) -> rusqlite::Result<Vec<(RunId, String)>> {
        let mut chain = Vec::new();
        let mut next = event.caused_by.clone();
        while let Some(run) = next.take() {
            let found: Option<(String, Option<String>)> = self
                .conn
                .prepare_cached(
                    "SELECT rule, caused_by FROM runs JOIN events ON events.seq = runs.event WHERE runs.id = ?1",
                )?
                .query_row([&run.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((rule, caused_by)) = found {
                chain.push((run, rule));
                next = caused_by.map(RunId).filter(|_| chain.len() <= CHAIN_NAMED);
            }
        }
        Ok(chain)
    }
}
