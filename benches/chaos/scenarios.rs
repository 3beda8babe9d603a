//! In: faults after which the usual accounting does not hold, or which need a world of their own. Out: their own
//! accounting. Never: a silent omission; what cannot be run here is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use super::account::{Account, Books, account};
use super::journal;
use super::options::{Backend, Options};
use super::rolling;
use super::sender::{Sender, Sent};
use super::witness::Seen;
use super::world::World;

const SETTLE_WITHIN: Duration = Duration::from_secs(90);
/// How long it may take until a delivery is refused, or taken again.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);
/// Events before the fault, and as many again after it.
const EVENTS: u64 = 120;
/// The disk of the server that is to run out of space, in MiB.
const DISK_MIB: u64 = 48;
/// The limit on the size of files, in bytes: some pages of the journal's log, and more than the server's own log is.
const FILE_BYTES_MAX: &str = "262144";
/// How far clocks jump, in seconds: GitHub's may be off by 60 s from ours, Render's by 30 s, before effects are sought in
/// the wrong time.
const JUMP_S: u64 = 20;

/// Runs those of a backend; gives what was found, and a line for each of them.
pub(super) async fn run(
    options: &Options,
    backend: Backend,
    folder: &Path,
) -> Result<(Account, Vec<String>), String> {
    let (mut all, mut told) = (Account::default(), Vec::new());
    let names: &[Scenario] = match backend {
        Backend::Sqlite => &[Scenario::DiskFull, Scenario::FileLimit, Scenario::ClockJumps],
        Backend::Redis => &[Scenario::Emptied, Scenario::RollingRestart],
    };
    for scenario in names {
        let folder = folder.join(format!("{scenario:?}"));
        let (account, line) = match scenario {
            Scenario::Emptied => Box::pin(emptied(options, &folder)).await?,
            Scenario::RollingRestart => Box::pin(rolling::restart(options, &folder)).await?,
            Scenario::DiskFull => Box::pin(disk_full(options, &folder)).await?,
            Scenario::FileLimit => Box::pin(file_limit(options, &folder)).await?,
            Scenario::ClockJumps => Box::pin(clock_jumps(options, &folder)).await?,
        };
        all.add(account);
        told.push(line);
    }
    Ok((all, told))
}

#[derive(Clone, Copy, Debug)]
enum Scenario {
    Emptied,
    RollingRestart,
    DiskFull,
    FileLimit,
    ClockJumps,
}

/// FLUSHALL: what was, is gone, and nothing of it is done again; what comes is taken, on record, and done once.
async fn emptied(options: &Options, folder: &Path) -> Result<(Account, String), String> {
    let mut world = World::new(options, Backend::Redis, folder).await?;
    world.fleet.start_all().await?;
    world.seed_until(0, 2 * EVENTS).await?;
    let mut found = Account::default();
    let before = load(&world, 0..EVENTS, &mut found).await?;
    let effects_before = world.witness.all().await?;
    let (redis, _) = world.redis.as_ref().ok_or("no Redis")?;
    redis.ask(&["FLUSHALL"]).await?;
    let after = load(&world, EVENTS..2 * EVENTS, &mut found).await?;
    let seen = world.witness.all().await?;
    let old = |seen: &Seen| {
        seen.effects
            .iter()
            .filter(|effect| effect.event.is_some_and(|n| n < EVENTS))
            .count()
    };
    if old(&seen) != old(&effects_before) {
        found
            .doubled
            .push("FLUSHALL: what was done before it was done again".into());
    }
    let mut newer = seen;
    // Of those that name no event, only the ones since.
    let mut place = 0;
    newer.effects.retain(|effect| {
        place += 1;
        let since = place > effects_before.effects.len();
        effect.event.map_or(since, |n| n >= EVENTS)
    });
    newer.told.retain(|n, _| *n >= EVENTS);
    found.add(books(&world, &after, &newer).await?);
    let mut logs =
        (0..world.fleet.size()).filter_map(|place| std::fs::read_to_string(world.fleet.log(place)).ok());
    if !logs.any(|log| log.contains("ERROR")) {
        found.wrong.push("FLUSHALL: no server said so in its log".into());
    }
    let line = format!(
        "FLUSHALL with {} events on record: noticed and logged; {} later deliveries taken and done once, nothing done again",
        before.len(),
        after.len()
    );
    Ok((found, line))
}

