//! Random walks: everything that can be asked of a journal, in any order, by several workers, with a clock that jumps.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use xmrt::journal::*;

use super::desk::at;
use super::notes::{Note, note, note_key, notes, notes_of};
use super::tell::tell;

/// One thing that happens, `after_ms` of the caller's clock later (or earlier).
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) after_ms: i64,
    pub(crate) act: Act,
}

/// Runs are meant by their place among those there are, so that most of what is asked makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Admit(Box<NewEvent>),
    Replay(u8, Vec<NewFiring>),
    Claim {
        worker: u8,
        max: usize,
    },
    Renew {
        run: Index,
        stale: bool,
    },
    Advance {
        run: Index,
        stale: bool,
        writes: Vec<Write>,
        then: Next,
    },
    Release {
        worker: u8,
        others: bool,
    },
    Resolve(Index, Resolution),
    /// To what is asked, or to something else.
    Answer {
        run: Index,
        other: bool,
        approved: bool,
    },
    Retry(Index),
    Cancel(Index),
    Pause(u8),
    Resume(u8),
    /// What became of runs is made into events, of which rules may want something; perhaps it is not said that it was told.
    Tell {
        max: usize,
        firings: Vec<NewFiring>,
        said: bool,
    },
    KeepBook(u8),
    Note(u8, Note),
    Prune {
        retention: Retention,
        from: u64,
        max: usize,
    },
    PruneBooks(i64),
    /// The process dies and another opens the journal.
    Crash,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    Intent {
        step: u8,
        writes: bool,
        cause: Option<u8>,
    },
    Looked(u8),
    Done(u8),
    Failed(u8),
    Skipped(u8),
    Planned(u8),
    Listed(u8),
    /// One item of a list; several are of one place.
    Item(u8, u8),
    Asked(u8, bool),
    Pending(u8, bool),
    Tolerated(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Keep,
    Wait(i64, WaitsFor),
    Over(RunState),
}

pub(crate) const LEASE_MS: i64 = 10_000;

/// From a third of `moves` to `moves` moves.
pub(crate) fn walks(moves: usize) -> impl Strategy<Value = Vec<Move>> {
    let after = prop_oneof![
        4 => 0..500i64,
        2 => 5_000..20_000i64,
        1 => -30_000..0i64,
        1 => Just(0),
    ];
    let step = (after, acts()).prop_map(|(after_ms, act)| Move { after_ms, act });
    prop::collection::vec(step, moves / 3..moves)
}

fn acts() -> impl Strategy<Value = Act> {
    let run = any::<Index>;
    let resolution = prop_oneof![
        Just(Resolution::Done {
            result: json!({"by": "hand"})
        }),
        Just(Resolution::Repeat),
        Just(Resolution::GiveUp),
    ];
    let writes = prop::collection::vec(phrases(), 0..3).prop_map(|phrases| phrases.concat());
    prop_oneof![
        8 => events().prop_map(|event| Act::Admit(Box::new(event))),
        2 => (0..6u8, firings()).prop_map(|(id, firings)| Act::Replay(id, firings)),
        8 => (0..3u8, 1..4usize).prop_map(|(worker, max)| Act::Claim { worker, max }),
        2 => (run(), any::<bool>()).prop_map(|(run, stale)| Act::Renew { run, stale }),
        14 => (run(), prop::bool::weighted(0.1), writes, nexts())
            .prop_map(|(run, stale, writes, then)| Act::Advance { run, stale, writes, then }),
        1 => (0..3u8, any::<bool>()).prop_map(|(worker, others)| Act::Release { worker, others }),
        3 => (run(), resolution).prop_map(|(run, resolution)| Act::Resolve(run, resolution)),
        6 => (run(), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(run, other, approved)| Act::Answer { run, other, approved }),
        3 => run().prop_map(Act::Retry),
        3 => run().prop_map(Act::Cancel),
        1 => (0..2u8).prop_map(Act::Pause),
        1 => (0..2u8).prop_map(Act::Resume),
        4 => (1..4usize, firings(), prop::bool::weighted(0.8))
            .prop_map(|(max, firings, said)| Act::Tell { max, firings, said }),
        1 => (0..3u8).prop_map(Act::KeepBook),
        8 => (0..8u8, notes()).prop_map(|(key, note)| Act::Note(key, note)),
        2 => prunings(),
        1 => (0..20_000i64).prop_map(Act::PruneBooks),
        1 => Just(Act::Crash),
    ]
}

