//! In: deliveries, and the passing of time. Out: runs carried to their end. The only room that knows the order of the
//! stages. Never: HTTP, files, the environment.

mod after;
mod backtest;
mod clock_watch;
mod envelope;
mod identity;
mod intake;
mod explain;
mod outbox;
mod coordination;
mod own;
mod recover;
mod retention;
mod pauses;
mod retired;
mod reach;
mod shown;
mod timed;
mod timer;
mod trail;
mod word;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedMutexGuard};

pub use crate::rules::Ranked;
pub use after::{Again, Said};
pub use backtest::{Backtest, Candidate, KeptEvents, events_since, of_record};
pub use explain::{Explained, explain, suppose};
pub use intake::{IntakeError, LookupError};
pub use own::{TriggerError, Wish, asked, ticked};
pub use pauses::PauseError;
pub use reach::ReachError;
pub use recover::{Ask, RecoverError, Recovered, Recovery, RecoverySettings, leads_here};
pub use retention::Policy;
pub use shown::{Checked, Finding, RuleShown, RuleWhole, ScheduleShown, StepNamed};
pub use timer::Timer;
pub use trail::JournalTrail;
pub use worker::{STALLS_MAX, Worker};

use clock_watch::ClockWatch;

use crate::agents::Directory;
use crate::clock::{Clock, in_words};
use crate::hub::{Hub, ToolFacts};
use crate::journal::{BookRecord, RuleText, RunId, Store, StoreError};
use crate::rules::{self, Catalog, CatalogTool, Diagnostic, Rule, RuleBook, SourceFile};
use crate::telemetry::numbers;

/// How long after a refused delivery the instance says that it cannot accept any, in milliseconds.
const REFUSING_MS: i64 = 10_000;

/// The name of the clock among the degraded parts.
const CLOCK: &str = "clock";

/// Reads the rule files: given by whoever may touch files.
pub type RuleSource = Box<dyn Fn() -> Result<Vec<SourceFile>, String> + Send + Sync>;

/// What a reactor is made of.
pub struct Parts {
    /// The journal.
    pub store: Arc<dyn Store>,
    /// The tools.
    pub hub: Hub,
    /// The time.
    pub clock: Clock,
    /// The rules to begin with.
    pub book: RuleBook,
    /// Where a reload reads the rules.
    pub source: RuleSource,
    /// Overrides how long an effect may stay invisible, in milliseconds.
    pub settle_ms: Option<i64>,
}

/// The stages, put in order around one journal.
pub struct Reactor {
    store: Arc<dyn Store>,
    hub: Hub,
    settle_ms: Option<i64>,
    identity: identity::Identity,
    clock: Clock,
    book: ArcSwap<RuleBook>,
    source: RuleSource,
    wake: Notify,
    rules_changed: Notify,
    something_to_tell: Notify,
    degraded: Mutex<BTreeMap<String, String>>,
    /// When the journal last refused an event, until it takes one again.
    refused_at: Mutex<Option<Timestamp>>,
    bounds: Mutex<retention::Bounds>,
    /// Whose turn it is with each run that is being carried on in this process.
    turns: Mutex<BTreeMap<RunId, Weak<tokio::sync::Mutex<()>>>>,
    clock_watch: Mutex<ClockWatch>,
    pauses: Mutex<pauses::Seen>,
    findings: tokio::sync::Mutex<Option<backtest::Found>>,
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor")
            .field("book", &self.book().hash())
            .finish_non_exhaustive()
    }
}

/// How a reload ended when the old rules stay in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The files could not be read.
    #[error("the rules cannot be read: {0}")]
    Unreadable(String),
    /// The files hold errors; all diagnostics, warnings too, with the files they point into.
    #[error("the rules hold {} error(s); the rules in force stay as they were", .1.iter().filter(|d| d.is_error()).count())]
    Broken(Vec<SourceFile>, Vec<Diagnostic>),
    /// The new book could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether deliveries can be accepted, and what does not work meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// A delivery that came now could be made durable.
    pub accepting: bool,
    /// Parts that do not work; none of them is a reason to refuse deliveries.
    pub degraded: Vec<Degraded>,
}

/// A part that does not work.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Degraded {
    /// `rules`, `github`, …
    pub part: String,
    /// What is wrong and what to do.
    pub why: String,
}

