//! Runs the tests in rule files: each against a sandbox of its own, in virtual time, through the real stages.

mod stubs;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::providers::{self, Providers, Tokens};
use super::{files, internal_delivery};
use crate::clock::Clock;
use crate::journal::{Admission, MemoryStore, RunHistory, RunId, RunState, StepState, Store};
use crate::normalize::{self, Actor, Event, EventId, Subject};
use crate::plan::{self, Call};
use crate::reactor::{Parts, Reactor, Worker};
use crate::rules::{self, Expected, RuleBook, RuleTest, SourceFile, TestEvent};

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

/// A call the rule made, or would have made in shadow mode, or skipped.
struct Made {
    /// The action's id.
    step: String,
    call: Call,
    skipped: bool,
}

/// Runs all tests of one rule file. `file` must hold a rule without errors.
pub async fn run_tests(file: &SourceFile, vars: &Value) -> Result<Vec<Trial>, String> {
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
        let outcome = run_test(&rule, &test, book, file).await;
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

async fn run_test(rule: &str, test: &RuleTest, book: RuleBook, file: &SourceFile) -> Result<Trial, String> {
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
    let (event, admission, runs) = outcome?;
    Ok(Trial {
        event: Some(event),
        ..judge(rule, test, &admission, &runs)
    })
}

/// Lets the earlier events happen, then the one the test is about.
async fn tell(
    reactor: &Arc<Reactor>,
    worker: &Arc<Worker>,
    test: &RuleTest,
    payload: Value,
    file: &SourceFile,
) -> Result<(Event, Admission, Vec<RunHistory>), String> {
    for (index, earlier) in test.given.iter().enumerate() {
        let payload = self::payload(earlier, &file.path, reactor.clock().now())?;
        let place = |error: String| format!("`given` event {}: {error}", index + 1);
        let event = arriving(
            earlier,
            &payload,
            &format!("given-{}", index + 1),
            reactor.clock().now(),
        )
        .map_err(place)?;
        reactor
            .admit(&event)
            .await
            .map_err(|error| place(error.to_string()))?;
        worker.run_until_idle().await.map_err(|error| error.to_string())?;
    }
    let event = arriving(&test.event, &payload, "test", reactor.clock().now())?;
    let admission = reactor.admit(&event).await.map_err(|error| error.to_string())?;
    worker.run_until_idle().await.map_err(|error| error.to_string())?;
    let mut runs = Vec::new();
    for id in admission
        .verdicts
        .iter()
        .filter_map(|verdict| verdict.run.as_ref())
    {
        runs.push(history(reactor, id).await?);
    }
    Ok((event, admission, runs))
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

/// Compares what happened with what the test expects.
fn judge(rule: &str, test: &RuleTest, admission: &Admission, runs: &[RunHistory]) -> Trial {
    let made: Vec<Made> = runs.iter().flat_map(|run| &run.steps).filter_map(made).collect();
    let verdict = admission.verdicts.iter().find(|verdict| verdict.rule == rule);
    let run = runs.first().map(|history| &history.run);
    let decision = match (verdict, run) {
        (None, _) => "missed".to_owned(),
        (Some(_), Some(run)) => run.state.to_string(),
        (Some(verdict), None) => verdict.decision.to_string(),
    };
    let reason = run
        .and_then(|run| run.reason.clone())
        .or_else(|| verdict.and_then(|verdict| verdict.reason.clone()));
    let mut failures = Vec::new();
    if let Some(expected) = &test.decision
        && !same_decision(expected, &decision, run.map(|run| run.state))
    {
        failures.push(format!(
            "the decision is `{decision}`, not `{expected}`{}",
            because(reason.as_deref())
        ));
    }
    if let Some(expected) = &test.reason
        && !reason
            .as_deref()
            .is_some_and(|reason| reason.contains(expected.as_str()))
    {
        failures.push(format!(
            "the reason is {reason:?}, which does not contain {expected:?}"
        ));
    }
    if test.decision.is_none()
        && run.is_some_and(|run| matches!(run.state, RunState::Dead | RunState::Unknown))
    {
        failures.push(format!(
            "the run ended `{decision}`{}",
            because(reason.as_deref())
        ));
    }
    if let Some(expected) = &test.expect {
        failures.extend(compare(expected, &made, &decision));
    }
    let calls = made
        .iter()
        .map(|made| json!({ "step": made.step, "tool": made.call.tool, "arguments": made.call.arguments, "skipped": made.skipped }))
        .collect();
    Trial {
        rule: rule.into(),
        test: test.name.clone(),
        failures,
        calls,
        decision,
        event: None,
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// `fired` stands for any run that was made.
fn same_decision(expected: &str, decision: &str, run: Option<RunState>) -> bool {
    expected == decision || (expected == "fired" && run.is_some())
}

fn made(step: &crate::journal::StepRecord) -> Option<Made> {
    // The mark of a failing run is no call.
    if step.step.starts_with("on_failure[") && !step.step.contains('.') {
        return None;
    }
    let skipped = step.state == StepState::Skipped;
    let id = plan::action_id(&step.step);
    let call = match serde_json::from_value(step.call.clone()) {
        Ok(call) => call,
        Err(_) if skipped => Call {
            tool: id.to_owned(),
            arguments: json!({}),
            timeout_ms: 0,
        },
        Err(_) => return None,
    };
    Some(Made {
        step: id.to_owned(),
        call,
        skipped,
    })
}

/// The exact list of calls in order, each expected argument a part of the made one.
fn compare(expected: &[Expected], made: &[Made], decision: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let visible: Vec<&Made> = made.iter().filter(|made| !made.skipped).collect();
    let wanted: Vec<&Expected> = expected.iter().filter(|expected| !expected.if_skipped).collect();
    for (index, expected) in wanted.iter().enumerate() {
        match visible.get(index) {
            None => failures.push(format!(
                "call {} `{}` was not made (the rule's decision: {decision})",
                index + 1,
                expected.tool
            )),
            Some(made) if made.call.tool != expected.tool => {
                failures.push(format!(
                    "call {} is `{}`, not `{}`",
                    index + 1,
                    made.call.tool,
                    expected.tool
                ));
            }
            Some(made) => {
                let mut places = Vec::new();
                differences(
                    &expected.arguments,
                    &made.call.arguments,
                    "arguments",
                    &mut places,
                );
                failures.extend(
                    places
                        .into_iter()
                        .map(|place| format!("call {} `{}`: {place}", index + 1, expected.tool)),
                );
            }
        }
    }
    for made in visible.iter().skip(wanted.len()) {
        failures.push(format!(
            "`{}` was called, which is not expected; its arguments: {}",
            made.call.tool, made.call.arguments
        ));
    }
    for expected in expected.iter().filter(|expected| expected.if_skipped) {
        // A skipped step has no resolved call; it goes by its action's id, which defaults to the tool's own name.
        let tool = expected.tool.rsplit('.').next().unwrap_or(&expected.tool);
        let skipped = made
            .iter()
            .any(|made| made.skipped && (made.call.tool == expected.tool || made.call.tool == tool));
        if !skipped {
            failures.push(format!("`{}` was not skipped by its `if`", expected.tool));
        }
    }
    failures
}

/// Where `actual` does not hold what `expected` says. Objects may hold more; lists and scalars must be equal.
fn differences(expected: &Value, actual: &Value, place: &str, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                let place = format!("{place}.{name}");
                match actual.get(name) {
                    Some(actual) => differences(value, actual, &place, found),
                    None => found.push(format!(
                        "{place} is not set; expected {value}; set are {}",
                        names(actual)
                    )),
                }
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{place} is {actual}; expected {expected}")),
    }
}

fn names(object: &Map<String, Value>) -> String {
    object.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
