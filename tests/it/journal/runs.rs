use serde_json::json;
use xmrt::journal::*;

use super::desk::*;

#[tokio::test]
async fn a_worker_that_lost_its_lease_can_write_nothing_more() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let first = desk.take(at(0)).await;
        let id = &first.run.id;
        assert!(
            desk.store
                .claim("w2", 9, 1000, at(59_999))
                .await
                .unwrap()
                .is_empty()
        );
        let until = desk.store.renew(id, 1, 60_000, at(30_000)).await.unwrap();
        assert_eq!(until, at(90_000));
        assert!(
            desk.store
                .claim("w2", 9, 1000, at(60_000))
                .await
                .unwrap()
                .is_empty()
        );
        let second = &desk.store.claim("w2", 9, 1000, at(90_000)).await.unwrap()[0];
        assert_eq!(second.run.fence, 2);

        let late = desk
            .store
            .advance(id, 1, vec![intent(id, "a", 0, true)], Then::Keep, at(90_001))
            .await;
        assert!(
            matches!(late, Err(StoreError::Fenced { fence: 1, .. })),
            "{}",
            desk.name
        );
        let late = desk.store.renew(id, 1, 60_000, at(90_001)).await;
        assert!(matches!(late, Err(StoreError::Fenced { .. })));
        assert_eq!(desk.history(id).await.steps, []);
    }
}

#[tokio::test]
async fn a_taken_over_run_goes_on_at_the_step_it_had_reached_with_the_key_of_the_first_intent() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let first = desk.take(at(0)).await;
        let id = first.run.id.clone();
        let writes = vec![
            intent(&id, "read", 0, false),
            done("read", json!({"n": 1})),
            intent(&id, "comment", 1, true),
        ];
        desk.advance(&first, writes, Then::Keep, at(1)).await;

        let second = desk.take(at(60_000)).await;
        let states: Vec<_> = second.steps.iter().map(|s| (s.step.as_str(), s.state)).collect();
        assert_eq!(
            states,
            [("read", StepState::Done), ("comment", StepState::Intent)]
        );
        assert_eq!(second.steps[0].result, json!({"n": 1}));
        let looked = StepWrite::Looked {
            step: "comment".into(),
        };
        let wait = Then::Wait {
            until: at(62_000),
            waits_for: WaitsFor::Look,
            reason: "settling".into(),
        };
        desk.advance(&second, vec![looked], wait, at(60_001)).await;
        assert_eq!(desk.store.next_due().await.unwrap(), Some(at(62_000)));

        let third = desk.take(at(62_000)).await;
        assert_eq!(third.steps[1].looks, 1);
        let other_key = StepWrite::Intent {
            step: "comment".into(),
            index: 1,
            key: StepKey("another".into()),
            call: json!({"tool": "comment", "again": true}),
            writes: true,
            causes: vec![],
        };
        desk.advance(&third, vec![other_key], Then::Keep, at(62_000))
            .await;
        let step = desk.history(&id).await.steps.remove(1);
        assert_eq!(step.key, StepKey::of(&id, "comment", ""), "{}", desk.name);
        assert_eq!((step.attempts, step.looks), (2, 0));
    }
}

#[tokio::test]
async fn a_batch_of_writes_is_taken_whole_or_not_at_all() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let writes = vec![intent(id, "a", 0, true), done("b", json!(1))];
        let refused = desk
            .store
            .advance(id, claim.run.fence, writes, end(RunState::Succeeded), at(1))
            .await;
        assert!(
            matches!(refused, Err(StoreError::WrongState { .. })),
            "{}",
            desk.name
        );
        let history = desk.history(id).await;
        assert_eq!(history.steps, []);
        assert_eq!(history.run, claim.run);
        let running = desk
            .store
            .advance(id, claim.run.fence, vec![], end(RunState::Running), at(1))
            .await;
        assert!(matches!(running, Err(StoreError::WrongState { .. })));
    }
}

