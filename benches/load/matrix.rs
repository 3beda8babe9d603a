//! In: receivers, loads. Out: each under each, in turn, round after round. Never: a turn after which the store was not
//! counted.

use std::sync::Arc;

use super::client::{Load, Measured};
use super::deliveries::Mix;
use super::options::Options;
use super::receivers::{self, Kind, Receiver};
use super::report::{Scenario, Turns};
use super::setting::Setting;

/// Every receiver under every load.
pub(super) fn measure(options: &Options) -> Result<Vec<Scenario>, String> {
    let mix = Arc::new(Mix::realistic()?);
    let kinds = present(&options.kinds)?;
    let setting = options.setting();
    let mut scenarios = Vec::new();
    for (connections, fresh) in &options.connections {
        let load = Load {
            mix: Arc::clone(&mix),
            connections: *connections,
            fresh: *fresh,
            warm: options.warm,
            seconds: options.seconds,
            rate: None,
            from: 1,
        };
        let mut receivers: Vec<Turns> = kinds
            .iter()
            .map(|kind| Turns {
                name: kind.name().into(),
                turns: Vec::new(),
            })
            .collect();
        for round in 0..options.rounds {
            for step in 0..kinds.len() {
                // Nobody is always the one after the same other.
                let place = (step + round) % kinds.len();
                receivers[place].turns.push(turn(kinds[place], &setting, &load)?);
            }
        }
        let how = if *fresh { "fresh" } else { "kept" };
        let scenario = Scenario {
            name: format!("{connections} {how}"),
            connections: *connections,
            fresh: *fresh,
            seconds: options.seconds,
            body_bytes: mix.bytes(),
            receivers,
        };
        scenario.print();
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

/// Those whose programs are there; says which are not.
fn present(kinds: &[Kind]) -> Result<Vec<Kind>, String> {
    let mut there = kinds.to_vec();
    if !receivers::is_there("redis-server") && kinds.iter().any(|kind| kind.needs_redis()) {
        return Err("redis-server is missing: apt-get install redis-server".into());
    }
    if !receivers::is_there("webhook") && there.contains(&Kind::Webhook) {
        println!("`webhook` is left out: the program is missing (apt-get install webhook)");
        there.retain(|kind| *kind != Kind::Webhook);
    }
    Ok(there)
}

/// One receiver under one load. What it accepted and does not have fails everything.
pub(super) fn turn(kind: Kind, setting: &Setting, load: &Load) -> Result<Measured, String> {
    let receiver = Receiver::start(kind, setting)?;
    let sent = load.run(&receiver)?;
    let mut measured = sent.measured;
    if let Some(counted) = receiver.count(&sent.accepted)? {
        if counted.lost > 0 || counted.stored != sent.accepted.len() {
            return Err(format!(
                "{}: {} were accepted, {} are stored, {} of the accepted are not there",
                kind.name(),
                sent.accepted.len(),
                counted.stored,
                counted.lost
            ));
        }
        let bodies = (counted.stored * load.mix.bytes()) as f64;
        measured.open_runs = counted.open_runs;
        measured.disk_share = counted.bytes as f64 / bodies;
        measured.memory_share = counted.memory_bytes as f64 / bodies;
    }
    Ok(measured)
}
