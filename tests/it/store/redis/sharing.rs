//! Several processes on one journal, and a network between them and it that loses answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use xmrt::journal::*;
use xmrt::store::Redis;
use xmrt::store::redis::{Options, Time};

use crate::journal::desk::{at, done, end, event, fires, gates, intent};
use crate::redis_server::RedisServer;

fn firing(id: &str) -> NewEvent {
    NewEvent {
        firings: vec![fires("triage", gates())],
        ..event(id)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_arrivals_at_two_replicas_exactly_one_is_the_first() {
    let server = RedisServer::start("everysec");
    let replicas = [
        Arc::new(server.open(at(0)).await.unwrap()),
        Arc::new(server.open(at(0)).await.unwrap()),
    ];
    let mut arrivals = tokio::task::JoinSet::new();
    for n in 0..128 {
        let store = Arc::clone(&replicas[n % 2]);
        arrivals.spawn(async move {
            store
                .admit(firing(&format!("e{}", n / 2 % 4)), at(0))
                .await
                .unwrap()
        });
    }
    let admissions = arrivals.join_all().await;
    let first = admissions
        .iter()
        .filter(|admission| admission.duplicate.is_none());
    assert_eq!(first.count(), 4);
    let stats = replicas[0].stats().await.unwrap();
    assert_eq!((stats.events, stats.duplicates, stats.queued), (4, 124, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_two_replicas_never_hold_the_same_run() {
    let server = RedisServer::start("everysec");
    let replicas = [
        Arc::new(server.open(at(0)).await.unwrap()),
        Arc::new(server.open(at(0)).await.unwrap()),
    ];
    for n in 0..60 {
        replicas[0].admit(firing(&format!("e{n}")), at(0)).await.unwrap();
    }
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = Arc::clone(&replicas[worker % 2]);
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let name = format!("w{worker}");
                let claims = store.claim(&name, 3, 60_000, at(1)).await.unwrap();
                if claims.is_empty() {
                    return mine;
                }
                mine.extend(claims.into_iter().map(|claim| claim.run.id));
            }
        });
    }
    let mut claimed = workers.join_all().await.concat();
    assert_eq!(claimed.len(), 60);
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 60);
}

#[tokio::test]
async fn a_replica_starting_up_leaves_the_leases_of_others_alone_and_fences_hold_across_replicas() {
    let server = RedisServer::start("everysec");
    let one = server.open(at(0)).await.unwrap();
    one.admit(firing("e1"), at(0)).await.unwrap();
    let held = one.claim("one", 1, 1_000, at(0)).await.unwrap().remove(0);
    let other = server.open(at(1)).await.unwrap();
    assert_eq!(other.claim("other", 1, 1_000, at(2)).await.unwrap(), []);

    let taken = other.claim("other", 1, 1_000, at(1_000)).await.unwrap().remove(0);
    assert_eq!((&taken.run.id, taken.run.fence), (&held.run.id, 2));
    // The first replica still has the run at hand as it was; the journal knows better.
    let late = one
        .advance(&held.run.id, 1, vec![], end(RunState::Succeeded), at(1_001))
        .await;
    assert!(
        matches!(late, Err(StoreError::Fenced { fence: 1, .. })),
        "{late:?}"
    );
    other
        .advance(&held.run.id, 2, vec![], end(RunState::Succeeded), at(1_002))
        .await
        .unwrap();
}

