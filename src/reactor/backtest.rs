//! In: changed rules. Out: what is wrong with them, and on which of the events on record they would have acted otherwise. Never: a
//! change of anything.

use jiff::Timestamp;
use serde_json::Value;

use super::{Reactor, catalog};
use crate::journal::{EventQuery, EventRecord, PAGE_MAX, Store, StoreError};
use crate::normalize::{self, Actor, Event, EventId, EventType, Subject};
use crate::receive::{Maker, Origin, Source};
use crate::rules::{self, Comparison, Diagnostic, Loaded, RuleBook, Side, SourceFile};

/// Events of the journal as a rule sees them.
#[derive(Debug, Default)]
pub struct KeptEvents {
    /// Oldest first.
    pub events: Vec<Event>,
    /// How many there are that could not be read any more.
    pub unreadable: usize,
    /// Whether there are older ones that were not asked for.
    pub more: bool,
}

/// Changed rules beside those in force.
#[derive(Debug)]
pub struct Candidate {
    /// All files of the book that would be.
    pub files: Vec<SourceFile>,
    /// The book, where no error keeps it from being used.
    pub book: Option<RuleBook>,
    /// What is wrong with any of the rules.
    pub diagnostics: Vec<Diagnostic>,
}

/// What changed rules would have done.
#[derive(Debug)]
pub struct Backtest {
    /// Where they differ from those in force.
    pub comparison: Comparison,
    /// How many events were compared.
    pub events: usize,
    /// When the first of them came.
    pub first: Option<Timestamp>,
    /// When the last did.
    pub last: Option<Timestamp>,
    /// How many could not be read any more.
    pub unreadable: usize,
    /// Whether there are older ones since the time that was asked for.
    pub more: bool,
}

impl Reactor {
    /// Loads the rules in force with `changed` in the place of those of the same id.
    pub fn check(&self, changed: &[SourceFile]) -> Candidate {
        let book = self.book();
        let new: Vec<String> = changed.iter().map(|file| rules::stem(&file.path)).collect();
        let kept = book.rules().iter().filter(|rule| !new.contains(&rule.id));
        let mut files: Vec<SourceFile> = kept
            .map(|rule| SourceFile {
                path: rule.path.clone(),
                text: rule.text.clone(),
                unreadable: None,
            })
            .collect();
        files.extend_from_slice(changed);
        let known = catalog(&self.hub.facts(), self.hub.directory()).opened(self.hub.open_servers());
        let Loaded { book, diagnostics } = rules::load(&files, book.vars(), Some(&known));
        Candidate {
            files,
            book,
            diagnostics,
        }
    }

    /// Compares the rules in force with `candidate`, on the events since a time: at most `max` of them, the newest.
    pub async fn backtest(
        &self,
        candidate: RuleBook,
        since: Timestamp,
        max: usize,
    ) -> Result<Backtest, StoreError> {
        let kept = events_since(self.store.as_ref(), since, max).await?;
        let (first, last) = (kept.events.first(), kept.events.last());
        let received = |event: Option<&Event>| event.map(|event| event.received_at);
        let (first, last, events) = (received(first), received(last), kept.events.len());
        let before = Side::new("the rules in force".into(), vec![self.book().as_ref().clone()]);
        let after = Side::new("the changed rules".into(), vec![candidate]);
        // Matching many events takes its time, and others wait for this thread.
        let compared = tokio::task::spawn_blocking(move || rules::compare(&before, &after, &kept.events));
        let comparison = compared.await.unwrap_or_default();
        Ok(Backtest {
            comparison,
            events,
            first,
            last,
            unreadable: kept.unreadable,
            more: kept.more,
        })
    }
}

/// The newest events since a time, at most `max`.
pub async fn events_since(store: &dyn Store, since: Timestamp, max: usize) -> Result<KeptEvents, StoreError> {
    let mut kept = KeptEvents::default();
    let mut before = None;
    loop {
        let limit = PAGE_MAX.min(max - kept.events.len() - kept.unreadable);
        if limit == 0 {
            kept.more = true;
            break;
        }
        let query = EventQuery {
            since: Some(since),
            before,
            limit,
            ..EventQuery::default()
        };
        let page = store.events(&query).await?;
        before = page.last().map(|record| record.seq);
        for record in &page {
            match of_record(record) {
                Some(event) => kept.events.push(event),
                None => kept.unreadable += 1,
            }
        }
        if page.len() < limit {
            break;
        }
    }
    kept.events.reverse();
    Ok(kept)
}

/// A stored event as a rule sees it; `None` if it cannot be read any more.
pub fn of_record(record: &EventRecord) -> Option<Event> {
    let text = |name: &str| record.meta.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Event {
        id: EventId(record.key.id.clone()),
        source: Source::on_record(&record.key.source),
        kind: EventType(record.kind.clone()),
        action: text("action"),
        subject: Subject(record.subject.clone()),
        actor: text("actor").map(Actor),
        time: record.time,
        received_at: record.received_at,
        replayed: false,
        payload: normalize::parse(&record.body).ok()?,
        body: record.body.clone(),
        digest: None,
        origin: Origin::Internal(Maker::Given),
        causes: Vec::new(),
        after: None,
    })
}
