//! Concurrency groups, on every kind of store: who has one, who waits on whom, who makes way.

use serde_json::json;
use xmrt::journal::*;

use super::desk::*;

fn grouped() -> Gates {
    Gates {
        group: Some(Group {
            key: "deploy/srv-a".into(),
            cancel_in_progress: false,
            latest: false,
        }),
        ..gates()
    }
}

fn with(change: impl FnOnce(&mut Group)) -> Gates {
    let mut gates = grouped();
    if let Some(group) = &mut gates.group {
        change(group);
    }
    gates
}

const DAY_MS: i64 = 86_400_000;

impl Desk {
    /// Admits an event for each, of a rule of its own; gives their runs.
    async fn admit(&self, gates: &[(&str, Gates)], now: i64) -> Vec<RunId> {
        let mut runs = Vec::new();
        for (id, gates) in gates {
            let verdict = self.fire(id, "deploy", gates.clone(), at(now)).await;
            runs.push(verdict.run.unwrap());
        }
        runs
    }

    /// All that can be claimed now.
    async fn claims(&self, now: i64) -> Vec<Claim> {
        self.store.claim("w1", 10, 60_000, at(now)).await.unwrap()
    }

    async fn state(&self, run: &RunId) -> RunState {
        self.history(run).await.run.state
    }

    async fn waits(&self, run: &RunId, on: &RunId) {
        let run = self.history(run).await.run;
        assert_eq!(run.state, RunState::Waiting, "{}: {run:?}", self.name);
        assert_eq!(run.waits_for, Some(WaitsFor::Group), "{}", self.name);
        let place = run.group.unwrap();
        assert_eq!(place.behind.as_ref(), Some(on), "{}", self.name);
        let reason = format!("waits for run {on} in its group `deploy/srv-a`");
        assert_eq!(run.reason, Some(reason), "{}", self.name);
    }
}

fn waiting(until: i64, waits_for: WaitsFor) -> Then {
    Then::Wait {
        until: at(until),
        waits_for,
        reason: "later".into(),
    }
}

