//! In: two servers on one Redis, under load. Out: every server replaced several times, as a platform does it: a new one comes
//! up, the deliveries go there, the old one is told to end. Never: a delivery that is refused or not answered meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::account::{Account, Books, account};
use super::journal;
use super::options::{Backend, Options};
use super::sender::{Sender, Sent};
use super::world::World;

/// How many servers there are at least at any time.
const SERVERS: usize = 2;
/// How often all of them are replaced.
const ROUNDS: u64 = 3;
/// Deliveries while one of them is replaced.
const EVENTS: u64 = 60;
/// How long an old server is left in peace after the deliveries go elsewhere; Render gives it a minute.
const MOVED: Duration = Duration::from_secs(1);
/// How long deliveries may take to be acknowledged, and runs to end.
const WITHIN: Duration = Duration::from_secs(90);

/// Replaces all servers under load; gives what was found, and a line about it.
pub(super) async fn restart(options: &Options, folder: &Path) -> Result<(Account, String), String> {
    let options = Options {
        replicas: SERVERS + 1,
        ..options.clone()
    };
    let mut world = World::new(&options, Backend::Redis, folder).await?;
    for place in 0..SERVERS {
        world.fleet.start(place).await?;
    }
    let replaced = ROUNDS * SERVERS as u64;
    let events = (replaced + 1) * EVENTS;
    world.seed_until(0, events).await?;
    // So that there are always calls under way when a server is told to end.
    let slow = json!([{ "match": { "method": "POST" }, "times": events, "kind": "latency", "ms": 300 }]);
    world.faults(&slow).await?;
    let mut sender = Sender::start(world.seed, 0..events, world.fleet.addresses())?;
    let mut free = SERVERS;
    for number in 0..replaced {
        sender.allow((number + 1) * EVENTS);
        let old = usize::try_from(number).unwrap_or(0) % (SERVERS + 1);
        world.fleet.start(free).await?;
        world.fleet.retire(old);
        tokio::time::sleep(MOVED).await;
        world.fleet.drain(old).await?;
        free = old;
    }
    sender.allow(events);
    let done = tokio::time::timeout(WITHIN, sender.done()).await;
    done.map_err(|_| "deliveries were not acknowledged while servers were replaced")??;
    let mut found = Account::default();
    found.wrong.extend(world.settle(WITHIN).await?);
    let sent: BTreeMap<u64, Sent> = sender
        .log
        .lock()
        .map_err(|_| "the sender's log is broken")?
        .clone();
    found.wrong.extend(turned_away(&sent));
    let seen = world.witness.all().await?;
    let journal = journal::read(&world.client, &world.fleet.address()?).await?;
    let ends = BTreeMap::new();
    found.add(account(&Books {
        seed: world.seed,
        sent: &sent,
        seen: &seen,
        journal: &journal,
        ends: &ends,
    }));
    let line = format!(
        "a rolling restart of {SERVERS} servers under load, {ROUNDS} times: {replaced} replaced, {} deliveries, all acknowledged at \
         the first attempt and done once",
        sent.len()
    );
    Ok((found, line))
}

/// Deliveries that were not taken at once: while a server is replaced there is always another.
fn turned_away(sent: &BTreeMap<u64, Sent>) -> Vec<String> {
    let answers = sent
        .iter()
        .flat_map(|(n, sent)| sent.answers.iter().map(move |answer| (n, answer)));
    answers
        .filter(|(_, answer)| answer.status != Some(202))
        .map(|(n, answer)| match answer.status {
            Some(status) => format!("rolling restart: event {n} was answered {status}"),
            None => format!("rolling restart: event {n} was not answered"),
        })
        .collect()
}
