//! Workers side by side, over a small server of its own whose calls take their time: nothing is doubled, and nothing is
//! in doubt that was never sent.

mod held;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, watch};
use xmrt::clock::{Clock, after, from_millis};
use xmrt::hub::{Doubt, ErrorClass, Hub, ToolError};
use xmrt::journal::{
    Admission, Decision, KvKey, MemoryStore, RunQuery, RunRecord, RunState, StepKey, StepWrite, Store, Then,
    WaitsFor,
};
use xmrt::normalize;
use xmrt::reactor::{Parts, Reactor, STALLS_MAX, Worker, book_record};
use xmrt::receive::{Delivery, Internal, Maker, Source};
use xmrt::rules::{SourceFile, load};
use xmrt::tools::toolbox::{Ctx, Effect, Look, Toolbox, reads, writes};

/// What the handlers share with the test.
#[derive(Clone, Default)]
struct Bench {
    /// How long a call takes before it has its effect, and how long saying who we are takes.
    takes: Duration,
    me_takes: Duration,
    reached: Arc<Notify>,
    done: Arc<AtomicUsize>,
    /// From when on effects were looked for.
    since: Arc<Mutex<Vec<Timestamp>>>,
    /// The rules folder.
    rule: Arc<Mutex<String>>,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Serialize, JsonSchema)]
struct Answer {
    login: String,
}

fn answer() -> Answer {
    Answer { login: "me".into() }
}

