//! In: changed rules. Out: what is wrong with them, and on which of the events on record they would have acted otherwise. Never: a
//! change of anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{Reactor, catalog};
use crate::hub::ToolFacts;
use crate::journal::{EventQuery, EventRecord, PAGE_MAX, Store, StoreError};
use crate::normalize::{Actor, Event, EventId, EventType, Payload, Subject};
use crate::receive::{Maker, Origin, Source};
use crate::rules::{self, Catalog, Comparison, Diagnostic, Loaded, RuleBook, Side, SourceFile};

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

/// What is wrong with the rules in force, and what they were held against.
#[derive(Debug)]
pub(super) struct Found {
    book: Arc<RuleBook>,
    tools: Arc<BTreeMap<String, ToolFacts>>,
    open: BTreeSet<String>,
    diagnostics: Arc<[Diagnostic]>,
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
    pub async fn check(&self, changed: Vec<SourceFile>) -> Candidate {
        let (book, tools, open) = (self.book(), self.hub.facts(), self.hub.open_servers());
        self.loaded(book, tools, open, changed).await
    }

    /// What is wrong with the rules in force. That is found out once for a book and the tools there are, however often it is asked.
    pub async fn findings(&self) -> Arc<[Diagnostic]> {
        let (book, tools, open) = (self.book(), self.hub.facts(), self.hub.open_servers());
        let mut found = self.findings.lock().await;
        if let Some(found) = found.as_ref()
            && Arc::ptr_eq(&found.book, &book)
            && Arc::ptr_eq(&found.tools, &tools)
            && found.open == open
        {
            return Arc::clone(&found.diagnostics);
        }
        let loaded = self.loaded(Arc::clone(&book), Arc::clone(&tools), open.clone(), Vec::new());
        let diagnostics: Arc<[Diagnostic]> = loaded.await.diagnostics.into();
        *found = Some(Found {
            book,
            tools,
            open,
            diagnostics: Arc::clone(&diagnostics),
        });
        diagnostics
    }

    async fn loaded(
        &self,
        book: Arc<RuleBook>,
        tools: Arc<BTreeMap<String, ToolFacts>>,
        open: BTreeSet<String>,
        changed: Vec<SourceFile>,
    ) -> Candidate {
        let known = catalog(&tools, self.hub.directory()).opened(open);
        aside(move || candidate(&book, &known, changed)).await
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
        let comparison = aside(move || rules::compare(&before, &after, &kept.events)).await;
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

fn candidate(book: &RuleBook, known: &Catalog, changed: Vec<SourceFile>) -> Candidate {
    let new: BTreeSet<String> = changed.iter().map(|file| rules::stem(&file.path)).collect();
    let kept = book.rules().iter().filter(|rule| !new.contains(&rule.id));
    let mut files: Vec<SourceFile> = kept
        .map(|rule| SourceFile {
            path: rule.path.clone(),
            text: rule.text.clone(),
            unreadable: None,
        })
        .collect();
    files.extend(changed);
    let Loaded { book, diagnostics } = rules::load(&files, book.vars(), Some(known));
    Candidate {
        files,
        book,
        diagnostics,
    }
}

/// Many rules or many events take their time, and others wait for this thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program ends, and nobody waits for the answer any more.
            Err(_) => std::future::pending().await,
        },
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
        payload: Payload::parsed(&record.body).ok()?,
        body: record.body.clone(),
        digest: None,
        origin: Origin::Internal(Maker::Given),
        causes: Vec::new(),
        after: None,
    })
}