/// The disk runs full under load: deliveries are refused, not lost, and taken again once there is space.
async fn disk_full(options: &Options, folder: &Path) -> Result<(Account, String), String> {
    let allowed = Command::new("unshare").args(["-m", "true"]).output().await;
    if !allowed.is_ok_and(|tried| tried.status.success()) {
        let line = "a full disk: not run, no right to mount one (`unshare -m`)".to_owned();
        return Ok((Account::default(), line));
    }
    let mut world = World::new(options, Backend::Sqlite, folder).await?;
    let data = world.fleet.data(0);
    // A disk in a name space of its own: it is gone with the server.
    let script = format!(
        "mkdir -p {0} && mount -t tmpfs -o size={DISK_MIB}m tmpfs {0} && exec \"$0\" \"$@\"",
        data.display()
    );
    world.fleet.wrap(&["unshare", "-m", "sh", "-c", &script], &[]);
    world.fleet.start(0).await?;
    let pid = world
        .fleet
        .server(0)
        .and_then(|server| server.pid())
        .ok_or("no server")?;
    let filler = PathBuf::from(format!("/proc/{pid}/root{}/filler", data.display()));
    let journal = filler.with_file_name("journal.db");
    let fill = || {
        cut_log(&journal)?;
        // As much as there is space for: the error at its end is the aim.
        let zeros = vec![0; 1024 * 1024];
        let mut file = std::fs::File::create(&filler).map_err(|error| format!("the filler: {error}"))?;
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
        Ok(())
    };
    let free = || std::fs::remove_file(&filler).map_err(|error| format!("the filler: {error}"));
    let (found, refused) = out_of_space(&mut world, fill, free).await?;
    let line = format!(
        "a full disk under load (ENOSPC): {refused} requests answered 503, all taken once there was space"
    );
    Ok((found, line))
}

/// The same by a limit on the size of files, for which nobody needs rights.
async fn file_limit(options: &Options, folder: &Path) -> Result<(Account, String), String> {
    let mut world = World::new(options, Backend::Sqlite, folder).await?;
    // Without this the kernel ends the process instead of refusing the write.
    world
        .fleet
        .wrap(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""], &[]);
    world.fleet.start(0).await?;
    let pid = world
        .fleet
        .server(0)
        .and_then(|server| server.pid())
        .ok_or("no server")?;
    let limit = move |bytes: &str| {
        let told = std::process::Command::new("prlimit")
            .args([&format!("--pid={pid}"), &format!("--fsize={bytes}:unlimited")])
            .status();
        match told {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("prlimit ended with {status}")),
            Err(error) => Err(format!("prlimit: {error}")),
        }
    };
    let fill = || limit(FILE_BYTES_MAX);
    let free = || limit("unlimited");
    let (found, refused) = out_of_space(&mut world, fill, free).await?;
    let line = format!(
        "a limit on file sizes under load (EFBIG): {refused} requests answered 503, all taken once it was lifted"
    );
    Ok((found, line))
}

