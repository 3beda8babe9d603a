//! In: a source and what is known of it. Out: its newest stretch compared, and what was left of older ones. Never: more
//! than a bounded number of pages; what is left is on record and gone on with next time.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jiff::Timestamp;

use super::admit::{Failure, Fate, Gap};
use super::source::{self, Attempt, KEPT_MS, Source};
use super::told::{self, Fetched};
use super::{Ask, LEASE_MS, RecoverError, Recovery, state_after, still_ours};
use crate::clock::{Clock, after};
use crate::hub::ToolError;
use crate::journal::{
    self, Coverage, CoverageLease, CoverageState, EventKey, Found, Range, StoreError, Stretch, Unreachable,
};
use crate::reactor::envelope;

/// After so many deliveries that are not in the journal the provider's budget is looked at again, and the right to compare
/// made longer: getting each of them is a request.
const LOOK_EVERY: u64 = 20;

/// What a scan came to.
pub(super) struct Scanned {
    pub(super) found: Found,
    /// Why the provider's other sources have to wait.
    pub(super) halted: Option<String>,
}

/// All attempts at one delivery.
#[derive(Debug)]
pub(super) struct Sighting {
    /// The earliest that was seen.
    pub(super) first: Attempt,
    /// The latest, of which the provider surely still has the payload.
    pub(super) latest: Attempt,
    /// Whether any of them was answered with success.
    pub(super) acknowledged: bool,
}

/// Why a stretch was not compared to its end.
enum Halt {
    Tool(ToolError),
    /// What is left of the provider's budget is for the rules.
    Budget(String),
    Recover(RecoverError),
}

impl From<ToolError> for Halt {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

impl From<RecoverError> for Halt {
    fn from(error: RecoverError) -> Self {
        Self::Recover(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Recover(error.into())
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Tool(error) => Self::Tool(error),
            Failure::Recover(error) => Self::Recover(error),
        }
    }
}

/// A comparison of one source under way.
struct Scan<'a> {
    recovery: &'a Recovery,
    source: &'a Source,
    lease: &'a CoverageLease,
    gap: Gap<'a>,
    coverage: Coverage,
    pages_left: usize,
    found: Found,
    /// When the right to compare was taken or made longer last, on this process's clock.
    renewed: Instant,
}

impl Recovery {
    /// Compares one source: first what was left of earlier stretches, then everything since.
    pub(super) async fn scan(
        &self,
        source: &Source,
        ask: Ask,
        lease: &CoverageLease,
    ) -> Result<Scanned, RecoverError> {
        let (store, now) = (self.reactor.store().as_ref(), self.now());
        let name = source.name();
        let coverage = journal::coverage_of(store, &name, now).await?;
        let mut coverage = coverage.unwrap_or_else(|| Coverage::new(&name, now));
        let shown_from = after(now, -KEPT_MS);
        coverage.forget_before(shown_from);
        coverage.disbelieve(shown_from, now);
        let mut backlog = std::mem::take(&mut coverage.backlog);
        let begin = match ask.since {
            Some(since) => {
                // All of it is looked at again.
                backlog.clear();
                let since = since.max(shown_from);
                coverage.begin_of_doubt(since).unwrap_or(since)
            }
            None => {
                let left = backlog.iter().map(|stretch| stretch.until).max();
                left.max(coverage.until()).unwrap_or(shown_from).max(shown_from)
            }
        };
        let head = Stretch {
            from: begin,
            until: after(now, -self.settings.grace_ms),
            cursor: None,
        };
        let mut scan = Scan {
            recovery: self,
            source,
            lease,
            gap: Gap {
                reactor: &self.reactor,
                settings: &self.settings,
                source,
                ask,
                epoch: store.epoch().await?.created_at,
            },
            coverage,
            pages_left: self.settings.pages,
            found: Found::default(),
            renewed: Clock::monotonic(),
        };
        let halted = scan.stretches(backlog, head).await;
        let Scan {
            mut coverage, found, ..
        } = scan;
        let mut scanned = Scanned { found, halted: None };
        coverage.state = match halted {
            Ok(()) => CoverageState::Watched,
            Err(Halt::Recover(error)) => return Err(error),
            Err(Halt::Tool(error)) => {
                let (state, all) = state_after(&error);
                scanned.halted = all.then(|| error.to_string());
                state
            }
            Err(Halt::Budget(why)) => {
                scanned.halted = Some(why.clone());
                CoverageState::Waiting { why }
            }
        };
        coverage.checked_at = self.now();
        still_ours(lease.keep(store, &coverage, self.now()).await?)?;
        Ok(scanned)
    }
}