#[tokio::test]
async fn runs_of_a_group_follow_one_another_in_the_order_they_were_admitted() {
    for desk in desks().await {
        let runs = desk
            .admit(&[("e1", grouped()), ("e2", grouped()), ("e3", grouped())], 0)
            .await;
        let elsewhere = desk
            .admit(&[("e4", with(|group| group.key = "other".into()))], 0)
            .await;
        let claims = desk.claims(0).await;
        let claimed: Vec<_> = claims.iter().map(|claim| claim.run.id.clone()).collect();
        assert_eq!(claimed, [runs[0].clone(), elsewhere[0].clone()], "{}", desk.name);
        desk.waits(&runs[1], &runs[0]).await;
        desk.waits(&runs[2], &runs[1]).await;
        // Through a retry it keeps the group.
        let write = intent(&runs[0], "deploy", 0, true);
        let failed = StepWrite::Failed {
            step: "deploy".into(),
            error: "503".into(),
        };
        desk.advance(
            &claims[0],
            vec![write, failed],
            waiting(5_000, WaitsFor::Retry),
            at(1),
        )
        .await;
        assert!(desk.claims(1).await.is_empty(), "{}", desk.name);
        let claim = desk.take(at(5_000)).await;
        assert_eq!(claim.run.id, runs[0], "{}", desk.name);
        desk.advance(&claim, vec![], end(RunState::Dead), at(5_000)).await;
        let claim = desk.take(at(5_000)).await;
        assert_eq!(claim.run.id, runs[1], "{}", desk.name);
        desk.waits(&runs[2], &runs[1]).await;
        desk.advance(&claim, vec![], end(RunState::Succeeded), at(5_001))
            .await;
        assert_eq!(desk.take(at(5_001)).await.run.id, runs[2], "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_is_not_begun_or_asks_before_it_wrote_holds_nothing_while_it_waits() {
    for desk in desks().await {
        let runs = desk.admit(&[("e1", grouped()), ("e2", grouped())], 0).await;
        let first = desk.take(at(0)).await;
        let read = vec![intent(&runs[0], "look", 0, false), done("look", json!(1))];
        desk.advance(&first, read, waiting(90_000, WaitsFor::Approval), at(1))
            .await;
        let second = desk.take(at(1)).await;
        assert_eq!(second.run.id, runs[1], "{}", desk.name);
        // Asked for again while the other one has the group, it waits; and it comes first, for it was admitted first.
        let third = desk.admit(&[("e3", grouped())], 80_000).await;
        let write = intent(&runs[1], "deploy", 0, true);
        desk.store
            .renew(&runs[1], second.run.fence, 600_000, at(80_000))
            .await
            .unwrap();
        desk.advance(&second, vec![write], Then::Keep, at(80_000)).await;
        assert!(desk.claims(90_000).await.is_empty(), "{}", desk.name);
        desk.waits(&runs[0], &runs[1]).await;
        desk.advance(
            &second,
            vec![done("deploy", json!(1))],
            end(RunState::Succeeded),
            at(90_001),
        )
        .await;
        assert_eq!(desk.take(at(90_001)).await.run.id, runs[0], "{}", desk.name);
        desk.waits(&third[0], &runs[0]).await;
    }
}

#[tokio::test]
async fn a_delayed_run_is_in_nobodys_way() {
    for desk in desks().await {
        let delayed = Gates {
            delay_ms: Some(60_000),
            ..grouped()
        };
        let runs = desk.admit(&[("e1", delayed), ("e2", grouped())], 0).await;
        let second = desk.take(at(0)).await;
        assert_eq!(second.run.id, runs[1], "{}", desk.name);
        desk.store
            .renew(&runs[1], second.run.fence, 600_000, at(0))
            .await
            .unwrap();
        assert!(desk.claims(60_000).await.is_empty());
        desk.waits(&runs[0], &runs[1]).await;
    }
}

#[tokio::test]
async fn a_run_in_doubt_keeps_its_group_for_a_day_and_ends_then() {
    for desk in desks().await {
        let runs = desk.admit(&[("e1", grouped()), ("e2", grouped())], 0).await;
        let first = desk.take(at(0)).await;
        let write = intent(&runs[0], "deploy", 0, true);
        desk.advance(&first, vec![write], end(RunState::Unknown), at(1))
            .await;
        assert!(desk.claims(DAY_MS).await.is_empty(), "{}", desk.name);
        assert_eq!(desk.state(&runs[0]).await, RunState::Unknown);
        assert!(desk.claims(DAY_MS + 1).await.is_empty(), "{}", desk.name);
        let ended = desk.history(&runs[0]).await.run;
        assert_eq!(ended.state, RunState::Dead, "{}", desk.name);
        assert!(
            ended
                .reason
                .unwrap()
                .starts_with("unresolved: nobody decided within 24h")
        );
        assert_eq!(desk.take(at(DAY_MS + 1)).await.run.id, runs[1], "{}", desk.name);
    }
}

#[tokio::test]
async fn resolving_the_doubt_or_cancelling_lets_the_next_one_go_on() {
    for desk in desks().await {
        let runs = desk
            .admit(&[("e1", grouped()), ("e2", grouped()), ("e3", grouped())], 0)
            .await;
        let first = desk.take(at(0)).await;
        let write = intent(&runs[0], "deploy", 0, true);
        desk.advance(&first, vec![write], end(RunState::Unknown), at(1))
            .await;
        desk.store
            .resolve(&runs[0], "octocat", Resolution::GiveUp, at(2))
            .await
            .unwrap();
        // Before it is claimed it is only the first in the queue.
        desk.store.cancel(&runs[1], "octocat", at(3)).await.unwrap();
        assert_eq!(desk.take(at(3)).await.run.id, runs[2], "{}", desk.name);
    }
}

#[tokio::test]
async fn of_those_that_wait_only_the_latest_stays_where_the_rule_says_so() {
    for desk in desks().await {
        let latest = || with(|group| group.latest = true);
        let runs = desk.admit(&[("e1", latest())], 0).await;
        let first = desk.take(at(0)).await;
        let write = intent(&runs[0], "deploy", 0, true);
        desk.advance(&first, vec![write], Then::Keep, at(0)).await;
        let waiting = desk
            .admit(&[("e2", latest()), ("e3", grouped()), ("e4", latest())], 1)
            .await;
        assert_eq!(
            desk.state(&waiting[0]).await,
            RunState::Superseded,
            "{}",
            desk.name
        );
        let reason = desk.history(&waiting[0]).await.run.reason.unwrap();
        assert_eq!(reason, format!("superseded by run {}", waiting[2]));
        assert!(desk.claims(1).await.is_empty());
        desk.waits(&waiting[1], &runs[0]).await;
        desk.waits(&waiting[2], &waiting[1]).await;
        assert_eq!(desk.state(&runs[0]).await, RunState::Running, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_newer_run_ends_the_one_in_progress_between_two_of_its_calls() {
    for desk in desks().await {
        let cancels = || {
            with(|group| {
                group.cancel_in_progress = true;
                group.latest = true;
            })
        };
        let runs = desk.admit(&[("e1", cancels())], 0).await;
        let first = desk.take(at(0)).await;
        let write = intent(&runs[0], "deploy", 0, true);
        desk.advance(&first, vec![write], Then::Keep, at(0)).await;
        let newer = desk.admit(&[("e2", cancels())], 1).await;
        assert_eq!(desk.state(&runs[0]).await, RunState::Running, "{}", desk.name);
        assert!(desk.claims(1).await.is_empty());
        // The open call is found out first: it may be made again.
        let again = intent(&runs[0], "deploy", 0, true);
        desk.advance(&first, vec![again], Then::Keep, at(2)).await;
        let next = vec![done("deploy", json!(1)), intent(&runs[0], "tell", 1, true)];
        let refused = desk
            .store
            .advance(&runs[0], first.run.fence, next, Then::Keep, at(3))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, StoreError::MakeWay { .. }),
            "{}: {refused}",
            desk.name
        );
        // Instead of waiting for something it ends.
        let settled = vec![done("deploy", json!(1))];
        desk.advance(&first, settled, waiting(9_000, WaitsFor::Worker), at(3))
            .await;
        let ended = desk.history(&runs[0]).await.run;
        assert_eq!(ended.state, RunState::Cancelled, "{}", desk.name);
        let reason = format!("cancelled: run {} of its group is newer", newer[0]);
        assert_eq!(ended.reason, Some(reason), "{}", desk.name);
        assert_eq!(ended.due_at, None, "{}", desk.name);
        let second = desk.take(at(3)).await;
        assert_eq!(second.run.id, newer[0], "{}", desk.name);
        // One that only waits ends at once.
        let write = intent(&newer[0], "deploy", 0, true);
        let failed = StepWrite::Failed {
            step: "deploy".into(),
            error: "503".into(),
        };
        desk.advance(
            &second,
            vec![write, failed],
            waiting(60_000, WaitsFor::Retry),
            at(4),
        )
        .await;
        let newest = desk.admit(&[("e3", cancels())], 5).await;
        assert_eq!(desk.state(&newer[0]).await, RunState::Cancelled, "{}", desk.name);
        assert_eq!(desk.take(at(5)).await.run.id, newest[0], "{}", desk.name);
    }
}

#[tokio::test]
async fn a_shadow_run_is_in_nobodys_way() {
    for desk in desks().await {
        desk.admit(&[("e1", grouped())], 0).await;
        let mut shadow = event("e2");
        shadow.firings = vec![NewFiring {
            wish: Wish::Run {
                shadow: true,
                gates: grouped(),
                pinned: json!({}),
            },
            ..fires("deploy", gates())
        }];
        desk.store.admit(shadow, at(0)).await.unwrap();
        assert_eq!(desk.claims(0).await.len(), 2, "{}", desk.name);
    }
}