/// Empties the log beside a journal's database: what is written next needs space on the disk, and not what the log had already.
fn cut_log(database: &Path) -> Result<(), String> {
    let cut = rusqlite::Connection::open(database)
        .and_then(|conn| conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    match cut {
        Ok(0) => Ok(()),
        Ok(_) => Err("the journal's log is in use and cannot be cut".into()),
        Err(error) => Err(format!("the journal's log: {error}")),
    }
}

/// Loads, takes the space away, sees deliveries refused, gives the space back, sees all of them taken.
async fn out_of_space(
    world: &mut World,
    fill: impl Fn() -> Result<(), String>,
    free: impl Fn() -> Result<(), String>,
) -> Result<(Account, u64), String> {
    let mut found = Account::default();
    world.seed_until(0, 2 * EVENTS).await?;
    let mut sent = load(world, 0..EVENTS, &mut found).await?;
    let mut sender = Sender::start(world.seed, EVENTS..2 * EVENTS, world.fleet.addresses())?;
    fill()?;
    sender.allow(2 * EVENTS);
    let refusals = |sender: &Sender| {
        let log = sender.log.lock().map(|log| log.clone()).unwrap_or_default();
        let answers = log.values().flat_map(|sent| &sent.answers);
        answers.filter(|answer| answer.status == Some(503)).count() as u64
    };
    let begun = tokio::time::Instant::now();
    while refusals(&sender) < 10 && begun.elapsed() < NOTICED_WITHIN {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = refusals(&sender);
    if refused == 0 {
        found.wrong.push("no space: no delivery was refused".into());
    }
    free()?;
    let done = tokio::time::timeout(SETTLE_WITHIN, sender.done()).await;
    if done.is_err() {
        found
            .lost
            .push("no space: deliveries are still refused although there is space again".into());
    }
    found.wrong.extend(world.settle(SETTLE_WITHIN).await?);
    sent.extend(
        sender
            .log
            .lock()
            .map_err(|_| "the sender's log is broken")?
            .clone(),
    );
    let seen = world.witness.all().await?;
    found.add(books(world, &sent, &seen).await?);
    Ok((found, refused))
}

/// The clock jumps ahead and back under load, while replies are lost.
async fn clock_jumps(options: &Options, folder: &Path) -> Result<(Account, String), String> {
    let Some(library) = faketime() else {
        let line = "clocks that jump: not run, libfaketime is not installed".to_owned();
        return Ok((Account::default(), line));
    };
    let mut world = World::new(options, Backend::Sqlite, folder).await?;
    let clock = folder.join("clock");
    let set = |offset: &str| std::fs::write(&clock, offset).map_err(|error| format!("the clock: {error}"));
    set("+0")?;
    let (library, file) = (library.display().to_string(), clock.display().to_string());
    world.fleet.wrap(
        &[],
        &[
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    world.fleet.start(0).await?;
    world.seed_until(0, 2 * EVENTS).await?;
    let lost = json!([{ "match": { "method": "POST" }, "times": 30, "kind": "reply_lost" }]);
    let mut found = Account::default();
    let mut sent = BTreeMap::new();
    let steps = [
        format!("+{JUMP_S}"),
        "+0".to_owned(),
        format!("-{JUMP_S}"),
        "+0".to_owned(),
    ];
    for (number, offset) in steps.iter().enumerate() {
        let first = number as u64 * EVENTS / 4;
        world.faults(&lost).await?;
        let mut sender = Sender::start(world.seed, first..first + EVENTS / 4, world.fleet.addresses())?;
        sender.allow(first + EVENTS / 8);
        tokio::time::sleep(Duration::from_millis(300)).await;
        set(offset)?;
        sender.allow(first + EVENTS / 4);
        let done = tokio::time::timeout(NOTICED_WITHIN, sender.done()).await;
        done.map_err(|_| "deliveries were not taken while the clock jumped")??;
        if number == 0 && ahead_s(&world).await? < JUMP_S / 2 {
            return Err("the server's clock did not jump: libfaketime has no hold on it".into());
        }
        sent.extend(
            sender
                .log
                .lock()
                .map_err(|_| "the sender's log is broken")?
                .clone(),
        );
    }
    found.wrong.extend(world.settle(SETTLE_WITHIN).await?);
    let seen = world.witness.all().await?;
    found.add(books(&world, &sent, &seen).await?);
    let line = format!(
        "the server's clock jumps by {JUMP_S} s ahead, back, back, ahead, under load and lost replies: {} deliveries, each done once",
        sent.len()
    );
    Ok((found, line))
}

/// How far ahead of this clock the newest event says it came.
async fn ahead_s(world: &World) -> Result<u64, String> {
    let newest = journal::ask(&world.client, &world.fleet.address()?, "events?limit=1").await?;
    let received = newest["events"][0]["received_at"].as_str().unwrap_or_default();
    let received: jiff::Timestamp = received
        .parse()
        .map_err(|error| format!("received_at: {error}"))?;
    let ahead = received.duration_since(jiff::Timestamp::now()).as_secs();
    Ok(ahead.try_into().unwrap_or(0))
}

fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|file| file.exists())
}

/// Sends events, waits until they are done, gives what was sent.
async fn load(
    world: &World,
    events: std::ops::Range<u64>,
    found: &mut Account,
) -> Result<BTreeMap<u64, Sent>, String> {
    let mut sender = Sender::start(world.seed, events.clone(), world.fleet.addresses())?;
    sender.allow(events.end);
    let done = tokio::time::timeout(SETTLE_WITHIN, sender.done()).await;
    done.map_err(|_| "deliveries were not acknowledged in time")??;
    found.wrong.extend(world.settle(SETTLE_WITHIN).await?);
    let sent = sender
        .log
        .lock()
        .map_err(|_| "the sender's log is broken")?
        .clone();
    Ok(sent)
}

async fn books(world: &World, sent: &BTreeMap<u64, Sent>, seen: &Seen) -> Result<Account, String> {
    let journal = journal::read(&world.client, &world.fleet.address()?).await?;
    let ends = BTreeMap::new();
    Ok(account(&Books {
        seed: world.seed,
        sent,
        seen,
        journal: &journal,
        ends: &ends,
    }))
}
