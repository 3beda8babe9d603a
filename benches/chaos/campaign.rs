//! In: a world and a schedule. Out: load and faults at the same time, cycle by cycle; then what came of it.
//! Never: a wait that has no end.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::account::{Account, Books, account};
use super::crew::Crew;
use super::dice::Dice;
use super::journal::{self, Sampler};
use super::options::{Backend, Options, Plant};
use super::plant;
use super::proxy::Mode;
use super::recovery::{Interrupted, Recovery};
use super::resources;
use super::schedule::{self, Cycle, Disturbance, Kill, Weather};
use super::sender::Sender;
use super::work::{self, Kind};
use super::world::World;

/// The numbers of the events that are aimed at begin here.
const AIMED_FROM: u64 = 10_000_000;
/// How long a call may be waited for that is to be cut off.
const AIM_WITHIN: Duration = Duration::from_secs(4);
/// How long another server may take to go on with a dead one's run: its lease, and some.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(20);
/// How long the work that is left may take once nothing breaks any more.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);
/// How much more a storm sends at once, in events.
const STORM: u64 = 300;

/// What came of a campaign.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) account: Account,
    pub(super) done: Done,
    pub(super) recovery: Recovery,
    pub(super) resources: Vec<String>,
    pub(super) took: Duration,
}

/// What was broken how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) cycles: u64,
    pub(super) killed: u64,
    pub(super) aimed: u64,
    /// Those of them that came while the call was held back.
    pub(super) hit: u64,
    pub(super) taken_over: u64,
    pub(super) disturbances: std::collections::BTreeMap<&'static str, u64>,
    pub(super) weathers: std::collections::BTreeMap<String, u64>,
}

/// Runs the schedule of the options on a backend.
///
/// # Errors
/// What keeps it from being run; a fault of the product is no error but a finding.
pub(super) async fn run(options: &Options, backend: Backend, world: &mut World) -> Result<Outcome, String> {
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(options.seconds_max);
    world.fleet.start_all().await?;
    let mut sender = Sender::start(options.seed, 0..options.events, world.fleet.addresses())?;
    let crew = Crew::start(
        options.seed,
        options.events,
        world.client.clone(),
        world.fleet.addresses(),
    )
    .await?;
    let sampler = Sampler::start(world.client.clone(), world.fleet.addresses());
    let (mut outcome, interrupted) = everything_breaks(options, backend, world, &sender, deadline).await?;
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_secs(30));
    match tokio::time::timeout(left, sender.done()).await {
        Ok(done) => done?,
        Err(_) => outcome.account.wrong.push(format!(
            "only {} of {} deliveries were acknowledged in time",
            sender.acknowledged(),
            options.events
        )),
    }
    if options.plant == Some(Plant::Lost) {
        plant::lost(&sender, options.events).await?;
    }
    if options.plant == Some(Plant::TwoHolders) {
        crew.give_twice().await?;
    }
    let of_tasks = crew.finish().await?;
    outcome.account.wrong.extend(world.settle(SETTLE_WITHIN).await?);
    let calm = resources::calm(world, options).await?;
    outcome.account.wrong.extend(calm.wrong);
    outcome.resources = calm.told;
    if options.plant == Some(Plant::Doubled) {
        plant::doubled(world).await?;
    }
    let address = world.fleet.address()?;
    let record = journal::read(&world.client, &address).await?;
    let seen = world.witness.all().await?;
    let mut sent = sender
        .log
        .lock()
        .map_err(|_| "the sender's log is broken")?
        .clone();
    sent.extend(calm.sent);
    let books = Books {
        seed: options.seed,
        sent: &sent,
        seen: &seen,
        journal: &record,
        ends: &sampler.ends(),
    };
    let found = account(&books);
    outcome.account.figures = found.figures.clone();
    outcome.account.figures.tasks = of_tasks.figures.tasks.clone();
    outcome.account.add(of_tasks);
    outcome.account.add(found);
    outcome.recovery = Recovery::of(&interrupted, &seen.requests);
    outcome.took = begun.elapsed();
    Ok(outcome)
}

