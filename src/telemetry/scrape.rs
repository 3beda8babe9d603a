//! In: a scrape. Out: Prometheus' text. Never: a number that is not in the table.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::numbers;

/// The upper ends of the buckets of what takes milliseconds to minutes, in seconds.
const SLOW: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
];
/// The same of matching, which takes microseconds.
const FAST: [f64; 10] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1,
];

/// The library keeps each sample of a histogram until somebody has it sorted into the buckets. Nobody may ever scrape, so it is
/// done after so many.
const SAMPLES_MAX: u64 = 1024;

/// The process's one recorder, once it is installed.
static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// A histogram has one sample more.
pub(super) fn sampled() {
    static SAMPLES: AtomicU64 = AtomicU64::new(1);
    if SAMPLES
        .fetch_add(1, Ordering::Relaxed)
        .is_multiple_of(SAMPLES_MAX)
        && let Some(Some(handle)) = HANDLE.get()
    {
        handle.run_upkeep();
    }
}

/// What is counted in this process, to be read.
#[derive(Clone)]
pub struct Scrape(Option<PrometheusHandle>);

impl Scrape {
    /// Installs the process's one recorder, the first time.
    pub fn install() -> Self {
        let handle = HANDLE.get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SLOW)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Full("xmrt_match_seconds".into()), &FAST)
                })
                .and_then(PrometheusBuilder::install_recorder)
                .ok()?;
            for row in numbers::ALL {
                match row.kind {
                    "counter" => metrics::describe_counter!(row.name, row.help),
                    "gauge" => metrics::describe_gauge!(row.name, row.help),
                    _ => metrics::describe_histogram!(row.name, row.help),
                }
            }
            numbers::BUILD.set([env!("CARGO_PKG_VERSION")], 1.0);
            numbers::CLAIMS.add([], 0);
            numbers::PRUNED.add([], 0);
            Some(handle)
        });
        Self(handle.clone())
    }

    /// Everything as Prometheus' text; nothing if somebody else installed a recorder before.
    pub fn text(&self) -> Option<String> {
        let handle = self.0.as_ref()?;
        handle.run_upkeep();
        Some(handle.render())
    }
}

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrape")
    }
}
