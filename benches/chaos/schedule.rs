//! In: a seed. Out: what is broken when, cycle by cycle. Never: anything broken.

use serde_json::{Value, json};

use super::dice::Dice;
use super::options::Backend;
use super::work::Kind;

/// One round: something is disturbed, a server is killed, both are mended.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    /// How the providers are from here on; `None`: as before.
    pub(super) weather: Option<Weather>,
    pub(super) disturbance: Option<Disturbance>,
    /// How long the load runs before the kill, in milliseconds.
    pub(super) pause_ms: u64,
    pub(super) kill: Kill,
    /// Which server, where there are several.
    pub(super) place: u64,
    /// For how many cycles it stays away: others must take over.
    pub(super) away: u64,
    /// Whether the kill falls into the disturbance.
    pub(super) amid: bool,
}

/// Which server is killed when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kill {
    /// One, whatever it does.
    Random,
    /// All at once.
    All,
    /// All, while the provider holds back the answer to a write of that kind, before or after its effect.
    Aimed { kind: Kind, effect: bool },
    /// The one that waits for such an answer; it stays dead until another has gone on with its work.
    TakenOver { kind: Kind, effect: bool },
}

/// What is disturbed besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// SIGSTOP of a server, then SIGCONT.
    Stop {
        ms: u64,
    },
    /// SIGTERM of a server under load, then a new one.
    Drain,
    RedisKilled,
    RedisStopped {
        ms: u64,
    },
    BlackHole {
        ms: u64,
    },
    Cut {
        ms: u64,
    },
    ReadOnly {
        ms: u64,
    },
    OutOfMemory {
        ms: u64,
    },
    /// Many deliveries at once.
    Storm,
}

/// How the providers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Calm,
    Slow,
    Failing,
    Limiting,
    LosingReplies,
    Empty202,
    Hanging,
    Lagging,
    Foreign,
}

const WEATHERS: [Weather; 9] = [
    Weather::Calm,
    Weather::Slow,
    Weather::Failing,
    Weather::Limiting,
    Weather::LosingReplies,
    Weather::Empty202,
    Weather::Hanging,
    Weather::Lagging,
    Weather::Foreign,
];
/// The kinds that are aimed at, each another class of doubt, or another step of a run of several.
const TARGETS: [Kind; 5] = [Kind::Label, Kind::Comment, Kind::Merge, Kind::Deploy, Kind::Fails];
/// How long the weather stays, in cycles.
const WEATHER_CYCLES: u64 = 6;

/// The cycles of a seed.
pub(super) fn cycles(seed: u64, backend: Backend, replicas: usize, count: u64) -> Vec<Cycle> {
    (0..count)
        .map(|number| cycle(seed, backend, replicas, number))
        .collect()
}

fn cycle(seed: u64, backend: Backend, replicas: usize, number: u64) -> Cycle {
    let mut dice = Dice::of(seed, "cycle", number);
    let several = replicas > 1;
    let (kind, effect) = (*dice.one(&TARGETS), dice.permille(500));
    let kill = match dice.within(0, 1_000) {
        0..8 if several => Kill::TakenOver { kind, effect },
        0..280 => Kill::Aimed { kind, effect },
        280..380 => Kill::All,
        _ => Kill::Random,
    };
    Cycle {
        weather: number
            .is_multiple_of(WEATHER_CYCLES)
            .then(|| *dice.one(&WEATHERS)),
        // The first cycles show each disturbance once, so that short runs see them, too.
        disturbance: match dice.permille(110) || number % 5 == 2 && number < 60 {
            true => Some(disturbance(&mut dice, backend, number)),
            false => None,
        },
        pause_ms: dice.within(0, 240),
        place: dice.next(),
        away: if several && dice.permille(100) {
            dice.within(1, 20)
        } else {
            0
        },
        amid: dice.permille(500),
        kill,
    }
}

fn disturbance(dice: &mut Dice, backend: Backend, number: u64) -> Disturbance {
    let mut ms = |from, until| dice.within(from, until);
    let all = match backend {
        Backend::Sqlite => vec![
            Disturbance::Stop { ms: ms(100, 1_500) },
            Disturbance::Drain,
            Disturbance::Storm,
        ],
        Backend::Redis => vec![
            Disturbance::RedisKilled,
            Disturbance::Stop { ms: ms(100, 2_000) },
            Disturbance::BlackHole { ms: ms(300, 5_000) },
            Disturbance::Drain,
            Disturbance::ReadOnly { ms: ms(200, 1_500) },
            Disturbance::RedisStopped { ms: ms(200, 3_000) },
            Disturbance::OutOfMemory { ms: ms(200, 1_500) },
            Disturbance::Cut { ms: ms(100, 1_000) },
            Disturbance::Storm,
            // Longer than a lease: another server takes over, and this one wakes up late.
            Disturbance::Stop { ms: 7_000 },
        ],
    };
    match number < 60 {
        true => all[usize::try_from(number / 5).unwrap_or(0) % all.len()],
        false => *dice.one(&all),
    }
}

impl Weather {
    /// What the sandbox is told. All but slowness is used up after a few calls: a provider that only fails gets
    /// nothing done.
    pub(super) fn faults(self) -> Value {
        let write = |times: u64, more: Value| {
            let mut fault = json!({ "match": { "method": "POST" }, "times": times });
            for (name, value) in more.as_object().into_iter().flatten() {
                fault[name] = value.clone();
            }
            fault
        };
        let merge =
            |times: u64, kind: &str| json!({ "match": { "method": "PUT" }, "times": times, "kind": kind });
        match self {
            Self::Calm => json!([]),
            Self::Slow => json!([{ "kind": "latency", "ms": 25 }]),
            Self::Failing => json!([
                write(6, json!({ "kind": "status", "status": 500 })),
                write(12, json!({ "kind": "status", "status": 502 })),
                { "match": { "method": "GET" }, "times": 8, "kind": "status", "status": 503 },
            ]),
            // Render limits by 429 alone; a 403 of its means that the key may not.
            Self::Limiting => json!([
                write(
                    4,
                    json!({ "kind": "status", "status": 429, "retry_after": 1, "reset_in": 1 })
                ),
                { "match": { "method": "POST", "provider": "github" }, "times": 4, "kind": "status", "status": 403,
                  "secondary": true, "retry_after": 1 },
            ]),
            Self::LosingReplies => {
                json!([write(25, json!({ "kind": "reply_lost" })), merge(4, "reply_lost")])
            }
            Self::Empty202 => json!([write(25, json!({ "kind": "empty_202" })), merge(4, "empty_202")]),
            Self::Hanging => json!([
                write(4, json!({ "kind": "hang", "effect": true })),
                write(4, json!({ "kind": "hang", "effect": false })),
                merge(1, "hang"),
            ]),
            Self::Lagging => json!([
                write(4, json!({ "kind": "lagging_reads", "ms": 400 })),
                write(4, json!({ "kind": "reply_lost" })),
            ]),
            Self::Foreign => json!([
                write(12, json!({ "kind": "foreign_writer" })),
                write(12, json!({ "kind": "reply_lost" })),
            ]),
        }
    }
}
