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
use super::{files, internal_delivery};
use crate::agents::Directory;
use crate::clock::Clock;
use crate::journal::{Admission, MemoryStore, RunHistory, RunId, Store};
use crate::normalize::{self, Actor, Event, EventId, Subject};
use crate::reactor::{Parts, Reactor, Worker};
use crate::rules::{self, GivenEvent, RuleBook, RuleTest, SourceFile, TestEvent};
use people::People;

/// When every test takes place, so that two runs of it are the same: 2026-01-15T12:00:00Z.
const TEST_TIME_MS: i64 = 1_768_478_400_000;
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
    /// The event it was about, as it arrived; `None` when it could not run.
    #[serde(skip)]
    pub event: Option<Event>,
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
        let outcome = Box::pin(run_test(&rule, &test, book, file, Arc::clone(directory))).await;
        trials.push(outcome.unwrap_or_else(|problem| Trial {
            rule: rule.clone(),
            test: test.name.clone(),
            failures: vec![problem],
            calls: Vec::new(),
            decision: "could not run".into(),
            event: None,
        }));
    }
    Ok(trials)
}

fn load(file: &SourceFile, vars: &Value) -> Result<RuleBook, String> {
    let loaded = rules::load(std::slice::from_ref(file), vars, None);
    loaded
        .book
        .ok_or_else(|| format!("{}: the rule holds errors; `xmrt check` shows them", file.path))
}

async fn run_test(
    rule: &str,
    test: &RuleTest,
    book: RuleBook,
    file: &SourceFile,
    directory: Arc<Directory>,
) -> Result<Trial, String> {
    let clock = Clock::virtual_at(crate::clock::from_millis(TEST_TIME_MS));
    let tokens = Tokens::random();
    let sandbox = tokens.sandbox(clock.clone());
    let payload = payload(&test.event, &file.path, clock.now())?;
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
    let builder = providers::builder(&providers, Arc::clone(&store) as Arc<dyn Store>, &clock);
    let hub = stubs::served(builder, &test.stub)?
        .with_directory(directory)
        .start()
        .await
        .map_err(|error| error.to_string())?;
    store
        .keep_book(crate::reactor::book_record(&book), clock.now())
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
    let worker = Worker::new(Arc::clone(&reactor), "test".into(), 1, LEASE_MS);
    let outcome = tell(&reactor, &worker, test, payload, file).await;
    hub.stop().await;
    running.stop().await;
    let told = outcome?;
    Ok(Trial {
        event: Some(told.event),
        ..judge::judge(&reactor.book(), rule, test, &told.outcome, &told.given)
    })
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
    let give = async |index: usize, given: &GivenEvent| {
        let place = |error: String| format!("`given` event {}: {error}", index + 1);
        let now = reactor.clock().now();
        let payload = self::payload(&given.event, &file.path, now)?;
        let event = arriving(&given.event, &payload, &format!("given-{}", index + 1), now).map_err(place)?;
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
                let event = arriving(&test.event, &payload, "test", reactor.clock().now())?;
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
fn arriving(event: &TestEvent, payload: &Value, id: &str, now: Timestamp) -> Result<Event, String> {
    let delivery = internal_delivery(&event.on, id, payload.to_string().as_bytes(), now)?;
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
