//! Workers side by side, over a small server of its own whose calls take their time: nothing is doubled, and nothing is
//! in doubt that was never sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, watch};
use xmrt::clock::{Clock, after, from_millis};
use xmrt::hub::{Doubt, Hub, ToolError};
use xmrt::journal::{MemoryStore, RunQuery, RunRecord, RunState, Store};
use xmrt::normalize;
use xmrt::reactor::{Parts, Reactor, Worker, book_record};
use xmrt::receive::{Delivery, Source};
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

async fn me(ctx: Ctx<Bench>, _: Nothing) -> Result<Answer, ToolError> {
    tokio::time::sleep(ctx.parts.me_takes).await;
    Ok(answer())
}

async fn reactor(bench: &Bench, tool: &str, clock: Clock) -> Arc<Reactor> {
    let server = Toolbox::named("github", "For tests.", bench.clone())
        .with_clock(clock.clone())
        .with(reads("get_me", "Me", "Me.").answers(me))
        .with(
            writes("deploy", "Deploy", "Deploys.", Doubt::Evidence)
                .acts(act)
                .looks(look),
        )
        .with(writes("shout", "Shout", "Shouts.", Doubt::None).acts(act));
    let hub = Hub::builder().serve("github", server).start().await.unwrap();
    let rule = SourceFile {
        path: "one.toml".into(),
        text: format!(
            "description = \"One call\"\non = \"github.issues.opened\"\n[[action]]\ntool = \"github.{tool}\"\n"
        ),
        unreadable: None,
    };
    let book = load(&[rule], &json!({}), None).book.unwrap();
    let store = Arc::new(MemoryStore::new(clock.now()));
    store.keep_book(book_record(&book), clock.now()).await.unwrap();
    Reactor::new(Parts {
        store,
        hub,
        clock,
        book,
        source: Box::new(|| Err("no files".into())),
        settle_ms: Some(100),
    })
}

async fn opened(reactor: &Reactor) {
    let delivery = Delivery::internal(
        Source::github(),
        "d-1".into(),
        "issues".into(),
        Bytes::from_static(br#"{"action":"opened"}"#),
        reactor.clock().now(),
        "test",
    );
    let event = normalize::event(delivery).unwrap();
    let admission = reactor.admit(&event).await.unwrap();
    assert_eq!(admission.verdicts.len(), 1, "{admission:?}");
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
