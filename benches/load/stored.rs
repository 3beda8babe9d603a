//! In: how much a journal holds. Out: what its operations cost then, next to an empty one. Never: a journal filled past its
//! own operations.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use xmrt::clock::Clock;
use xmrt::journal::{
    Claim, EventKey, EventQuery, Gates, Group, NewEvent, NewFiring, RunQuery, RunState, StepKey, StepWrite,
    Store, Then, Wish,
};
use xmrt::store::Embedded;

use super::deliveries;
use super::report::Spread;

/// How many fill it at once.
const FILLERS: usize = 128;
/// How many are timed together, in one turn.
const TIMED: u64 = 400;
/// How many ask at once while it is timed.
const ASKERS: usize = 16;
/// Every fifth stored event has had a run.
const RUNS_OF: u64 = 5;
const TURNS: usize = 7;

/// What a journal is filled with.
#[derive(Clone, Copy)]
enum Filling {
    /// Events, of which every fifth made a run that is at its end.
    Events(u64),
    /// Runs that wait for their time.
    Delayed(u64),
    /// Runs that wait in one queue behind one another.
    Queued(u64),
}

/// All curves.
pub(super) fn measure(events_max: u64) -> Result<Value, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let mut events = vec![0, events_max / 100, events_max / 10, events_max];
    events.dedup();
    let open = [0, 1_000, 10_000, 100_000];
    let of = |kind: fn(u64) -> Filling, counts: &[u64]| -> Result<Value, String> {
        let fillings: Vec<Filling> = counts.iter().map(|count| kind(*count)).collect();
        runtime.block_on(curve(&fillings))
    };
    println!("\nstored events, every {RUNS_OF}th with a run: as multiples of an empty journal");
    let stored = of(Filling::Events, &events)?;
    println!("\nruns that wait for their time");
    let delayed = of(Filling::Delayed, &open)?;
    println!("\nruns that wait in one queue");
    let queued = of(Filling::Queued, &open[..3])?;
    Ok(json!({ "events": stored, "delayed": delayed, "queued": queued }))
}

/// A journal, and the next number.
struct Bed {
    count: u64,
    store: Arc<Embedded>,
    clock: Clock,
    next: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

async fn curve(fillings: &[Filling]) -> Result<Value, String> {
    let mut beds = Vec::new();
    for filling in fillings {
        beds.push(Bed::filled(*filling).await?);
    }
    let mut times: Vec<Vec<(&str, Vec<f64>)>> = beds.iter().map(|_| Vec::new()).collect();
    for _ in 0..TURNS {
        for (bed, times) in beds.iter().zip(&mut times) {
            for (what, took) in bed.turn().await? {
                match times.iter_mut().find(|(name, _)| *name == what) {
                    Some((_, all)) => all.push(took),
                    None => times.push((what, vec![took])),
                }
            }
        }
    }
    let mut rows = Vec::new();
    for (bed, ours) in beds.iter().zip(&times) {
        let mut row = json!({ "at": bed.count });
        for ((what, took), (_, first)) in ours.iter().zip(&times[0]) {
            let over = Spread::of(took.iter().zip(first).map(|(one, first)| one / first));
            println!(
                "{:>9} {what:<14} {over}   {:.0} µs",
                bed.count,
                Spread::of(took.iter().copied()).median * 1e6
            );
            row[*what] = json!(over);
        }
        rows.push(row);
    }
    Ok(json!({ "points": rows }))
}

impl Bed {
    async fn filled(filling: Filling) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let clock = Clock::system();
        let bed = Self {
            count: match filling {
                Filling::Events(count) | Filling::Delayed(count) | Filling::Queued(count) => count,
            },
            store: open(folder.path(), &clock)?,
            clock,
            next: Arc::new(AtomicU64::new(1)),
            _folder: folder,
        };
        let begun = Instant::now();
        match filling {
            Filling::Events(count) => {
                bed.admit(count, FILLERS, |number| {
                    (number % RUNS_OF == 0).then(|| gates(None, None))
                })
                .await?;
                bed.carry(u64::MAX, FILLERS).await?;
            }
            Filling::Delayed(count) => {
                bed.admit(count, FILLERS, |_| Some(gates(Some(24 * 3_600_000), None)))
                    .await?;
            }
            Filling::Queued(count) => {
                // The one that is first holds the group, so that the others stay behind it.
                bed.admit(1, 1, |_| Some(gates(None, Some("one")))).await?;
                bed.store
                    .claim("holder", 1, 3_600_000, bed.clock.now())
                    .await
                    .map_err(told)?;
                bed.admit(count, FILLERS, |_| Some(gates(None, Some("one"))))
                    .await?;
            }
        }
        println!("{} filled in {:.0} s", bed.count, begun.elapsed().as_secs_f64());
        Ok(bed)
    }

