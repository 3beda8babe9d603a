//! In: the providers' own lists of what they delivered, through the hub. Out: what is missing here admitted, and a ledger
//! of the times that are known to be whole. Never: a delivery from before this journal, unless a person asks for it.
//!
//! A provider does not tell us of what did not reach us, and a store that was lost does not know what it has forgotten.
//! So they are asked: after a start and from time to time, by one instance at a time.

mod source;

pub use source::leads_here;
mod scan;
mod admit;
mod told;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::Reactor;
use crate::clock;
use crate::hub::{ErrorClass, ToolError};
use crate::journal::{self, Coverage, CoverageLease, CoveragePass, CoverageState, Found, StoreError};
use crate::telemetry::numbers;
use source::{Discovered, Source};

/// How long one instance has the right to compare, in milliseconds; extended with every page and
/// every few deliveries that are fetched.
const LEASE_MS: i64 = 60_000;
/// How soon after the last comparison a start makes another, in milliseconds.
const AGAIN_MS: i64 = 5_000;
/// How often it is looked whether a comparison is due, at most.
const LOOK: Duration = Duration::from_secs(15);
/// How long the list of webhooks is believed, in milliseconds.
const DISCOVERED_MS: i64 = 1_800_000;
/// The name of this part among the degraded ones.
const PART: &str = "coverage";

/// How and how often is compared.
#[derive(Clone, Debug)]
pub struct RecoverySettings {
    /// Whether GitHub is there to be asked.
    pub github: bool,
    /// Whether Render is.
    pub render: bool,
    /// How often, in milliseconds; 0: only when a person asks.
    pub every_ms: i64,
    /// How young a delivery may be to be left alone, in milliseconds: it may still be on its way.
    pub grace_ms: i64,
    /// How many pages of one source are read in one comparison.
    pub pages: usize,
    /// The repositories whose webhooks are looked at, as `owner/name`; with no organization either: those that the account
    /// administers.
    pub repositories: Vec<String>,
    /// The organizations whose webhooks are looked at.
    pub organizations: Vec<String>,
    /// The services whose own events are looked at.
    pub services: Vec<String>,
    /// The names this server is reached under; none: any webhook whose path is ours.
    pub hosts: Vec<String>,
    /// How old a recovered event may be for a rule that says nothing itself, in milliseconds.
    pub stale_ms: i64,
    /// The same for a rule with a destructive tool.
    pub stale_destructive_ms: i64,
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// Compare again from here on, and admit also what is older than the journal.
    pub since: Option<Timestamp>,
    /// How old an event may be for any rule that says nothing itself, in milliseconds.
    pub max_age_ms: Option<i64>,
}

/// What a comparison came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recovered {
    /// What was found, in all.
    pub found: Found,
    /// Source by source.
    pub sources: BTreeMap<String, Found>,
    /// Why a provider was not compared, by provider.
    pub unwatched: BTreeMap<String, String>,
}

/// Why there was no comparison.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Another instance, or another person, is at it.
    #[error("a comparison is under way; it takes seconds, try again then")]
    Busy,
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares, and admits what is missing.
#[derive(Debug)]
pub struct Recovery {
    reactor: Arc<Reactor>,
    settings: RecoverySettings,
    discovered: Mutex<Option<(Timestamp, Discovered)>>,
    /// How many deliveries were asked for one by one, of all sources.
    asked_for: AtomicU64,
    /// The rights to compare that this process has, or may have.
    held: Mutex<Vec<CoverageLease>>,
}

impl Recovery {
    /// Nothing happens until it [`runs`](Self::run), or somebody [`asks`](Self::recover).
    pub fn new(reactor: Arc<Reactor>, settings: RecoverySettings) -> Arc<Self> {
        Arc::new(Self {
            reactor,
            settings,
            discovered: Mutex::default(),
            asked_for: AtomicU64::default(),
            held: Mutex::default(),
        })
    }