/// Goes through the schedule; in the end nothing breaks any more, and all may be sent.
async fn everything_breaks(
    options: &Options,
    backend: Backend,
    world: &mut World,
    sender: &Sender,
    deadline: Instant,
) -> Result<(Outcome, Vec<Interrupted>), String> {
    let begun = Instant::now();
    let mut campaign = Campaign {
        world,
        sender,
        options,
        outcome: Outcome::default(),
        interrupted: Vec::new(),
        next_aimed: AIMED_FROM,
        allowed: 0,
        waking: Vec::new(),
    };
    let cycles = schedule::cycles(options.seed, backend, campaign.world.fleet.size(), options.cycles);
    campaign.seed_aimed(&cycles).await?;
    for (number, cycle) in cycles.iter().enumerate() {
        if Instant::now() > deadline {
            let why = format!("only {number} of {} cycles were done in time", cycles.len());
            campaign.outcome.account.wrong.push(why);
            break;
        }
        campaign.cycle(number as u64, cycle).await?;
        progress(backend, number as u64, options, sender, begun);
    }
    campaign.let_all_go().await?;
    Ok((campaign.outcome, campaign.interrupted))
}

struct Campaign<'a> {
    world: &'a mut World,
    sender: &'a Sender,
    options: &'a Options,
    outcome: Outcome,
    interrupted: Vec<Interrupted>,
    next_aimed: u64,
    allowed: u64,
    /// Servers that stay away, and until which cycle.
    waking: Vec<(usize, u64)>,
}

