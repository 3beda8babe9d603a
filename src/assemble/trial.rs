//! Runs the tests in rule files: each against a sandbox of its own, in virtual time, through the real stages.

mod judge;
mod people;
mod stubs;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::providers::{self, Providers, Tokens};
use super::{files, given_delivery, starter};
use crate::agents::Directory;
use crate::clock::Clock;
use crate::journal::{Admission, MemoryStore, RunHistory, RunId, Store};
use crate::normalize::{self, Actor, Event, EventId, Subject};
use crate::reactor::{self, Parts, Reactor, Wish, Worker};
use crate::receive::Delivery;
use crate::rules::{self, GivenEvent, Rule, RuleBook, RuleTest, SourceFile, TestEvent, Ticks};
use people::People;

/// When every test takes place, so that two runs of it are the same: 2026-01-15T12:00:00Z.
const TEST_TIME_MS: i64 = 1_768_478_400_000;
/// How long before a test's event its tick may be, in milliseconds: what was given may have taken some time.
const TICK_LOOKED_FOR_MS: i64 = 60 * 60 * 1_000;
/// What is wrong with a test of ticks that there are not.
const NO_SCHEDULE: &str = "the rule has no schedule: it does not say `on = \"schedule\"`";
/// A lease longer than any test.
const LEASE_MS: i64 = 24 * 60 * 60 * 1_000;

/// What came of one test.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The rule's id.
    pub rule: String,
    /// The test's name.
    pub test: String,
    /// What was not as expected; empty if it passed.
    pub failures: Vec<String>,
    /// The calls the rule made, in order.
    pub calls: Vec<Value>,
    /// How it was decided: a run's state, or why there was none.
    pub decision: String,
    /// How long it took on this machine, in milliseconds; its own time is a virtual one.
    #[serde(skip)]
    pub took_ms: u64,
    /// The event it was about, as it arrived; `None` when it could not run.
    #[serde(skip)]
    pub event: Option<Event>,
}

impl Trial {
    /// Whether it came to a comparison at all.
    pub fn ran(&self) -> bool {
        self.event.is_some()
    }
}

/// Runs all tests of one rule file, its agents with what `directory` grants them. `file` must hold a rule without errors.
pub async fn run_tests(
    file: &SourceFile,
    vars: &Value,
    directory: &Arc<Directory>,
) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    let rule_tests = load(file, vars)?
        .rules()
        .first()
        .map(|rule| (rule.id.clone(), rule.tests.clone()));
    let Some((rule, tests)) = rule_tests else {
        return Ok(trials);
    };
    for test in tests {
        let book = load(file, vars)?;
        let begun = Clock::monotonic();
        let outcome = Box::pin(run_test(&rule, &test, book, file, Arc::clone(directory))).await;
        let trial = outcome.unwrap_or_else(|problem| Trial {
            rule: rule.clone(),
            test: test.name.clone(),
            failures: vec![problem],
            calls: Vec::new(),
            decision: "could not run".into(),
            took_ms: 0,
            event: None,
        });
        trials.push(Trial {
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..trial
        });
    }
    Ok(trials)
}

fn load(file: &SourceFile, vars: &Value) -> Result<RuleBook, String> {
    let loaded = rules::load(std::slice::from_ref(file), vars, None);
    // What a rule that is off would do is tested like that of any other, so that it can be switched on.
    loaded
        .book
        .map(RuleBook::awake)
        .ok_or_else(|| format!("{}: the rule holds errors; `xmrt check` shows them", file.path))
}

async fn run_test(
    rule: &str,
    test: &RuleTest,
    book: RuleBook,
    file: &SourceFile,
    directory: Arc<Directory>,
) -> Result<Trial, String> {
    let start = takes_place(test, book.rule(rule))?;
    let earliest = test.given.iter().filter_map(|given| given.at_ms).min();
    let clock = Clock::virtual_at(crate::clock::after(start, earliest.unwrap_or(0).min(0)));
    let tokens = Tokens::random();
    let sandbox = tokens.sandbox(clock.clone());
    let payload = payload(&test.event, &file.path, start)?;
    sandbox.seed_from_payload(source_of(&test.event.on), &payload);
    sandbox
        .seed(&test.state)
        .map_err(|problem| format!("`state`: {problem}"))?;
    let running = sandbox
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .map_err(|error| error.to_string())?;
    let store = Arc::new(MemoryStore::new(clock.now()));
    let providers = Providers::of_sandbox(&running, &tokens, None)?;
    providers.starter.open(starter::nowhere());
    let builder = providers::builder(&providers, Arc::clone(&store) as Arc<dyn Store>, &clock);
    let hub = stubs::served(builder, &test.stub)?
        .with_directory(directory)
        .start()
        .await
        .map_err(|error| error.to_string())?;
    store
        .keep_book(reactor::book_record(&book), clock.now())
        .await
        .map_err(|error| error.to_string())?;
    let reactor = Reactor::new(Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        hub: hub.clone(),
        clock: clock.clone(),
        book,
        source: Box::new(|| Err("a test has no files to reload".into())),
        settle_ms: None,
    });
    providers.starter.lead_to(&reactor);
    let worker = Worker::new(Arc::clone(&reactor), "test".into(), 1, LEASE_MS);
    let outcome = Box::pin(tell(&reactor, &worker, test, payload, file)).await;
    hub.stop().await;
    running.stop().await;
    let told = outcome?;
    Ok(Trial {
        event: Some(told.event),
        ..judge::judge(&reactor.book(), rule, test, &told.outcome, &told.given)
    })
}

