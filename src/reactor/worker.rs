//! Claims runs and has them carried on, until each is at its end or has to wait.

mod approval;
mod doubt;
mod ending;
mod evidence;
mod held;
mod trail;
mod job;
mod pending;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use super::{Reactor, envelope, timed};
use crate::clock::{self, Clock};
use crate::journal::{Claim, RunId, RunRecord, RunState, StepState, StoreError, Then, WaitsFor};
use crate::normalize::Event;
use crate::rules::{self, Mode, Rule};
use crate::telemetry::{Span, numbers};
use job::Job;

/// How long a drain may take before what still runs is left to its lease.
const DRAIN_MAX: Duration = Duration::from_secs(15);
/// How often the journal is asked for due runs when nothing tells of any.
const POLL_MS: i64 = 1_000;
/// How long a run that this process cannot read is left to others before it is looked at again: so long for every time it
/// was claimed, up to the longest.
const UNREADABLE_MS: i64 = 2_000;
/// See [`UNREADABLE_MS`].
const UNREADABLE_MAX_MS: i64 = 60_000;
/// How often a run is claimed that does not get on; then whoever carries it dies of it, and nobody tries again.
pub const STALLS_MAX: u32 = 20;
/// How many parsed rules of former books are kept.
const PINNED_RULES_MAX: usize = 1_024;

/// Works on runs. Several workers, in this process or others, share a journal safely.
pub struct Worker {
    reactor: Arc<Reactor>,
    name: String,
    concurrency: usize,
    lease_ms: i64,
    /// Rules of former books, by version: runs pin the version they began with.
    pinned: Mutex<HashMap<String, Arc<Rule>>>,
}