async fn act(ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Answer>, ToolError> {
    ctx.parts.reached.notify_one();
    tokio::time::sleep(ctx.parts.takes).await;
    ctx.parts.done.fetch_add(1, Ordering::SeqCst);
    Ok(Effect::Done(answer()))
}

async fn look(ctx: Ctx<Bench>, _: Nothing) -> Result<Look<Answer>, ToolError> {
    Ok(match ctx.parts.done.load(Ordering::SeqCst) {
        0 => Look::Absent,
        1 => Look::Found(answer()),
        many => Look::Ambiguous(format!("{many} effects")),
    })
}

/// Never answered, and seen by nobody.
async fn vanish(_ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Answer>, ToolError> {
    Err(ToolError::new(ErrorClass::UnknownEffect, "lost"))
}

async fn look_in_vain(ctx: Ctx<Bench>, _: Nothing) -> Result<Look<Answer>, ToolError> {
    ctx.parts.since.lock().unwrap().push(ctx.since);
    Ok(Look::Absent)
}

/// Its effects are numbered, and its answers tell the number.
async fn number(ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Answer>, ToolError> {
    ctx.parts.reached.notify_one();
    tokio::time::sleep(ctx.parts.takes).await;
    let number = ctx.parts.done.fetch_add(1, Ordering::SeqCst) + 1;
    Ok(Effect::Done(Answer {
        login: number.to_string(),
    }))
}

async fn look_for_number(ctx: Ctx<Bench>, _: Nothing) -> Result<Look<Answer>, ToolError> {
    let all = (1..=ctx.parts.done.load(Ordering::SeqCst)).map(|number| number.to_string());
    let mut free: Vec<String> = all.filter(|number| !ctx.taken.contains(number)).collect();
    Ok(match (free.pop(), free.len()) {
        (Some(login), 0) => Look::Found(Answer { login }),
        (Some(_), _) => Look::Ambiguous("several".into()),
        (None, _) => Look::Absent,
    })
}

async fn flaky(ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Answer>, ToolError> {
    match ctx.parts.done.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ToolError::new(ErrorClass::Unavailable, "away")),
        _ => Ok(Effect::Done(answer())),
    }
}

async fn me(ctx: Ctx<Bench>, _: Nothing) -> Result<Answer, ToolError> {
    tokio::time::sleep(ctx.parts.me_takes).await;
    Ok(answer())
}

fn rule(tool: &str, more: &str) -> String {
    format!(
        "description = \"One call\"\non = \"github.issues.opened\"\n{more}\n[[action]]\ntool = \"github.{tool}\"\n"
    )
}

async fn reactor(bench: &Bench, tool: &str, clock: Clock) -> Arc<Reactor> {
    let store = Arc::new(MemoryStore::new(clock.now()));
    reactor_on(store, bench, tool, clock).await
}

async fn reactor_on(store: Arc<dyn Store>, bench: &Bench, tool: &str, clock: Clock) -> Arc<Reactor> {
    let server = Toolbox::named("github", "For tests.", bench.clone())
        .with_clock(clock.clone())
        .with(reads("get_me", "Me", "Me.").answers(me))
        .with(
            writes("deploy", "Deploy", "Deploys.", Doubt::Evidence)
                .acts(act)
                .looks(look),
        )
        .with(
            writes("vanish", "Vanish", "Vanishes.", Doubt::Evidence)
                .acts(vanish)
                .looks(look_in_vain),
        )
        .with(
            writes("number", "Number", "Numbers.", Doubt::Evidence)
                .told_apart_by(&["number/{login}"])
                .acts(number)
                .looks(look_for_number),
        )
        .with(writes("flaky", "Flaky", "Fails once.", Doubt::Idempotent).acts(flaky))
        .with(writes("shout", "Shout", "Shouts.", Doubt::None).acts(act));
    let hub = Hub::builder().serve("github", server).start().await.unwrap();
    *bench.rule.lock().unwrap() = rule(tool, "");
    let folder = Arc::clone(&bench.rule);
    let source = move || {
        let path = "one.toml".into();
        let text = folder.lock().unwrap().clone();
        Ok(vec![SourceFile {
            path,
            text,
            unreadable: None,
        }])
    };
    let book = load(&source().unwrap(), &json!({}), None).book.unwrap();
    store.keep_book(book_record(&book), clock.now()).await.unwrap();
    Reactor::new(Parts {
        store,
        hub,
        clock,
        book,
        source: Box::new(source),
        settle_ms: Some(100),
    })
}

fn opening(id: &str, reactor: &Reactor) -> normalize::Event {
    let given = Internal {
        by: Maker::Given,
        source: Source::github(),
        id: id.into(),
        kind: "issues".into(),
        body: Bytes::from_static(br#"{"action":"opened","issue":{"created_at":"2026-01-15T11:00:00Z"}}"#),
        actor: None,
        after: None,
        detail: None,
    };
    normalize::event(Delivery::internal(given, reactor.clock().now())).unwrap()
}

async fn opened(reactor: &Reactor) -> Admission {
    let event = opening("d-1", reactor);
    let admission = reactor.admit(&event).await.unwrap();
    assert_eq!(admission.verdicts.len(), 1, "{admission:?}");
    admission
}

async fn the_run(reactor: &Reactor) -> RunRecord {
    let runs = reactor.store().runs(&RunQuery::default()).await.unwrap();
    runs.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_over_a_lease_does_not_double_a_call_that_is_under_way() {
    let bench = Bench {
        takes: Duration::from_millis(700),
        ..Bench::default()
    };
    let start: Timestamp = from_millis(1_768_478_400_000);
    let clock = Clock::virtual_at(start);
    let reactor = reactor(&bench, "deploy", clock.clone()).await;
    opened(&reactor).await;
    let first = Worker::new(Arc::clone(&reactor), "first".into(), 4, 60_000);
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(first.run(stopped));
    bench.reached.notified().await;
    // The machine slept: every lease is over, and the call is still on its way.
    clock.advance_to(after(start, 86_400_000));
    let second = Worker::new(Arc::clone(&reactor), "second".into(), 4, 60_000);
    second.run_until_idle().await.unwrap();
    stop.send(true).unwrap();
    working.await.unwrap();
    assert_eq!(bench.done.load(Ordering::SeqCst), 1, "the effect is there once");
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_never_sent_is_not_in_doubt_because_asking_who_we_are_took_long() {
    let bench = Bench {
        me_takes: Duration::from_millis(4_500),
        ..Bench::default()
    };
    let reactor = reactor(&bench, "shout", Clock::system()).await;
    opened(&reactor).await;
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
    let ended = tokio::time::timeout(Duration::from_secs(20), worker.run_until_idle()).await;
    ended.expect("the run ends").unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    assert_eq!(bench.done.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_effect_was_taken_by_a_step_in_doubt_before_the_answer_came_makes_another() {
    let bench = Bench::default();
    let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
    let reactor = reactor(&bench, "number", clock.clone()).await;
    let key = |name| KvKey::new("effects", name).unwrap();
    let store = reactor.store();
    store
        .kv_put(
            &key("number/1"),
            Bytes::from_static(b"another step"),
            None,
            clock.now(),
        )
        .await
        .unwrap();
    opened(&reactor).await;
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
    worker.run_until_idle().await.unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    let history = store.run(&run.id).await.unwrap().unwrap();
    let step = &history.steps[0];
    assert_eq!(step.result["login"], "2", "{step:?}");
    assert_eq!(bench.done.load(Ordering::SeqCst), 2, "one effect for each step");
    let owner = store
        .kv_get(&key("number/2"), clock.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner, step.key.0.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_look_reaches_back_to_the_first_attempt_whose_effect_may_show_last() {
    let bench = Bench::default();
    let start = from_millis(1_768_478_400_000);
    let reactor = reactor(&bench, "vanish", Clock::virtual_at(start)).await;
    opened(&reactor).await;
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
    worker.run_until_idle().await.unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Dead, "{run:?}");
    let history = reactor.store().run(&run.id).await.unwrap().unwrap();
    assert!(history.steps[0].attempts > 1, "{history:?}");
    assert!(history.steps[0].intent_at > start);
    let since = bench.since.lock().unwrap().clone();
    assert!(
        since.len() > 2 && since.iter().all(|at| *at == start),
        "{since:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_switched_off_stops_runs_that_were_not_begun_and_no_others() {
    let bench = Bench::default();
    let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
    let reactor = reactor(&bench, "flaky", clock).await;
    opened(&reactor).await;
    let (_stop, stopped) = watch::channel(false);
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
    let working = tokio::spawn(Arc::clone(&worker).run(stopped));
    while the_run(&reactor).await.state != RunState::Waiting {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    working.abort();
    *bench.rule.lock().unwrap() = rule("flaky", "mode = \"off\"\noff_reason = \"a test\"");
    reactor.reload().await.unwrap();
    worker.run_until_idle().await.unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Succeeded, "it had begun: {run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_older_than_its_rule_allows_is_on_record_as_stale() {
    let bench = Bench::default();
    let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
    let reactor = reactor(&bench, "flaky", clock).await;
    let limits = "[limits]\nmax_age = \"30m\"";
    *bench.rule.lock().unwrap() = rule("flaky", limits);
    reactor.reload().await.unwrap();
    let admission = opened(&reactor).await;
    assert_eq!(admission.verdicts[0].decision, Decision::Stale, "{admission:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_rule_cancels_its_delayed_run_at_once_and_not_only_when_it_would_begin() {
    let bench = Bench::default();
    let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
    let reactor = reactor(&bench, "flaky", clock).await;
    *bench.rule.lock().unwrap() = rule("flaky", "[limits]\ndelay = \"20m\"");
    reactor.reload().await.unwrap();
    opened(&reactor).await;
    assert_eq!(the_run(&reactor).await.state, RunState::Delayed);
    let off = rule("flaky", "mode = \"off\"\noff_reason = \"a test\"");
    *bench.rule.lock().unwrap() = off;
    reactor.reload().await.unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Cancelled, "{run:?}");
    assert_eq!(run.reason.as_deref(), Some("cancelled by switching its rule off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_older_rules_does_not_cancel_the_run_of_a_rule_it_does_not_know_yet() {
    let bench = Bench::default();
    let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
    let newer = reactor(&bench, "flaky", clock.clone()).await;
    let hub = Hub::builder()
        .serve(
            "github",
            Toolbox::named("github", "For tests.", bench.clone())
                .with_clock(clock.clone())
                .with(writes("flaky", "Flaky", "Fails once.", Doubt::Idempotent).acts(flaky)),
        )
        .start()
        .await
        .unwrap();
    let older = Reactor::new(Parts {
        store: Arc::clone(newer.store()),
        hub,
        clock,
        book: load(&[], &json!({}), None).book.unwrap(),
        source: Box::new(|| Ok(vec![])),
        settle_ms: None,
    });
    opened(&newer).await;
    let worker = Worker::new(Arc::clone(&older), "older".into(), 4, 60_000);
    worker.run_until_idle().await.unwrap();
    let run = the_run(&newer).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
}

/// Every worker dies with the run in its hands, as with a bug that panics or takes all memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_kills_its_worker_is_not_claimed_for_ever() {
    for (begun, expected) in [(false, RunState::Dead), (true, RunState::Unknown)] {
        let bench = Bench::default();
        let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
        let reactor = reactor(&bench, "shout", clock.clone()).await;
        opened(&reactor).await;
        let store = reactor.store();
        for n in 0..STALLS_MAX {
            let claims = store.claim("dies", 1, 1_000, clock.now()).await.unwrap();
            let run = &claims[0].run;
            assert_eq!(run.stalls, n + 1);
            if begun && n == 0 {
                let intent = StepWrite::Intent {
                    step: "shout".into(),
                    index: 0,
                    key: StepKey::of(&run.id, "shout", ""),
                    call: json!({}),
                    writes: true,
                    causes: vec![],
                };
                let now = clock.now();
                store
                    .advance(&run.id, run.fence, vec![intent], Then::Keep, now)
                    .await
                    .unwrap();
            }
            clock.advance_to(after(clock.now(), 1_000));
        }
        let worker = Worker::new(Arc::clone(&reactor), "lives".into(), 4, 60_000);
        worker.run_until_idle().await.unwrap();
        let run = the_run(&reactor).await;
        assert_eq!(run.state, expected, "{run:?}");
        let reason = run.reason.unwrap();
        assert!(
            reason.starts_with("claimed 21 times without getting on"),
            "{reason}"
        );
        assert_eq!(bench.done.load(Ordering::SeqCst), 0, "nobody tried again");
    }
}

const TWO_CALLS: &str = "description = \"Two calls\"\non = \"github.issues.opened\"\n\n[concurrency]\ngroup = \"one\"\n\
                         cancel_in_progress = true\n\n[[action]]\ntool = \"github.deploy\"\n\n[[action]]\nid = \"again\"\n\
                         tool = \"github.shout\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_event_ends_the_run_in_progress_after_the_call_that_is_under_way() {
    let bench = Bench {
        takes: Duration::from_millis(400),
        ..Bench::default()
    };
    let reactor = reactor(&bench, "deploy", Clock::system()).await;
    *bench.rule.lock().unwrap() = TWO_CALLS.into();
    reactor.reload().await.unwrap();
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(worker.run(stopped));
    let older = reactor.admit(&opening("d-1", &reactor)).await.unwrap();
    bench.reached.notified().await;
    let newer = reactor.admit(&opening("d-2", &reactor)).await.unwrap();
    let run = |admission: &Admission| admission.verdicts[0].run.clone().unwrap();
    let (older, newer) = (run(&older), run(&newer));
    let state = async |id| reactor.store().run(id).await.unwrap().unwrap().run.state;
    let both = async {
        while !state(&older).await.is_terminal() || !state(&newer).await.is_terminal() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("both end");
    stop.send(true).unwrap();
    working.await.unwrap();
    let history = reactor.store().run(&older).await.unwrap().unwrap();
    assert_eq!(history.run.state, RunState::Cancelled, "{history:?}");
    let reason = format!("cancelled: run {newer} of its group is newer");
    assert_eq!(history.run.reason, Some(reason));
    assert_eq!(
        history.steps.len(),
        1,
        "its first call was made, its second was not: {history:?}"
    );
    assert_eq!(state(&newer).await, RunState::Succeeded);
    assert_eq!(bench.done.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_makes_no_call_until_it_is_resumed() {
    for what in ["all", "one", "rule:one", "group:one", "agent:reactor"] {
        let bench = Bench::default();
        let clock = Clock::virtual_at(from_millis(1_768_478_400_000));
        let reactor = reactor(&bench, "deploy", clock.clone()).await;
        *bench.rule.lock().unwrap() = TWO_CALLS.into();
        reactor.reload().await.unwrap();
        reactor.pause(what, "octocat").await.unwrap();
        opened(&reactor).await;
        let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, 60_000);
        worker.run_due().await.unwrap();
        let run = the_run(&reactor).await;
        assert_eq!(run.waits_for, Some(WaitsFor::Pause), "{what}: {run:?}");
        assert!(run.reason.unwrap().contains("by octocat"));
        assert_eq!(bench.done.load(Ordering::SeqCst), 0);
        let (_, ended) = reactor.resume(what, "octocat").await.unwrap();
        assert!(ended, "{what}");
        worker.run_due().await.unwrap();
        let run = the_run(&reactor).await;
        assert_eq!(run.state, RunState::Succeeded, "{what}: {run:?}");
        assert!(!reactor.resume(what, "octocat").await.unwrap().1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_means_nothing_is_not_paused() {
    let bench = Bench::default();
    let reactor = reactor(&bench, "deploy", Clock::system()).await;
    let error = reactor.pause("onee", "octocat").await.unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no rule `onee` in force; say `all`, a rule, `group:<name>` or `agent:<id>`"
    );
    assert!(reactor.pauses().await.unwrap().is_empty());
}
