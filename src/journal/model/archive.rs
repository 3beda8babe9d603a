//! In: a journal. Out: its records; and back. Never: a record that a store could not carry.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::kv::Kept;
use super::{Charge, Entry, GateKey, Gone, Mark, Model, Name, Pending, Shelved};
use crate::journal::archive::{
    ArchivedBook, ArchivedEvent, Burst, Cause, GateCharge, Head, Known, NamedValue, Record,
    follows_its_event, only_into_empty,
};
use crate::journal::{BookRecord, EventKey, KvKey, RuleText, RunHistory, RunId, StoreError};

impl Model {
    /// See [`Store::export`](crate::journal::Store::export).
    pub fn export(&self) -> (Head, Vec<Record>) {
        let head = Head::new(self.epoch.clone(), self.last, self.seq, self.last_good.clone());
        let mut records = Vec::new();
        for ((version, rule), text) in &self.texts {
            records.push(Record::RuleText(RuleText {
                rule: rule.clone(),
                version: version.clone(),
                text: text.clone(),
            }));
        }
        for Shelved { book, at } in self.books.values() {
            records.push(Record::Book(ArchivedBook::of(book, *at)));
        }
        records.extend(self.known_still());
        for entry in self.events.values() {
            records.push(Record::Event(Box::new(ArchivedEvent {
                record: entry.record.clone(),
                digest: entry.digest,
                former_books: entry.former_books.clone(),
                verdicts: self.present(&entry.verdicts),
            })));
            let mut runs: Vec<&RunHistory> = self
                .runs
                .values()
                .filter(|history| history.run.event == entry.record.key)
                .collect();
            runs.sort_by_key(|history| (history.run.seq, &history.run.id));
            records.extend(runs.into_iter().cloned().map(Box::new).map(Record::Run));
        }
        let lives = |until: Timestamp| until > self.last;
        for (gate, charge) in self.cooldowns.iter().filter(|(_, charge)| lives(charge.until)) {
            records.push(Record::Cooldown(gate.charge(&charge.run, charge.until)));
        }
        for ((gate, run), until) in self.rates.iter().filter(|(_, until)| lives(**until)) {
            records.push(Record::Rate(gate.charge(run, *until)));
        }
        for (gate, pending) in &self.pending {
            records.push(Record::Burst(Burst {
                rule: gate.rule.clone(),
                shadow: gate.shadow,
                key: gate.key.clone(),
                run: pending.run.clone(),
                first: pending.first,
            }));
        }
        for ((key, run), cause) in self.causes.iter().filter(|(_, cause)| lives(cause.until)) {
            records.push(Record::Cause(Cause {
                key: key.clone(),
                run: run.clone(),
                depth: cause.depth,
                until: cause.until,
            }));
        }
        records.extend(self.outbox.values().cloned().map(Record::Notice));
        // What has run out is not told; something may have been over from its beginning.
        for (key, kept) in self.kv.iter().filter(|(_, kept)| kept.lives(self.last)) {
            records.push(Record::Value(NamedValue {
                space: key.space().to_owned(),
                name: key.name().to_owned(),
                value: kept.value.clone(),
                until: kept.until,
            }));
        }
        records.extend(self.pauses().into_iter().map(Record::Pause));
        records.extend(self.trail.values().cloned().map(Box::new).map(Record::Audit));
        (head, records)
    }

    /// What is known of deleted events, in their order.
    fn known_still(&self) -> Vec<Record> {
        let mut found: BTreeMap<u64, Known> = BTreeMap::new();
        for (key, name) in &self.names {
            let Some(gone) = &name.gone else { continue };
            let known = found.entry(name.seq).or_insert_with(|| Known::of(gone, name.seq));
            known.ids.push(key.id.clone());
        }
        for ((_, digest), mark) in &self.digests {
            let Some(gone) = &mark.gone else { continue };
            let known = found.entry(mark.seq).or_insert_with(|| Known::of(gone, mark.seq));
            known.digest = Some(*digest);
        }
        found.into_values().map(Record::Known).collect()
    }

    /// See [`Store::import`](crate::journal::Store::import).
    pub fn import(&mut self, head: Head, records: Vec<Record>, replace: bool) -> Result<(), StoreError> {
        if !replace {
            only_into_empty(self.events.len() as u64)?;
        }
        let mut new = Self::new(head.epoch);
        new.last = head.last;
        new.seq = head.seq;
        new.last_good = head.last_good;
        let mut event = None;
        for record in records {
            new.take_record(record, &mut event)?;
        }
        *self = new;
        Ok(())
    }