/// When a test takes place: at the time its event says, on a schedule at the next tick, or when all tests do.
fn takes_place(test: &RuleTest, rule: Option<&Arc<Rule>>) -> Result<Timestamp, String> {
    let usual = crate::clock::from_millis(TEST_TIME_MS);
    if test.event.on != "schedule" {
        return Ok(test.event.at.unwrap_or(usual));
    }
    let schedule = rule.and_then(|rule| rule.schedule.as_ref()).ok_or(NO_SCHEDULE)?;
    let next = |after| schedule.next(after).ok_or("the schedule never comes");
    match test.event.at {
        Some(at) if schedule.ticks_at(at) => Ok(at),
        Some(at) => Err(format!(
            "{at} is no tick of `{}` in {}; the next one is {}",
            schedule.text(),
            schedule.zone(),
            next(at)?
        )),
        None => Ok(next(usual)?),
    }
}

/// What became of a test's event.
struct Told {
    event: Event,
    outcome: Outcome,
    /// What became of the `given` events, in their order.
    given: Vec<Outcome>,
}

/// What was decided about one event, and its runs as they are when all is over.
struct Outcome {
    admission: Admission,
    runs: Vec<RunHistory>,
}

/// Lets the events happen, each at its time, and all that they cause.
async fn tell(
    reactor: &Arc<Reactor>,
    worker: &Arc<Worker>,
    test: &RuleTest,
    payload: Value,
    file: &SourceFile,
) -> Result<Told, String> {
    let mut people = People::of(test);
    let mut admissions: Vec<Option<Admission>> = test.given.iter().map(|_| None).collect();
    let book = reactor.book();
    let rule = book.rules().first().ok_or("there is no rule")?;
    let give = async |index: usize, given: &GivenEvent| {
        let place = |error: String| format!("`given` event {}: {error}", index + 1);
        let now = reactor.clock().now();
        let payload = self::payload(&given.event, &file.path, now)?;
        let id = format!("given-{}", index + 1);
        let event = arriving(&given.event, &payload, &id, rule, now).map_err(place)?;
        reactor
            .admit(&event)
            .await
            .map_err(|error| place(error.to_string()))
    };
    for (index, given) in test.given.iter().enumerate() {
        if given.at_ms.is_none() {
            admissions[index] = Some(give(index, given).await?);
            people.meanwhile(reactor, worker, None).await?;
        }
    }
    let mut timed: Vec<(i64, Option<usize>)> = vec![(0, None)];
    timed.extend(
        test.given
            .iter()
            .enumerate()
            .filter_map(|(index, given)| Some((given.at_ms?, Some(index)))),
    );
    timed.sort_by_key(|(at_ms, _)| *at_ms);
    let first_ms = timed.first().map_or(0, |(at_ms, _)| *at_ms);
    let start = crate::clock::after(reactor.clock().now(), -first_ms);
    let mut told = None;
    for (at_ms, index) in timed {
        let until = crate::clock::after(start, at_ms);
        people.meanwhile(reactor, worker, Some(until)).await?;
        match index {
            Some(index) => admissions[index] = Some(give(index, &test.given[index]).await?),
            None => {
                let event = arriving(&test.event, &payload, "test", rule, reactor.clock().now())?;
                let admission = reactor.admit(&event).await.map_err(|error| error.to_string())?;
                told = Some((event, admission));
            }
        }
    }
    people.meanwhile(reactor, worker, None).await?;
    if let Some(left) = people.left() {
        return Err(left);
    }
    let (event, admission) = told.ok_or("the test's event did not happen")?;
    let mut given = Vec::new();
    for admission in admissions.into_iter().flatten() {
        given.push(outcome(reactor, admission).await?);
    }
    let outcome = outcome(reactor, admission).await?;
    Ok(Told {
        event,
        outcome,
        given,
    })
}