/// So that some of what there is goes, and some of it is known for a while.
fn prunings() -> impl Strategy<Value = Act> {
    (0..20_000i64, 0..20_000i64, 0..60_000i64, 0..4u64, 1..40usize).prop_map(
        |(events_ms, runs_ms, known_ms, from, max)| Act::Prune {
            retention: Retention {
                events_ms,
                runs_ms,
                known_ms,
            },
            from,
            max,
        },
    )
}

fn events() -> impl Strategy<Value = NewEvent> {
    (
        (0..2u8, 0..8u8, prop::option::of(0..6u8)),
        (-20_000..20_000i64, 0..3u8),
        prop::collection::vec(0..3u8, 0..3),
        firings(),
    )
        .prop_map(|((source, id, digest), (time, kind), causes, firings)| NewEvent {
            key: EventKey {
                source: ["github", "render"][source as usize].into(),
                id: format!("e{id}"),
            },
            digest: digest.map(|digest| [digest; 32]),
            kind: ["github.issues", "github.issues.opened", "github.issue"][kind as usize].into(),
            subject: format!("acme/api#{}", id % 2),
            time: at(time),
            meta: json!({"n": id, "text": "x".repeat(id as usize * 100)}),
            body: Bytes::from(vec![b'a' + id; id as usize * 300]),
            book: format!("book-{kind}"),
            causes: causes.into_iter().map(cause).collect(),
            after: None,
            firings,
        })
}

fn firings() -> impl Strategy<Value = Vec<NewFiring>> {
    let gates = (
        0..2u8,
        prop::option::weighted(0.4, 5_000..60_000i64),
        prop::option::weighted(0.3, 0..40_000i64),
        1..4u32,
        prop::option::weighted(0.4, (1..4u32, 5_000..40_000i64)),
        prop::option::weighted(0.3, (1_000..10_000i64, 1..4i64)),
        prop::option::weighted(0.2, 1_000..10_000i64),
        prop::option::weighted(0.6, (0..2u8, prop::bool::weighted(0.3), any::<bool>())),
    )
        .prop_map(
            |(key, cooldown_ms, max_age_ms, depth_max, rate, debounce, delay_ms, group)| Gates {
                key: format!("key-{key}"),
                max_age_ms,
                depth_max,
                cooldown_ms,
                rate: rate.map(|(max, window_ms)| Rate { max, window_ms }),
                debounce: debounce.map(|(quiet_ms, times)| Debounce {
                    quiet_ms,
                    max_wait_ms: quiet_ms * times,
                }),
                delay_ms,
                group: group.map(|(key, cancel_in_progress, latest)| Group {
                    key: format!("group-{key}"),
                    cancel_in_progress,
                    latest: latest || cancel_in_progress,
                }),
            },
        );
    let run = (prop::bool::weighted(0.2), gates).prop_map(|(shadow, gates)| Wish::Run {
        shadow,
        gates,
        pinned: json!({"vars": {"a": 1}}),
    });
    let error = Just(Wish::Error {
        reason: "no field `x`".into(),
    });
    let firing =
        (0..3u8, prop_oneof![5 => run.boxed(), 1 => error.boxed()]).prop_map(|(rule, wish)| NewFiring {
            rule: format!("rule-{rule}"),
            version: format!("version-{rule}"),
            wish,
        });
    prop::collection::vec(firing, 0..4)
}

