//! Rate, debounce and delay, on every kind of store.

use serde_json::json;
use xmrt::journal::*;

use super::desk::*;

fn rated(max: u32, window_ms: i64) -> Gates {
    Gates {
        rate: Some(Rate { max, window_ms }),
        ..gates()
    }
}

fn debounced(quiet_ms: i64, max_wait_ms: i64) -> Gates {
    Gates {
        debounce: Some(Debounce {
            quiet_ms,
            max_wait_ms,
        }),
        ..gates()
    }
}

#[tokio::test]
async fn a_rate_admits_so_many_in_any_stretch_of_time_and_names_the_run_whose_end_opens_it() {
    for desk in desks().await {
        let mut runs = Vec::new();
        for (id, now) in [("e1", 0), ("e2", 40_000)] {
            let verdict = desk.fire(id, "tell", rated(2, 60_000), at(now)).await;
            runs.push(verdict.run.unwrap());
        }
        let third = desk.fire("e3", "tell", rated(2, 60_000), at(59_999)).await;
        assert_eq!(third.decision, Decision::Suppressed, "{}", desk.name);
        let expected = format!(
            "suppressed by the rate of 2 in 1m, with run {} until {}",
            runs[0],
            at(60_000)
        );
        assert_eq!(third.reason.as_ref(), Some(&expected), "{}", desk.name);
        let fourth = desk.fire("e4", "tell", rated(2, 60_000), at(60_000)).await;
        assert_eq!(fourth.decision, Decision::Fired, "{}", desk.name);
        // Not two fresh ones because a minute has begun: the second still counts.
        let fifth = desk.fire("e5", "tell", rated(2, 60_000), at(99_999)).await;
        assert!(fifth.reason.unwrap().contains(&runs[1].0), "{}", desk.name);
        let lowered = desk.fire("e6", "tell", rated(1, 60_000), at(99_999)).await;
        assert!(
            lowered.reason.unwrap().contains(&fourth.run.unwrap().0),
            "{}: a rate that was lowered is open when all but so many are over",
            desk.name
        );
        let elsewhere = Gates {
            key: "acme/web#1".into(),
            ..rated(1, 60_000)
        };
        let elsewhere = desk.fire("e7", "tell", elsewhere, at(99_999)).await;
        assert_eq!(elsewhere.decision, Decision::Fired, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_ends_without_a_write_begun_gives_its_place_in_the_rate_back() {
    for desk in desks().await {
        desk.fire("e1", "tell", rated(1, 60_000), at(0)).await;
        let claim = desk.take(at(0)).await;
        let read = intent(&claim.run.id, "look", 0, false);
        desk.advance(&claim, vec![read], end(RunState::Declined), at(0))
            .await;
        let second = desk.fire("e2", "tell", rated(1, 60_000), at(1)).await;
        assert_eq!(second.decision, Decision::Fired, "{}", desk.name);
        let claim = desk.take(at(1)).await;
        let write = intent(&claim.run.id, "comment", 0, true);
        desk.advance(&claim, vec![write], end(RunState::Dead), at(1))
            .await;
        let third = desk.fire("e3", "tell", rated(1, 60_000), at(2)).await;
        assert_eq!(third.decision, Decision::Suppressed, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_burst_makes_one_run_with_the_newest_event_once_it_is_quiet() {
    for desk in desks().await {
        let mut runs = Vec::new();
        for (id, now) in [("e1", 0), ("e2", 5_000), ("e3", 9_000)] {
            let verdict = desk.fire(id, "tell", debounced(10_000, 100_000), at(now)).await;
            runs.push(verdict.run.unwrap());
        }
        for (older, newer) in [(0, 1), (1, 2)] {
            let run = desk.history(&runs[older]).await.run;
            assert_eq!(run.state, RunState::Superseded, "{}", desk.name);
            assert_eq!(run.due_at, None);
            let reason = format!("superseded by run {}", runs[newer]);
            assert_eq!(run.reason, Some(reason), "{}", desk.name);
        }
        let verdicts = desk.store.verdicts(&key("e1")).await.unwrap();
        assert_eq!(verdicts[0].state, Some(RunState::Superseded), "{}", desk.name);
        let waiting = desk.history(&runs[2]).await.run;
        assert_eq!(waiting.state, RunState::Delayed, "{}", desk.name);
        assert_eq!(
            waiting.reason.as_deref(),
            Some("waits until nothing newer has come for 10s, at most 1m 40s"),
            "{}",
            desk.name
        );
        assert_eq!(desk.store.next_due().await.unwrap(), Some(at(19_000)));
        let early = desk.store.claim("w1", 10, 60_000, at(18_999)).await.unwrap();
        assert!(early.is_empty(), "{}", desk.name);
        let claim = desk.take(at(19_000)).await;
        assert_eq!(claim.run.id, runs[2], "{}", desk.name);
        assert_eq!(claim.event.key, key("e3"));
        // That burst is over: the next event begins another.
        desk.fire("e4", "tell", debounced(10_000, 100_000), at(19_001))
            .await;
        let running = desk.history(&runs[2]).await.run;
        assert_eq!(running.state, RunState::Running, "{}", desk.name);
        assert_eq!(desk.store.stats().await.unwrap().superseded, 2);
        assert_eq!(desk.store.stats().await.unwrap().delayed, 1);
    }
}

#[tokio::test]
async fn a_burst_without_end_makes_a_run_when_it_has_waited_for_the_longest() {
    for desk in desks().await {
        for n in 0..5 {
            let id = format!("e{n}");
            desk.fire(&id, "tell", debounced(10_000, 25_000), at(n * 9_000))
                .await;
            if n < 3 {
                assert_eq!(
                    desk.store.next_due().await.unwrap(),
                    Some(at((n * 9_000 + 10_000).min(25_000))),
                    "{}: after event {n}",
                    desk.name
                );
            }
        }
        // Nobody claimed it when it was due: still the newest event has the one run.
        let claim = desk.take(at(36_000)).await;
        assert_eq!(claim.event.key, key("e4"), "{}", desk.name);
    }
}

#[tokio::test]
async fn what_the_run_of_a_burst_charged_does_not_suppress_its_newer_event() {
    for desk in desks().await {
        let gates = Gates {
            cooldown_ms: Some(60_000),
            rate: Some(Rate {
                max: 1,
                window_ms: 60_000,
            }),
            ..debounced(10_000, 100_000)
        };
        desk.fire("e1", "tell", gates.clone(), at(0)).await;
        let second = desk.fire("e2", "tell", gates.clone(), at(1)).await;
        assert_eq!(second.decision, Decision::Fired, "{}", desk.name);
        let claim = desk.take(at(10_001)).await;
        let third = desk.fire("e3", "tell", gates, at(10_002)).await;
        assert_eq!(third.decision, Decision::Suppressed, "{}", desk.name);
        assert!(third.reason.unwrap().contains(&claim.run.id.0), "{}", desk.name);
    }
}

#[tokio::test]
async fn a_newer_event_that_is_refused_leaves_the_run_of_its_burst_alone() {
    for desk in desks().await {
        let gates = Gates {
            max_age_ms: Some(60_000),
            ..debounced(10_000, 100_000)
        };
        let first = desk.fire("e1", "tell", gates.clone(), at(70_000)).await;
        let mut old = event("e2");
        old.firings = vec![fires("tell", gates)];
        let admission = desk.store.admit(old, at(70_001)).await.unwrap();
        assert_eq!(admission.verdicts[0].decision, Decision::Stale, "{}", desk.name);
        let run = desk.history(&first.run.unwrap()).await.run;
        assert_eq!(run.state, RunState::Delayed, "{}", desk.name);
        assert_eq!(run.due_at, Some(at(80_000)), "{}", desk.name);
    }
}

#[tokio::test]
async fn a_delayed_run_begins_later_and_can_be_cancelled_before_it_does() {
    for desk in desks().await {
        let gates = Gates {
            delay_ms: Some(1_200_000),
            rate: Some(Rate {
                max: 1,
                window_ms: 9_000_000,
            }),
            ..gates()
        };
        let run = desk.fire("e1", "tell", gates.clone(), at(0)).await.run.unwrap();
        let record = desk.history(&run).await.run;
        assert_eq!(record.state, RunState::Delayed, "{}", desk.name);
        assert_eq!(record.due_at, Some(at(1_200_000)));
        assert_eq!(
            record.reason.as_deref(),
            Some("begins 20m after its event was admitted"),
            "{}",
            desk.name
        );
        desk.store.cancel(&run, "octocat", at(1)).await.unwrap();
        // What it had charged is given back.
        let second = desk.fire("e2", "tell", gates, at(2)).await;
        assert_eq!(second.decision, Decision::Fired, "{}", desk.name);
        let claim = desk.take(at(1_200_002)).await;
        assert_eq!(Some(claim.run.id), second.run, "{}", desk.name);
    }
}

#[tokio::test]
async fn quiet_comes_before_the_delay() {
    for desk in desks().await {
        let gates = Gates {
            delay_ms: Some(60_000),
            ..debounced(10_000, 100_000)
        };
        let run = desk.fire("e1", "tell", gates, at(0)).await.run.unwrap();
        let record = desk.history(&run).await.run;
        assert_eq!(record.due_at, Some(at(70_000)), "{}", desk.name);
        assert_eq!(
            record.reason.as_deref(),
            Some("waits until nothing newer has come for 10s, at most 1m 40s; begins 1m after that"),
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn shadow_runs_have_bursts_and_rates_of_their_own() {
    for desk in desks().await {
        let gates = Gates {
            rate: Some(Rate {
                max: 1,
                window_ms: 60_000,
            }),
            ..debounced(10_000, 100_000)
        };
        let live = desk.fire("e1", "tell", gates.clone(), at(0)).await;
        let mut shadow = event("e2");
        shadow.firings = vec![NewFiring {
            wish: Wish::Run {
                shadow: true,
                gates,
                pinned: json!({}),
            },
            ..fires("tell", super::desk::gates())
        }];
        let admission = desk.store.admit(shadow, at(1)).await.unwrap();
        assert_eq!(admission.verdicts[0].decision, Decision::Fired, "{}", desk.name);
        let run = desk.history(&live.run.unwrap()).await.run;
        assert_eq!(run.state, RunState::Delayed, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_replay_waits_for_nothing_and_charges_nothing() {
    for desk in desks().await {
        let gates = || Gates {
            delay_ms: Some(60_000),
            rate: Some(Rate {
                max: 1,
                window_ms: 60_000,
            }),
            ..debounced(10_000, 100_000)
        };
        let first = desk.fire("e1", "tell", gates(), at(0)).await.run.unwrap();
        let firings = vec![fires("tell", gates())];
        desk.store
            .replay(&key("e1"), "book-1", firings, at(1))
            .await
            .unwrap();
        let claim = desk.take(at(1)).await;
        assert_eq!(claim.run.generation, 1, "{}", desk.name);
        assert_eq!(desk.history(&first).await.run.state, RunState::Delayed);
        let superseded = desk.fire("e2", "tell", gates(), at(2)).await;
        assert_eq!(superseded.decision, Decision::Fired, "{}", desk.name);
        let retried = desk.store.retry(&first, "octocat", at(3)).await.unwrap_err();
        assert!(retried.to_string().contains("replay its event"), "{retried}");
    }
}