async fn outcome(reactor: &Reactor, admission: Admission) -> Result<Outcome, String> {
    let mut runs = Vec::new();
    for verdict in &admission.verdicts {
        if let Some(id) = &verdict.run {
            runs.push(history(reactor, id).await?);
        }
    }
    Ok(Outcome { admission, runs })
}

async fn history(reactor: &Reactor, id: &RunId) -> Result<RunHistory, String> {
    let found = reactor.store().run(id).await.map_err(|error| error.to_string())?;
    found.ok_or_else(|| "the run is not on record".to_owned())
}

/// The event as it arrives: what the test says of its envelope wins over what the payload says.
fn arriving(
    event: &TestEvent,
    payload: &Value,
    id: &str,
    rule: &Rule,
    now: Timestamp,
) -> Result<Event, String> {
    let delivery = match event.on.as_str() {
        "schedule" => tick(payload, rule, now)?,
        "manual" => {
            let wish = Wish {
                rule: rule.id.clone(),
                payload: payload.to_string().into(),
                who: "test".into(),
                key: id.into(),
            };
            reactor::asked(&rule.id, &wish, now)
        }
        kind => given_delivery(kind, id, payload.to_string().as_bytes(), now)?,
    };
    let mut arriving = normalize::event(delivery).map_err(|error| error.to_string())?;
    for (name, value) in event.meta.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .ok_or_else(|| format!("`meta.{name}` is a text, not {value}"))?;
        match name.as_str() {
            "id" => arriving.id = EventId(text.into()),
            "subject" => arriving.subject = Subject(text.into()),
            "actor" => arriving.actor = Some(Actor(text.into())),
            "time" => arriving.time = moment(text, now)?,
            _ => {
                return Err(format!(
                    "`meta.{name}` cannot be set; `id`, `subject`, `actor` and `time` can"
                ));
            }
        }
    }
    Ok(arriving)
}

/// The newest tick of the rule's own schedule, which is now unless what came before took its time.
fn tick(payload: &Value, rule: &Rule, now: Timestamp) -> Result<Delivery, String> {
    let schedule = rule.schedule.as_ref().ok_or(NO_SCHEDULE)?;
    let lately = crate::clock::after(now, -TICK_LOOKED_FOR_MS);
    let newest = schedule
        .between(lately, now)
        .ok_or("there is no tick of the schedule lately; it can be the test's own event, not one of `given`")?
        .newest;
    let ticks = Ticks {
        newest,
        earlier: Vec::new(),
        earlier_total: 0,
    };
    Ok(reactor::ticked(&rule.id, schedule, &ticks, payload, now))
}

/// A time as RFC 3339, or relative to the test's: `-10m`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let ago = text
        .strip_prefix('-')
        .and_then(|length| rules::duration_ms(length).ok());
    let ago =
        ago.ok_or_else(|| format!("`meta.time` is `{text}`; write `-10m` or `2026-01-15T11:50:00Z`"))?;
    Ok(crate::clock::after(now, -ago))
}

/// The event's payload, from the file or the rule itself, with what `on` already says filled in.
fn payload(event: &TestEvent, rule_path: &str, now: Timestamp) -> Result<Value, String> {
    let mut payload = match &event.file {
        None => event.payload.clone(),
        Some(file) => {
            let path = Path::new(rule_path).parent().unwrap_or(Path::new(".")).join(file);
            let bytes = files::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let object = payload.as_object_mut().ok_or("an event's payload is a table")?;
    let mut fill = |name: &str, value: Value| {
        object.entry(name).or_insert(value);
    };
    match event.on.split('.').collect::<Vec<_>>().as_slice() {
        ["github", _, action] => fill("action", json!(action)),
        ["xmrt", "gap_recovered"] => fill(
            "gap",
            json!({
                "source": "github:acme/api:1", "provider": "github", "from": now.to_string(), "until": now.to_string(),
                "recovered": 1, "stale": 0, "deliveries": ["72d3162e-cc78-11e3-81ab-4c9367dc0958"],
            }),
        ),
        ["xmrt", kind] => fill("run", json!({ "state": kind.strip_prefix("run_") })),
        ["render", kind] => {
            fill("type", json!(kind));
            fill("timestamp", json!(now.to_string()));
        }
        _ => {}
    }
    Ok(payload)
}

fn source_of(on: &str) -> &str {
    on.split('.').next().unwrap_or_default()
}