/// What a worker writes about one step in one go; now and then something that makes no sense.
fn phrases() -> impl Strategy<Value = Vec<Write>> {
    let intent =
        || {
            (0..3u8, any::<bool>(), prop::option::of(0..3u8))
                .prop_map(|(step, writes, cause)| Write::Intent { step, writes, cause })
        };
    let answered = |answer: fn(u8) -> Write| {
        intent().prop_map(move |intent| match intent {
            Write::Intent { step, .. } => vec![intent, answer(step)],
            _ => vec![intent],
        })
    };
    prop_oneof![
        4 => intent().prop_map(|intent| vec![intent]),
        4 => answered(Write::Done),
        2 => answered(Write::Failed),
        1 => answered(Write::Looked),
        2 => answered(|step| Write::Pending(step, false)),
        1 => answered(Write::Tolerated),
        1 => (0..3u8, any::<bool>()).prop_map(|(step, failed)| vec![Write::Pending(step, failed)]),
        1 => (0..3u8).prop_map(|step| vec![Write::Tolerated(step)]),
        2 => (0..3u8, any::<bool>()).prop_map(|(step, writes)| vec![Write::Asked(step, writes)]),
        1 => (0..3u8).prop_map(|step| vec![Write::Listed(step)]),
        2 => prop::collection::vec((0..2u8, 0..4u8), 1..4)
            .prop_map(|items| items.into_iter().map(|(step, item)| Write::Item(step, item)).collect()),
        1 => (0..3u8).prop_map(|step| vec![Write::Done(step)]),
        1 => (0..3u8).prop_map(|step| vec![Write::Skipped(step)]),
        1 => (0..3u8).prop_map(|step| vec![Write::Planned(step)]),
    ]
}

fn nexts() -> impl Strategy<Value = Next> {
    prop_oneof![
        4 => Just(Next::Keep),
        5 => (0..5_000i64, prop::sample::select(WaitsFor::ALL))
            .prop_map(|(ms, what)| Next::Wait(ms, what)),
        2 => Just(Next::Over(RunState::Unknown)),
        5 => prop::sample::select(RunState::ALL).prop_map(Next::Over),
    ]
}

fn cause(n: u8) -> String {
    format!("github/comment/{n}")
}

/// The run that an act is about: mostly one to which it can be done.
pub(crate) async fn pick(oracle: &dyn Store, act: &Act) -> Option<RunRecord> {
    use RunState::*;
    let (index, likely): (_, &[RunState]) = match act {
        Act::Renew { run, .. } | Act::Advance { run, .. } => (run, &[Running]),
        Act::Resolve(run, _) => (run, &[Unknown]),
        Act::Answer { run, .. } => (run, &[Waiting]),
        Act::Retry(run) => (run, &[Dead, Declined, Cancelled]),
        Act::Cancel(run) => (run, &[Delayed, Queued, Waiting]),
        _ => return None,
    };
    let query = RunQuery {
        limit: PAGE_MAX,
        ..RunQuery::default()
    };
    let mut runs = oracle.runs(&query).await.unwrap();
    let fit: Vec<_> = runs
        .iter()
        .filter(|run| likely.contains(&run.state))
        .cloned()
        .collect();
    for _ in 0..8 {
        runs.extend(fit.iter().cloned());
    }
    (!runs.is_empty()).then(|| runs[index.index(runs.len())].clone())
}