impl Scan<'_> {
    async fn stretches(&mut self, backlog: Vec<Stretch>, head: Stretch) -> Result<(), Halt> {
        let mut left = backlog.into_iter();
        while let Some(stretch) = left.next() {
            // One page is kept for what is new.
            if self.pages_left <= 1 {
                self.coverage.postpone(stretch);
                continue;
            }
            if let Err(halt) = self.stretch(stretch, 1).await {
                left.chain([head])
                    .for_each(|stretch| self.coverage.postpone(stretch));
                return Err(halt);
            }
        }
        if head.from < head.until {
            self.stretch(head, 0).await?;
        }
        Ok(())
    }

    /// Reads a stretch's list and compares it with the journal. Nothing of it is on record before that is done.
    async fn stretch(&mut self, stretch: Stretch, pages_kept: usize) -> Result<(), Halt> {
        let (attempts, rest) = match self.list(&stretch, pages_kept).await {
            Ok(listed) => listed,
            Err(halt) => {
                self.coverage.postpone(stretch);
                return Err(halt);
            }
        };
        let from = rest.as_ref().map_or(stretch.from, |rest| rest.until);
        if let Some(rest) = rest {
            self.coverage.postpone(rest);
        }
        let (mut found, mut fetched) = (Found::default(), Vec::new());
        for sighting in sightings(attempts) {
            if let Err(halt) = self.compare(&sighting, &mut found, &mut fetched).await {
                // What is older was compared; this one and what is newer is not.
                let at = sighting.first.at.max(from);
                told::tell(&self.recovery.reactor, self.source, fetched).await?;
                self.enter(from, at, found);
                self.coverage.postpone(Stretch { from: at, ..stretch });
                return Err(halt);
            }
        }
        told::tell(&self.recovery.reactor, self.source, fetched).await?;
        self.enter(from, stretch.until, found);
        Ok(())
    }

    fn enter(&mut self, from: Timestamp, until: Timestamp, found: Found) {
        self.found.add(&found);
        self.coverage.enter(Range { from, until, found });
    }

    /// The attempts of a stretch, and what is left of it when the pages are used up.
    async fn list(
        &mut self,
        stretch: &Stretch,
        pages_kept: usize,
    ) -> Result<(Vec<Attempt>, Option<Stretch>), Halt> {
        let recovery = self.recovery;
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut cursor = stretch.cursor.clone();
        let mut oldest = stretch.until;
        loop {
            if self.pages_left <= pages_kept {
                // The last one's own moment is in both parts: others of that moment may be on the next page.
                let until = after(oldest, 1).min(stretch.until);
                let from = stretch.from;
                return Ok((attempts, Some(Stretch { from, until, cursor })));
            }
            self.pages_left -= 1;
            let span = (stretch.from, stretch.until);
            let page = self
                .source
                .page(&recovery.reactor.hub, span, cursor.as_deref())
                .await?;
            self.renew().await?;
            if let Some(last) = page.attempts.last() {
                oldest = last.at.min(oldest);
            }
            attempts.extend(
                page.attempts
                    .into_iter()
                    .filter(|one| stretch.from <= one.at && one.at < stretch.until),
            );
            cursor = page.next;
            if cursor.is_none() || oldest < stretch.from {
                return Ok((attempts, None));
            }
        }
    }

    async fn renew(&mut self) -> Result<(), Halt> {
        let recovery = self.recovery;
        let store = recovery.reactor.store().as_ref();
        still_ours(self.lease.renew(store, recovery.now()).await?)?;
        self.renewed = Clock::monotonic();
        Ok(())
    }

    /// Whether one more delivery may be asked for. The budget is looked at once in some, the right to compare whenever a third of
    /// it is used up: a provider may be slow.
    async fn may_go_on(&mut self) -> Result<(), Halt> {
        if self.renewed.elapsed().as_millis() >= u128::from(LEASE_MS.unsigned_abs() / 3) {
            self.renew().await?;
        }
        let asked = self.recovery.asked_for.fetch_add(1, Ordering::Relaxed) + 1;
        if !asked.is_multiple_of(LOOK_EVERY) || !matches!(self.source, Source::Github { .. }) {
            return Ok(());
        }
        match source::low_budget(&self.recovery.reactor.hub).await {
            Some(why) => Err(Halt::Budget(why)),
            None => Ok(()),
        }
    }

    /// Looks whether a delivery is in the journal, and gets it if not.
    async fn compare(
        &mut self,
        sighting: &Sighting,
        found: &mut Found,
        fetched: &mut Vec<Fetched>,
    ) -> Result<(), Halt> {
        let is_fetched = |stale| Fetched {
            id: sighting.first.id.clone(),
            at: sighting.first.at,
            stale,
        };
        let store = self.recovery.reactor.store();
        let key = EventKey {
            source: self.source.provider().into(),
            id: sighting.first.id.clone(),
        };
        if let Some(known) = store.event(&key).await? {
            found.ok += 1;
            if envelope::was_fetched(&known) {
                fetched.push(is_fetched(false));
            }
            return Ok(());
        }
        self.may_go_on().await?;
        let fate = self.gap.close(sighting).await?;
        match &fate {
            Fate::Known => {
                found.ok += 1;
                return Ok(());
            }
            Fate::Admitted { stale } => {
                found.recovered += 1;
                found.stale += u64::from(*stale);
                fetched.push(is_fetched(*stale));
            }
            Fate::Old => {
                found.before_epoch += 1;
                found.acknowledged_before_epoch += u64::from(sighting.acknowledged);
            }
            Fate::Unreachable(why) => {
                found.unreachable += 1;
                self.coverage.lost(Unreachable {
                    id: sighting.first.id.clone(),
                    at: sighting.first.at,
                    why: why.clone(),
                });
            }
        }
        match sighting.acknowledged {
            true => found.missing += 1,
            false => found.failed += 1,
        }
        Ok(())
    }
}

/// Attempts by delivery, the oldest delivery first.
fn sightings(attempts: Vec<Attempt>) -> Vec<Sighting> {
    let mut by_id: BTreeMap<String, Sighting> = BTreeMap::new();
    for attempt in attempts {
        let Some(known) = by_id.get_mut(&attempt.id) else {
            let sighting = Sighting {
                acknowledged: attempt.acknowledged,
                first: attempt.clone(),
                latest: attempt.clone(),
            };
            by_id.insert(attempt.id.clone(), sighting);
            continue;
        };
        known.acknowledged |= attempt.acknowledged;
        if attempt.at < known.first.at || known.first.again && !attempt.again {
            known.first = attempt;
        } else if attempt.at > known.latest.at {
            known.latest = attempt;
        }
    }
    let mut sightings: Vec<Sighting> = by_id.into_values().collect();
    sightings.sort_by_key(|sighting| sighting.first.at);
    sightings
}
