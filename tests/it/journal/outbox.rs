//! What became of runs: kept with the change, told until somebody says so, one event however often it is told.

use xmrt::journal::*;

use super::desk::{at, desks, end, event, fires, gates, intent, key};

fn told(notice: &Notice, firings: Vec<NewFiring>) -> NewEvent {
    NewEvent {
        key: notice.key(),
        kind: format!("xmrt.{}", notice.what),
        time: notice.at,
        after: Some(notice.run.clone()),
        firings,
        ..event("unused")
    }
}

#[tokio::test]
async fn every_end_of_a_run_is_told_until_somebody_says_that_it_was() {
    for desk in desks().await {
        let store = &desk.store;
        for (n, state) in [
            RunState::Succeeded,
            RunState::Dead,
            RunState::Declined,
            RunState::Cancelled,
            RunState::Shadowed,
            RunState::Unknown,
        ]
        .into_iter()
        .enumerate()
        {
            let now = at(n as i64 * 10);
            let verdict = desk.fire(&format!("e{n}"), "rule-1", gates(), now).await;
            assert!(
                store.notices(10).await.unwrap().is_empty(),
                "nothing has become of it"
            );
            let claim = desk.take(now).await;
            let writes = match state {
                RunState::Unknown => vec![intent(&claim.run.id, "step", 0, true)],
                _ => vec![],
            };
            let then = Then::End {
                state,
                reason: Some("because".into()),
            };
            desk.advance(&claim, writes, then, now).await;
            let notices = store.notices(10).await.unwrap();
            let expected = Notice {
                at: now,
                run: verdict.run.unwrap(),
                fence: 1,
                what: format!("run_{state}"),
                reason: Some("because".into()),
            };
            assert_eq!(notices, [expected], "{}", desk.name);
            assert_eq!(
                store.notices(10).await.unwrap(),
                notices,
                "{}: it stays",
                desk.name
            );
            store.told(&notices, now).await.unwrap();
            store.told(&notices, now).await.unwrap();
            assert!(store.notices(10).await.unwrap().is_empty(), "{}", desk.name);
        }
    }
}

#[tokio::test]
async fn a_run_that_is_in_doubt_twice_is_told_twice_and_a_refused_change_is_not() {
    for desk in desks().await {
        let store = &desk.store;
        let run = desk.fire("e1", "rule-1", gates(), at(0)).await.run.unwrap();
        let first = desk.take(at(0)).await;
        desk.advance(
            &first,
            vec![intent(&run, "step", 0, true)],
            end(RunState::Unknown),
            at(1),
        )
        .await;
        store
            .resolve(&run, "octocat", Resolution::Repeat, at(2))
            .await
            .unwrap();
        let second = desk.take(at(3)).await;
        let stale = store
            .advance(&run, first.run.fence, vec![], end(RunState::Dead), at(3))
            .await;
        assert!(
            matches!(stale, Err(StoreError::Fenced { .. })),
            "{}: {stale:?}",
            desk.name
        );
        desk.advance(
            &second,
            vec![intent(&run, "step", 0, true)],
            end(RunState::Unknown),
            at(4),
        )
        .await;
        store
            .resolve(&run, "octocat", Resolution::GiveUp, at(5))
            .await
            .unwrap();
        let notices = store.notices(10).await.unwrap();
        let told: Vec<_> = notices
            .iter()
            .map(|notice| (notice.what.as_str(), notice.fence))
            .collect();
        assert_eq!(
            told,
            [("run_unknown", 1), ("run_unknown", 2), ("run_dead", 2)],
            "{}",
            desk.name
        );
        assert_eq!(
            notices[2].reason.as_deref(),
            Some("given up by octocat"),
            "{}: each with its own reason",
            desk.name
        );
        let keys: std::collections::BTreeSet<_> = notices.iter().map(Notice::key).collect();
        assert_eq!(keys.len(), 3, "three events");
    }
}

#[tokio::test]
async fn an_event_that_tells_of_a_run_goes_on_with_its_chain_and_is_cut_in_the_end() {
    for desk in desks().await {
        let store = &desk.store;
        let mut run = desk.fire("e1", "echo", gates(), at(0)).await.run.unwrap();
        for depth in 1..=3u32 {
            let now = at(i64::from(depth) * 10);
            let claim = desk.take(now).await;
            assert_eq!(claim.run.depth, depth - 1, "{}", desk.name);
            desk.advance(&claim, vec![], end(RunState::Dead), now).await;
            let notices = store.notices(10).await.unwrap();
            let [notice] = notices.as_slice() else {
                panic!("one notice: {notices:?}")
            };
            let event = told(notice, vec![fires("echo", gates())]);
            let admission = store.admit(event.clone(), now).await.unwrap();
            // Told again before anybody could say that it was: the same event, the same run.
            let again = store.admit(event, now).await.unwrap();
            assert_eq!(again.duplicate, Some(DuplicateBy::Id), "{}", desk.name);
            assert_eq!(again.verdicts, admission.verdicts, "{}", desk.name);
            store.told(&notices, now).await.unwrap();
            let record = store.event(&notice.key()).await.unwrap().unwrap();
            assert_eq!(
                (record.depth, record.caused_by),
                (depth, Some(run.clone())),
                "{}",
                desk.name
            );
            match &admission.verdicts[0] {
                verdict if depth < 3 => run = verdict.run.clone().unwrap(),
                verdict => {
                    assert_eq!(verdict.decision, Decision::LoopCut, "{}", desk.name);
                    let reason = verdict.reason.as_deref().unwrap();
                    assert!(reason.contains("echo"), "{}: {reason}", desk.name);
                }
            }
        }
        assert!(store.event(&key("e1")).await.unwrap().is_some());
    }
}

/// A run that was begun and given back ends when a newer one of its group wants it to: nobody works on it who could say so.
#[tokio::test]
async fn a_run_that_a_newer_one_of_its_group_ends_is_told() {
    let grouped = Gates {
        group: Some(Group {
            key: "main".into(),
            cancel_in_progress: true,
            latest: false,
        }),
        ..gates()
    };
    for desk in desks().await {
        desk.fire("e1", "rule-1", grouped.clone(), at(0)).await;
        let claim = desk.take(at(0)).await;
        desk.store.release("w1", false, at(0)).await.unwrap();
        desk.fire("e2", "rule-1", grouped.clone(), at(10)).await;
        let [notice] = &desk.store.notices(10).await.unwrap()[..] else {
            panic!("{}: one notice", desk.name)
        };
        assert_eq!(
            (&notice.run, notice.what.as_str(), notice.fence, notice.at),
            (&claim.run.id, "run_cancelled", 1, at(10)),
            "{}",
            desk.name
        );
        let reason = notice.reason.as_deref().unwrap();
        assert!(
            reason.ends_with("of its group is newer"),
            "{}: {reason}",
            desk.name
        );
    }
}