#[tokio::test]
async fn a_retry_keeps_what_was_done_and_what_may_have_been_done_and_forgets_what_failed() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let old = claim.run.id.clone();
        let writes = vec![
            intent(&old, "a", 0, true),
            done("a", json!("A")),
            StepWrite::Skipped {
                step: "b".into(),
                index: 1,
                key: StepKey::of(&old, "b", ""),
                reason: "its `if` did not hold".into(),
            },
            intent(&old, "c", 2, true),
            StepWrite::Failed {
                step: "c".into(),
                error: "forbidden".into(),
            },
            intent(&old, "d", 3, true),
        ];
        let dead = Then::End {
            state: RunState::Dead,
            reason: Some("gave up".into()),
        };
        desk.advance(&claim, writes, dead, at(1)).await;
        let new = desk.store.retry(&old, "octocat", at(2)).await.unwrap();
        assert_eq!(new, RunId::of(&key("e1"), "triage", 1));
        let history = desk.history(&new).await;
        let kept: Vec<_> = history
            .steps
            .iter()
            .map(|s| (s.step.as_str(), s.state, s.key.clone()))
            .collect();
        let old_key = |step| StepKey::of(&old, step, "");
        assert_eq!(
            kept,
            [
                ("a", StepState::Done, old_key("a")),
                ("b", StepState::Skipped, old_key("b")),
                ("d", StepState::Intent, old_key("d")),
            ],
            "{}",
            desk.name
        );
        assert_eq!(history.run.state, RunState::Queued);
        assert_eq!(desk.history(&old).await.run.state, RunState::Dead);
        let twice = desk.store.retry(&old, "octocat", at(3)).await.unwrap_err();
        assert!(
            twice
                .to_string()
                .contains("a newer run of the same rule and event exists")
        );
        let verdicts = desk.store.verdicts(&key("e1")).await.unwrap();
        assert_eq!(verdicts[1].run, Some(new));
        assert_eq!(verdicts[1].reason, Some(format!("run {old} again, says octocat")));
    }
}

