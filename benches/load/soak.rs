//! In: minutes. Out: how the program does at 60 % of what it can, at the beginning and at the end. Never: an answer that is
//! not counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{self, Load};
use super::deliveries::Mix;
use super::receivers::{Kind, Receiver};
use super::setting::Setting;

/// The share of the peak that is sent.
const SHARE: f64 = 0.6;
const CONNECTIONS: usize = 64;
/// How long the peak is measured, in seconds.
const PEAK_SECONDS: f64 = 10.0;
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One receiver for so many minutes.
pub(super) fn measure(kind: Kind, minutes: f64) -> Result<Value, String> {
    let mix = Arc::new(Mix::realistic()?);
    let peak = Load {
        mix,
        connections: CONNECTIONS,
        fresh: false,
        warm: 2.0,
        seconds: PEAK_SECONDS,
        rate: None,
        from: 1,
    };
    let found = super::matrix::turn(kind, &Setting::default(), &peak)?;
    let load = Load {
        warm: 0.0,
        seconds: minutes * 60.0,
        rate: Some(found.per_second * SHARE),
        ..peak
    };
    println!(
        "{}: {:.0} a second at the peak; {:.0} a second for {minutes} minutes",
        kind.name(),
        found.per_second,
        found.per_second * SHARE
    );
    let receiver = Receiver::start(kind, &Setting::default())?;
    let over = AtomicBool::new(false);
    let (sent, memory) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut memory = Vec::new();
            while !over.load(Ordering::Relaxed) {
                memory.extend(receiver.process.memory_mib().ok().map(|(now, _)| now));
                std::thread::sleep(LOOK_EVERY);
            }
            memory
        });
        let sent = load.run(&receiver);
        over.store(true, Ordering::Relaxed);
        (sent, looking.join())
    });
    let (sent, memory) = (sent?, memory.map_err(|_| "nobody looked at memory")?);
    let counted = receiver.count(&sent.accepted)?.ok_or("nothing is stored")?;
    if counted.lost > 0 {
        return Err(format!(
            "{} of {} accepted are lost",
            counted.lost,
            sent.accepted.len()
        ));
    }
    let minute = |from: f64| {
        let one: Vec<client::Answer> = sent
            .answers
            .iter()
            .filter(|answer| (from..from + 60.0).contains(&answer.at.as_secs_f64()))
            .copied()
            .collect();
        client::at(&client::sorted(&one), 0.99)
    };
    let p99: Vec<f64> = (0..minutes as u32)
        .map(|at| minute(f64::from(at) * 60.0))
        .collect();
    let (first, last) = (
        p99.first().copied().unwrap_or_default(),
        p99.last().copied().unwrap_or_default(),
    );
    let found = json!({
        "minutes": minutes, "per_second": sent.measured.per_second, "accepted": sent.accepted.len(), "open_runs": counted.open_runs,
        "p99_ms_by_minute": p99, "last_over_first": last / first, "memory_mib": memory, "memory_max_mib": sent.measured.memory_mib,
        "cpu_micros": sent.measured.cpu_micros,
    });
    println!("{found:#}");
    Ok(found)
}
