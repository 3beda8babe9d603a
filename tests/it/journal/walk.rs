//! Random walks, what they are made of: everything that can be asked of a journal, in any order, by several workers, with a clock that jumps.

mod perform;
mod view;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use xmrt::journal::*;

pub(crate) use perform::{entries, perform, pick};
pub(crate) use view::{View, view};

use super::desk::at;
use super::notes::{Note, notes};

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
    Audit(u8),
    PruneAudit(i64, usize),
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
    NotTried(u8),
    Skipped(u8),
    Planned(u8),
    Listed(u8),
    /// One item of a list; several are of one place.
    Item(u8, u8),
    Asked(u8, bool),
    Pending(u8, bool),
    Tolerated(u8),
    Audited(u8),
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
        3 => (0..6u8).prop_map(Act::Audit),
        1 => (0..20_000i64, 0..9usize).prop_map(|(kept_ms, max)| Act::PruneAudit(kept_ms, max)),
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
        2 => (0..3u8).prop_map(|step| vec![Write::Audited(step)]),
        4 => answered(Write::Done),
        2 => answered(Write::Failed),
        1 => answered(Write::NotTried),
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