/// Does one move on a store, meaning `run`, and gives its answer as text. A crash is not for here.
pub(crate) async fn perform(store: &dyn Store, act: &Act, run: Option<&RunRecord>, now: i64) -> String {
    let now = at(now);
    let id = run.map_or(RunId("none".into()), |run| run.id.clone());
    let fence = |stale: bool| run.map_or(0, |run| run.fence).saturating_sub(u64::from(stale));
    match act.clone() {
        Act::Admit(event) => format!("{:?}", store.admit(*event, now).await),
        Act::Replay(id, firings) => {
            let key = EventKey {
                source: "github".into(),
                id: format!("e{id}"),
            };
            format!("{:?}", store.replay(&key, "book-replay", firings, now).await)
        }
        Act::Claim { worker, max } => {
            let worker = format!("w{worker}");
            format!("{:?}", store.claim(&worker, max, LEASE_MS, now).await)
        }
        Act::Renew { stale, .. } => {
            format!("{:?}", store.renew(&id, fence(stale), LEASE_MS, now).await)
        }
        Act::Advance {
            stale, writes, then, ..
        } => {
            let writes = writes.into_iter().map(|write| spell(&id, write)).collect();
            let then = match then {
                Next::Keep => Then::Keep,
                Next::Wait(ms, waits_for) => Then::Wait {
                    until: xmrt::clock::after(now, ms),
                    waits_for,
                    reason: "retry".into(),
                },
                Next::Over(state) => Then::End {
                    state,
                    reason: Some("so it ended".into()),
                },
            };
            format!("{:?}", store.advance(&id, fence(stale), writes, then, now).await)
        }
        Act::Release { worker, others } => {
            format!("{:?}", store.release(&format!("w{worker}"), others, now).await)
        }
        Act::Resolve(_, resolution) => {
            format!("{:?}", store.resolve(&id, "octocat", resolution, now).await)
        }
        Act::Answer { other, approved, .. } => {
            let answer = Answer {
                approved,
                who: "octocat".into(),
                why: approved.then(|| "seen".into()),
                at: now,
            };
            let hash = if other { "other" } else { "hash" };
            format!("{:?}", store.answer(&id, hash, answer, now).await)
        }
        Act::Retry(_) => format!("{:?}", store.retry(&id, "octocat", now).await),
        Act::Cancel(_) => format!("{:?}", store.cancel(&id, "octocat", now).await),
        Act::Pause(n) => format!(
            "{:?}",
            store.pause(&format!("rule:rule-{n}"), "octocat", now).await
        ),
        Act::Resume(n) => format!("{:?}", store.resume(&format!("rule:rule-{n}"), now).await),
        Act::Tell { max, firings, said } => tell(store, max, &firings, said, now).await,
        Act::KeepBook(n) => format!("{:?}", store.keep_book(book(n), now).await),
        Act::Note(key, asked) => note(store, &note_key(key), asked, now).await,
        Act::Prune { retention, from, max } => format!("{:?}", store.prune(&retention, from, max, now).await),
        Act::PruneBooks(kept_ms) => format!("{:?}", store.prune_books(kept_ms, now).await),
        Act::Crash => unreachable!("a crash is done to a store from outside"),
    }
}

fn book(n: u8) -> BookRecord {
    BookRecord {
        hash: format!("book-{n}"),
        settings: json!({"n": n}),
        rules: vec![RuleText {
            rule: format!("rule-{n}"),
            version: format!("version-{}", n % 2),
            text: "text".into(),
        }],
    }
}

fn spell(run: &RunId, write: Write) -> StepWrite {
    let name = |step: u8| format!("step-{step}");
    let key = |step: u8| StepKey::of(run, &name(step), "");
    match write {
        Write::Intent {
            step,
            writes,
            cause: caused,
        } => StepWrite::Intent {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "github.create_comment", "writes": writes}),
            writes,
            // A later step may expect the same effect for a shorter time.
            causes: caused
                .into_iter()
                .map(|n| (cause(n), 60_000 >> (2 * step)))
                .collect(),
        },
        Write::Looked(step) => StepWrite::Looked { step: name(step) },
        Write::Done(step) => StepWrite::Done {
            step: name(step),
            result: json!({"of": step, "text": "y".repeat(step as usize * 400)}),
            causes: vec![(cause(step), 20_000)],
        },
        Write::Failed(step) => StepWrite::Failed {
            step: name(step),
            error: "503".into(),
        },
        Write::Skipped(step) => StepWrite::Skipped {
            step: name(step),
            index: step.into(),
            key: key(step),
            reason: "its `if` did not hold".into(),
        },
        Write::Planned(step) => StepWrite::Planned {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "render.trigger_deploy"}),
            writes: true,
        },
        Write::Listed(step) => StepWrite::Listed {
            step: name(step),
            index: step.into(),
            key: key(step),
            items: json!([{"key": "a", "item": 1}]),
        },
        Write::Item(step, item) => {
            let action = name(step);
            StepWrite::Skipped {
                // Told apart from the order they are begun in.
                step: format!("{action}[{}]", 9 - item),
                index: step.into(),
                key: StepKey::of(run, &action, &item.to_string()),
                reason: "its `if` did not hold".into(),
            }
        }
        Write::Asked(step, writes) => StepWrite::Asked {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "render.rollback_deploy"}),
            writes,
            approval: Box::new(Approval {
                hash: "hash".into(),
                by: vec!["role:release".into()],
                reason: writes.then(|| "it is in front of everybody".into()),
                basis: json!({"to": "last_known_good"}),
                asked_at: at(1),
                expires_at: at(2),
                answer: None,
            }),
        },
        Write::Pending(step, failed) => StepWrite::Pending {
            step: name(step),
            cursor: json!({"deploy": step}),
            error: failed.then(|| "503".into()),
        },
        Write::Tolerated(step) => StepWrite::Tolerated {
            step: name(step),
            error: "forbidden".into(),
        },
    }
}

