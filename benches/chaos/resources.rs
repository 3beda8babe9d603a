//! In: servers that have just been started. Out: whether they hold, after a load, what they held before it.
//! Never: a fault; what a fault leaves behind ends with its process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::journal;
use super::options::Options;
use super::process::Measure;
use super::sender::{Sender, Sent};
use super::world::World;

/// The numbers of these events begin here.
const CALM_FROM: u64 = 20_000_000;
/// How many deliveries warm a server up, before it is measured the first time.
const WARM: u64 = 200;
/// How long idle connections and threads may take to go.
const BACK_WITHIN: Duration = Duration::from_secs(25);
const SETTLE_WITHIN: Duration = Duration::from_secs(120);
/// What may be left over a load: descriptors and threads.
const DESCRIPTORS_MORE: u64 = 12;
const THREADS_MORE: u64 = 4;
/// What may be left of tasks: a connection that is kept open is one, and one that listens to it.
const TASKS_MORE: u64 = 12;
/// What an allocator may keep, in KiB. A leak of one kilobyte a delivery would show in a full run.
const MEMORY_MORE_KIB: u64 = 48 * 1024;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Calm {
    pub(super) sent: BTreeMap<u64, Sent>,
    pub(super) wrong: Vec<String>,
    pub(super) told: Vec<String>,
}

/// Ends all servers in good order, starts them again, warms them up, measures, loads them, measures again.
pub(super) async fn calm(world: &mut World, options: &Options) -> Result<Calm, String> {
    let mut calm = Calm::default();
    for place in world.fleet.up() {
        calm.wrong.extend(world.fleet.drain(place).await.err());
    }
    world.fleet.start_all().await?;
    let load = (options.events / 10).clamp(100, 2_000);
    world.seed_until(CALM_FROM, CALM_FROM + WARM + load).await?;
    calm.load(world, CALM_FROM..CALM_FROM + WARM).await?;
    let before = measures(world).await?;
    calm.load(world, CALM_FROM + WARM..CALM_FROM + WARM + load)
        .await?;
    let begun = Instant::now();
    let after = loop {
        let after = measures(world).await?;
        let back = before
            .iter()
            .zip(&after)
            .all(|(before, after)| is_back(before, after));
        if back || begun.elapsed() > BACK_WITHIN {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    for (place, (before, after)) in before.iter().zip(&after).enumerate() {
        let told = format!(
            "server {place}, before and after {load} deliveries: descriptors {} and {}, threads {} and {}, tasks {} and {}, \
             memory {} and {} MiB",
            before.descriptors,
            after.descriptors,
            before.threads,
            after.threads,
            before.tasks,
            after.tasks,
            before.memory_kib / 1024,
            after.memory_kib / 1024,
        );
        if !is_back(before, after) {
            calm.wrong.push(format!("not back to what it was: {told}"));
        }
        calm.told.push(told);
    }
    Ok(calm)
}

impl Calm {
    async fn load(&mut self, world: &World, events: std::ops::Range<u64>) -> Result<(), String> {
        let mut sender = Sender::start(world.seed, events.clone(), world.fleet.addresses())?;
        sender.allow(events.end);
        match tokio::time::timeout(SETTLE_WITHIN, sender.done()).await {
            Ok(done) => done?,
            Err(_) => {
                let (done, all) = (sender.acknowledged(), events.end - events.start);
                self.wrong.push(format!(
                    "only {done} of {all} calm deliveries were acknowledged in time"
                ));
            }
        }
        self.wrong.extend(world.settle(SETTLE_WITHIN).await?);
        let sent = sender
            .log
            .lock()
            .map_err(|_| "the sender's log is broken")?
            .clone();
        self.sent.extend(sent);
        Ok(())
    }
}

async fn measures(world: &World) -> Result<Vec<Measure>, String> {
    let mut measures = Vec::new();
    for server in (0..world.fleet.size()).filter_map(|place| world.fleet.server(place)) {
        let tasks = journal::tasks(&world.client, &server.address).await?;
        measures.extend(server.measure(tasks));
    }
    Ok(measures)
}

fn is_back(before: &Measure, after: &Measure) -> bool {
    after.descriptors <= before.descriptors + DESCRIPTORS_MORE
        && after.threads <= before.threads + THREADS_MORE
        && after.tasks <= before.tasks + TASKS_MORE
        && after.memory_kib <= before.memory_kib + MEMORY_MORE_KIB
}