/// An asynchronous failover can lose a claim that was acknowledged; another replica then makes one of the same number.
#[tokio::test]
async fn a_claim_lost_in_a_failover_is_fenced_off_by_the_one_that_followed() {
    let server = RedisServer::start("everysec");
    let one = server.open(at(0)).await.unwrap();
    let other = server.open(at(0)).await.unwrap();
    let run = one
        .admit(firing("e1"), at(0))
        .await
        .unwrap()
        .verdicts
        .remove(0)
        .run
        .unwrap();
    let keys = [
        format!("{{test}}:r:{run}"),
        "{test}:due".into(),
        "{test}:s:queued".into(),
        "{test}:x:queued:triage".into(),
    ];
    let before: Vec<redis::Value> = keys.iter().map(|key| server.ask(&["DUMP", key])).collect();
    let lost = one.claim("one", 1, 60_000, at(1)).await.unwrap().remove(0);
    for key in ["s:running", "x:running:triage"] {
        server.ask(&["DEL", &format!("{{test}}:{key}")]);
    }
    for (key, was) in keys.iter().zip(before) {
        let redis::Value::BulkString(was) = was else {
            panic!("{key}: {was:?}")
        };
        server.restore(key, &was);
    }
    let second = other.claim("other", 1, 60_000, at(1)).await.unwrap().remove(0);
    assert_eq!((&second.run.id, second.run.fence), (&lost.run.id, lost.run.fence));
    let writes = vec![intent(&run, "comment", 0, true)];
    let late = one.advance(&run, 1, writes.clone(), Then::Keep, at(2)).await;
    assert!(
        matches!(late, Err(StoreError::Fenced { fence: 1, .. })),
        "{late:?}"
    );
    other.advance(&run, 1, writes, Then::Keep, at(3)).await.unwrap();
}

#[tokio::test]
async fn what_one_replica_admits_knocks_at_the_other() {
    let server = RedisServer::start("everysec");
    let one = server.open(at(0)).await.unwrap();
    let other = server.open(at(0)).await.unwrap();
    // At a start it knocks once by itself, for what may have been missed.
    tokio::time::timeout(Duration::from_secs(5), other.wait())
        .await
        .unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(200), other.wait()).await;
    assert!(quiet.is_err(), "nothing has rung");
    one.admit(firing("e1"), at(0)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), other.wait())
        .await
        .unwrap();
}

#[tokio::test]
async fn replicas_go_by_the_server_s_clock_whatever_their_own_shows() {
    let server = RedisServer::start("everysec");
    let mut options = server.options();
    options.time = Time::OfServer;
    let store = Redis::open(&options, at(0)).await.unwrap();
    let real = jiff::Timestamp::now();
    let wrong = xmrt::clock::after(real, -3_600_000);
    let mut new = firing("e1");
    new.time = real;
    store.admit(new, wrong).await.unwrap();
    let claim = store.claim("w1", 1, 60_000, wrong).await.unwrap().remove(0);
    let minute = 60_000;
    let from_real = |at: jiff::Timestamp| at.as_millisecond() - real.as_millisecond();
    assert!((minute..minute + 10_000).contains(&from_real(claim.lease_until)));
    let (run, fence) = (&claim.run.id, claim.run.fence);
    let lease = store.renew(run, fence, 2 * minute, wrong).await.unwrap();
    assert!((2 * minute..2 * minute + 10_000).contains(&from_real(lease)));
    // Waiting is asked for on the wrong clock, kept on the right one, and told on the wrong one again.
    let until = xmrt::clock::after(wrong, 5_000);
    let reason = "settling".to_owned();
    let wait = Then::Wait {
        until,
        waits_for: WaitsFor::Look,
        reason,
    };
    store.advance(run, fence, vec![], wait, wrong).await.unwrap();
    let due = store.run(run).await.unwrap().unwrap().run.due_at.unwrap();
    assert!((5_000..15_000).contains(&from_real(due)), "{due}");
    let next = store.next_due().await.unwrap().unwrap();
    let off = next.as_millisecond() - until.as_millisecond();
    assert!(off.abs() < 5_000, "{off}");
}

/// A road to the server on which answers can get lost.
struct Road {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl Road {
    async fn to(server: &RedisServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses = Arc::new(AtomicBool::new(false));
        let (target, losing) = (server.port, Arc::clone(&loses));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await {
                    tokio::spawn(carry(near, far, Arc::clone(&losing)));
                }
            }
        });
        Self { port, loses }
    }

    /// From here on commands arrive, and their answers do not: the connection breaks instead.
    fn lose_answers(&self, lose: bool) {
        self.loses.store(lose, Ordering::SeqCst);
    }
}