    fn take_record(&mut self, record: Record, event: &mut Option<EventKey>) -> Result<(), StoreError> {
        match record {
            Record::RuleText(text) => {
                self.texts.insert((text.version, text.rule), text.text);
            }
            Record::Book(book) => {
                let at = book.kept_at;
                let book = self.with_texts(book)?;
                self.books.insert(book.hash.clone(), Shelved { book, at });
            }
            Record::Event(archived) => *event = Some(self.take_event(*archived)),
            Record::Known(known) => self.take_known(known),
            Record::Run(history) => {
                follows_its_event(&history, event.as_ref())?;
                self.runs.insert(history.run.id.clone(), *history);
            }
            Record::Cooldown(charge) => {
                let (gate, run, until) = GateKey::of(charge);
                self.cooldowns.insert(gate, Charge { run, until });
            }
            Record::Rate(charge) => {
                let (gate, run, until) = GateKey::of(charge);
                self.rates.insert((gate, run), until);
            }
            Record::Burst(Burst {
                rule,
                shadow,
                key,
                run,
                first,
            }) => {
                let gate = GateKey { rule, shadow, key };
                self.pending.insert(gate, Pending { run, first });
            }
            Record::Cause(Cause {
                key,
                run,
                depth,
                until,
            }) => {
                self.causes.insert((key, run), super::Cause { depth, until });
            }
            Record::Notice(notice) => {
                self.outbox.insert(Self::place(&notice), notice);
            }
            Record::Value(NamedValue {
                space,
                name,
                value,
                until,
            }) => {
                let key = KvKey::new(&space, &name)?;
                self.kv.insert(key, Kept { value, until });
            }
            Record::Pause(pause) => {
                self.pauses.insert(pause.what.clone(), pause);
            }
            Record::Audit(record) => {
                self.trail.insert(record.seq, *record);
            }
        }
        Ok(())
    }

    /// Takes an event, and gives its name.
    fn take_event(&mut self, archived: ArchivedEvent) -> EventKey {
        let ArchivedEvent {
            record,
            digest,
            former_books,
            mut verdicts,
        } = archived;
        let (seq, source) = (record.seq, record.key.source.clone());
        let key = record.key.clone();
        self.names.insert(record.key.clone(), Name::of(seq, false));
        for duplicate in &record.duplicates {
            let (source, id) = (source.clone(), duplicate.id.clone());
            let alias = self.names.entry(EventKey { source, id });
            alias.or_insert(Name::of(seq, true));
        }
        if let Some(digest) = digest {
            self.digests.insert((source, digest), Mark { seq, gone: None });
        }
        verdicts.iter_mut().for_each(|verdict| verdict.state = None);
        let entry = Entry {
            record,
            digest,
            verdicts,
            former_books,
        };
        self.events.insert(seq, entry);
        key
    }

    fn take_known(&mut self, known: Known) {
        let Known {
            key,
            seq,
            ids,
            digest,
            until,
        } = known;
        for id in &ids {
            let source = key.source.clone();
            let mut name = Name::of(seq, *id != key.id);
            name.gone = Some(Gone {
                key: key.clone(),
                until,
            });
            self.names.insert(
                EventKey {
                    source,
                    id: id.clone(),
                },
                name,
            );
        }
        if let Some(digest) = digest {
            let gone = Some(Gone {
                key: key.clone(),
                until,
            });
            self.digests.insert((key.source, digest), Mark { seq, gone });
        }
    }

    fn with_texts(&self, book: ArchivedBook) -> Result<BookRecord, StoreError> {
        let rules = book.rules.into_iter().map(|(version, rule)| {
            let text = self.texts.get(&(version.clone(), rule.clone())).cloned();
            let text = text.ok_or_else(|| {
                StoreError::Refused(format!(
                    "book {} lists rule {rule} without its text before it",
                    book.hash
                ))
            })?;
            Ok(RuleText { rule, version, text })
        });
        Ok(BookRecord {
            rules: rules.collect::<Result<_, StoreError>>()?,
            hash: book.hash,
            settings: book.settings,
        })
    }
}

impl GateKey {
    fn charge(&self, run: &RunId, until: Timestamp) -> GateCharge {
        GateCharge {
            rule: self.rule.clone(),
            shadow: self.shadow,
            key: self.key.clone(),
            run: run.clone(),
            until,
        }
    }

    fn of(charge: GateCharge) -> (Self, RunId, Timestamp) {
        let GateCharge {
            rule,
            shadow,
            key,
            run,
            until,
        } = charge;
        (Self { rule, shadow, key }, run, until)
    }
}

impl Known {
    fn of(gone: &Gone, seq: u64) -> Self {
        Self {
            key: gone.key.clone(),
            seq,
            ids: Vec::new(),
            digest: None,
            until: gone.until,
        }
    }
}