impl Campaign<'_> {
    async fn cycle(&mut self, number: u64, cycle: &Cycle) -> Result<(), String> {
        if let Some(weather) = cycle.weather {
            self.world.faults(&weather.faults()).await?;
            *self
                .outcome
                .done
                .weathers
                .entry(format!("{weather:?}"))
                .or_default() += 1;
        }
        let events = self.options.events;
        self.allow(events * (number + 1) / self.options.cycles).await?;
        // A server that drains is not there to be killed.
        let amid = cycle.amid && cycle.disturbance != Some(Disturbance::Drain);
        match (cycle.disturbance, amid) {
            (None, _) => self.kill(number, cycle).await?,
            (Some(disturbance), true) => {
                let place = self.begin(disturbance, cycle).await?;
                self.last(disturbance).await;
                if matches!(cycle.kill, Kill::Random | Kill::All) {
                    self.down(number, cycle).await;
                }
                self.end(disturbance, place).await?;
                if !matches!(cycle.kill, Kill::Random | Kill::All) {
                    self.kill(number, cycle).await?;
                }
            }
            (Some(disturbance), false) => {
                let place = self.begin(disturbance, cycle).await?;
                self.last(disturbance).await;
                self.end(disturbance, place).await?;
                self.kill(number, cycle).await?;
            }
        }
        let fallen = self.world.fleet.fallen();
        self.outcome
            .account
            .wrong
            .extend(fallen.into_iter().map(|why| format!("cycle {number}: {why}")));
        self.up(number).await?;
        self.outcome.done.cycles += 1;
        Ok(())
    }

    async fn kill(&mut self, number: u64, cycle: &Cycle) -> Result<(), String> {
        match cycle.kill {
            Kill::Random | Kill::All => self.down(number, cycle).await,
            Kill::Aimed { kind, effect } => {
                self.up(number).await?;
                let (base, hit) = self.aim(kind, effect).await?;
                tokio::time::sleep(Duration::from_millis(cycle.pause_ms / 8)).await;
                let at_ms = now_ms();
                for place in self.world.fleet.up() {
                    self.outcome.done.killed += u64::from(self.world.fleet.kill(place).await);
                }
                self.waking.clear();
                self.note(base, at_ms, hit, false);
            }
            Kill::TakenOver { kind, effect } => {
                self.up(number).await?;
                self.take_over(kind, effect).await?;
            }
        }
        Ok(())
    }

    /// Kills at random.
    async fn down(&mut self, number: u64, cycle: &Cycle) {
        tokio::time::sleep(Duration::from_millis(cycle.pause_ms)).await;
        let up = self.world.fleet.up();
        let chosen = match cycle.kill {
            Kill::All => up,
            _ => pick(&up, cycle.place).into_iter().collect(),
        };
        for place in chosen {
            self.outcome.done.killed += u64::from(self.world.fleet.kill(place).await);
            if cycle.away > 0 && cycle.kill == Kill::Random && !self.world.fleet.up().is_empty() {
                self.waking.push((place, number + cycle.away));
            }
        }
    }

    /// Starts what is down, but what is to stay away.
    async fn up(&mut self, number: u64) -> Result<(), String> {
        self.waking.retain(|(_, until)| *until > number);
        let size = self.world.fleet.size();
        let away: Vec<usize> = self.waking.iter().map(|(place, _)| *place).collect();
        if away.is_empty() {
            return self.world.fleet.start_all().await;
        }
        for place in (0..size).filter(|place| !away.contains(place)) {
            self.world.fleet.start(place).await?;
        }
        Ok(())
    }

    /// Tells the sandbox of all events that will be aimed at: in time, since what is seeded while reads lag shows late, too.
    async fn seed_aimed(&self, cycles: &[Cycle]) -> Result<(), String> {
        let mut next = self.next_aimed;
        for cycle in cycles {
            if let Kill::Aimed { kind, .. } | Kill::TakenOver { kind, .. } = cycle.kill {
                let n = next_aimed(self.options.seed, next, kind);
                self.world.seed_one(n).await?;
                next = n + 1;
            }
        }
        Ok(())
    }

    /// Has the provider hold back the answer to one write, and sends the event that leads to it. Gives what its path
    /// begins with, and whether the write has come.
    async fn aim(&mut self, kind: Kind, effect: bool) -> Result<(String, bool), String> {
        let n = next_aimed(self.options.seed, self.next_aimed, kind);
        self.next_aimed = n + 1;
        let base = work::path(kind, n);
        let write = match kind {
            Kind::Label => format!("{base}/labels"),
            Kind::Merge => format!("{base}/merge"),
            Kind::Deploy => format!("{base}/deploys"),
            _ => format!("{base}/comments"),
        };
        let method = if kind == Kind::Merge { "PUT" } else { "POST" };
        let matcher = json!({ "path": write, "method": method });
        self.world
            .fault(&json!([{ "match": matcher, "times": 1, "kind": "hang", "effect": effect }]))
            .await?;
        let from = self.world.witness.requests();
        self.sender.now(n).await;
        self.outcome.done.aimed += 1;
        let hit = self.world.witness.requested(&write, from, AIM_WITHIN).await;
        Ok((base, hit))
    }

    /// One server alone has the run; another is started, the first dies and stays dead until the other has gone on.
    async fn take_over(&mut self, kind: Kind, effect: bool) -> Result<(), String> {
        for place in self.world.fleet.up().into_iter().skip(1) {
            self.outcome.done.killed += u64::from(self.world.fleet.kill(place).await);
        }
        let Some(first) = self.world.fleet.up().first().copied() else {
            return Ok(());
        };
        let (base, hit) = self.aim(kind, effect).await?;
        let second = (first + 1) % self.world.fleet.size();
        self.world.fleet.start(second).await?;
        let (from, at_ms) = (self.world.witness.requests(), now_ms());
        self.outcome.done.killed += u64::from(self.world.fleet.kill(first).await);
        if hit && !self.world.witness.requested(&base, from, TAKEN_OVER_WITHIN).await {
            let within = TAKEN_OVER_WITHIN.as_secs();
            self.outcome
                .account
                .wrong
                .push(format!("nobody took over what is about {base} within {within} s"));
        }
        self.outcome.done.taken_over += 1;
        self.waking.clear();
        self.note(base, at_ms, hit, true);
        Ok(())
    }

    fn note(&mut self, base: String, at_ms: i64, hit: bool, by_another: bool) {
        if hit {
            self.outcome.done.hit += 1;
            self.interrupted.push(Interrupted {
                base,
                at_ms,
                by_another,
            });
        }
    }

    async fn begin(&mut self, disturbance: Disturbance, cycle: &Cycle) -> Result<Option<usize>, String> {
        *self
            .outcome
            .done
            .disturbances
            .entry(disturbance.name())
            .or_default() += 1;
        let place = pick(&self.world.fleet.up(), cycle.place);
        match (disturbance, &mut self.world.redis) {
            (Disturbance::Stop { .. }, _) => {
                if let Some(server) = place.and_then(|place| self.world.fleet.server(place)) {
                    server.signal("STOP").await;
                }
            }
            (Disturbance::Drain, _) => {
                if let Some(place) = place
                    && let Err(why) = self.world.fleet.drain(place).await
                {
                    self.outcome.account.wrong.push(why);
                }
            }
            (Disturbance::Storm, _) => {
                let until = (self.allowed + STORM).min(self.options.events);
                self.allow(until).await?;
            }
            (Disturbance::RedisKilled, Some((redis, _))) => redis.kill().await,
            (Disturbance::RedisStopped { .. }, Some((redis, _))) => redis.process().signal("STOP").await,
            (Disturbance::BlackHole { .. }, Some((_, proxy))) => proxy.set(Mode::BlackHole),
            (Disturbance::Cut { .. }, Some((_, proxy))) => proxy.set(Mode::Cut),
            (Disturbance::ReadOnly { .. }, Some((redis, _))) => {
                redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await?;
            }
            (Disturbance::OutOfMemory { .. }, Some((redis, _))) => {
                redis.ask(&["CONFIG", "SET", "maxmemory", "1mb"]).await?;
            }
            (_, None) => {}
        }
        Ok(place)
    }

    /// Lets a disturbance be, as long as it is to last.
    async fn last(&self, disturbance: Disturbance) {
        tokio::time::sleep(Duration::from_millis(disturbance.lasts_ms())).await;
    }

    async fn end(&mut self, disturbance: Disturbance, place: Option<usize>) -> Result<(), String> {
        match (disturbance, &mut self.world.redis) {
            (Disturbance::Stop { .. }, _) => {
                if let Some(server) = place.and_then(|place| self.world.fleet.server(place)) {
                    server.signal("CONT").await;
                }
            }
            (Disturbance::Drain, _) => {
                if let Some(place) = place {
                    self.world.fleet.start(place).await?;
                }
            }
            (Disturbance::RedisKilled, Some((redis, _))) => redis.restart().await?,
            (Disturbance::RedisStopped { .. }, Some((redis, _))) => redis.process().signal("CONT").await,
            (Disturbance::BlackHole { .. } | Disturbance::Cut { .. }, Some((_, proxy))) => {
                proxy.set(Mode::Pass)
            }
            (Disturbance::ReadOnly { .. }, Some((redis, _))) => {
                redis.ask(&["REPLICAOF", "NO", "ONE"]).await?;
            }
            (Disturbance::OutOfMemory { .. }, Some((redis, _))) => {
                redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await?;
            }
            (Disturbance::Storm, _) | (_, None) => {}
        }
        Ok(())
    }

    async fn allow(&mut self, until: u64) -> Result<(), String> {
        let from = self.allowed;
        self.allowed = self.allowed.max(until);
        self.world.seed_until(0, self.allowed).await?;
        if self.allowed > from {
            self.sender.allow(self.allowed);
        }
        Ok(())
    }

    /// Nothing breaks any more.
    async fn let_all_go(&mut self) -> Result<(), String> {
        self.world.faults(&Weather::Calm.faults()).await?;
        self.waking.clear();
        self.world.fleet.start_all().await?;
        self.allow(self.options.events).await
    }
}

