//! The embedded journal under load: how many events it admits, and how many runs it carries from claim to end, durably,
//! with one, 16 and 64 callers at once. The disk decides; only ratios within one run mean something.
//!
//! `cargo bench --bench journal`; the directory is made under `TMPDIR`, so point that at the disk in question.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmrt::clock::Clock;
use xmrt::journal::*;
use xmrt::store::Embedded;

const CALLERS: [usize; 3] = [1, 16, 64];

/// A body of 8 KiB that compresses as JSON from a provider does.
fn body(n: u64) -> Bytes {
    let field = |i: u64| {
        format!(
            r#""field_{i}":"{:016x}","#,
            (n + i).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        )
    };
    let mut text: String = (0..260).map(field).collect();
    text.truncate(8 * 1024);
    Bytes::from(text)
}

fn event(n: u64, clock: &Clock) -> NewEvent {
    NewEvent {
        key: EventKey {
            source: "github".into(),
            id: format!("delivery-{n}"),
        },
        digest: None,
        kind: "github.issues.opened".into(),
        subject: format!("acme/api#{n}"),
        time: clock.now(),
        meta: json!({"actor": "octocat", "action": "opened"}),
        body: body(n),
        book: "book".into(),
        causes: vec![],
        after: None,
        firings: vec![NewFiring {
            rule: "triage-new-issue".into(),
            version: "version".into(),
            wish: Wish::Run {
                shadow: false,
                gates: Gates {
                    key: format!("acme/api#{n}"),
                    max_age_ms: None,
                    depth_max: 3,
                    cooldown_ms: Some(1_000),
                    rate: None,
                    debounce: None,
                    delay_ms: None,
                    group: None,
                },
                pinned: json!({}),
            },
        }],
    }
}

struct Bed {
    runtime: Runtime,
    store: Arc<Embedded>,
    clock: Clock,
    next: Arc<AtomicU64>,
    _dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        Self {
            runtime: Runtime::new().unwrap(),
            store: Arc::new(Embedded::open(dir.path(), clock.now()).unwrap()),
            clock,
            next: Arc::default(),
            _dir: dir,
        }
    }

    /// Admits so many new events, by so many callers at once.
    fn admit(&self, count: u64, callers: usize) -> Duration {
        let end = self.next.load(Ordering::Relaxed) + count;
        let start = Clock::monotonic();
        self.each(callers, move |store, clock, next| async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= end {
                    next.fetch_sub(1, Ordering::Relaxed);
                    return;
                }
                store.admit(event(n, &clock), clock.now()).await.unwrap();
            }
        });
        start.elapsed()
    }

    /// Carries every due run to its end: claim, one step's intent, its result.
    fn finish(&self, callers: usize) -> Duration {
        let start = Clock::monotonic();
        self.each(callers, |store, clock, _| async move {
            loop {
                let claims = store.claim("w", 1, 60_000, clock.now()).await.unwrap();
                let Some(Claim { run, .. }) = claims.into_iter().next() else {
                    return;
                };
                let intent = StepWrite::Intent {
                    step: "comment".into(),
                    index: 0,
                    key: StepKey::of(&run.id, "comment", ""),
                    call: json!({"tool": "github.create_comment", "arguments": {"body": "Thanks"}}),
                    writes: true,
                    causes: vec![],
                };
                let done = StepWrite::Done {
                    step: "comment".into(),
                    result: json!({"id": 1}),
                    causes: vec![],
                };
                let end = Then::End {
                    state: RunState::Succeeded,
                    reason: None,
                };
                let now = clock.now();
                let intent = store.advance(&run.id, run.fence, vec![intent], Then::Keep, now);
                intent.await.unwrap();
                let result = store.advance(&run.id, run.fence, vec![done], end, now);
                result.await.unwrap();
            }
        });
        start.elapsed()
    }

    fn each<F, T>(&self, callers: usize, task: F)
    where
        F: Fn(Arc<Embedded>, Clock, Arc<AtomicU64>) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        let tasks = (0..callers).map(|_| task(self.store.clone(), self.clock.clone(), self.next.clone()));
        let tasks: Vec<_> = tasks.collect();
        self.runtime.block_on(async {
            let mut set: JoinSet<()> = tasks.into_iter().collect();
            while let Some(ended) = set.join_next().await {
                ended.unwrap();
            }
        });
    }
}

fn journal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    for callers in CALLERS {
        let bed = Bed::new();
        group.bench_with_input(BenchmarkId::new("admit", callers), &callers, |bench, &callers| {
            bench.iter_custom(|count| bed.admit(count, callers));
        });
        let bed = Bed::new();
        group.bench_with_input(
            BenchmarkId::new("claim, intent, result", callers),
            &callers,
            |bench, &callers| {
                bench.iter_custom(|count| {
                    bed.admit(count, 64);
                    bed.finish(callers)
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
