//! In: what happened at the doors, and what the reactor is like. Out: numbers, and a log that a flood cannot fill. Never: a
//! label a sender chooses.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Problem;
use crate::clock::Clock;
use crate::hub::Condition;
use crate::journal::RunState;
use crate::reactor::{Health, Reactor};
use crate::rules::Mode;
use crate::telemetry::{Scrape, VALUES_MAX, numbers};

/// How often refusals are logged at most; those between are counted.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The process's metrics.
#[derive(Debug)]
pub(super) struct Counters {
    scrape: Scrape,
    /// The parts that were ever seen degraded: once they work again, that has to be said, too.
    parts: Mutex<BTreeSet<String>>,
}

impl Counters {
    pub(super) fn install() -> Self {
        Self {
            scrape: Scrape::install(),
            parts: Mutex::default(),
        }
    }

    /// A delivery that was answered: `accepted`, `duplicate`.
    pub(super) fn delivery(&self, source: &'static str, outcome: &'static str) {
        numbers::DELIVERIES.count([source, outcome]);
    }

    /// A request that did not become an event.
    pub(super) fn refusal(&self, source: &'static str, problem: &Problem) {
        numbers::REFUSALS.count([source, problem.slug()]);
    }

    /// Everything as Prometheus' text, with what is looked up rather than counted.
    pub(super) async fn text(&self, reactor: &Reactor) -> Option<String> {
        let health = reactor.health().await;
        numbers::READY.set([], f64::from(u8::from(health.accepting)));
        self.degraded(&health);
        look(reactor).await;
        self.scrape.text()
    }

    fn degraded(&self, health: &Health) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        // Not more of them than a label may have values.
        let new = health.degraded.iter().map(|degraded| degraded.part.clone());
        parts.extend(new.take(VALUES_MAX));
        for part in parts.iter() {
            let is = health.degraded.iter().any(|degraded| degraded.part == *part);
            numbers::DEGRADED.set([part], f64::from(u8::from(is)));
        }
    }
}

async fn look(reactor: &Reactor) {
    let book = reactor.book();
    for (mode, name) in [(Mode::Live, "live"), (Mode::Shadow, "shadow"), (Mode::Off, "off")] {
        let rules = book.rules().iter().filter(|rule| rule.mode == mode).count();
        numbers::RULES.set_count([name], rules as u64);
    }
    for server in reactor.hub().status() {
        let up = matches!(server.condition, Condition::Up);
        numbers::SERVER_UP.set([&server.name], f64::from(u8::from(up)));
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    numbers::RUNTIME_TASKS.set_count([], tasks as u64);
    if let Ok(due) = reactor.store().next_due().await {
        let now = reactor.clock().now();
        let lag = due
            .map_or(0, |due| now.as_millisecond() - due.as_millisecond())
            .max(0);
        numbers::DUE_LAG.set([], Duration::from_millis(lag.unsigned_abs()).as_secs_f64());
    }
    if let Ok(mut stats) = reactor.store().stats().await {
        numbers::EVENTS.set_count([], stats.events);
        for state in RunState::ALL {
            numbers::RUNS.set_count([state.as_str()], *stats.of(*state));
        }
    }
}

/// Logs refusals at a limited rate: anybody can send us nonsense, and must not be able to fill a disk with it.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    state: Mutex<(Option<Instant>, u64)>,
}

impl RefusalLog {
    pub(super) fn note(&self, source: &str, peer: &str, request_id: &str, problem: &Problem) {
        let Some(unlogged) = self.due(Clock::monotonic()) else {
            return;
        };
        tracing::warn!(
            source,
            peer,
            request.id = request_id,
            reason = problem.slug(),
            unlogged,
            "request refused: {}",
            problem.detail()
        );
    }

    /// Whether one may be logged now, and how many were not since the last.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.0 {
            Some(last) if now.duration_since(last) < LOG_EVERY => {
                state.1 += 1;
                None
            }
            _ => {
                state.0 = Some(now);
                Some(std::mem::take(&mut state.1))
            }
        }
    }
}
