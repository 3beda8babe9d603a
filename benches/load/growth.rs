//! In: how much of something there is. Out: what a delivery costs then, next to what it costs with little of it. Never: two
//! figures of different runs side by side.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::client::{Load, Measured};
use super::deliveries::Mix;
use super::matrix;
use super::options::Options;
use super::receivers::{Kind, Receiver};
use super::report::{Figure, Spread};
use super::setting::Setting;

const RULES: [usize; 4] = [10, 100, 1_000, 10_000];
const KIB: [usize; 5] = [2, 8, 32, 128, 1024];
const REPLICAS: usize = 3;
const CONNECTIONS: usize = 16;

/// Rules, payload size, replicas; each figure as a multiple of the first one's, turn by turn.
pub(super) fn measure(options: &Options) -> Result<Map<String, Value>, String> {
    let mut parts = Map::new();
    parts.insert("rules".into(), rules(options)?);
    parts.insert("payload".into(), payload(options)?);
    if options.kinds.iter().any(|kind| matches!(kind, Kind::Redis(_))) {
        parts.insert("replicas".into(), replicas(options)?);
    }
    Ok(parts)
}

/// One point of a curve: what there is of it, and its turns.
struct Point {
    at: f64,
    turns: Vec<Measured>,
}

fn rules(options: &Options) -> Result<Value, String> {
    let mix = Arc::new(Mix::realistic()?);
    let mut points = points(RULES.iter().map(|rules| *rules as f64));
    let mut receivers = Vec::new();
    for rules in RULES {
        let setting = Setting {
            rules,
            ..Setting::default()
        };
        receivers.push(Receiver::start(Kind::Embedded, &setting)?);
    }
    let mut from = 1;
    for _ in 0..options.rounds {
        for (receiver, point) in receivers.iter().zip(&mut points) {
            let sent = load(&mix, options, from).run(receiver)?;
            from += sent.accepted.len() as u64 + 1_000;
            point.turns.push(sent.measured);
        }
    }
    Ok(curve("rules", "rules", &points))
}

fn payload(options: &Options) -> Result<Value, String> {
    let mut points = points(KIB.iter().map(|kib| *kib as f64));
    let mut bare = self::points(KIB.iter().map(|kib| *kib as f64));
    for _ in 0..options.rounds {
        for (place, kib) in KIB.iter().enumerate() {
            let mix = Arc::new(Mix::alike(kib * 1024, false)?);
            let load = load(&mix, options, 1);
            points[place]
                .turns
                .push(matrix::turn(Kind::Embedded, &Setting::default(), &load)?);
            bare[place]
                .turns
                .push(matrix::turn(Kind::Bare, &Setting::default(), &load)?);
        }
    }
    let mut found = curve("payload", "KiB", &points);
    found["bare"] = curve("payload, bare", "KiB", &bare);
    Ok(found)
}

/// One, two and three processes on one Redis, each sent the same load at the same time.
fn replicas(options: &Options) -> Result<Value, String> {
    let mix = Arc::new(Mix::realistic()?);
    let kind = options
        .kinds
        .iter()
        .copied()
        .find(|kind| matches!(kind, Kind::Redis(_)));
    let first = Receiver::start(kind.ok_or("no store")?, &Setting::default())?;
    let mut fleet = vec![first];
    for _ in 1..REPLICAS {
        let another = fleet[0].another(&Setting::default())?;
        fleet.push(another);
    }
    let mut points = points((1..=REPLICAS).map(|replicas| replicas as f64));
    let mut from = 1;
    for _ in 0..options.rounds {
        for (place, point) in points.iter_mut().enumerate() {
            let used = &fleet[..=place];
            let turn = together(used, &mix, options, &mut from)?;
            point.turns.push(turn);
        }
    }
    Ok(curve("replicas", "replicas", &points))
}

fn together(
    used: &[Receiver],
    mix: &Arc<Mix>,
    options: &Options,
    from: &mut u64,
) -> Result<Measured, String> {
    let redis_before = used[0].cpu_seconds()?.1;
    let sent = std::thread::scope(|scope| -> Result<Vec<_>, String> {
        let sending: Vec<_> = used
            .iter()
            .enumerate()
            .map(|(place, receiver)| {
                let mut load = load(mix, options, *from + place as u64 * 10_000_000);
                load.connections = CONNECTIONS.div_ceil(used.len());
                scope.spawn(move || load.run(receiver))
            })
            .collect();
        sending
            .into_iter()
            .map(|one| one.join().map_err(|_| "a load died".to_owned())?)
            .collect()
    })?;
    *from += 1_000_000;
    let all: usize = sent.iter().map(|sent| sent.accepted.len()).sum();
    let per_second = sent.iter().map(|sent| sent.measured.per_second).sum::<f64>();
    let cpu = sent
        .iter()
        .map(|sent| sent.measured.cpu_micros * sent.measured.per_second)
        .sum::<f64>();
    Ok(Measured {
        per_second,
        p50_ms: Spread::of(sent.iter().map(|sent| sent.measured.p50_ms)).median,
        p99_ms: sent.iter().map(|sent| sent.measured.p99_ms).fold(0.0, f64::max),
        cpu_micros: cpu / per_second,
        redis_cpu_micros: (used[0].cpu_seconds()?.1 - redis_before) / all as f64 * 1e6,
        ..Measured::default()
    })
}

fn points(at: impl Iterator<Item = f64>) -> Vec<Point> {
    at.map(|at| Point {
        at,
        turns: Vec::new(),
    })
    .collect()
}

fn load(mix: &Arc<Mix>, options: &Options, from: u64) -> Load {
    Load {
        mix: Arc::clone(mix),
        connections: CONNECTIONS,
        fresh: false,
        warm: options.warm / 2.0,
        seconds: options.seconds / 2.0,
        rate: None,
        from,
    }
}

/// Prints a curve, and gives it as it is kept.
fn curve(name: &str, unit: &str, points: &[Point]) -> Value {
    println!("\n{name}: as multiples of the first");
    println!("{unit:>10} {:>22} {:>22} {:>22}", "answers/s", "cpu", "redis cpu");
    let over = |point: &Point, figure: Figure| {
        let first = &points[0].turns;
        Spread::of(
            point
                .turns
                .iter()
                .zip(first)
                .map(|(one, first)| figure(one) / figure(first)),
        )
    };
    let rows: Vec<Value> = points
        .iter()
        .map(|point| {
            let (answers, cpu) = (over(point, |one| one.per_second), over(point, |one| one.cpu_micros));
            let redis = over(point, |one| one.redis_cpu_micros);
            println!("{:>10} {answers:>22} {cpu:>22} {redis:>22}", point.at);
            let micros = Spread::of(point.turns.iter().map(|one| one.cpu_micros));
            json!({ "at": point.at, "answers": answers, "cpu": cpu, "redis_cpu": redis, "cpu_micros": micros })
        })
        .collect();
    json!({ "unit": unit, "points": rows })
}