#[tokio::test]
async fn a_run_in_doubt_waits_for_a_person_who_says_done_repeat_or_give_up() {
    let said = [
        (
            Resolution::Done { result: json!(7) },
            RunState::Queued,
            StepState::Done,
        ),
        (Resolution::Repeat, RunState::Queued, StepState::Failed),
        (Resolution::GiveUp, RunState::Dead, StepState::Intent),
    ];
    for desk in desks().await {
        for (n, (resolution, run_state, step_state)) in said.clone().into_iter().enumerate() {
            desk.fire(&format!("e{n}"), &format!("rule-{n}"), gates(), at(0))
                .await;
            let claim = desk.take(at(0)).await;
            let id = &claim.run.id;
            let early = desk.store.resolve(id, "octocat", Resolution::Repeat, at(0)).await;
            assert!(matches!(early, Err(StoreError::WrongState { .. })));
            let writes = vec![intent(id, "deploy", 0, true)];
            desk.advance(&claim, writes, end(RunState::Unknown), at(0)).await;
            assert_eq!(desk.store.next_due().await.unwrap(), None);
            assert!(desk.store.cancel(id, "octocat", at(1)).await.is_err());
            desk.store
                .resolve(id, "octocat", resolution, at(1))
                .await
                .unwrap();
            let history = desk.history(id).await;
            assert_eq!(history.run.state, run_state, "{}", desk.name);
            assert_eq!(history.steps[0].state, step_state);
            assert_eq!(history.steps[0].key, StepKey::of(id, "deploy", ""));
            if run_state == RunState::Queued {
                let claim = desk.take(at(1)).await;
                desk.advance(&claim, vec![], end(RunState::Succeeded), at(1))
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn a_run_is_cancelled_only_between_steps() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let running = desk.store.cancel(id, "octocat", at(0)).await.unwrap_err();
        assert!(running.to_string().contains("cancel it when it waits"));
        let wait = || Then::Wait {
            until: at(10),
            waits_for: WaitsFor::Retry,
            reason: "retry".into(),
        };
        desk.advance(&claim, vec![intent(id, "a", 0, true)], wait(), at(0))
            .await;
        let open = desk.store.cancel(id, "octocat", at(0)).await.unwrap_err();
        assert!(open.to_string().contains("may have been sent"), "{open}");
        let claim = desk.take(at(10)).await;
        let failed = StepWrite::Failed {
            step: "a".into(),
            error: "no route".into(),
        };
        desk.advance(&claim, vec![failed], wait(), at(10)).await;
        desk.store.cancel(id, "octocat", at(11)).await.unwrap();
        let run = desk.history(id).await.run;
        assert_eq!(run.state, RunState::Cancelled, "{}", desk.name);
        assert_eq!(run.reason.as_deref(), Some("cancelled by octocat"));
    }
}

#[tokio::test]
async fn a_draining_worker_gives_its_runs_back_and_a_new_boot_takes_everybodys() {
    for desk in desks().await {
        for n in 0..3 {
            desk.fire(&format!("e{n}"), "triage", gates(), at(n)).await;
        }
        let mine = desk.store.claim("w1", 2, 60_000, at(5)).await.unwrap();
        desk.store.claim("w2", 1, 60_000, at(5)).await.unwrap();
        assert_eq!(desk.store.release("w1", false, at(6)).await.unwrap(), 2);
        let late = desk
            .store
            .advance(&mine[0].run.id, 1, vec![], end(RunState::Succeeded), at(6))
            .await;
        assert!(matches!(late, Err(StoreError::Fenced { .. })), "{}", desk.name);
        assert_eq!(desk.store.release("w1", true, at(7)).await.unwrap(), 1);
        assert_eq!(desk.store.claim("w1", 9, 1, at(7)).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn runs_are_claimed_in_the_order_they_are_due() {
    for desk in desks().await {
        for (id, now) in [("e1", 30), ("e2", 20), ("e3", 30)] {
            // Time never runs backwards in the journal: e2 is due at 30, too.
            desk.fire(id, "triage", gates(), at(now)).await;
        }
        let claims = desk.store.claim("w1", 2, 60_000, at(0)).await.unwrap();
        let ids: Vec<_> = claims.iter().map(|c| c.event.key.id.as_str()).collect();
        assert_eq!(ids, ["e1", "e2"], "{}", desk.name);
        assert_eq!(claims[0].lease_until, at(60_030));
        assert_eq!(claims[1].event.received_at, at(30));
    }
}

#[tokio::test]
async fn a_waiting_worker_is_woken_by_an_admission() {
    for desk in desks().await {
        let woken = tokio::spawn({
            let store = desk.store.clone();
            async move { store.wait().await }
        });
        desk.fire("e1", "triage", gates(), at(0)).await;
        let limit = std::time::Duration::from_secs(10);
        tokio::time::timeout(limit, woken).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn events_and_runs_are_listed_newest_first_page_by_page() {
    for desk in desks().await {
        for n in 0..5 {
            let mut new = event(&format!("e{n}"));
            new.kind = ["render.deploy", "render.deploy.ended", "render.deployed"][n % 3].into();
            new.firings = vec![fires("a", gates()), fires("b", gates())];
            desk.store.admit(new, at(n as i64)).await.unwrap();
        }
        let query = EventQuery {
            kind: Some("render.deploy".into()),
            limit: 2,
            ..EventQuery::default()
        };
        let first = desk.store.events(&query).await.unwrap();
        let ids = |events: &[EventRecord]| events.iter().map(|e| e.key.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ["e4", "e3"], "{}", desk.name);
        let before = Some(first[1].seq);
        let second = desk.store.events(&EventQuery { before, ..query }).await.unwrap();
        assert_eq!(ids(&second), ["e1", "e0"]);
        let since = EventQuery {
            since: Some(at(3)),
            limit: 500,
            ..EventQuery::default()
        };
        assert_eq!(ids(&desk.store.events(&since).await.unwrap()), ["e4", "e3"]);

        let mut query = RunQuery {
            limit: 3,
            ..RunQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = desk.store.runs(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            query.before = Some((last.seq, last.id.clone()));
            all.extend(page);
        }
        assert_eq!(all.len(), 10);
        assert!(all.is_sorted_by(|a, b| (a.seq, &a.id) > (b.seq, &b.id)));
        let of_event = RunQuery {
            event: Some(key("e2")),
            limit: 9,
            ..RunQuery::default()
        };
        assert_eq!(desk.store.runs(&of_event).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn rule_books_are_kept_by_content_and_the_last_good_one_is_found() {
    for desk in desks().await {
        let book = |hash: &str, version: &str| BookRecord {
            hash: hash.into(),
            settings: json!({"repo": "acme/ops"}),
            rules: vec![
                RuleText {
                    rule: "z-first".into(),
                    version: version.into(),
                    text: format!("text of {version}"),
                },
                RuleText {
                    rule: "a-second".into(),
                    version: "same".into(),
                    text: "unchanged".into(),
                },
            ],
        };
        assert_eq!(desk.store.book(None).await.unwrap(), None);
        for (hash, version) in [("one", "v1"), ("two", "v2"), ("one", "v1")] {
            desk.store.keep_book(book(hash, version), at(0)).await.unwrap();
        }
        assert_eq!(desk.store.book(None).await.unwrap(), Some(book("one", "v1")));
        assert_eq!(
            desk.store.book(Some("two")).await.unwrap(),
            Some(book("two", "v2"))
        );
        let text = desk.store.rule_text("v2").await.unwrap().unwrap();
        assert_eq!(
            (text.rule.as_str(), text.text.as_str()),
            ("z-first", "text of v2")
        );
        assert_eq!(desk.store.rule_text("v3").await.unwrap(), None, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_clock_that_jumped_back_is_an_alarm_until_it_has_caught_up() {
    // The model has no clock to be behind of.
    for desk in desks().await.iter().filter(|desk| desk.name != "memory") {
        let claim = async |now| desk.store.claim("w1", 9, 60_000, at(now)).await.unwrap();
        desk.store.admit(event("e1"), at(3_600_000)).await.unwrap();
        claim(3_600_000).await;
        assert_eq!(desk.store.clock_behind(), None, "{}", desk.name);
        claim(3_600_000 - 4_000).await;
        assert_eq!(desk.store.clock_behind(), None, "{}: not far", desk.name);
        claim(0).await;
        let behind = desk.store.clock_behind().unwrap();
        assert_eq!(behind.as_secs(), 3_600, "{}", desk.name);
        claim(3_600_001).await;
        assert_eq!(desk.store.clock_behind(), None, "{}: it has caught up", desk.name);
    }
}
