//! In: questions. Out: what is on record. Never: a change.

use jiff::Timestamp;

use super::{Model, Shelved};
use crate::journal::{
    BookRecord, Epoch, EventKey, EventQuery, EventRecord, PAGE_MAX, RuleText, RunHistory, RunId, RunQuery,
    RunRecord, Stats, Verdict,
};

impl Model {
    /// See [`Store::event`](crate::journal::Store::event).
    pub fn event(&self, key: &EventKey) -> Option<EventRecord> {
        let name = self.names.get(key)?;
        Some(self.events.get(&name.seq)?.record.clone())
    }

    /// See [`Store::event_by_id`](crate::journal::Store::event_by_id).
    pub fn event_by_id(&self, id: &str) -> Option<EventRecord> {
        let (_, name) = self
            .names
            .iter()
            .filter(|(key, name)| key.id == id && name.gone.is_none())
            .min_by_key(|(_, name)| (name.alias, name.seq))?;
        Some(self.events.get(&name.seq)?.record.clone())
    }

    /// See [`Store::verdicts`](crate::journal::Store::verdicts).
    pub fn verdicts(&self, key: &EventKey) -> Vec<Verdict> {
        let entry = self.names.get(key).and_then(|name| self.events.get(&name.seq));
        entry.map_or_else(Vec::new, |entry| self.present(&entry.verdicts))
    }

    /// See [`Store::events`](crate::journal::Store::events).
    pub fn events(&self, query: &EventQuery) -> Vec<EventRecord> {
        let wanted = |event: &&EventRecord| {
            query.kind.as_deref().is_none_or(|kind| below(&event.kind, kind))
                && query
                    .subject
                    .as_ref()
                    .is_none_or(|subject| event.subject == *subject)
                && query.since.is_none_or(|since| event.received_at >= since)
                && query.before.is_none_or(|before| event.seq < before)
        };
        self.events
            .values()
            .rev()
            .map(|entry| &entry.record)
            .filter(wanted)
            .take(query.limit.clamp(1, PAGE_MAX))
            .cloned()
            .collect()
    }

    /// See [`Store::run`](crate::journal::Store::run).
    pub fn run(&self, id: &RunId) -> Option<RunHistory> {
        self.runs.get(id).cloned()
    }

    /// See [`Store::runs`](crate::journal::Store::runs).
    pub fn runs(&self, query: &RunQuery) -> Vec<RunRecord> {
        let event = query
            .event
            .as_ref()
            .map(|key| self.event(key).map(|event| event.key));
        let wanted = |run: &&RunRecord| {
            query.rule.as_ref().is_none_or(|rule| run.rule == *rule)
                && query.state.is_none_or(|state| run.state == state)
                && query.waits_for.is_none_or(|what| run.waits_for == Some(what))
                && event
                    .as_ref()
                    .is_none_or(|event| event.as_ref() == Some(&run.event))
                && query
                    .before
                    .as_ref()
                    .is_none_or(|(seq, id)| (run.seq, &run.id) < (*seq, id))
        };
        let mut runs: Vec<_> = self
            .runs
            .values()
            .map(|history| &history.run)
            .filter(wanted)
            .collect();
        runs.sort_by(|a, b| (b.seq, &b.id).cmp(&(a.seq, &a.id)));
        runs.into_iter()
            .take(query.limit.clamp(1, PAGE_MAX))
            .cloned()
            .collect()
    }

    /// See [`Store::stats`](crate::journal::Store::stats).
    pub fn stats(&self) -> Stats {
        let duplicates = self.events.values().map(|entry| entry.record.duplicates_total);
        let mut stats = Stats {
            events: self.events.len() as u64,
            duplicates: duplicates.sum(),
            ..Stats::default()
        };
        for history in self.runs.values() {
            *stats.of(history.run.state) += 1;
        }
        stats
    }

    /// See [`Store::next_due`](crate::journal::Store::next_due).
    pub fn next_due(&self) -> Option<Timestamp> {
        self.runs.values().filter_map(|history| history.run.due_at).min()
    }

    /// See [`Store::keep_book`](crate::journal::Store::keep_book).
    pub fn keep_book(&mut self, book: BookRecord, now: Timestamp) {
        let at = self.at(now);
        self.changes(at);
        for rule in &book.rules {
            self.texts
                .entry((rule.version.clone(), rule.rule.clone()))
                .or_insert_with(|| rule.text.clone());
        }
        self.last_good = Some(book.hash.clone());
        let shelved = self
            .books
            .entry(book.hash.clone())
            .or_insert(Shelved { book, at });
        shelved.at = at;
    }

    /// See [`Store::book`](crate::journal::Store::book).
    pub fn book(&self, hash: Option<&str>) -> Option<BookRecord> {
        let hash = hash.or(self.last_good.as_deref())?;
        self.books.get(hash).map(|shelved| shelved.book.clone())
    }

    /// See [`Store::rule_text`](crate::journal::Store::rule_text).
    pub fn rule_text(&self, version: &str) -> Option<RuleText> {
        let from = (version.to_owned(), String::new());
        let ((found, rule), text) = self.texts.range(from..).next()?;
        (found == version).then(|| RuleText {
            rule: rule.clone(),
            version: version.into(),
            text: text.clone(),
        })
    }

    /// See [`Store::epoch`](crate::journal::Store::epoch).
    pub fn epoch(&self) -> Epoch {
        self.epoch.clone()
    }
}

/// Whether a dotted type is another one, or below it.
fn below(kind: &str, ancestor: &str) -> bool {
    kind.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