impl Worker {
    /// A worker called `name`, unique among all that share the journal. It works on up to `concurrency` runs at once;
    /// its leases last `lease_ms`, longer where a call may take longer.
    pub fn new(reactor: Arc<Reactor>, name: String, concurrency: usize, lease_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            reactor,
            name,
            concurrency,
            lease_ms,
            pinned: Mutex::default(),
        })
    }

    /// Works until `stop` turns true, then finishes the steps under way and gives the rest back.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut jobs = JoinSet::new();
        let mut carried = HashMap::new();
        numbers::PLACES.set_count([], self.concurrency as u64);
        while !*stop.borrow() {
            self.reactor.watch_clock();
            let free = self.concurrency.saturating_sub(jobs.len());
            let claims = self.claim(free).await;
            let refused = claims.is_err();
            for (claim, claimed) in claims.unwrap_or_default() {
                let (worker, stop) = (Arc::clone(&self), stop.clone());
                let run = claim.run.id.clone();
                let job = jobs.spawn(async move { worker.carry(claim, claimed, &stop).await });
                carried.insert(job.id(), run);
            }
            numbers::BUSY.set_count([], jobs.len() as u64);
            // What is due and cannot be claimed stays due: asking again at once would only spin.
            let pause = self.pause(!refused && jobs.len() < self.concurrency).await;
            tokio::select! {
                _ = stop.changed() => {}
                Some(ended) = jobs.join_next_with_id() => report_panic(ended, &mut carried),
                () = self.reactor.wake.notified() => {}
                () = self.reactor.store.wait() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let finish = async {
            while let Some(ended) = jobs.join_next_with_id().await {
                report_panic(ended, &mut carried);
            }
        };
        if tokio::time::timeout(DRAIN_MAX, finish).await.is_err() {
            tracing::warn!(
                "steps were still running at the end of the drain; their leases will be taken over"
            );
        }
        if let Err(error) = self.reactor.store.release(&self.name, false, self.now()).await {
            tracing::warn!("leases could not be given back: {error}");
        }
    }

    /// Carries every run to its end or to a person's decision, one at a time, and returns how many claims that took.
    /// On a virtual clock waiting takes no time.
    pub async fn run_until_idle(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut claimed = 0;
        loop {
            let (count, next) = self.run_due().await?;
            claimed += count;
            match next {
                Some(at) => self.reactor.clock.sleep_until(at).await,
                None => return Ok(claimed),
            }
        }
    }

    /// Carries on every run that is due, one at a time, until none is. Returns how many claims that took, and when the next
    /// one is due.
    pub async fn run_due(self: &Arc<Self>) -> Result<(usize, Option<Timestamp>), StoreError> {
        let (_keep, stop) = watch::channel(false);
        let mut claimed = 0;
        loop {
            let start = Clock::monotonic();
            let store = &self.reactor.store;
            let claims = store
                .claim(&self.name, self.concurrency, self.lease_ms, self.now())
                .await?;
            if claims.is_empty() {
                if self.reactor.tell().await? > 0 {
                    continue;
                }
                return Ok((claimed, store.next_due().await?));
            }
            for claim in claims {
                claimed += 1;
                self.carry(claim, start, &stop).await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.reactor.clock.now()
    }

    /// Claims up to `free` runs; each with the monotonic time before the claim was asked for.
    async fn claim(&self, free: usize) -> Result<Vec<(Claim, Instant)>, StoreError> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let start = Clock::monotonic();
        let store = &self.reactor.store;
        let claimed = store.claim(&self.name, free, self.lease_ms, self.now());
        timed::durably("claim", claimed)
            .await
            .inspect(|claims| numbers::CLAIMS.add([], claims.len() as u64))
            .map(|claims| claims.into_iter().map(|claim| (claim, start)).collect())
            .inspect_err(|error| tracing::warn!("no runs can be claimed: {error}"))
    }

    /// How long to sleep when nothing happens: until the next run is due, at most the poll interval. Without a free
    /// place a due run is no reason to wake.
    async fn pause(&self, free: bool) -> Duration {
        let due = if free {
            self.reactor.store.next_due().await.ok().flatten()
        } else {
            None
        };
        let left = |at: Timestamp| at.as_millisecond() - self.now().as_millisecond();
        let until = due.map_or(POLL_MS, |at| left(at).clamp(1, POLL_MS));
        Duration::from_millis(until.unsigned_abs())
    }

    /// Carries one run on until it ends or has to wait.
    async fn carry(self: &Arc<Self>, claim: Claim, claimed: Instant, stop: &watch::Receiver<bool>) {
        let run = claim.run.id.clone();
        let _turn = self.reactor.turn(&run).await;
        let span = run_span(&claim);
        let outcome = span.within(self.carry_claim(claim, claimed, stop)).await;
        if let Err(error) = &outcome {
            span.failed(|| error.to_string());
        }
        drop(span);
        match outcome {
            Ok(()) => {}
            Err(StoreError::Fenced { .. }) => {
                tracing::warn!(run.id = run.0, "the lease was lost; another worker has the run");
            }
            Err(error) => tracing::error!(run.id = run.0, "the run is left to its lease: {error}"),
        }
    }

    async fn carry_claim(
        self: &Arc<Self>,
        claim: Claim,
        claimed: Instant,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        if claim.run.stalls > STALLS_MAX {
            return self.give_up(&claim).await;
        }
        let (rule, event) = match self.open(&claim).await {
            Ok(opened) => opened,
            Err(reason) => return self.leave(&claim.run, reason).await,
        };
        let off = self.switched_off(&claim).await?;
        let lease_end = claimed + Duration::from_millis(self.lease_ms.unsigned_abs());
        let mut job = Job::new(self, claim, rule, event, lease_end);
        let carried = job.carry_on(off, stop).await;
        // Wherever that turned out: also at a renewal, with calls behind it whose outcome was to be journaled with the next one.
        if let Err(StoreError::Fenced { .. }) = &carried {
            job.audit_alone().await;
        }
        carried
    }

    /// Ends a run that kills whoever carries it on. What may have been done is for a person to find out.
    async fn give_up(&self, claim: &Claim) -> Result<(), StoreError> {
        let run = &claim.run;
        let in_doubt = claim
            .steps
            .iter()
            .any(|step| step.writes && step.state == StepState::Intent);
        let mut reason = format!(
            "claimed {} times without getting on: whoever carries it dies or hangs each time; the logs tell of run {}",
            run.stalls, run.id
        );
        let state = if in_doubt {
            let id = &run.id;
            reason.push_str(&format!(
                ". A call of it may have been made: look at the provider, then `xmrt runs resolve {id} done|repeat|give-up`"
            ));
            RunState::Unknown
        } else {
            RunState::Dead
        };
        tracing::error!(run.id = run.id.0, rule.id = run.rule, "run {state}: {reason}");
        let reason = Some(reason);
        let then = Then::End { state, reason };
        let store = &self.reactor.store;
        store.advance(&run.id, run.fence, vec![], then, self.now()).await
    }

    /// Reads a claim's event back, and the rule at the version the run pinned.
    async fn open(&self, claim: &Claim) -> Result<(Arc<Rule>, Event), String> {
        let event = envelope::open(&claim.event, claim.run.generation > 0)
            .ok_or_else(|| "its event cannot be read by this release".to_owned())?;
        let version = &claim.run.version;
        if let Some(rule) = self
            .reactor
            .book()
            .rule(&claim.run.rule)
            .filter(|rule| rule.version == *version)
        {
            return Ok((Arc::clone(rule), event));
        }
        if let Some(rule) = self
            .pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(version)
        {
            return Ok((Arc::clone(rule), event));
        }
        let rule = self.reactor.pinned_rule(&claim.run).await?;
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if pinned.len() >= PINNED_RULES_MAX {
            pinned.clear();
        }
        pinned.insert(version.clone(), Arc::clone(&rule));
        Ok((rule, event))
    }

    /// A newer release may read what this one cannot: the run is left for it instead of being failed.
    async fn leave(&self, run: &RunRecord, reason: String) -> Result<(), StoreError> {
        tracing::error!(
            run.id = run.id.0,
            "the run is left to a release that can read it: {reason}"
        );
        let claims = i64::try_from(run.fence).unwrap_or(i64::MAX);
        let pause_ms = UNREADABLE_MS.saturating_mul(claims).min(UNREADABLE_MAX_MS);
        let until = clock::after(self.now(), pause_ms);
        self.reactor
            .store
            .advance(
                &run.id,
                run.fence,
                vec![],
                Then::Wait {
                    until,
                    waits_for: WaitsFor::Worker,
                    reason,
                },
                self.now(),
            )
            .await
    }

    /// A run that was not begun ends when its rule was switched off or deleted meanwhile: in the rules that were loaded
    /// last by any process, for others may have newer ones than this one.
    async fn switched_off(&self, claim: &Claim) -> Result<Option<String>, StoreError> {
        let (rule, book) = (&claim.run.rule, self.reactor.book());
        if !claim.steps.is_empty() || book.rule(rule).is_some_and(|rule| rule.mode != Mode::Off) {
            return Ok(None);
        }
        let newest = self.reactor.store.book(None).await?;
        let newest = newest.filter(|newest| newest.hash != book.hash());
        let mode = match newest {
            Some(newest) => newest
                .rules
                .iter()
                .find(|text| text.rule == *rule)
                // What this release cannot read is not off for that.
                .map(|text| {
                    rules::parse_pinned(rule, &text.text, &Value::Null).map_or(Mode::Live, |rule| rule.mode)
                }),
            None => book.rule(rule).map(|rule| rule.mode),
        };
        Ok(match mode {
            None => Some(format!("the rule `{rule}` was deleted before the run began")),
            Some(Mode::Off) => Some(format!("the rule `{rule}` was switched off before the run began")),
            Some(Mode::Live | Mode::Shadow) => None,
        })
    }
}

/// The carrying on of a run from its claim on, in the trace of the event that made it.
fn run_span(claim: &Claim) -> Span {
    let (run, event) = (&claim.run, &claim.event.key);
    let span = Span::after_event(&event.source, &event.id, || format!("run {}", run.rule));
    span.set("run.id", run.id.0.clone());
    span.set("rule.id", run.rule.clone());
    span.set("rule.version", run.version.clone());
    span.set("run.generation", i64::from(run.generation));
    span.set("run.shadow", run.shadow);
    span
}

/// A run whose task died keeps its lease until that is over; how often that happens is counted with the run.
fn report_panic(ended: Result<(task::Id, ()), JoinError>, carried: &mut HashMap<task::Id, RunId>) {
    let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
    let run = carried.remove(&id);
    if ended.is_err() {
        let run = run.map_or_else(|| "?".into(), |run| run.0);
        tracing::error!(
            run.id = run,
            "a run's task died, its lease will be taken over; why, the line of its panic says"
        );
    }
}