async fn carry(near: TcpStream, far: TcpStream, loses: Arc<AtomicBool>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let there = tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
    let mut answer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = far_in.read(&mut answer).await {
        if loses.load(Ordering::SeqCst) || near_out.write_all(&answer[..count]).await.is_err() {
            break;
        }
    }
    there.abort();
}

/// Until the store has its connections again.
async fn reachable(store: &Redis) {
    while store.epoch().await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_done_once_when_it_is_repeated() {
    let server = RedisServer::start("everysec");
    let road = Road::to(&server).await;
    let options = Options {
        url: format!("redis://127.0.0.1:{}", road.port).into(),
        ..server.options()
    };
    let store = Redis::open(&options, at(0)).await.unwrap();
    store.admit(firing("e1"), at(0)).await.unwrap();
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let (run, fence) = (&claim.run.id, claim.run.fence);
    for (writes, then) in [
        (vec![intent(run, "comment", 0, true)], Then::Keep),
        (
            vec![done("comment", json!(1)), StepWrite::Audited(Box::default())],
            end(RunState::Succeeded),
        ),
    ] {
        road.lose_answers(true);
        // Asked for again while there is no way to the server: that it may have been done is not forgotten.
        for _ in 0..3 {
            let lost = store
                .advance(run, fence, writes.clone(), then.clone(), at(1))
                .await;
            assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        }
        road.lose_answers(false);
        // Each of its connections finds out by itself that the way is open again.
        while let Err(error) = store
            .advance(run, fence, writes.clone(), then.clone(), at(1))
            .await
        {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let history = store.run(run).await.unwrap().unwrap();
    assert_eq!(history.run.state, RunState::Succeeded);
    assert_eq!(
        (history.steps[0].attempts, history.steps[0].state),
        (1, StepState::Done)
    );
    let all = AuditQuery {
        limit: PAGE_MAX,
        ..AuditQuery::default()
    };
    let trail = store.audited(&all).await.unwrap();
    assert_eq!(trail.len(), 1, "{trail:?}");
}

#[tokio::test]
async fn the_same_write_asked_for_twice_is_done_twice() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    store.admit(firing("e1"), at(0)).await.unwrap();
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    for _ in 0..2 {
        let writes = vec![intent(&claim.run.id, "comment", 0, true)];
        store
            .advance(&claim.run.id, claim.run.fence, writes, Then::Keep, at(1))
            .await
            .unwrap();
    }
    let history = store.run(&claim.run.id).await.unwrap().unwrap();
    assert_eq!(history.steps[0].attempts, 2);
}

#[tokio::test]
async fn runs_of_a_claim_whose_answer_was_lost_need_not_wait_for_their_leases() {
    let server = RedisServer::start("everysec");
    let road = Road::to(&server).await;
    let options = Options {
        url: format!("redis://127.0.0.1:{}", road.port).into(),
        ..server.options()
    };
    let store = Redis::open(&options, at(0)).await.unwrap();
    for id in ["e1", "e2"] {
        store.admit(firing(id), at(0)).await.unwrap();
    }
    let kept = store.claim("w1", 1, 60_000, at(0)).await.unwrap();
    road.lose_answers(true);
    let lost = store.claim("w1", 5, 60_000, at(0)).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    road.lose_answers(false);
    reachable(&store).await;
    assert_eq!(store.stats().await.unwrap().running, 2, "it was done");
    let claims = store.claim("w1", 5, 60_000, at(1)).await.unwrap();
    assert_eq!(claims.len(), 1, "and not what another claim holds");
    assert_ne!(claims[0].run.id, kept[0].run.id);
    assert_eq!(
        claims[0].run.fence, 2,
        "nobody else can still write under the lost lease"
    );
}
