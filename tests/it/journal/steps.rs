//! What a step can be besides a call that is answered: a list of items, a call that is not over, a call that waits for a
//! person, a failure that is tolerated.

use serde_json::{Value, json};
use xmrt::journal::*;

use super::desk::*;

fn wait(waits_for: WaitsFor, until: i64) -> Then {
    Then::Wait {
        until: at(until),
        waits_for,
        reason: "so it waits".into(),
    }
}

fn asked(run: &RunId, step: &str, index: u32) -> StepWrite {
    StepWrite::Asked {
        step: step.into(),
        index,
        key: StepKey::of(run, step, ""),
        call: json!({"tool": step}),
        writes: true,
        approval: Box::new(Approval {
            hash: "hash".into(),
            by: vec!["alice".into()],
            reason: None,
            basis: Value::Null,
            asked_at: at(0),
            expires_at: at(9_000),
            answer: None,
        }),
    }
}

fn says(approved: bool) -> Answer {
    Answer {
        approved,
        who: "alice".into(),
        why: Some("looks good".into()),
        at: at(5),
    }
}

#[tokio::test]
async fn an_approved_call_is_due_at_once_and_the_same_question_is_answered_once() {
    for desk in desks().await {
        desk.fire("e1", "deploy", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let early = desk.store.answer(id, "hash", says(true), at(0)).await;
        assert!(early.unwrap_err().to_string().contains("being worked on"));
        desk.advance(
            &claim,
            vec![asked(id, "deploy", 0)],
            wait(WaitsFor::Approval, 9_000),
            at(0),
        )
        .await;
        let waiting = RunQuery {
            waits_for: Some(WaitsFor::Approval),
            limit: 10,
            ..RunQuery::default()
        };
        assert_eq!(desk.store.runs(&waiting).await.unwrap().len(), 1, "{}", desk.name);
        let other = desk.store.answer(id, "another", says(true), at(1)).await;
        assert!(other.unwrap_err().to_string().contains("another call"));
        desk.store.answer(id, "hash", says(true), at(5)).await.unwrap();
        let twice = desk.store.answer(id, "hash", says(false), at(6)).await;
        assert!(twice.unwrap_err().to_string().contains("asks for no approval"));
        assert!(desk.store.runs(&waiting).await.unwrap().is_empty());
        let claim = desk.take(at(6)).await;
        let approval = claim.steps[0].approval.as_ref().unwrap();
        assert_eq!(approval.answer, Some(says(true)));
        assert_eq!(claim.steps[0].state, StepState::Asked);
        // Sent, it is as any other call; and what came of it cannot be older than that.
        desk.advance(&claim, vec![intent(id, "deploy", 0, true)], Then::Keep, at(700))
            .await;
        let step = desk.history(id).await.steps.remove(0);
        assert_eq!(
            (step.first_intent_at, step.attempts),
            (at(700), 1),
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_rejected_call_ends_the_run_declined_gives_its_charge_back_and_is_asked_anew_when_retried() {
    let cooling = Gates {
        cooldown_ms: Some(60_000),
        ..gates()
    };
    for desk in desks().await {
        desk.fire("e1", "deploy", cooling.clone(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let until = wait(WaitsFor::Approval, 9_000);
        desk.advance(&claim, vec![asked(id, "deploy", 0)], until, at(0))
            .await;
        desk.store.answer(id, "hash", says(false), at(5)).await.unwrap();
        let RunHistory { run, steps } = desk.history(id).await;
        assert_eq!(run.state, RunState::Declined, "{}", desk.name);
        assert_eq!(run.reason.as_deref(), Some("rejected by alice: looks good"));
        assert_eq!(steps[0].approval.as_ref().unwrap().answer, Some(says(false)));
        let again = desk.fire("e2", "deploy", cooling.clone(), at(10)).await;
        assert_eq!(again.decision, Decision::Fired, "{}: nothing was sent", desk.name);
        let new = desk.store.retry(id, "octocat", at(11)).await.unwrap();
        assert!(desk.history(&new).await.steps.is_empty(), "{}", desk.name);
    }
}

#[tokio::test]
async fn a_pending_call_is_never_made_again_and_a_retried_run_goes_on_with_it() {
    for desk in desks().await {
        desk.fire("e1", "deploy", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let pending = |error: Option<&str>| StepWrite::Pending {
            step: "deploy".into(),
            cursor: json!({"deploy": "dep-7"}),
            error: error.map(str::to_owned),
        };
        let writes = vec![intent(id, "deploy", 0, true), pending(None)];
        desk.advance(&claim, writes, wait(WaitsFor::PendingCall, 500), at(0))
            .await;
        let claim = desk.take(at(500)).await;
        assert_eq!(claim.steps[0].cursor, json!({"deploy": "dep-7"}), "{}", desk.name);
        for write in [
            intent(id, "deploy", 0, true),
            StepWrite::Failed {
                step: "deploy".into(),
                error: "503".into(),
            },
        ] {
            let refused = desk
                .store
                .advance(id, claim.run.fence, vec![write], Then::Keep, at(501))
                .await;
            assert!(
                matches!(refused, Err(StoreError::WrongState { .. })),
                "{}",
                desk.name
            );
        }
        desk.advance(
            &claim,
            vec![pending(Some("too late"))],
            end(RunState::Dead),
            at(502),
        )
        .await;
        let new = desk.store.retry(id, "octocat", at(9_000)).await.unwrap();
        let kept = desk.history(&new).await.steps.remove(0);
        assert_eq!(kept.state, StepState::Pending, "{}", desk.name);
        assert_eq!(kept.intent_at, at(9_000), "{}: its time begins anew", desk.name);
        assert_eq!(kept.first_intent_at, at(0));
        let claim = desk.take(at(9_000)).await;
        let writes = vec![done("deploy", json!({"live": true}))];
        desk.advance(&claim, writes, end(RunState::Succeeded), at(9_001))
            .await;
    }
}

#[tokio::test]
async fn items_stay_in_the_order_they_were_begun_in_and_done_ones_are_not_done_again() {
    for desk in desks().await {
        desk.fire("e1", "tell", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let item = |key: &str| StepWrite::Intent {
            step: format!("tell[{key}]"),
            index: 0,
            key: StepKey::of(id, "tell", key),
            call: json!({"tool": "notify", "to": key}),
            writes: true,
            causes: vec![],
        };
        let listed = StepWrite::Listed {
            step: "tell".into(),
            index: 0,
            key: StepKey::of(id, "tell", ""),
            items: json!([{"key": "b"}, {"key": "a"}, {"key": "c"}]),
        };
        let tolerated = StepWrite::Tolerated {
            step: "tell[c]".into(),
            error: "no such place".into(),
        };
        let writes = vec![listed, item("b"), done("tell[b]", json!(1)), item("a")];
        desk.advance(&claim, writes, Then::Keep, at(1)).await;
        let failed = StepWrite::Failed {
            step: "tell[a]".into(),
            error: "forbidden".into(),
        };
        let writes = vec![failed, item("c"), tolerated];
        desk.advance(&claim, writes, end(RunState::Dead), at(2)).await;
        let names = |history: &RunHistory| {
            let names = history.steps.iter().map(|step| (step.step.clone(), step.state));
            names.collect::<Vec<_>>()
        };
        assert_eq!(
            names(&desk.history(id).await),
            [
                ("tell".into(), StepState::Listed),
                ("tell[b]".into(), StepState::Done),
                ("tell[a]".into(), StepState::Failed),
                ("tell[c]".into(), StepState::Tolerated),
            ],
            "{}",
            desk.name
        );
        let new = desk.store.retry(id, "octocat", at(3)).await.unwrap();
        assert_eq!(
            names(&desk.history(&new).await),
            [
                ("tell".into(), StepState::Listed),
                ("tell[b]".into(), StepState::Done)
            ],
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_call_that_was_held_back_was_no_attempt() {
    for desk in desks().await {
        desk.fire("e1", "label", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let id = &claim.run.id;
        let held = || StepWrite::NotTried {
            step: "label".into(),
            error: "no room within a limit".into(),
        };
        for n in 0..3 {
            let writes = vec![intent(id, "label", 0, true), held()];
            desk.advance(&claim, writes, Then::Keep, at(n)).await;
        }
        let attempts = |history: &RunHistory| (history.steps[0].state, history.steps[0].attempts);
        let history = desk.history(id).await;
        assert_eq!(attempts(&history), (StepState::Failed, 0), "{}", desk.name);
        assert_eq!(history.steps[0].error.as_deref(), Some("no room within a limit"));
        desk.advance(&claim, vec![intent(id, "label", 0, true)], Then::Keep, at(3))
            .await;
        let history = desk.history(id).await;
        assert_eq!(attempts(&history), (StepState::Intent, 1), "{}", desk.name);
        desk.advance(&claim, vec![held()], Then::Keep, at(4)).await;
        let twice = desk
            .store
            .advance(id, claim.run.fence, vec![held()], Then::Keep, at(5));
        let twice = twice.await;
        assert!(
            matches!(twice, Err(StoreError::WrongState { .. })),
            "{}",
            desk.name
        );
    }
}
