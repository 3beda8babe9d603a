use serde_json::json;
use xmrt::journal::*;

use super::desk::*;

fn cooling(ms: i64) -> Gates {
    Gates {
        cooldown_ms: Some(ms),
        ..gates()
    }
}

#[tokio::test]
async fn a_cooldown_names_the_run_that_charged_it_and_ends_on_time() {
    for desk in desks().await {
        let first = desk.fire("e1", "restart", cooling(60_000), at(0)).await;
        let owner = first.run.unwrap();
        let second = desk.fire("e2", "restart", cooling(60_000), at(59_999)).await;
        assert_eq!(second.decision, Decision::Suppressed);
        let reason = second.reason.unwrap();
        assert_eq!(
            reason,
            format!("suppressed by run {owner} until {}", at(60_000)),
            "{}",
            desk.name
        );
        assert_eq!(second.run, None);
        let third = desk.fire("e3", "restart", cooling(60_000), at(60_000)).await;
        assert_eq!(third.decision, Decision::Fired);
    }
}

#[tokio::test]
async fn cooldowns_of_other_rules_other_keys_and_shadow_runs_are_apart() {
    for desk in desks().await {
        desk.fire("e1", "restart", cooling(60_000), at(0)).await;
        let other_rule = desk.fire("e2", "rollback", cooling(60_000), at(0)).await;
        assert_eq!(other_rule.decision, Decision::Fired);
        let other_key = Gates {
            key: "acme/web#1".into(),
            ..cooling(60_000)
        };
        let other_key = desk.fire("e3", "restart", other_key, at(0)).await;
        assert_eq!(other_key.decision, Decision::Fired);
        let mut shadow = event("e4");
        shadow.firings = vec![NewFiring {
            wish: Wish::Run {
                shadow: true,
                gates: cooling(60_000),
                pinned: json!({}),
            },
            ..fires("restart", gates())
        }];
        let admission = desk.store.admit(shadow, at(0)).await.unwrap();
        assert_eq!(admission.verdicts[0].decision, Decision::Fired, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_ends_without_a_write_begun_gives_its_cooldown_back() {
    use RunState::*;
    for desk in desks().await {
        for (n, (state, write, given_back)) in [
            (Declined, None, true),
            (Declined, Some(false), true),
            (Declined, Some(true), false),
            (Dead, None, true),
            (Dead, Some(true), false),
            (Shadowed, None, true),
            (Succeeded, None, false),
            (Succeeded, Some(false), false),
        ]
        .into_iter()
        .enumerate()
        {
            let rule = format!("rule-{n}");
            desk.fire(&format!("{n}a"), &rule, cooling(60_000), at(0)).await;
            let claim = desk.take(at(0)).await;
            let writes = write.map(|writes| intent(&claim.run.id, "s", 0, writes));
            desk.advance(&claim, writes.into_iter().collect(), end(state), at(0))
                .await;
            let next = desk.fire(&format!("{n}b"), &rule, cooling(60_000), at(1)).await;
            let fired = next.decision == Decision::Fired;
            assert_eq!(fired, given_back, "{}: {state} after {write:?}", desk.name);
            if let Some(run) = next.run {
                desk.store.cancel(&run, "octocat", at(1)).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_cancelled_run_gives_its_cooldown_back() {
    for desk in desks().await {
        let run = desk.fire("e1", "restart", cooling(60_000), at(0)).await.run;
        desk.store.cancel(&run.unwrap(), "octocat", at(1)).await.unwrap();
        let next = desk.fire("e2", "restart", cooling(60_000), at(2)).await;
        assert_eq!(next.decision, Decision::Fired, "{}", desk.name);
    }
}

#[tokio::test]
async fn an_old_event_is_stale_and_charges_nothing() {
    for desk in desks().await {
        let gates = Gates {
            max_age_ms: Some(900_000),
            ..cooling(60_000)
        };
        let mut old = event("e1");
        old.firings = vec![fires("restart", gates.clone())];
        let admission = desk.store.admit(old, at(900_001)).await.unwrap();
        let verdict = &admission.verdicts[0];
        assert_eq!(verdict.decision, Decision::Stale);
        let reason = verdict.reason.as_ref().unwrap();
        assert!(reason.contains("up to 15m old"), "{reason}");
        let fresh = desk.fire("e2", "restart", gates, at(900_001)).await;
        assert_eq!(fresh.decision, Decision::Fired, "{}", desk.name);
    }
}

/// Each round is a run whose write announces itself as the next event.
#[tokio::test]
async fn a_chain_of_our_own_runs_is_cut_at_the_allowed_depth_and_the_chain_is_named() {
    for desk in desks().await {
        let mut runs = Vec::new();
        for round in 0..4u32 {
            let mut effect = event(&format!("e{round}"));
            effect.causes = vec![format!("github/comment/{round}")];
            effect.firings = vec![fires("echo", gates())];
            let admission = desk.store.admit(effect, at(0)).await.unwrap();
            let record = desk.store.event(&admission.key).await.unwrap().unwrap();
            assert_eq!(record.depth, round);
            assert_eq!(record.caused_by.as_ref(), runs.last());
            let verdict = &admission.verdicts[0];
            if round == 3 {
                assert_eq!(verdict.decision, Decision::LoopCut);
                let reason = verdict.reason.as_ref().unwrap();
                assert!(reason.starts_with("3 runs of ours in a row led to it and the rule allows 3: run "));
                for run in &runs {
                    assert!(reason.contains(&format!("run {run} of rule echo")), "{reason}");
                }
                break;
            }
            let claim = desk.take(at(0)).await;
            assert_eq!(claim.run.depth, round);
            let mut write = intent(&claim.run.id, "comment", 0, true);
            if let StepWrite::Intent { causes, .. } = &mut write {
                causes.push((format!("github/comment/{}", round + 1), 600_000));
            }
            let writes = vec![write, done("comment", json!(1))];
            desk.advance(&claim, writes, end(RunState::Succeeded), at(0))
                .await;
            runs.push(claim.run.id);
        }
        let replayed = desk
            .store
            .replay(&key("e3"), "book-1", vec![fires("echo", gates())], at(1))
            .await
            .unwrap();
        assert_eq!(replayed.verdicts[0].decision, Decision::LoopCut, "{}", desk.name);
    }
}

#[tokio::test]
async fn an_effect_that_two_runs_may_have_had_counts_for_the_longer_chain() {
    for desk in desks().await {
        let echo = |id: &str, from: &str, to: &str| {
            let mut effect = event(id);
            effect.causes = vec![from.into()];
            effect.firings = vec![fires("echo", gates())];
            (effect, (to.to_owned(), 600_000))
        };
        // The longer chain writes first, so that neither age nor order can stand for length.
        let steps = [
            echo("e1", "outside", "first"),
            echo("e2", "first", "both"),
            echo("e3", "outside", "both"),
        ];
        for (effect, caused) in steps {
            desk.store.admit(effect, at(0)).await.unwrap();
            let claim = desk.take(at(0)).await;
            let mut write = intent(&claim.run.id, "comment", 0, true);
            if let StepWrite::Intent { causes, .. } = &mut write {
                causes.push(caused);
            }
            desk.advance(&claim, vec![write], end(RunState::Dead), at(0))
                .await;
        }
        let mut effect = event("e4");
        effect.causes = vec!["nothing".into(), "both".into()];
        desk.store.admit(effect, at(0)).await.unwrap();
        let record = desk.store.event(&key("e4")).await.unwrap().unwrap();
        assert_eq!(record.depth, 2, "{}", desk.name);
        assert_eq!(record.caused_by, Some(RunId::of(&key("e2"), "echo", 0)));
    }
}

#[tokio::test]
async fn an_effect_that_comes_after_its_time_is_an_event_from_outside() {
    for desk in desks().await {
        desk.fire("e1", "echo", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let mut write = intent(&claim.run.id, "comment", 0, true);
        if let StepWrite::Intent { causes, .. } = &mut write {
            causes.push(("github/comment/1".into(), 5_000));
        }
        desk.advance(&claim, vec![write], Then::Keep, at(0)).await;
        for (id, now, depth) in [("e2", 4_999, 1), ("e3", 5_000, 0)] {
            let mut effect = event(id);
            effect.causes = vec!["github/comment/1".into()];
            let key = desk.store.admit(effect, at(now)).await.unwrap().key;
            let record = desk.store.event(&key).await.unwrap().unwrap();
            assert_eq!(record.depth, depth, "{}: {id}", desk.name);
        }
    }
}

#[tokio::test]
async fn an_effect_expected_twice_by_one_run_is_expected_for_the_longer_time() {
    for desk in desks().await {
        desk.fire("e1", "echo", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        for (step, within_ms) in [("a", 10_000), ("b", 1_000)] {
            let mut write = intent(&claim.run.id, step, 0, true);
            if let StepWrite::Intent { causes, .. } = &mut write {
                causes.push(("github/comment/1".into(), within_ms));
            }
            desk.advance(&claim, vec![write], Then::Keep, at(0)).await;
        }
        let mut effect = event("e2");
        effect.causes = vec!["github/comment/1".into()];
        desk.store.admit(effect, at(5_000)).await.unwrap();
        let record = desk.store.event(&key("e2")).await.unwrap().unwrap();
        assert_eq!(record.depth, 1, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_duplicate_by_id_or_by_body_runs_nothing_and_answers_with_the_earlier_verdicts() {
    for desk in desks().await {
        let mut first = event("e1");
        first.digest = Some([7; 32]);
        first.firings = vec![fires("triage", gates())];
        let original = desk.store.admit(first.clone(), at(0)).await.unwrap();
        let claim = desk.take(at(0)).await;
        desk.advance(&claim, vec![], end(RunState::Succeeded), at(0))
            .await;

        let mut by_body = first.clone();
        by_body.key = key("e2");
        by_body.firings.push(fires("newcomer", gates()));
        for (copy, by) in [(first, DuplicateBy::Id), (by_body, DuplicateBy::Body)] {
            let again = desk.store.admit(copy, at(1)).await.unwrap();
            assert_eq!(again.key, original.key, "{}", desk.name);
            assert_eq!(again.seq, original.seq);
            assert_eq!(again.duplicate, Some(by));
            assert_eq!(again.verdicts.len(), 1);
            assert_eq!(again.verdicts[0].run, original.verdicts[0].run);
            assert_eq!(again.verdicts[0].state, Some(RunState::Succeeded));
        }
        let found = desk.store.event_by_id("e2").await.unwrap().unwrap();
        assert_eq!(found.key, original.key);
        assert_eq!(found.duplicates_total, 2);
        let kept: Vec<_> = found.duplicates.iter().map(|d| (d.id.as_str(), d.by)).collect();
        assert_eq!(kept, [("e1", DuplicateBy::Id), ("e2", DuplicateBy::Body)]);
        assert!(desk.store.claim("w1", 9, 1, at(9)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_flood_of_duplicates_is_counted_but_only_the_first_are_kept() {
    for desk in desks().await {
        for n in 0..20u64 {
            let mut copy = event(&format!("e{n}"));
            copy.digest = Some([7; 32]);
            desk.store.admit(copy, at(0)).await.unwrap();
        }
        let record = desk.store.event(&key("e0")).await.unwrap().unwrap();
        assert_eq!(record.duplicates.len(), DUPLICATES_KEPT, "{}", desk.name);
        assert_eq!(record.duplicates_total, 19);
        assert_eq!(desk.store.stats().await.unwrap().duplicates, 19);
    }
}

#[tokio::test]
async fn a_rule_that_could_not_be_evaluated_is_decided_again_when_the_event_comes_again() {
    for desk in desks().await {
        let mut first = event("e1");
        first.firings = vec![fires("fine", gates()), errs("broken", "no field `x`")];
        let admission = desk.store.admit(first, at(0)).await.unwrap();
        assert_eq!(admission.verdicts[1].decision, Decision::Error);
        assert_eq!(admission.verdicts[1].reason.as_deref(), Some("no field `x`"));

        let mut again = event("e1");
        again.book = "book-2".into();
        again.firings = vec![fires("broken", gates()), fires("fine", gates())];
        let admission = desk.store.admit(again.clone(), at(1)).await.unwrap();
        assert_eq!(admission.duplicate, Some(DuplicateBy::Id));
        let rules: Vec<_> = admission
            .verdicts
            .iter()
            .map(|v| (v.rule.as_str(), v.decision))
            .collect();
        assert_eq!(
            rules,
            [("fine", Decision::Fired), ("broken", Decision::Fired)],
            "{}",
            desk.name
        );
        assert_eq!(admission.verdicts[1].version, "version-1");
        assert_eq!(desk.store.stats().await.unwrap().queued, 2);
        assert_eq!(
            desk.store.admit(again, at(2)).await.unwrap().verdicts,
            admission.verdicts
        );
    }
}

#[tokio::test]
async fn a_replay_is_the_next_generation_whatever_the_cooldown() {
    for desk in desks().await {
        let first = desk.fire("e1", "restart", cooling(60_000), at(0)).await;
        let firing = || vec![fires("restart", cooling(60_000))];
        let replayed = desk
            .store
            .replay(&key("e1"), "book-2", firing(), at(1))
            .await
            .unwrap();
        assert_eq!(replayed.verdicts.len(), 1);
        assert_eq!(replayed.verdicts[0].generation, 1);
        assert_eq!(replayed.verdicts[0].decision, Decision::Fired);
        assert_ne!(replayed.verdicts[0].run, first.run);
        let all = desk.store.verdicts(&key("e1")).await.unwrap();
        let generations: Vec<_> = all.iter().map(|v| v.generation).collect();
        assert_eq!(generations, [0, 1], "{}", desk.name);
        let unknown = desk.store.replay(&key("e9"), "book-2", firing(), at(1)).await;
        let error = unknown.unwrap_err().to_string();
        assert_eq!(error, "no event `github/e9` in the journal");
    }
}