/// Everything there is to see in a journal, except its identity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) events: Vec<EventRecord>,
    pub(crate) verdicts: Vec<Vec<Verdict>>,
    pub(crate) runs: Vec<RunHistory>,
    pub(crate) stats: Stats,
    pub(crate) next_due: Option<jiff::Timestamp>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) filtered: (Vec<EventRecord>, Vec<RunRecord>),
    pub(crate) waiting: Vec<Vec<RunRecord>>,
    pub(crate) by_alias: Vec<Option<EventRecord>>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) books: Vec<Option<BookRecord>>,
    pub(crate) texts: Vec<Option<RuleText>>,
    pub(crate) notes: Vec<KvPage>,
}

pub(crate) async fn view(store: &dyn Store) -> View {
    let all = EventQuery {
        limit: PAGE_MAX,
        ..EventQuery::default()
    };
    let some = EventQuery {
        kind: Some("github.issues".into()),
        subject: Some("acme/api#1".into()),
        since: Some(at(1_000)),
        before: Some(9),
        limit: 3,
    };
    let runs = RunQuery {
        limit: PAGE_MAX,
        ..RunQuery::default()
    };
    let some_runs = RunQuery {
        rule: Some("rule-1".into()),
        state: Some(RunState::Dead),
        waits_for: None,
        event: None,
        before: Some((12, RunId("8".into()))),
        limit: 2,
    };
    let events = store.events(&all).await.unwrap();
    let mut verdicts = Vec::new();
    for event in &events {
        verdicts.push(store.verdicts(&event.key).await.unwrap());
    }
    let mut histories = Vec::new();
    for run in store.runs(&runs).await.unwrap() {
        let history = store.run(&run.id).await.unwrap().unwrap();
        assert_eq!(history.run, run, "a list shows what is shown alone");
        histories.push(history);
    }
    let mut by_alias = Vec::new();
    let mut books = vec![store.book(None).await.unwrap()];
    let mut texts = Vec::new();
    for n in 0..6 {
        by_alias.push(store.event_by_id(&format!("e{n}")).await.unwrap());
        books.push(store.book(Some(&format!("book-{n}"))).await.unwrap());
        texts.push(store.rule_text(&format!("version-{n}")).await.unwrap());
    }
    let mut waiting = Vec::new();
    for what in WaitsFor::ALL {
        let query = RunQuery {
            rule: (*what == WaitsFor::Look).then(|| "rule-1".into()),
            waits_for: Some(*what),
            limit: 2,
            ..RunQuery::default()
        };
        waiting.push(store.runs(&query).await.unwrap());
    }
    View {
        waiting,
        verdicts,
        runs: histories,
        stats: store.stats().await.unwrap(),
        next_due: store.next_due().await.unwrap(),
        notices: store.notices(PAGE_MAX).await.unwrap(),
        filtered: (
            store.events(&some).await.unwrap(),
            store.runs(&some_runs).await.unwrap(),
        ),
        by_alias,
        pauses: store.pauses().await.unwrap(),
        books,
        texts,
        notes: notes_of(store).await,
        events,
    }
}