    /// Seconds of one operation each.
    async fn turn(&self) -> Result<Vec<(&'static str, f64)>, String> {
        let each = |took: Duration| took.as_secs_f64() / TIMED as f64;
        let admit = self.admit(TIMED, ASKERS, |_| None).await?;
        let fire = self.admit(TIMED, ASKERS, |_| Some(gates(None, None))).await?;
        let carry = self.carry(TIMED, ASKERS).await?;
        let page = EventQuery {
            limit: 50,
            ..EventQuery::default()
        };
        let runs = RunQuery {
            limit: 50,
            ..RunQuery::default()
        };
        let dead = RunQuery {
            state: Some(RunState::Dead),
            limit: 50,
            ..RunQuery::default()
        };
        let store = &self.store;
        Ok(vec![
            ("admit", each(admit)),
            ("admit a run", each(fire)),
            ("carry a run", each(carry)),
            ("events", asked(|| store.events(&page)).await?),
            ("runs", asked(|| store.runs(&runs)).await?),
            ("dead runs", asked(|| store.runs(&dead)).await?),
            ("stats", asked(|| store.stats()).await?),
            ("size", asked(|| store.size()).await?),
            ("next due", asked(|| store.next_due()).await?),
        ])
    }

    /// Admits so many new events, so many at once.
    async fn admit(
        &self,
        count: u64,
        at_once: usize,
        gates: fn(u64) -> Option<Gates>,
    ) -> Result<Duration, String> {
        let end = self.next.load(Ordering::Relaxed) + count;
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (store, clock, next) = (
                Arc::clone(&self.store),
                self.clock.clone(),
                Arc::clone(&self.next),
            );
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        next.fetch_sub(1, Ordering::Relaxed);
                        return Ok(());
                    }
                    store
                        .admit(event(number, gates(number), &clock), clock.now())
                        .await
                        .map_err(told)?;
                }
            });
        }
        joined(tasks).await?;
        Ok(begun.elapsed())
    }

    /// Carries up to so many due runs to their ends: claim, intent, result.
    async fn carry(&self, count: u64, at_once: usize) -> Result<Duration, String> {
        let left = Arc::new(AtomicU64::new(count));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (store, clock, left) = (Arc::clone(&self.store), self.clock.clone(), Arc::clone(&left));
            tasks.spawn(async move {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let Some(claim) = due(&store, &clock).await? else {
                        break;
                    };
                    carry(&store, claim, &clock).await?;
                }
                Ok(())
            });
        }
        joined(tasks).await?;
        Ok(begun.elapsed())
    }
}

fn open(folder: &Path, clock: &Clock) -> Result<Arc<Embedded>, String> {
    Embedded::open(folder, clock.now())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

fn told(error: xmrt::journal::StoreError) -> String {
    error.to_string()
}

async fn joined(mut tasks: JoinSet<Result<(), String>>) -> Result<(), String> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// The middle of a few askings, in seconds.
async fn asked<T, F>(question: impl Fn() -> F) -> Result<f64, String>
where
    F: Future<Output = Result<T, xmrt::journal::StoreError>>,
{
    let mut times = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        question().await.map_err(told)?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(Spread::of(times).median)
}

/// A run that is due, if there is one: a claim may come back with nothing because it has put aside what waits for its turn.
async fn due(store: &Embedded, clock: &Clock) -> Result<Option<Claim>, String> {
    loop {
        let now = clock.now();
        let claimed = store.claim("w", 1, 60_000, now).await.map_err(told)?;
        if let Some(claim) = claimed.into_iter().next() {
            return Ok(Some(claim));
        }
        if store.next_due().await.map_err(told)?.is_none_or(|due| due > now) {
            return Ok(None);
        }
    }
}

async fn carry(store: &Embedded, claim: Claim, clock: &Clock) -> Result<(), String> {
    let run = claim.run;
    let intent = StepWrite::Intent {
        step: "label".into(),
        index: 0,
        key: StepKey::of(&run.id, "label", ""),
        call: json!({ "tool": "github.add_labels", "arguments": { "labels": ["seen"] } }),
        writes: true,
        causes: vec![],
    };
    let done = StepWrite::Done {
        step: "label".into(),
        result: json!({ "labels": ["seen"] }),
        causes: vec![],
    };
    let end = Then::End {
        state: RunState::Succeeded,
        reason: None,
    };
    store
        .advance(&run.id, run.fence, vec![intent], Then::Keep, clock.now())
        .await
        .map_err(told)?;
    store
        .advance(&run.id, run.fence, vec![done], end, clock.now())
        .await
        .map_err(told)
}

fn gates(delay_ms: Option<i64>, group: Option<&str>) -> Gates {
    Gates {
        key: String::new(),
        max_age_ms: None,
        depth_max: 3,
        cooldown_ms: None,
        rate: None,
        debounce: None,
        delay_ms,
        group: group.map(|key| Group {
            key: key.into(),
            cancel_in_progress: false,
            latest: false,
        }),
    }
}

fn event(number: u64, gates: Option<Gates>, clock: &Clock) -> NewEvent {
    NewEvent {
        key: EventKey {
            source: "github".into(),
            id: deliveries::id(number),
        },
        digest: None,
        kind: "github.issues.opened".into(),
        subject: format!("acme/svc-{}#{number}", number % 97),
        time: clock.now(),
        meta: json!({ "actor": "mona", "action": "opened" }),
        body: Bytes::from(format!(
            r#"{{"action":"opened","text":"{}"}}"#,
            deliveries::id(number).repeat(20)
        )),
        book: "book".into(),
        causes: vec![],
        after: None,
        firings: gates
            .map(|gates| NewFiring {
                rule: format!("rule-{}", number % 20),
                version: "version".into(),
                wish: Wish::Run {
                    shadow: false,
                    gates,
                    pinned: json!({}),
                },
            })
            .into_iter()
            .collect(),
    }
}
