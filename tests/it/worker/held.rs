//! What becomes of an answer whose journal is away, and of what was done for a run that is somebody else's by then.

use super::*;
use xmrt::journal::{AuditQuery, AuditRecord, PAGE_MAX};

use crate::redis_server::RedisServer;

const LEASE_MS: i64 = 60_000;
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The second call takes longer than a lease lasts, so that is renewed first.
const THEN_A_LONG_ONE: &str = "description = \"Two calls\"\non = \"github.issues.opened\"\n\n[[action]]\n\
                               tool = \"github.deploy\"\n\n[[action]]\nid = \"long\"\ntool = \"github.shout\"\n\
                               timeout = \"120s\"\n";

async fn trail(store: &dyn Store) -> Vec<AuditRecord> {
    let query = AuditQuery {
        limit: PAGE_MAX,
        ..AuditQuery::default()
    };
    store.audited(&query).await.unwrap_or_default()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come about"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_for_a_run_that_is_anothers_by_now_is_on_record_wherever_that_turns_out() {
    for rule in [rule("deploy", ""), THEN_A_LONG_ONE.into()] {
        let bench = Bench {
            takes: Duration::from_millis(300),
            ..Bench::default()
        };
        let reactor = reactor(&bench, "deploy", Clock::system()).await;
        *bench.rule.lock().unwrap() = rule;
        reactor.reload().await.unwrap();
        opened(&reactor).await;
        let worker = Worker::new(Arc::clone(&reactor), "first".into(), 1, LEASE_MS);
        let (stop, stopped) = watch::channel(false);
        let working = tokio::spawn(worker.run(stopped));
        bench.reached.notified().await;
        let (store, now) = (reactor.store(), reactor.clock().now());
        store.release("first", false, now).await.unwrap();
        let taken = store.claim("second", 1, LEASE_MS, now).await.unwrap();
        assert_eq!(taken.len(), 1);
        until("an entry", async || !trail(&**store).await.is_empty()).await;
        stop.send(true).unwrap();
        working.await.unwrap();
        let trail = trail(&**store).await;
        let [AuditRecord { entry, .. }] = trail.as_slice() else {
            panic!("{trail:?}")
        };
        assert_eq!(
            (entry.what.as_str(), entry.outcome.as_str()),
            ("github.deploy", "done")
        );
        assert_eq!(entry.run.as_ref(), Some(&taken[0].run.id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_while_the_journal_is_away_is_kept_and_leaves_no_doubt() {
    let bench = Bench {
        takes: Duration::from_millis(300),
        ..Bench::default()
    };
    let mut server = RedisServer::start("always");
    let clock = Clock::system();
    let store: Arc<dyn Store> = Arc::new(server.open(clock.now()).await.unwrap());
    let reactor = reactor_on(Arc::clone(&store), &bench, "number", clock.clone()).await;
    opened(&reactor).await;
    let worker = Worker::new(Arc::clone(&reactor), "only".into(), 4, LEASE_MS);
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(worker.run(stopped));
    bench.reached.notified().await;
    server.kill();
    until("the answer", async || bench.done.load(Ordering::SeqCst) == 1).await;
    // It stays away for more than one try.
    tokio::time::sleep(Duration::from_millis(400)).await;
    server.restart();
    until("the run's end", async || {
        let runs = store.runs(&RunQuery::default()).await.unwrap_or_default();
        runs.first().is_some_and(|run| run.state.is_terminal())
    })
    .await;
    stop.send(true).unwrap();
    working.await.unwrap();
    let run = the_run(&reactor).await;
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    let history = store.run(&run.id).await.unwrap().unwrap();
    let step = &history.steps[0];
    assert_eq!((step.attempts, step.looks), (1, 0), "{step:?}");
    let key = KvKey::new("effects", "number/1").unwrap();
    let owner = store.kv_get(&key, clock.now()).await.unwrap().unwrap();
    assert_eq!(owner, step.key.0.as_bytes());
    assert_eq!(trail(&*store).await.len(), 1);
}
