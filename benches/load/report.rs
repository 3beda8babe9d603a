//! In: what was measured, turn by turn. Out: medians, ratios with their spread, tables, JSON. Never: an absolute figure as
//! a result.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::Measured;
use super::receivers::Kind;

/// The form of the file.
const FORMAT: u32 = 1;

/// Everything one run found out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) format: u32,
    /// The commit that was measured.
    pub(super) commit: String,
    pub(super) cores: usize,
    pub(super) scenarios: Vec<Scenario>,
    /// Other parts, each with the goals it is held to.
    pub(super) parts: Map<String, Value>,
}

/// All receivers under one load.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) connections: usize,
    pub(super) fresh: bool,
    pub(super) seconds: f64,
    pub(super) body_bytes: usize,
    pub(super) receivers: Vec<Turns>,
}

/// One receiver's turns, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Turns {
    pub(super) name: String,
    pub(super) turns: Vec<Measured>,
}

/// The middle of several, and of what the middle half lies between.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let quarters = |count: usize| values.len().saturating_sub(1) * count;
        let at = |place: usize| values.get(place).copied();
        // Where there is none just there, the wider one; of an even number the lower of the two in the middle.
        let (low, median, high) = (
            at(quarters(1) / 4),
            at(quarters(2) / 4),
            at(quarters(3).div_ceil(4)),
        );
        Self {
            low: low.unwrap_or(f64::NAN),
            median: median.unwrap_or(f64::NAN),
            high: high.unwrap_or(f64::NAN),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.low, self.high)
    }
}

/// A figure of one turn.
pub(super) type Figure = fn(&Measured) -> f64;

impl Scenario {
    /// One receiver's figure over another's, turn by turn.
    pub(super) fn ratio(&self, kind: Kind, over: Kind, figure: Figure) -> Option<Spread> {
        let (turns, base) = (self.turns(kind)?, self.turns(over)?);
        Some(Spread::of(
            turns
                .iter()
                .zip(base)
                .map(|(one, base)| figure(one) / figure(base)),
        ))
    }

    pub(super) fn turns(&self, kind: Kind) -> Option<&[Measured]> {
        let found = self.receivers.iter().find(|turns| turns.name == kind.name())?;
        Some(&found.turns)
    }

    pub(super) fn print(&self) {
        let how = if self.fresh { "fresh" } else { "kept-alive" };
        println!(
            "\n{}: {} {how} connections, {:.0} KiB a body on average, {} turns of {} s",
            self.name,
            self.connections,
            self.body_bytes as f64 / 1024.0,
            self.receivers.first().map_or(0, |turns| turns.turns.len()),
            self.seconds,
        );
        println!(
            "{:<16} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>6} {:>5} {:>6}  {:<18} {:<18}",
            "receiver",
            "answers/s",
            "p50 ms",
            "p99 ms",
            "cpu µs",
            "redis µs",
            "max MiB",
            "open",
            "disk",
            "memory",
            "/bare",
            "/its floor"
        );
        for Turns { name, turns } in &self.receivers {
            let median = |figure: Figure| Spread::of(turns.iter().map(figure)).median;
            let Ok(kind) = Kind::named(name) else { continue };
            let per_second: Figure = |one| one.per_second;
            let shown = |ratio: Option<Spread>| ratio.map_or_else(String::new, |ratio| ratio.to_string());
            println!(
                "{name:<16} {:>9.0} {:>8.2} {:>8.2} {:>8.0} {:>9.0} {:>8.0} {:>6.0} {:>5.2} {:>6.2}  {:<18} {:<18}",
                median(per_second),
                median(|one| one.p50_ms),
                median(|one| one.p99_ms),
                median(|one| one.cpu_micros),
                median(|one| one.redis_cpu_micros),
                median(|one| one.memory_mib),
                median(|one| one.open_runs as f64),
                median(|one| one.disk_share),
                median(|one| one.memory_share),
                shown(self.ratio(kind, Kind::Bare, per_second)),
                shown(kind.floor().and_then(|floor| self.ratio(kind, floor, per_second))),
            );
        }
    }
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT,
            commit: commit(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            scenarios: Vec::new(),
            parts: Map::new(),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn read(path: &str) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let report: Self = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
        match report.format {
            FORMAT => Ok(report),
            other => Err(format!("{path} has form {other}; this program knows {FORMAT}")),
        }
    }
}

fn commit() -> String {
    let asked = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_default()
}

/// Prints how the ratios of two runs differ: absolute figures of different runs have nothing to do with each other.
pub(super) fn compare(old: &str, new: &str) -> Result<(), String> {
    let (old, new) = (Report::read(old)?, Report::read(new)?);
    println!(
        "answers a second and CPU per answer, as multiples of `bare` in the same run: {} → {}",
        old.commit, new.commit
    );
    for scenario in &new.scenarios {
        let Some(before) = old.scenarios.iter().find(|before| before.name == scenario.name) else {
            println!("{}: not in the older run", scenario.name);
            continue;
        };
        println!("\n{}", scenario.name);
        for Turns { name, .. } in &scenario.receivers {
            let kind = Kind::named(name)?;
            for (what, figure) in [
                ("answers", (|one| one.per_second) as Figure),
                ("cpu", |one| one.cpu_micros + one.redis_cpu_micros),
            ] {
                let both =
                    before
                        .ratio(kind, Kind::Bare, figure)
                        .zip(scenario.ratio(kind, Kind::Bare, figure));
                let Some((was, is)) = both else { continue };
                // Apart from each other only where the middle halves are.
                let apart = is.low > was.high || is.high < was.low;
                let told = if apart {
                    format!("{:+.0} %", (is.median / was.median - 1.0) * 100.0)
                } else {
                    "within the spread".into()
                };
                println!("{name:<16} {what:<8} {was:<20} → {is:<20} {told}");
            }
        }
    }
    Ok(())
}
