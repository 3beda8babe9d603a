//! In: what was measured. Out: whether a ratio is far off what it should be. Never: a limit so near that a busy machine
//! breaks it.

use super::receivers::{Kind, Sync};
use super::report::{Figure, Scenario};

/// A figure of one receiver, as a multiple of another's.
struct Limit {
    what: &'static str,
    kind: Kind,
    over: Kind,
    figure: Figure,
    /// What is wanted.
    goal: f64,
    /// What fails.
    far: f64,
    more_is_better: bool,
}

const fn more(kind: Kind, over: Kind, goal: f64, far: f64) -> Limit {
    Limit {
        what: "answers a second",
        kind,
        over,
        figure: |one| one.per_second,
        goal,
        far,
        more_is_better: true,
    }
}

const LIMITS: [Limit; 9] = [
    more(Kind::Embedded, Kind::Append, 0.85, 0.10),
    more(Kind::Embedded, Kind::Bare, 0.40, 0.04),
    more(
        Kind::Redis(Sync::Everysec),
        Kind::Stream(Sync::Everysec),
        0.85,
        0.08,
    ),
    more(Kind::Redis(Sync::Everysec), Kind::Bare, 0.25, 0.03),
    more(Kind::Redis(Sync::Always), Kind::Stream(Sync::Always), 0.85, 0.08),
    more(Kind::Redis(Sync::Always), Kind::Bare, 0.25, 0.03),
    more(Kind::Embedded, Kind::Webhook, 4.0, 0.3),
    Limit {
        what: "p99",
        kind: Kind::Embedded,
        over: Kind::Webhook,
        figure: |one| one.p99_ms,
        goal: 0.3,
        far: 2.0,
        more_is_better: false,
    },
    Limit {
        what: "CPU per answer",
        kind: Kind::Embedded,
        over: Kind::Webhook,
        figure: |one| one.cpu_micros,
        goal: 0.2,
        far: 2.0,
        more_is_better: false,
    },
];

/// Prints every ratio beside its goal; with `strict`, fails on those that are far off.
pub(super) fn hold(scenarios: &[Scenario], strict: bool) -> Result<(), String> {
    let mut wrong = Vec::new();
    for scenario in scenarios {
        println!("\n{}: against the goals", scenario.name);
        for limit in &LIMITS {
            let Some(ratio) = scenario.ratio(limit.kind, limit.over, limit.figure) else {
                continue;
            };
            let reached = |bound: f64| match limit.more_is_better {
                true => ratio.median >= bound,
                false => ratio.median <= bound,
            };
            let (sign, word) = (
                if limit.more_is_better { '≥' } else { '≤' },
                if reached(limit.goal) {
                    "reached"
                } else {
                    "not reached"
                },
            );
            let told = format!(
                "{} of {} over {}: {ratio}, goal {sign} {}",
                limit.what,
                limit.kind.name(),
                limit.over.name(),
                limit.goal
            );
            println!("{told}: {word}");
            if !reached(limit.far) {
                wrong.push(told);
            }
        }
    }
    match strict && !wrong.is_empty() {
        true => Err(format!("far off: {}", wrong.join("; "))),
        false => Ok(()),
    }
}
