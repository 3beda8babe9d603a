//! In: what happened at the doors. Out: Prometheus text, and a log that a flood cannot fill. Never: a label a sender
//! chooses.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::Problem;
use crate::clock::Clock;
use crate::journal::{RunState, Stats};

/// How often refusals are logged at most; those between are counted.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The process's metrics.
pub(super) struct Counters {
    /// None if somebody else installed a recorder before.
    prometheus: Option<PrometheusHandle>,
}

impl Counters {
    /// Installs the process's one recorder, the first time.
    pub(super) fn install() -> Self {
        static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
        let prometheus = HANDLE
            .get_or_init(|| PrometheusBuilder::new().install_recorder().ok())
            .clone();
        metrics::describe_counter!("xmrt_deliveries_total", "Deliveries taken, by source and outcome");
        metrics::describe_counter!(
            "xmrt_refusals_total",
            "Requests refused at the doors, by source and reason"
        );
        metrics::describe_gauge!("xmrt_events", "Events on record");
        metrics::describe_gauge!("xmrt_runs", "Runs on record, by state");
        metrics::describe_gauge!("xmrt_ready", "1 while deliveries can be accepted durably");
        Self { prometheus }
    }

    /// A delivery that was answered: `accepted`, `duplicate`.
    pub(super) fn delivery(&self, source: &'static str, outcome: &'static str) {
        metrics::counter!("xmrt_deliveries_total", "source" => source, "outcome" => outcome).increment(1);
    }

    /// A request that did not become an event.
    pub(super) fn refusal(&self, source: &'static str, problem: &Problem) {
        metrics::counter!("xmrt_refusals_total", "source" => source, "reason" => problem.slug()).increment(1);
    }

    /// Everything as Prometheus text, with the journal's counts if it answers.
    pub(super) fn text(&self, stats: Option<&Stats>, ready: bool) -> Option<String> {
        metrics::gauge!("xmrt_ready").set(f64::from(u8::from(ready)));
        if let Some(stats) = stats {
            gauges(stats);
        }
        let handle = self.prometheus.as_ref()?;
        handle.run_upkeep();
        Some(handle.render())
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn gauges(stats: &Stats) {
    metrics::gauge!("xmrt_events").set(stats.events as f64);
    let mut stats = stats.clone();
    for state in RunState::ALL {
        metrics::gauge!("xmrt_runs", "state" => state.as_str()).set(*stats.of(*state) as f64);
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