impl Reactor {
    /// Puts the stages in order. Nothing runs until a [`Worker`] does.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            hub: parts.hub,
            settle_ms: parts.settle_ms,
            identity: identity::Identity::default(),
            clock: parts.clock,
            book: ArcSwap::from_pointee(parts.book),
            source: parts.source,
            wake: Notify::new(),
            rules_changed: Notify::new(),
            something_to_tell: Notify::new(),
            degraded: Mutex::default(),
            refused_at: Mutex::default(),
            bounds: Mutex::default(),
            turns: Mutex::default(),
            clock_watch: Mutex::default(),
            pauses: Mutex::default(),
            findings: tokio::sync::Mutex::default(),
        })
    }

    /// The journal.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Who there is besides the reactor, and what each may do.
    pub fn directory(&self) -> &Arc<Directory> {
        self.hub.directory()
    }

    /// The integration layer.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The tools a rule can call at the moment. Of a server whose tools nobody has seen yet, those it mentions are
    /// assumed: whether they are there shows when they are called.
    fn tools_for(&self, rule: &Rule) -> Arc<BTreeMap<String, ToolFacts>> {
        let mut tools = self.hub.facts();
        for action in rule.actions.iter().chain(&rule.on_failure) {
            if !tools.contains_key(&action.tool)
                && let Some(assumed) = self.hub.tool_or_assumed(&action.tool)
            {
                Arc::make_mut(&mut tools).insert(action.tool.clone(), assumed);
            }
        }
        tools
    }

    /// The rules in force.
    pub fn book(&self) -> Arc<RuleBook> {
        self.book.load_full()
    }

    /// Tells the worker that something may have become due, or that something became of a run.
    pub fn wake(&self) {
        self.wake.notify_one();
        self.something_to_tell.notify_one();
    }

    /// Waits until nobody else in this process carries the run on. Leases go by the wall clock: when that jumps (a
    /// machine that slept, a corrected clock), a run is claimed anew whose call is still under way, and only the end of
    /// that call makes it possible to find out what it did.
    async fn turn(&self, run: &RunId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            turns.get(run).and_then(Weak::upgrade).unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(run.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }

    /// Reads the rules anew. The new book replaces the old one whole; with any error the old one stays.
    pub async fn reload(&self) -> Result<Vec<Diagnostic>, ReloadError> {
        let outcome = self.read_rules().await;
        numbers::RELOADS.count([if outcome.is_ok() { "loaded" } else { "refused" }]);
        match &outcome {
            Ok(_) => self.set_degraded("rules", None),
            Err(error) => self.set_degraded("rules", Some(error.to_string())),
        }
        outcome
    }

    async fn read_rules(&self) -> Result<Vec<Diagnostic>, ReloadError> {
        let files = (self.source)().map_err(ReloadError::Unreadable)?;
        let loaded = rules::load(
            &files,
            self.book().vars(),
            Some(&catalog(&self.hub.facts(), self.hub.directory()).opened(self.hub.open_servers())),
        );
        let Some(book) = loaded.book else {
            return Err(ReloadError::Broken(files, loaded.diagnostics));
        };
        self.store.keep_book(book_record(&book), self.clock.now()).await?;
        if book.hash() != self.book().hash() {
            tracing::info!(
                book.hash = book.hash(),
                rules = book.rules().len(),
                "rules reloaded"
            );
        }
        let before = self.book.swap(Arc::new(book));
        self.rules_changed.notify_one();
        self.cancel_retired(&before).await;
        Ok(loaded.diagnostics)
    }

    /// Looks whether the clock jumped since it was looked at last.
    fn watch_clock(&self) {
        if self.clock.is_virtual() {
            return;
        }
        let (now, ticks) = (self.clock.now(), Clock::monotonic());
        let mut watch = self.clock_watch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jump_ms) = watch.observe(now, ticks) {
            numbers::CLOCK_JUMPS.count(["forward"]);
            tracing::error!("the clock jumped forward by {}", in_words(jump_ms));
        }
        self.set_degraded(CLOCK, watch.alarm(ticks));
    }

    /// Notes that a part does not work, or works again.
    pub fn set_degraded(&self, part: &str, why: Option<String>) {
        let mut degraded = self.degraded.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => {
                if degraded.insert(part.into(), why.clone()).as_ref() != Some(&why) {
                    tracing::warn!(part, "degraded: {why}");
                }
            }
            None => {
                if degraded.remove(part).is_some() {
                    tracing::info!(part, "works again");
                }
            }
        }
    }

    /// Whether deliveries can be accepted durably, and what does not work meanwhile.
    pub async fn health(&self) -> Health {
        // After a refused delivery the instance says no for a while. Then it says yes again even if nothing came in
        // meanwhile: who asks may be who decides whether anything comes in.
        let refused = self
            .refused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|at| self.clock.now().as_millisecond() - at.as_millisecond() < REFUSING_MS);
        let store = self.store.epoch().await;
        let degraded = self.degraded.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts: Vec<Degraded> = degraded
            .iter()
            .map(|(part, why)| Degraded {
                part: part.clone(),
                why: why.clone(),
            })
            .collect();
        let accepting = store.is_ok() && !refused && self.full().is_none();
        if let Some(behind) = self.store.clock_behind() {
            parts.push(Degraded {
                part: CLOCK.into(),
                why: format!(
                    "the journal's clock jumped back by {}, or had been ahead: leases, waits and cooldowns last that much longer, \
                     until it has caught up; see to the machine's time synchronization. If that is too long, stop the servers, \
                     then `xmrt export --to FILE` and `xmrt import --replace --turn-clock-back FILE`",
                    in_words(i64::try_from(behind.as_millis()).unwrap_or(i64::MAX))
                ),
            });
        }
        if let Err(error) = store
            && !parts.iter().any(|one| one.part == intake::JOURNAL)
        {
            parts.push(Degraded {
                part: intake::JOURNAL.into(),
                why: error.to_string(),
            });
        }
        Health {
            accepting,
            degraded: parts,
        }
    }
}

/// What rules can be checked against: the tools there are, and who may use them.
pub fn catalog(tools: &BTreeMap<String, ToolFacts>, directory: &Directory) -> Catalog {
    let tools = tools
        .iter()
        .map(|(name, facts)| {
            let tool = CatalogTool {
                input_schema: facts.input_schema.clone(),
                output_schema: facts.output_schema.clone(),
                effects: facts.promises.effects.clone(),
                untrusted: facts.promises.untrusted.clone(),
                read_only: facts.read_only,
                destructive: facts.destructive,
            };
            (name.clone(), tool)
        })
        .collect();
    Catalog::new(tools, directory.clone())
}

/// A rule book as the journal keeps it.
pub fn book_record(book: &RuleBook) -> BookRecord {
    BookRecord {
        hash: book.hash().into(),
        settings: serde_json::json!({ "vars": book.vars() }),
        rules: book
            .rules()
            .iter()
            .map(|rule| RuleText {
                rule: rule.id.clone(),
                version: rule.version.clone(),
                text: rule.text.clone(),
            })
            .collect(),
    }
}