    /// Compares at once and whenever it is due, until `stop` turns true.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if self.settings.every_ms == 0 {
            return;
        }
        let mut first = true;
        while !*stop.borrow() {
            tokio::select! {
                // What is cut off here is done again by whoever compares next: nothing of a stretch is on record before
                // its end, and what was admitted is known.
                _ = stop.changed() => return self.let_go().await,
                outcome = self.when_due(first) => {
                    if let Err(error) = outcome {
                        tracing::warn!("what the providers delivered cannot be compared now: {error}");
                    }
                }
            }
            first = false;
            let pause = LOOK.min(Duration::from_millis(self.settings.every_ms.unsigned_abs()));
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Compares if it is due. A start does not wait for that: it follows a time in which nothing was heard.
    async fn when_due(&self, start: bool) -> Result<(), StoreError> {
        let (store, now) = (self.reactor.store().as_ref(), self.now());
        let due = journal::coverage_pass(store, now)
            .await?
            // What was done later than now was done by a clock that was ahead.
            .is_none_or(|pass| {
                pass.at > now
                    || match start {
                        true => clock::after(pass.at, AGAIN_MS) <= now,
                        false => pass.next_at <= now,
                    }
            });
        if !due {
            return Ok(());
        }
        match self.compare(Ask::default()).await {
            Ok(_) | Err(RecoverError::Busy) => Ok(()),
            Err(RecoverError::Store(error)) => Err(error),
        }
    }

    /// Compares now, because a person asks.
    pub async fn recover(&self, ask: Ask) -> Result<Recovered, RecoverError> {
        *self.discovered() = None;
        self.compare(ask).await
    }

    /// Gives every right to compare back, so that nobody has to wait for its end.
    async fn let_go(&self) {
        let held = std::mem::take(&mut *self.held());
        for lease in held {
            self.give_back(&lease).await;
        }
    }

    async fn give_back(&self, lease: &CoverageLease) {
        if let Err(error) = lease.give_back(self.reactor.store().as_ref(), self.now()).await {
            tracing::debug!("the right to compare is left to its end: {error}");
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<CoverageLease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn compare(&self, ask: Ask) -> Result<Recovered, RecoverError> {
        let lease = CoverageLease::new(LEASE_MS);
        // Noted before it is taken: a stop can come between the two.
        self.held().push(lease.clone());
        let outcome = match lease.take(self.reactor.store().as_ref(), self.now()).await {
            Ok(true) => {
                let outcome = self.compare_all(ask, &lease).await;
                self.give_back(&lease).await;
                outcome
            }
            Ok(false) => Err(RecoverError::Busy),
            Err(error) => Err(error.into()),
        };
        self.held().retain(|held| *held != lease);
        outcome
    }

    async fn compare_all(&self, ask: Ask, lease: &CoverageLease) -> Result<Recovered, RecoverError> {
        let store = self.reactor.store().as_ref();
        let mut discovered = self.discover().await;
        let mut recovered = Recovered::default();
        for (name, state) in &discovered.refused {
            let now = self.now();
            let mut coverage = journal::coverage_of(store, name, now)
                .await?
                .unwrap_or_else(|| Coverage::new(name, now));
            coverage.state = state.clone();
            coverage.checked_at = now;
            still_ours(lease.keep(store, &coverage, now).await?)?;
        }
        self.retire(&discovered, lease).await?;
        let sources = std::mem::take(&mut discovered.sources);
        for source in &sources {
            if let Some(why) = discovered.unwatched.get(source.provider()) {
                tracing::debug!(source = source.name(), "not compared: {why}");
                continue;
            }
            let scanned = self.scan(source, ask, lease).await?;
            self.announce(source, &scanned.found);
            recovered.found.add(&scanned.found);
            recovered.sources.insert(source.name(), scanned.found);
            if let Some(why) = scanned.halted {
                // The provider's budget is one for all of its sources.
                discovered.unwatched.insert(source.provider().into(), why);
            }
        }
        recovered.unwatched.clone_from(&discovered.unwatched);
        let now = self.now();
        let pass = CoveragePass {
            at: now,
            next_at: clock::after(now, self.settings.every_ms),
            unwatched: discovered.unwatched,
        };
        still_ours(lease.keep_pass(store, &pass, now).await?)?;
        self.tell(now).await?;
        Ok(recovered)
    }

    /// Webhooks that are not there any more are said to be so for a while, then forgotten.
    async fn retire(&self, discovered: &Discovered, lease: &CoverageLease) -> Result<(), RecoverError> {
        let (store, now) = (self.reactor.store().as_ref(), self.now());
        let there = |name: &str| {
            let refused = discovered.refused.iter().any(|(refused, _)| refused == name);
            refused || discovered.sources.iter().any(|source| source.name() == name)
        };
        for mut coverage in journal::all_coverage(store, now).await? {
            let provider = coverage.source.split(':').next().unwrap_or_default();
            if there(&coverage.source) || !self.asked(provider) || discovered.unwatched.contains_key(provider)
            {
                continue;
            }
            let gone = clock::after(coverage.checked_at, source::KEPT_MS) < now;
            if gone || coverage.ranges.is_empty() {
                still_ours(lease.forget(store, &coverage.source, now).await?)?;
                continue;
            }
            let why = "this webhook is not there any more, is switched off, or does not lead here".to_owned();
            coverage.state = CoverageState::Failing { why };
            still_ours(lease.keep(store, &coverage, now).await?)?;
        }
        Ok(())
    }

    /// Whether a provider is there to be asked.
    fn asked(&self, provider: &str) -> bool {
        match provider {
            "github" => self.settings.github,
            "render" => self.settings.render,
            _ => false,
        }
    }

    /// The webhooks that lead here; found out anew from time to time.
    async fn discover(&self) -> Discovered {
        let now = self.now();
        let low = match self.settings.github {
            true => source::low_budget(&self.reactor.hub).await,
            false => None,
        };
        let known = self.discovered().clone();
        let fresh = known.filter(|(at, _)| clock::after(*at, DISCOVERED_MS) > now);
        let mut found = match fresh {
            Some((_, known)) => known,
            None => {
                let ask_github = self.settings.github && low.is_none();
                let found = source::discover(&self.reactor, &self.settings, ask_github).await;
                // What was refused, not asked or not there is asked for with the next comparison.
                let whole = found.unwatched.is_empty() && found.refused.is_empty();
                let there = |provider| found.sources.iter().any(|source| source.provider() == provider);
                let all = ["github", "render"];
                if whole && low.is_none() && all.iter().all(|one| !self.asked(one) || there(*one)) {
                    *self.discovered() = Some((now, found.clone()));
                }
                found
            }
        };
        found.unwatched.extend(low.map(|why| ("github".to_owned(), why)));
        found
    }

    fn discovered(&self) -> std::sync::MutexGuard<'_, Option<(Timestamp, Discovered)>> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A gap was closed: said once, where everybody looks.
    fn announce(&self, source: &Source, found: &Found) {
        for (name, count) in [
            ("ok", found.ok),
            ("failed", found.failed),
            ("missing", found.missing),
            ("recovered", found.recovered),
            ("stale", found.stale),
            ("before_epoch", found.before_epoch),
            ("unreachable", found.unreachable),
        ] {
            if count > 0 {
                numbers::COVERAGE_DELIVERIES.add([source.provider(), name], count);
            }
        }
        if found.recovered > 0 || found.unreachable > 0 {
            tracing::warn!(
                source = source.name(),
                failed = found.failed,
                missing = found.missing,
                recovered = found.recovered,
                stale = found.stale,
                unreachable = found.unreachable,
                "deliveries that had not reached the journal were recovered"
            );
        }
    }

    /// Tells metrics and health how whole the journal is.
    async fn tell(&self, now: Timestamp) -> Result<(), StoreError> {
        let all = journal::all_coverage(self.reactor.store().as_ref(), now).await?;
        let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
        let mut left = 0;
        for coverage in &all {
            let provider = coverage.source.split(':').next().unwrap_or_default();
            if let Some(until) = coverage.until() {
                let lag = now.as_second() - until.as_second();
                let longest = lags.entry(provider).or_default();
                *longest = lag.max(*longest);
            }
            let shown = clock::after(now, -source::KEPT_MS);
            let recent = coverage.ranges.iter().filter(|range| range.until > shown);
            left += recent
                .map(|range| range.found.acknowledged_before_epoch)
                .sum::<u64>();
        }
        for (provider, lag) in lags {
            numbers::COVERAGE_LAG.set_count([provider], lag.max(0).unsigned_abs());
        }
        let why = format!(
            "{left} deliveries were accepted before this journal began and are not in it: an older journal was lost, or \
             another installation took them. `xmrt coverage` lists them, `xmrt coverage recover --since 3d` admits them"
        );
        self.reactor.set_degraded(PART, (left > 0).then_some(why));
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.reactor.clock().now()
    }
}

/// What was to be written under the right to compare, and whether that still held: if not, another has it, or had it.
fn still_ours(written: bool) -> Result<(), RecoverError> {
    match written {
        true => Ok(()),
        false => Err(RecoverError::Busy),
    }
}

/// How a source stands after a call that failed; and whether the provider's other sources have to wait, too.
fn state_after(error: &ToolError) -> (CoverageState, bool) {
    let why = error.to_string();
    match error.class {
        ErrorClass::Forbidden | ErrorClass::NotFound => (CoverageState::NoPermission { why }, false),
        ErrorClass::RateLimited { .. } => (CoverageState::Waiting { why }, true),
        _ => (CoverageState::Failing { why }, false),
    }
}