impl Disturbance {
    fn name(self) -> &'static str {
        match self {
            Self::Stop { ms } if ms >= 5_000 => "server stopped for longer than its leases (SIGSTOP)",
            Self::Stop { .. } => "server stopped (SIGSTOP)",
            Self::Drain => "server drained under load (SIGTERM)",
            Self::RedisKilled => "Redis killed",
            Self::RedisStopped { .. } => "Redis stopped (SIGSTOP)",
            Self::BlackHole { .. } => "Redis black-holed",
            Self::Cut { .. } => "connections to Redis cut",
            Self::ReadOnly { .. } => "Redis read-only",
            Self::OutOfMemory { .. } => "Redis out of memory",
            Self::Storm => "storm of deliveries",
        }
    }

    fn lasts_ms(self) -> u64 {
        match self {
            Self::Stop { ms }
            | Self::RedisStopped { ms }
            | Self::BlackHole { ms }
            | Self::Cut { ms }
            | Self::ReadOnly { ms }
            | Self::OutOfMemory { ms } => ms,
            Self::RedisKilled => 300,
            Self::Drain | Self::Storm => 0,
        }
    }
}

/// The next event of a kind.
fn next_aimed(seed: u64, from: u64, kind: Kind) -> u64 {
    (from..).find(|n| Kind::of(seed, *n) == kind).unwrap_or(from)
}

/// One of the places.
fn pick(places: &[usize], thrown: u64) -> Option<usize> {
    let place = Dice::new(thrown).within(0, places.len() as u64);
    places.get(usize::try_from(place).unwrap_or(0)).copied()
}

/// What the clock of this machine shows, which is the sandbox's, too.
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::print_stderr, reason = "long runs tell how far they are")]
fn progress(backend: Backend, number: u64, options: &Options, sender: &Sender, begun: Instant) {
    if (number + 1).is_multiple_of(25) {
        eprintln!(
            "chaos {}: {} of {} cycles, {} of {} deliveries acknowledged, {} s",
            backend.name(),
            number + 1,
            options.cycles,
            sender.acknowledged(),
            options.events,
            begun.elapsed().as_secs(),
        );
    }
}
